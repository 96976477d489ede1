"""Which law or case a test item is, of which city; which items a run asks for; the verdict of one that has run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pytest
from msgspec.structs import replace

from gongji_conformance import options
from gongji_conformance.cases.case import Case
from gongji_conformance.city.record import core_version_in, hooks_in
from gongji_conformance.city.wire import Wire
from gongji_conformance.laws import law as laws
from gongji_conformance.laws.law import Law, law_of
from gongji_conformance.verdicts import known as knowing
from gongji_conformance.verdicts import telling
from gongji_conformance.verdicts.known import Known
from gongji_conformance.verdicts.results import Result
from gongji_conformance.verdicts.telling import Compared
from gongji_conformance.verdicts.verdict import Verdict, verdict_of

CITY, CASE = "gongji_city", "gongji_case"
CASES_PROFILE: Final = "core@2025.1"
"""The profile a city's own cases belong to."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What one item judges: a law with one input, or a case, of one city."""

    id: str
    city: str
    profile: str
    says: str
    basis: str
    law: Law | None
    family: str
    """Of items with the same family a quick run takes the first."""


def subject_of(item: pytest.Item) -> Subject | None:
    """What an item of the suite judges; None for anybody else's test."""
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return None
    if CASE in callspec.params:
        city, case = callspec.params[CASE]
        return _of_case(city, case)
    law = law_of(getattr(item, "function", None))
    if law is None:
        return None
    city = callspec.params.get(CITY, "")
    given = "-".join(str(value) for name, value in callspec.params.items() if name != CITY)
    number = f"{law.id}/{given}" if given else law.id
    return Subject(number, city, law.profile, law.says, law.basis, law, f"{city} {law.id}")


def _of_case(city: str, case: Any) -> Subject:
    told = case.says if isinstance(case, Case) else case.problem
    clauses = "、".join(case.clauses) if isinstance(case, Case) else "cases.toml"
    return Subject(case.id, city, CASES_PROFILE, told, clauses, None, f"{city} {case.id.rpartition('-')[0]}")


def chosen(subjects: Iterable[Subject], profiles: Iterable[str], *, quick: bool) -> Iterator[bool]:
    """Of each item whether this run asks for it."""
    profiles, seen = list(profiles), set[str]()
    for subject in subjects:
        wanted = laws.within(subject.profile, profiles) and not (quick and subject.family in seen)
        seen.add(subject.family)
        yield wanted


@dataclass(frozen=True, slots=True)
class Bench:
    """What an ended item is judged with: the run's options, what is known to fail, the day, the wire."""

    values: dict[str, Any]
    known: tuple[Known, ...]
    today: date
    wire: Wire | None
    detailed: bool


def result(subject: Subject, error: BaseException | None, phase: str, sides: Compared | None, bench: Bench) -> Result:
    """The verdict of an item, with what a reader needs; an error outside the test itself is the suite's own."""
    verdict = verdict_of(error)
    if error is not None and (phase != "call" or isinstance(error, pytest.skip.Exception)):
        verdict = Verdict.SUITE_ERROR
    said = bench.wire.recorder.said if bench.wire else []
    plain = Result(
        id=subject.id,
        city=subject.city,
        profile=subject.profile,
        says=subject.says,
        basis=subject.basis,
        verdict=verdict,
        why=str(error) if verdict is Verdict.NOT_APPLICABLE else "",
        hooks=sorted(hooks_in(said)) if bench.detailed and subject.law is None else [],
        core_version=core_version_in(said) if bench.detailed else "",
        calls=telling.calls(said) if bench.detailed else [],
    )
    if error is not None and verdict in {Verdict.FAIL, Verdict.SUITE_ERROR}:
        plain = replace(plain, failure=_failure(subject, error, verdict, sides, bench))
    return _known(plain, bench)


def _failure(subject: Subject, error: BaseException, verdict: Verdict, sides: Compared | None, bench: Bench) -> str:
    """What a person reads; a case tells it itself."""
    if isinstance(error, pytest.fail.Exception) and verdict is Verdict.FAIL:
        return str(error)
    again = options.command(bench.values, subject.city, subject.id)
    note = f"(套件出错, 不是城市的过失) {subject.says}" if verdict is Verdict.SUITE_ERROR else subject.says
    said = bench.wire.recorder.said if bench.wire else []
    return telling.failure(f"{subject.id} {note}", error, basis=subject.basis, sides=sides, said=said, again=again)


def _known(found: Result, bench: Bench) -> Result:
    """The verdict in the light of what is known to fail: patience has an end, and what passes is no longer known."""
    entry = knowing.covering(bench.known, found.id, found.city)
    if entry is None or found.verdict is Verdict.SUITE_ERROR:
        return found
    told = f"{entry.reason} (负责: {entry.owner}, 至 {entry.expires})"
    again = f"  重做: {options.command(bench.values, found.city, found.id)}"
    if found.verdict is not Verdict.FAIL:
        passed = (
            f"{found.id} {found.says}\n  列为已知不合, 现已{found.verdict.in_words}: 请从清单中删去。{told}\n{again}"
        )
        return replace(found, verdict=Verdict.FAIL, failure=passed)
    if entry.expired(bench.today):
        return replace(found, failure=f"{found.failure}\n  曾列为已知不合, 已于 {entry.expires} 到期: {told}")
    return replace(found, verdict=Verdict.KNOWN_FAIL, why=told)
