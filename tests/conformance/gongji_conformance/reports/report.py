"""The report of a run (report.v1): verdicts, tiers, contradictions, sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec
from gongji.v1 import city_pb2, types_pb2

from gongji_conformance import options
from gongji_conformance.city.city import NOW
from gongji_conformance.city.requirements import Requirements
from gongji_conformance.city.server import ServerUnderTest
from gongji_conformance.laws.capability import CAPABILITIES
from gongji_conformance.reports import digest
from gongji_conformance.reports.digest import Package
from gongji_conformance.reports.evidence import Evidence, MutationResult
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


# --- report.v1: later versions only add -------------------------------------------


class Capability(msgspec.Struct, frozen=True, kw_only=True):
    """What a city declares to have, or not."""

    id: str
    name: str
    declared: bool


class Contradiction(msgspec.Struct, frozen=True, kw_only=True):
    """Sources that cannot both hold: what clashes, what a rule chose, and why."""

    id: str
    clash: str
    hook: str
    chosen: list[str]
    against: list[str]
    why: str


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A clause some rule rests on; `verified_on` is empty if nobody verified it."""

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
    warnings: list[str] = []
    """What the run warned of, each once."""

    @property
    def green(self) -> bool:
        """Whether nothing failed."""
        results = (result for city in self.cities for result in city.results)
        return all(result.verdict.green for result in results)


# --- how it is made ---------------------------------------------------------------


@dataclass(frozen=True)
class RunSummary:
    """What a run was asked and what came of it."""

    server: ServerUnderTest
    values: Mapping[str, Any]
    profiles: Sequence[str]
    today: date
    at: datetime
    seed: int
    whole: bool
    results: Sequence[Result]
    mutated: Sequence[MutationResult] = ()
    warnings: Sequence[str] = ()

    @property
    def target(self) -> str:
        """The address of a server elsewhere; "" for one of our own."""
        if self.server.black_box:
            return self.server.stubs.target
        return ""

    @property
    def core_version(self) -> str:
        """The core's version as the first reply that has one names it."""
        versions = (result.core_version for result in self.results)
        return next(filter(None, versions), "")

    @property
    def command(self) -> str:
        """The command that repeats the run."""
        return options.command({**self.values, "gongji_seed": str(self.seed)})

    def of_city(self, pinyin: str) -> list[Result]:
        """Return the results of one city."""
        return [result for result in self.results if result.city == pinyin]

    def mutation_of(self, pinyin: str) -> MutationResult | None:
        """Return the mutation run of one city."""
        return next((run for run in self.mutated if run.city == pinyin), None)


def report_of(run: RunSummary) -> Report:
    """Return the report of a run."""
    suite = digest.suite()
    core = digest.core(run.core_version, in_process=not run.server.black_box)
    names = dict.fromkeys(result.city for result in run.results)
    cities = [_city(run, name) for name in names]
    plugins = [city.plugin for city in cities]
    reproduce = Reproduce(
        python=digest.python(),
        requirements=digest.requirements(suite, core, *plugins),
        command=run.command,
    )
    return Report(
        at=run.at,
        today=run.today,
        target=run.target,
        profiles=list(run.profiles),
        quick=bool(run.values.get("gongji_quick")),
        seed=run.seed,
        suite=suite,
        core=core,
        cities=cities,
        reproduce=reproduce,
        warnings=list(run.warnings),
    )


def _city(run: RunSummary, pinyin: str) -> CityReport:
    """Return the report of one city."""
    summary = run.server.summary(pinyin)
    today = NOW.date()
    requirements = Requirements(run.server.stubs, summary.area_code, today)
    evidence = _evidence(run, summary)
    rules = evidence.rules
    return CityReport(
        pinyin=pinyin,
        name=summary.name,
        area_code=summary.area_code,
        plugin=evidence.plugin,
        adoptions=list(rules.adoptions),
        counts=_counts(evidence.results),
        tier=reached(evidence),
        capabilities=_capabilities(requirements),
        own_hooks=evidence.own_hooks,
        uncovered_hooks=evidence.uncovered_hooks,
        contradictions=list(_contradictions(rules.rules)),
        sources=_sources(rules.rules),
        results=list(evidence.results),
    )


def _evidence(run: RunSummary, city: city_pb2.CitySummary) -> Evidence:
    """Return what the city's tier is computed from."""
    request = city_pb2.GetCityRequest(
        area_code=city.area_code,
        day=str(NOW.date()),
    )
    return Evidence(
        rules=run.server.stubs.cities.GetCity(request),
        results=run.of_city(city.pinyin),
        plugin=digest.plugin(city.pinyin, city.plugin, city.plugin_version),
        today=run.today,
        whole=run.whole,
        mutated=run.mutation_of(city.pinyin),
    )


def _counts(results: Sequence[Result]) -> dict[str, int]:
    counts = Counter(result.verdict for result in results)
    return {verdict.value: counts[verdict] for verdict in Verdict}


def _capabilities(requirements: Requirements) -> list[Capability]:
    return [
        Capability(
            id=capability.id,
            name=capability.name,
            declared=capability.declared(requirements),
        )
        for capability in CAPABILITIES.values()
    ]


def _contradictions(
    rules: Iterable[city_pb2.RuleValue],
) -> Iterator[Contradiction]:
    """Yield each contradiction a rule settles.

    A rule with clauses against it that settles none is one without a number.
    """
    for rule in rules:
        settled = [(clash.id, clash.clash) for clash in rule.settles]
        if rule.against and not settled:
            settled = [("", "")]
        for number, clash in settled:
            yield Contradiction(
                id=number,
                clash=clash,
                hook=rule.hook,
                chosen=[clause.id for clause in rule.clauses],
                against=[clause.id for clause in rule.against],
                why=rule.why,
            )


def _sources(rules: Iterable[city_pb2.RuleValue]) -> list[Source]:
    """Return every clause some rule rests on, in the order people count."""
    clauses: dict[str, types_pb2.Clause] = {}
    hooks: dict[str, dict[str, None]] = {}
    for rule in rules:
        for clause in rule.clauses:
            clauses[clause.id] = clause
            hooks.setdefault(clause.id, {})[rule.hook] = None
    return [
        Source(
            id=number,
            text=clauses[number].text,
            source=clauses[number].source,
            grade=_GRADES.get(clauses[number].grade, ""),
            verified_on=clauses[number].verified_on,
            hooks=list(hooks[number]),
        )
        for number in sorted(clauses, key=_by_number)
    ]


def _by_number(clause: str) -> tuple[str, int, str]:
    """Sort clauses as people count: C2 before C10."""
    # A clause may end in a letter of its own: A5b.
    letters = clause.rstrip("0123456789bB")
    digits = "".join(filter(str.isdecimal, clause))
    return letters, int(digits or 0), clause


# --- how it is written ------------------------------------------------------------


def as_json(report: Report) -> bytes:
    """Return the report as a file, for programs."""
    return _lines(msgspec.json.encode(report))


def schema() -> bytes:
    """Return the JSON Schema of a report, as in report.v1.schema.json."""
    return _lines(msgspec.json.encode(msgspec.json.schema(Report)))


def _lines(document: bytes) -> bytes:
    return msgspec.json.format(document, indent=1) + b"\n"
