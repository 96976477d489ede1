"""Scoring: each change is noticed or reported, with the case that would notice it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from functools import cache
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from gongji import Clause, CreditTerms, Identity, Timeline, hookimpl, ruled
from gongji.cities.city import Cities, City
from gongji.cities.guards import PluginProblem
from gongji.cities.loading import load_cities
from gongji_conformance.cases.case import CityCase
from gongji_conformance.cases.reading import of_city, read
from gongji_conformance.mutation import (
    MutationFault,
    MutationSubject,
    Score,
    report,
    score,
    score_of,
)
from gongji_conformance.mutation.command import mutation_command
from gongji_conformance.mutation.equivalent import why_equivalent
from gongji_conformance.mutation.mutants import mutants, province_of
from gongji_conformance.mutation.runner import CaseRunner
from gongji_conformance.reports import digest

FEW_CASES = {"CHUZHOU-BIND-010", "CHUZHOU-SETTLE-001", "CHUZHOU-PURSE-004"}
CLAUSE = Clause("D1", "测试条款", "测试文件")


def test_unread_rules_cannot_be_noticed() -> None:
    """A case that does not read what was changed comes out as before."""
    city, served = _served().named("chuzhou"), _served()
    cases = [case for case in of_city("chuzhou") if case.id in FEW_CASES]
    plugin = importlib.import_module("gongji_chuzhou")
    subject = MutationSubject.of(plugin, "chuzhou", cases, served)
    with closing(CaseRunner(served)) as runner:
        reads = {case.id: runner.reads(case, city) for case in subject.cases}
        unread = list(_unread(city, subject.cases, reads))
        faults = [runner.fault(case, changed) for changed, case in unread]
    assert len(faults) > 10
    assert {""} == set(faults)
    assert "account_crediting" in reads["CHUZHOU-PURSE-004"]


def _unread(
    city: City, cases: tuple[CityCase, ...], reads: Mapping[str, frozenset[str]]
) -> Iterator[tuple[City, CityCase]]:
    """Yield cities with some changes somebody could notice, and cases that read none."""
    province = province_of(city)
    noticeable = [each for each in mutants(city) if not why_equivalent(each, city)]
    for mutant, case in product(noticeable[::20], cases):
        if reads[case.id].intersection(mutant.timelines):
            continue
        # A city that cannot be loaded is noticed by no case.
        with suppress(PluginProblem):
            yield mutant.applied_to(city, province), case


BIND = '{ holder = "甲", member = "乙", relation = "配偶", channel = "wanshitong" }'
CASE = """
[[case]]
id = "PLACE-BIND-001"
says = "没有人答复的申请在十日之后失效。"
clauses = ["D1"]
now = "2022-07-01 10:00"
people = [
  { name = "甲", insured = "341602", as = "在职", kin = { "乙" = "配偶" } },
  { name = "乙", insured = "341602", as = "在职" },
]
steps = [
  { bind = $bind, expect = { state = "待同意" } },
  { clock = "2022-07-11 10:00" },
  { look = {}, expect = { state = "已失效" } },
]
""".replace("$bind", BIND)


def test_survivor_has_a_suggestion() -> None:
    """A figure no case pins from below survives, with the case to write."""
    scored = _score_of_place(CASE)
    (survivor,) = scored.survived
    assert "application_expiry 10→9" == survivor.name
    assert "application_expiry（申请失效天数" in survivor.suggestion
    assert "PLACE-BIND-001" in survivor.suggestion
    killed = [mutant.name for mutant in scored.killed]
    assert [
        "application_expiry 10→11",
        "application_expiry.since 2022-07-01→2022-07-02",
    ] == killed
    assert 6666 == scored.ratio_bp


def test_all_noticed() -> None:
    """With the minute before it in a case as well, nothing survives."""
    then = '  { clock = "2022-07-11 10:00" },'
    before = (
        '  { clock = "2022-07-11 09:59" },\n'
        '  { look = {}, expect = { state = "待同意" } },'
    )
    scored = _score_of_place(CASE.replace(then, f"{before}\n{then}"))
    assert () == scored.survived
    assert 10_000 == scored.ratio_bp


def test_unread_figure_survives() -> None:
    """A figure no case even reads survives, and its suggestion says so."""
    terms = CreditTerms(active_ratio_bp=3_00, retired_fen=70_00)
    scored = _score_of_place(
        CASE, account_crediting=ruled(terms, since="2022-07-01", clauses=[CLAUSE])
    )
    suggestions = {
        survivor.name: survivor.suggestion
        for survivor in scored.survived
        if survivor.hook == "account_crediting"
    }
    assert {
        "account_crediting.active_ratio_bp 300→400",
        "account_crediting.retired_fen 7000→6999",
    } <= suggestions.keys()
    unread = ["没有一个案例读到它" in text for text in suggestions.values()]
    assert {True} == set(unread)


def test_wrong_cases_are_no_measure() -> None:
    """Cases that cannot be read, or do not hold of the city as it is, are a fault."""
    with pytest.raises(MutationFault, match="PLACE-BIND-001"):
        _score_of_place(CASE.replace("待同意", "已生效"))
    with pytest.raises(MutationFault, match="say"):
        _score_of_place(CASE.replace("says =", "say ="))
    with pytest.raises(MutationFault, match="atlantis"):
        score("atlantis")


def test_sample_is_the_same_each_time() -> None:
    """A sample is drawn evenly, the same each time, and says that it is one."""
    first = score("huangshan", workers=1, sample=5)
    second = score("huangshan", workers=1, sample=5)
    assert _verdicts(first) == _verdicts(second)
    assert 5 == len(first.killed) + len(first.survived) + len(first.equivalent)
    assert not first.whole
    assert "" == report.document(first)["digest"]


def test_workers_share() -> None:
    """Two processes come to the verdicts of one."""
    assert _verdicts(score("huangshan", workers=1)) == _verdicts(
        score("huangshan", workers=2)
    )


def test_command(tmp_path: Path) -> None:
    """The command prints the score and writes it as mutation.v1."""
    file = tmp_path / "huangshan.json"
    ended = _command("huangshan", "--workers", "1", "--json", str(file))
    assert 0 == ended.exit_code, ended.output
    assert "察觉率 100%" in ended.output
    written = json.loads(file.read_text(encoding="utf-8"))
    city = _served().named("huangshan")
    plugin = digest.plugin("huangshan", city.plugin, city.version)
    assert plugin.digest
    assert plugin.digest == written["digest"]
    assert ("mutation.v1", True) == (written["schema"], written["whole"])
    assert ("huangshan", "341000") == (written["city"], written["area_code"])
    assert 10_000 == written["ratio_bp"]
    assert {"name", "reason"} == set(written["equivalent"][0])


def test_unknown_city() -> None:
    """A city that is not installed is named."""
    assert "没有城市 atlantis" in _command("atlantis").output


def _command(*arguments: str) -> Result:
    return CliRunner().invoke(mutation_command, arguments)


def test_report_names_survivors() -> None:
    """What survived stands in the text and in the JSON, with the case to write."""
    scored = _score_of_place(CASE)
    assert "未察觉 application_expiry 10→9" in list(report.text(scored))
    (survivor,) = report.document(scored)["survived"]
    assert "application_expiry" == survivor["hook"]
    assert survivor["suggestion"].startswith("写一例")


def _score_of_place(cases: str, **more: Timeline[Any]) -> Score:
    """Return the score of a city that rules on when applications expire, and more."""
    expiry: Timeline[Any] = ruled(10, since="2022-07-01", clauses=[CLAUSE])
    timelines = {"application_expiry": expiry, **more}
    hooks = {hook: _answering(timeline) for hook, timeline in timelines.items()}
    plugin = SimpleNamespace(identity=_identity, **hooks)
    subject = MutationSubject.of(plugin, "place", read(cases, "place"), _served())
    return score_of(subject)


@hookimpl
def _identity() -> Identity:
    return Identity(area_code="341600", name="测试市")


def _answering(timeline: Timeline[Any]) -> Any:
    @hookimpl
    def answer() -> Timeline[Any]:
        return timeline

    return answer


@cache
def _served() -> Cities:
    return load_cities()


def _verdicts(scored: Score) -> list[str]:
    killed = [f"{mutant.name} noticed" for mutant in scored.killed]
    survived = [f"{mutant.name} survived" for mutant in scored.survived]
    return [*killed, *survived, *(mutant.reason for mutant in scored.equivalent)]
