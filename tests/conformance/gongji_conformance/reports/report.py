"""The report of a run, schema report.v1: what was judged by what, every verdict, tiers, contradictions, sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec
from gongji.v1 import city_pb2, types_pb2

from gongji_conformance import options
from gongji_conformance.city.asked import Asked
from gongji_conformance.city.judged import NOW
from gongji_conformance.city.stage import Stage
from gongji_conformance.laws.capability import CAPABILITIES
from gongji_conformance.reports import digest
from gongji_conformance.reports.digest import Package
from gongji_conformance.reports.evidence import Evidence, Mutated
from gongji_conformance.reports.tiers import Reached, reached
from gongji_conformance.verdicts.results import Result
from gongji_conformance.verdicts.verdict import Verdict

SCHEMA: Final = "report.v1"
_GRADES: Final = {
    types_pb2.CLAUSE_GRADE_DOCUMENT: "一手材料",
    types_pb2.CLAUSE_GRADE_OFFICIAL: "官方公开来源",
    types_pb2.CLAUSE_GRADE_UNCONFIRMED: "未经证实",
    types_pb2.CLAUSE_GRADE_OPERATOR: "运营方设定",
    types_pb2.CLAUSE_GRADE_ASSUMPTION: "推定",
}


class Capability(msgspec.Struct, frozen=True, kw_only=True):
    """What a city declares to have, or not."""

    id: str
    name: str
    declared: bool


class Contradiction(msgspec.Struct, frozen=True, kw_only=True):
    """Sources that cannot both hold: what clashes, which clauses a rule chose, which speak against it, and why."""

    id: str
    clash: str
    hook: str
    chosen: list[str]
    against: list[str]
    why: str


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A clause some rule rests on; `verified_on` is empty where nobody held it against its source."""

    id: str
    text: str
    source: str
    grade: str
    verified_on: str
    hooks: list[str]


class CityReport(msgspec.Struct, frozen=True, kw_only=True):
    """All about one city."""

    pinyin: str
    name: str
    area_code: str
    plugin: Package
    adoptions: list[str]
    counts: dict[str, int]
    tier: Reached
    capabilities: list[Capability]
    own_hooks: list[str]
    uncovered_hooks: list[str]
    contradictions: list[Contradiction]
    sources: list[Source]
    results: list[Result]


class Reproduce(msgspec.Struct, frozen=True, kw_only=True):
    """How to do it again: interpreter, exact versions, one command."""

    python: str
    requirements: list[str]
    command: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A run; later versions of the schema only add."""

    schema: Literal["report.v1"] = "report.v1"
    at: datetime
    today: date
    target: str
    profiles: list[str]
    quick: bool
    seed: int
    suite: Package
    core: Package
    cities: list[CityReport]
    reproduce: Reproduce

    @property
    def green(self) -> bool:
        """Whether nothing failed."""
        return all(found.verdict.green for city in self.cities for found in city.results)


@dataclass(frozen=True)
class Run:
    """What a run was asked and what came of it."""

    stage: Stage
    values: Mapping[str, Any]
    profiles: Sequence[str]
    today: date
    at: datetime
    seed: int
    whole: bool
    results: Sequence[Result]
    mutated: Sequence[Mutated] = ()


def made(run: Run) -> Report:
    """The report of a run."""
    version = next((found.core_version for found in run.results if found.core_version), "")
    here = not run.stage.black_box
    suite, core = digest.suite(), digest.core(version, here=here)
    cities = [_city(run, name) for name in dict.fromkeys(found.city for found in run.results)]
    return Report(
        at=run.at,
        today=run.today,
        target=run.stage.wire.target if run.stage.black_box else "",
        profiles=list(run.profiles),
        quick=bool(run.values.get("gongji_quick")),
        seed=run.seed,
        suite=suite,
        core=core,
        cities=cities,
        reproduce=Reproduce(
            python=digest.python(),
            requirements=digest.requirements(suite, core, *(city.plugin for city in cities)),
            command=options.command({**run.values, "gongji_seed": str(run.seed)}),
        ),
    )


def _city(run: Run, pinyin: str) -> CityReport:
    summary = run.stage.city(pinyin)
    request = city_pb2.GetCityRequest(area_code=summary.area_code, day=str(NOW.date()))
    rules = run.stage.wire.cities.GetCity(request)
    results = [found for found in run.results if found.city == pinyin]
    evidence = Evidence(
        rules=rules,
        results=results,
        plugin=digest.plugin(pinyin, summary.plugin, summary.plugin_version),
        today=run.today,
        whole=run.whole,
        mutated=next((one for one in run.mutated if one.city == pinyin), None),
    )
    asked = Asked(run.stage.wire, summary.area_code, NOW.date())
    return CityReport(
        pinyin=pinyin,
        name=summary.name,
        area_code=summary.area_code,
        plugin=evidence.plugin,
        adoptions=list(rules.adoptions),
        counts=_counts(results),
        tier=reached(evidence),
        capabilities=[
            Capability(id=one.id, name=one.name, declared=one.declared(asked)) for one in CAPABILITIES.values()
        ],
        own_hooks=evidence.own_hooks,
        uncovered_hooks=evidence.uncovered_hooks,
        contradictions=list(_contradictions(rules)),
        sources=_sources(rules),
        results=results,
    )


def _counts(results: Sequence[Result]) -> dict[str, int]:
    counted = Counter(found.verdict for found in results)
    return {verdict.value: counted[verdict] for verdict in Verdict}


def _contradictions(rules: city_pb2.GetCityResponse) -> Iterator[Contradiction]:
    """Every contradiction a rule settles, and every rule with clauses against it that names none."""
    for rule in rules.rules:
        chosen, against = [clause.id for clause in rule.clauses], [clause.id for clause in rule.against]
        plain: dict[str, Any] = {"hook": rule.hook, "chosen": chosen, "against": against, "why": rule.why}
        for settled in rule.settles:
            yield Contradiction(id=settled.id, clash=settled.clash, **plain)
        if against and not rule.settles:
            yield Contradiction(id="", clash="", **plain)


def _sources(rules: city_pb2.GetCityResponse) -> list[Source]:
    clauses = {clause.id: clause for rule in rules.rules for clause in rule.clauses}
    return [
        Source(
            id=number,
            text=clause.text,
            source=clause.source,
            grade=_GRADES.get(clause.grade, ""),
            verified_on=clause.verified_on,
            hooks=[rule.hook for rule in rules.rules if number in {c.id for c in rule.clauses}],
        )
        for number, clause in sorted(clauses.items(), key=lambda pair: _by_number(pair[0]))
    ]


def _by_number(clause: str) -> tuple[str, int, str]:
    """Clauses in the order people count: C2 before C10."""
    letters = clause.rstrip("0123456789bB")
    digits = "".join(filter(str.isdecimal, clause))
    return letters, int(digits or 0), clause


def as_json(report: Report) -> bytes:
    """The report as a file, for programs."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"


def schema() -> bytes:
    """The JSON Schema of a report, as it stands in report.v1.schema.json."""
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Report)), indent=1) + b"\n"
