"""Mutation: every figure is changed, each change is noticed or told, and what nobody could notice has its reason."""

from __future__ import annotations

import importlib
import json
from datetime import date, time
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from gongji import (
    NO_LIMIT,
    AtOnce,
    Clause,
    CounterHours,
    CreditTerms,
    FamilyLimit,
    Identity,
    MaterialKind,
    MaterialNeed,
    NoLimit,
    RelationSet,
    ReviewLatency,
    Scope,
    Timeline,
    hookimpl,
    ruled,
)
from gongji.cities.city import Cities, City
from gongji.cities.loading import city_from, load_cities
from gongji_conformance.cases.case import of_city, read
from gongji_conformance.mutation import (
    MutationFault,
    Score,
    Subject,
    report,
    score,
    score_of,
)
from gongji_conformance.mutation.bench import Bench
from gongji_conformance.mutation.command import mutation_command
from gongji_conformance.mutation.equivalent import why_equivalent
from gongji_conformance.mutation.mutants import Mutant, mutants, province_of
from gongji_conformance.mutation.variants import variants
from gongji_conformance.reports import digest

CLAUSE = Clause("D1", "测试条款", "测试文件")

CHANGES: dict[str, tuple[object, Any, str, list[str]]] = {
    "a figure goes one up and one down": (30, int, "application_expiry", ["29", "31"]),
    "a figure never goes below 0": (0, int, "earliest_working_days", ["1"]),
    "an amount moves by a fen": (800_00, int, "deductible_fen", ["79999", "80001"]),
    "a ratio moves by a point": (60_00, int, "ratio_bp", ["5900", "6100"]),
    "a truth is turned round": (True, bool, "required", ["False"]),
    "no limit becomes a figure": (NO_LIMIT, int | NoLimit, "visit_cap_fen", ["10000"]),
    "a figure becomes no limit": (100, int | NoLimit, "cap_fen", ["NO_LIMIT", "99", "101"]),
    "an enum of few becomes each other": (AtOnce.ALWAYS, AtOnce, "", ["IF_CHECKS_PASS", "NEVER"]),
    "an enum of many becomes the next": (
        MaterialKind.HOLDER_ID_CARD,
        MaterialKind,
        "",
        ["HOLDER_SOCIAL_SECURITY_CARD"],
    ),
    "a limit loses its holder": (
        FamilyLimit(people=7, counting_holder=True),
        FamilyLimit | NoLimit,
        "",
        ["NO_LIMIT", "people 6", "people 8", "counting_holder False"],
    ),
    "an hour moves by a minute": (
        CounterHours(opens=time(9), closes=time(17)),
        CounterHours,
        "",
        ["opens 08:59", "opens 09:01", "closes 16:59", "closes 17:01"],
    ),
    "entries are changed, dropped and swapped": (
        {1: 200, 2: 400},
        dict[int, int],
        "deductible_fen",
        ["[1] 199", "[1] 201", "[2] 399", "[2] 401", "去掉 1", "去掉 2", "1 与 2 对调"],
    ),
    "equal entries are not swapped": (
        {1: 0, 2: 0},
        dict[int, int],
        "deductible_fen",
        ["[1] 1", "[2] 1", "去掉 1", "去掉 2"],
    ),
    "members are dropped and added": (
        frozenset({Scope.PROVINCE}),
        frozenset[Scope],
        "",
        ["去掉 PROVINCE", "加上 POOLING_AREA"],
    ),
    "at once comes without days": (
        ReviewLatency(at_once=AtOnce.NEVER, working_days=3, earliest_working_days=1),
        ReviewLatency,
        "",
        [
            "at_once ALWAYS",
            "at_once IF_CHECKS_PASS",
            "working_days 2",
            "working_days 4",
            "earliest_working_days 0",
            "earliest_working_days 2",
        ],
    ),
    "texts and clauses are left alone": (
        ("甲", "乙"),
        tuple[str, ...],
        "",
        ["去掉 0 甲", "去掉 1 乙", "0 甲 与 1 乙 对调"],
    ),
}
"""A value, its declared type, the field it stands in, and what it becomes."""


@pytest.mark.parametrize("change", CHANGES)
def test_changes(change: str) -> None:
    """A value is changed in every way that is one figure, member, row or choice away from it, and in no other."""
    value, declared, name, expected = CHANGES[change]
    found = [
        " ".join(filter(None, [v.where.removeprefix("."), v.change.partition("→")[2] or v.change]))
        for v in variants(value, declared, name)
    ]
    assert expected == found


def test_changed_value_is_what_its_name_says() -> None:
    """The value carries the change and nothing else; days follow when something takes effect at once."""
    limit, latency = FamilyLimit(people=7, counting_holder=True), ReviewLatency(at_once=AtOnce.NEVER, working_days=3)
    changed = {
        f"{v.where} {v.change}": v.value for v in (*variants(limit, FamilyLimit), *variants(latency, ReviewLatency))
    }
    assert FamilyLimit(people=8, counting_holder=True) == changed[".people 7→8"]
    assert FamilyLimit(people=7, counting_holder=False) == changed[".counting_holder True→False"]
    assert ReviewLatency(at_once=AtOnce.ALWAYS) == changed[".at_once NEVER→ALWAYS"]


def test_relations_and_materials() -> None:
    """A relation that is dropped or added, a kind of proof that is dropped or added, is a change of its own."""
    relations = [v.change for v in variants(RelationSet(name="配偶", codes=frozenset({"10"})), RelationSet)]
    assert "去掉 10" == relations[0]
    assert {"加上 20", "加上 55", "加上 73"} <= set(relations)
    need = MaterialNeed(name="关系证明", one_of=(MaterialKind.MARRIAGE_CERTIFICATE,))
    changes = [f"{v.where} {v.change}" for v in variants((need,), tuple[MaterialNeed, ...])]
    assert {"[0].one_of 去掉 0 MARRIAGE_CERTIFICATE", "[0].one_of 加上 HOUSEHOLD_REGISTER"} <= set(changes)
    assert {"[0].original False→True", "[0].asked ALWAYS→RELATION_NOT_ON_RECORD", " 去掉 0 关系证明"} <= set(changes)


@pytest.mark.parametrize("city", load_cities().all, ids=lambda city: city.pinyin)
def test_names_are_stable(city: City) -> None:
    """Names are unique and the same each time, and speak of the city's own hooks only."""
    first, second = mutants(city), mutants(city)
    assert [m.name for m in first] == [m.name for m in second]
    assert len(first) == len({m.name for m in first})
    assert {m.hook for m in first} <= set(city.overridden)


def test_what_becomes_of_chuzhou() -> None:
    """A city's figures, rows, materials, channels, checks, fields and days are all among its mutants."""
    names = {m.name for m in mutants(_served().named("chuzhou"))}
    assert {
        "family_limit.people 7→8",
        "family_limit.counting_holder True→False",
        "family_limit FamilyLimit→NO_LIMIT",
        "family_limit.since 2022-07-01→2022-07-02",
        "reimbursement[EMPLOYEE].ratio_bp 1 与 2 对调",
        "reimbursement[EMPLOYEE].cap_fen[ACTIVE] 200000→200001",
        "reimbursement[EMPLOYEE].pharmacy NoFund→1",
        "channels 去掉 web_hall",
        "identity_checks[wanshitong] 去掉 E_VOUCHER",
        "fields_asked[wanshitong] 去掉 PHONE",
        "materials[city_wechat] 去掉 0 结婚证或居民户口簿",
        "relations.codes 去掉 10",
        "scope POOLING_AREA→PROVINCE",
    } <= names


@pytest.mark.parametrize(
    "name", ["family_limit.people 7→8", "family_limit.since 2022-07-01→2022-07-02", "channels 去掉 web_hall"]
)
def test_born_as_loaded(name: str) -> None:
    """A mutant is the very city that loading it with the changed answers would give."""
    city = _served().named("chuzhou")
    mutant = _named(city, name)
    born = mutant.born(city, province_of(city))
    loaded = city_from(_plugin("chuzhou"), pinyin="chuzhou", overrides=mutant.timelines)
    for day in (date(2022, 7, 1), date(2022, 7, 2), date(2025, 9, 30)):
        assert dict(loaded.rules(day).all()) == dict(born.rules(day).all())
    assert dict(born.rules(date(2022, 7, 1)).all()) != dict(city.rules(date(2022, 7, 1)).all())


EQUIVALENTS = {
    "reimbursement[EMPLOYEE].effects.order_fen 8000→8001": "gongji check",
    "materials[web_hall][0].one_of 0 MARRIAGE_CERTIFICATE 与 1 HOUSEHOLD_REGISTER 对调": "有一种即可",
    "family_limit.since 2022-07-01→2022-06-30": "施行之前",
    "channels[web_hall].kind WEB→COUNTER": "",
    "channels[wanshitong].kind APP→MINI_PROGRAM": "同类互换",
    "review_latency[wanshitong].earliest_working_days 0→1": "起始天数不显示",
    "reimbursement.since 2022-07-01→2022-07-02": "与本市相同",
    "enquiries[0].steps 去掉 1 Step": "文字",
    "family_limit.since 2022-07-01→2022-07-02": "",
    "consent.required False→True": "",
}
"""Changes of Chuzhou and why nobody could notice them, or "" where somebody could."""


@pytest.mark.parametrize("name", EQUIVALENTS)
def test_equivalents_have_reasons(name: str) -> None:
    """What nobody could notice is recognised by a rule with its reason, what somebody could is not."""
    city = _served().named("chuzhou")
    reason = why_equivalent(_named(city, name), city)
    assert bool(EQUIVALENTS[name]) == bool(reason)
    assert EQUIVALENTS[name] in reason


def test_unread_rules_cannot_be_noticed() -> None:
    """A case that does not read what was changed comes out as before: leaving it out loses nothing."""
    city, beside = _served().named("chuzhou"), _served()
    chosen = {"CHUZHOU-BIND-010", "CHUZHOU-SETTLE-001", "CHUZHOU-PURSE-004"}
    subject = Subject.of(
        _plugin("chuzhou"), "chuzhou", [case for case in of_city("chuzhou") if case.id in chosen], beside
    )
    province, bench, left_out = province_of(city), Bench(beside), 0
    try:
        reads = {case.id: bench.reads(case, city) for case in subject.cases}
        for mutant in [mutant for mutant in mutants(city) if not why_equivalent(mutant, city)][::20]:
            for case in subject.cases:
                if not reads[case.id].intersection(mutant.timelines):
                    left_out += 1
                    assert bench.fault(case, mutant.born(city, province)) == "", (mutant.name, case.id)
    finally:
        bench.close()
    assert left_out > 10
    assert "account_crediting" in reads["CHUZHOU-PURSE-004"]


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
  { bind = { holder = "甲", member = "乙", relation = "配偶", channel = "wanshitong" }, expect = { state = "待同意" } },
  { clock = "2022-07-11 10:00" },
  { look = {}, expect = { state = "已失效" } },
]
"""


def test_survivor_is_told() -> None:
    """A figure that no case pins from below survives, alone, with the cases that came near and what to write."""
    scored = _score_of_place(CASE)
    (survivor,) = scored.survived
    assert "application_expiry 10→9" == survivor.name
    assert "application_expiry(申请失效天数" in survivor.suggestion
    assert "PLACE-BIND-001" in survivor.suggestion
    assert ["application_expiry 10→11", "application_expiry.since 2022-07-01→2022-07-02"] == [
        k.name for k in scored.killed
    ]
    assert 6666 == scored.ratio_bp


def test_all_noticed() -> None:
    """With the minute before it in a case as well, nothing survives."""
    then = '  { clock = "2022-07-11 10:00" },'
    before = '  { clock = "2022-07-11 09:59" },\n  { look = {}, expect = { state = "待同意" } },'
    scored = _score_of_place(CASE.replace(then, f"{before}\n{then}"))
    assert () == scored.survived
    assert 10_000 == scored.ratio_bp


def test_unread_figure_survives() -> None:
    """A figure no case even reads survives and is told to be so."""
    terms = CreditTerms(active_ratio_bp=3_00, retired_fen=70_00)
    scored = _score_of_place(CASE, account_crediting=ruled(terms, since="2022-07-01", clauses=[CLAUSE]))
    told = {one.name: one.suggestion for one in scored.survived if one.hook == "account_crediting"}
    assert {"account_crediting.active_ratio_bp 300→400", "account_crediting.retired_fen 7000→6999"} <= set(told)
    assert {True} == {"没有一个案例读到它" in suggestion for suggestion in told.values()}


def test_wrong_cases_are_no_measure() -> None:
    """Cases that cannot be read, or that do not hold of the city as it is, are said to be so."""
    with pytest.raises(MutationFault, match="PLACE-BIND-001"):
        _score_of_place(CASE.replace("待同意", "已生效"))
    with pytest.raises(MutationFault, match="say"):
        _score_of_place(CASE.replace("says =", "say ="))
    with pytest.raises(MutationFault, match="atlantis"):
        score("atlantis")


def test_sample_is_the_same_each_time() -> None:
    """A sample is drawn evenly, the same each time, and says that it is one."""
    first, second = score("huangshan", workers=1, sample=5), score("huangshan", workers=1, sample=5)
    assert _told(first) == _told(second)
    assert 5 == len(first.killed) + len(first.survived) + len(first.equivalent)
    assert not first.whole
    assert "" == report.document(first)["digest"]


def test_workers_share() -> None:
    """Two processes come to the verdicts of one."""
    assert _told(score("huangshan", workers=1)) == _told(score("huangshan", workers=2))


def test_command(tmp_path: Path) -> None:
    """The command prints the score, writes it as mutation.v1, and ends with 1 where too little was noticed."""
    file = tmp_path / "huangshan.json"
    done = CliRunner().invoke(mutation_command, ["huangshan", "--workers", "1", "--json", str(file)])
    assert 0 == done.exit_code, done.output
    assert "察觉率 100%" in done.output
    written = json.loads(file.read_text(encoding="utf-8"))
    city = _served().named("huangshan")
    assert digest.plugin("huangshan", city.plugin, city.version).digest == written["digest"] != ""
    assert ("mutation.v1", "huangshan", "341000", True) == tuple(
        written[key] for key in ("schema", "city", "area_code", "whole")
    )
    assert 10_000 == written["ratio_bp"]
    assert {"name", "reason"} == set(written["equivalent"][0])
    assert "没有城市 atlantis" in CliRunner().invoke(mutation_command, ["atlantis"]).output


def test_report_names_survivors() -> None:
    """What survived stands in the text and in the JSON, with the case to write."""
    scored = _score_of_place(CASE)
    assert "未察觉 application_expiry 10→9" in list(report.text(scored))
    (survivor,) = report.document(scored)["survived"]
    assert "application_expiry" == survivor["hook"]
    assert survivor["suggestion"].startswith("写一例")


def _score_of_place(cases: str, **more: Timeline[Any]) -> Score:
    """The score of a city that rules on when applications expire, and on what is given besides."""
    expiry: Timeline[Any] = ruled(10, since="2022-07-01", clauses=[CLAUSE])
    plugin = SimpleNamespace(
        identity=_identity, **{hook: _answering(t) for hook, t in {"application_expiry": expiry, **more}.items()}
    )
    return score_of(Subject.of(plugin, "place", read(cases, "place"), _served()))


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


def _plugin(pinyin: str) -> object:
    return importlib.import_module(f"gongji_{pinyin}")


def _named(city: City, name: str) -> Mutant:
    return _mutants(city.pinyin)[name]


@cache
def _mutants(pinyin: str) -> dict[str, Mutant]:
    return {mutant.name: mutant for mutant in mutants(_served().named(pinyin))}


def _told(scored: Score) -> list[str]:
    noticed = [f"{one.name} noticed" for one in scored.killed]
    return noticed + [f"{one.name} survived" for one in scored.survived] + [one.reason for one in scored.equivalent]
