"""Tiers: whatever is missing keeps a city below the tier that asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import pytest
from gongji.v1 import city_pb2, types_pb2
from gongji_conformance.cases.reading import of_city
from gongji_conformance.laws import law
from gongji_conformance.reports.digest import Package
from gongji_conformance.reports.evidence import (
    Evidence,
    MutationFileFault,
    MutationResult,
    read_mutation,
)
from gongji_conformance.reports.tiers import RULES, reached
from gongji_conformance.verdicts.results import Result
from gongji_conformance.verdicts.verdict import Verdict

README = Path(__file__).parents[2] / "README.md"
PAGES = Path(__file__).parents[2] / "tiers"
TODAY = date(2026, 11, 21)
PLUGIN = Package(name="gongji-huangshan", version="0.1.0", digest="d1")
MUTATED = MutationResult(
    city="huangshan", digest="d1", whole=True, ratio_bp=96_00, survived=[]
)


class _Proved(Evidence):
    """A city that `gongji check` has nothing against."""

    checked = ""


class _Disproved(Evidence):
    """A city that `gongji check` objects to."""

    checked = "gongji check 未通过"


def _rules(
    verified_on: str = "2026-11-21", **changes: object
) -> city_pb2.GetCityResponse:
    """One rule of the city's own, one of the province's on an assumption."""
    clause = types_pb2.Clause(
        id="H2",
        text="原文",
        source="网页",
        grade=types_pb2.CLAUSE_GRADE_DOCUMENT,
        verified_on=verified_on,
    )
    assumed = types_pb2.Clause(
        id="T3", text="推定", source="推定", grade=types_pb2.CLAUSE_GRADE_ASSUMPTION
    )
    own = city_pb2.RuleValue(hook="wallet", clauses=[clause])
    provincial = city_pb2.RuleValue(
        hook="application_expiry",
        clauses=[assumed],
        why="没有文件规定",
        provincial=True,
    )
    for name, value in changes.items():
        setattr(provincial, name, value)
    return city_pb2.GetCityResponse(
        city=city_pb2.CitySummary(pinyin="huangshan"), rules=[own, provincial]
    )


def _results(verdict: Verdict = Verdict.PASS) -> list[Result]:
    """Every law of core and every case; the first with that verdict."""
    entries = law.register().values()
    laws = [entry.id for entry in entries if entry.profile_name == law.CORE]
    first, *others = [*laws, *(case.id for case in of_city("huangshan"))]
    return [_result(first, verdict), *map(_result, others)]


def _result(number: str, verdict: Verdict = Verdict.PASS) -> Result:
    return Result(
        id=number,
        city="huangshan",
        profile="core@2025.1",
        says="",
        basis="",
        verdict=verdict,
        hooks=["wallet"] if number.startswith("HUANGSHAN") else [],
    )


FAULTLESS = _Proved(_rules(), _results(), PLUGIN, TODAY, whole=True, mutated=MUTATED)


def _unexercised() -> Evidence:
    rules = _rules()
    rules.rules[0].clauses[0].id = "H99"
    results = [msgspec.structs.replace(result, hooks=[]) for result in _results()]
    return replace(FAULTLESS, rules=rules, results=results)


SHORT: dict[str, tuple[Callable[[], Evidence], str, str]] = {
    "nothing is missing": (lambda: FAULTLESS, "platinum", ""),
    "a run in part": (
        lambda: replace(FAULTLESS, whole=False),
        "unrated",
        "core-passes",
    ),
    "a case that was not run": (
        lambda: replace(FAULTLESS, results=_results()[:-1]),
        "unrated",
        "core-passes",
    ),
    "a failure": (
        lambda: replace(FAULTLESS, results=_results(Verdict.FAIL)),
        "none",
        "core-passes",
    ),
    "a known failure": (
        lambda: replace(FAULTLESS, results=_results(Verdict.KNOWN_FAIL)),
        "none",
        "core-passes",
    ),
    "what does not apply": (
        lambda: replace(FAULTLESS, results=_results(Verdict.NOT_APPLICABLE)),
        "platinum",
        "",
    ),
    "an assumption without its reason": (
        lambda: replace(FAULTLESS, rules=_rules(why="")),
        "bronze",
        "figures-have-clauses",
    ),
    "a source nobody looked up": (
        lambda: replace(FAULTLESS, rules=_rules("")),
        "bronze",
        "sources-verified",
    ),
    "a source looked up long ago": (
        lambda: replace(FAULTLESS, rules=_rules("2025-11-20")),
        "bronze",
        "sources-verified",
    ),
    "a source looked up tomorrow": (
        lambda: replace(FAULTLESS, rules=_rules("2026-11-22")),
        "bronze",
        "sources-verified",
    ),
    "a check that fails": (
        lambda: _Disproved(
            _rules(), _results(), PLUGIN, TODAY, whole=True, mutated=MUTATED
        ),
        "silver",
        "check-passes",
    ),
    "a hook no case exercises": (_unexercised, "silver", "hooks-exercised"),
    "no mutation run": (
        lambda: replace(FAULTLESS, mutated=None),
        "gold",
        "figures-pinned",
    ),
    "too many changes unnoticed": (
        lambda: replace(
            FAULTLESS, mutated=msgspec.structs.replace(MUTATED, ratio_bp=94_99)
        ),
        "gold",
        "figures-pinned",
    ),
    "a mutation run of other files": (
        lambda: replace(
            FAULTLESS, mutated=msgspec.structs.replace(MUTATED, digest="d2")
        ),
        "gold",
        "figures-pinned",
    ),
    "a mutation run in part": (
        lambda: replace(
            FAULTLESS, mutated=msgspec.structs.replace(MUTATED, whole=False)
        ),
        "gold",
        "figures-pinned",
    ),
}


@pytest.mark.parametrize("what", SHORT)
def test_what_is_missing_keeps_it_below(what: str) -> None:
    """A city has the tier below the first rule it does not meet, and is told which."""
    evidence, tier, missing = SHORT[what]
    city = reached(evidence())
    unmet = [finding.id for finding in city.findings if not finding.met]
    assert tier == city.tier
    assert list(filter(None, [missing])) == unmet


@pytest.mark.parametrize(
    ("verified_on", "until"),
    [
        ("2026-11-21", "2027-05-20"),
        ("2026-01-10", "2027-01-10"),
        ("2025-11-21", "2026-11-21"),
    ],
)
def test_a_tier_ends(verified_on: str, until: str) -> None:
    """A tier holds for half a year, or until a source it rests on goes stale."""
    city = reached(replace(FAULTLESS, rules=_rules(verified_on)))
    assert date.fromisoformat(until) == city.until


def test_every_rule_has_its_page() -> None:
    """Each rule has one page with reason, example and exceptions, listed in the README."""
    assert {rule.id for rule in RULES} == {path.stem for path in PAGES.glob("*.md")}
    readme = README.read_text(encoding="utf-8")
    for rule in RULES:
        page = (PAGES / f"{rule.id}.md").read_text(encoding="utf-8")
        head = f"# {rule.id}（{rule.tier.in_words}）"
        parts = (head, "## 理由", "## 例\n", "## 例外")
        assert [] == [part for part in parts if part not in page]
        assert f"(tiers/{rule.id}.md)" in readme


def test_a_file_that_is_none(tmp_path: Path) -> None:
    """A file that is no result of a mutation run is refused by name."""
    path = tmp_path / "chuzhou.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(MutationFileFault, match=r"chuzhou\.json"):
        read_mutation(path)
