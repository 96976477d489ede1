"""Which law or case a test item judges, whether a run asks for it, and its verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pytest
from msgspec.structs import replace

from gongji_conformance import options
from gongji_conformance.cases.case import CityCase
from gongji_conformance.cases.reading import FILE, CaseOrFault
from gongji_conformance.city.recorder import (
    RecordedCall,
    core_version_in,
    hooks_in,
)
from gongji_conformance.city.stubs import Stubs
from gongji_conformance.laws.law import Law, law_of, within
from gongji_conformance.verdicts import failures
from gongji_conformance.verdicts import known as known_failures
from gongji_conformance.verdicts.failures import ComparedValues, Failure
from gongji_conformance.verdicts.known import Known
from gongji_conformance.verdicts.results import Result
from gongji_conformance.verdicts.verdict import Verdict, verdict_of

CITY, CASE = "gongji_city", "gongji_case"
CASES_PROFILE: Final = "core@2025.1"
"""The profile a city's own cases belong to."""


@dataclass(
    frozen=True,
    slots=True,
)
class JudgedItem:
    """What one item judges: a law with one input, or a case, of one city."""

    id: str
    city: str
    profile: str
    says: str
    basis: str
    law: Law | None
    family: str
    """Of items with the same family a quick run takes the first."""


def judged_item(item: pytest.Item) -> JudgedItem | None:
    """Return what an item of the suite judges, None for anybody else's test."""
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return None
    if CASE in callspec.params:
        return _of_case(*callspec.params[CASE])
    law = law_of(getattr(item, "function", None))
    if law is None:
        return None
    # What is left of the parameters is the input of the law.
    inputs = dict(callspec.params)
    city = inputs.pop(CITY, "")
    return _of_law(law, city, "-".join(map(str, inputs.values())))


def _of_law(
    law: Law,
    city: str,
    inputs: str,
) -> JudgedItem:
    """Return a law with these inputs as an item."""
    number = f"{law.id}/{inputs}" if inputs else law.id
    return JudgedItem(
        id=number,
        city=city,
        profile=law.profile,
        says=law.says,
        basis=law.basis,
        law=law,
        family=f"{city} {law.id}",
    )


def _of_case(city: str, case: CaseOrFault) -> JudgedItem:
    """Return a case, or what stands in its place, as an item."""
    if isinstance(case, CityCase):
        says = case.says
        basis = "、".join(case.clauses)
    else:
        says = case.problem
        basis = FILE
    return JudgedItem(
        id=case.id,
        city=city,
        profile=CASES_PROFILE,
        says=says,
        basis=basis,
        law=None,
        # CHUZHOU-SETTLE-001 and -002 are of one family.
        family=f"{city} {case.id.rpartition('-')[0]}",
    )


def chosen(
    items: Iterable[JudgedItem],
    profiles: Iterable[str],
    *,
    quick: bool,
) -> Iterator[bool]:
    """Yield of each item whether this run asks for it."""
    profiles = list(profiles)
    families: set[str] = set()
    for item in items:
        repeated = quick and item.family in families
        families.add(item.family)
        yield within(item.profile, profiles) and not repeated


@dataclass(
    frozen=True,
    slots=True,
)
class VerdictContext:
    """What an ended item is judged with: options, known failures, the day, calls."""

    values: dict[str, Any]
    known: tuple[Known, ...]
    today: date
    stubs: Stubs | None
    detailed: bool

    @property
    def calls(self) -> list[RecordedCall]:
        """The calls made while the item ran."""
        if self.stubs:
            return self.stubs.recorder.calls
        return []

    def repeat(self, city: str, number: str) -> str:
        """Return the command that repeats one item."""
        return options.command(self.values, city, number)


@dataclass(
    frozen=True,
    slots=True,
)
class ItemEnd:
    """How an item ended: its error, the phase, the comparison that did not hold."""

    error: BaseException | None
    phase: str
    values: ComparedValues | None = None

    @property
    def verdict(self) -> Verdict:
        """Its verdict; an error outside the test itself is the suite's own."""
        skipped = isinstance(self.error, pytest.skip.Exception)
        if self.error is not None and (self.phase != "call" or skipped):
            return Verdict.SUITE_ERROR
        return verdict_of(self.error)


def result(
    item: JudgedItem,
    ended: ItemEnd,
    context: VerdictContext,
) -> Result:
    """Return the result of an item, with what a reader needs."""
    verdict = ended.verdict
    calls = context.calls
    plain = Result(
        id=item.id,
        city=item.city,
        profile=item.profile,
        says=item.says,
        basis=item.basis,
        verdict=verdict,
        why=str(ended.error) if verdict is Verdict.NOT_APPLICABLE else "",
        failure=_failure(item, ended, context),
    )
    if context.detailed:
        # A law asks every hook: only what a case exercises tells something.
        hooks = sorted(hooks_in(calls)) if item.law is None else []
        plain = replace(
            plain,
            hooks=hooks,
            core_version=core_version_in(calls),
            calls=failures.calls(calls),
        )
    return _with_known(plain, context)


def _failure(
    item: JudgedItem,
    ended: ItemEnd,
    context: VerdictContext,
) -> str:
    """Return what a person reads, "" if it did not fail."""
    error = ended.error
    verdict = ended.verdict
    if error is None or verdict not in {Verdict.FAIL, Verdict.SUITE_ERROR}:
        return ""
    if isinstance(error, pytest.fail.Exception) and verdict is Verdict.FAIL:
        # A case has written its failure itself.
        return str(error)
    note = "（套件出错，不是城市的过失） " if verdict is Verdict.SUITE_ERROR else ""
    failure = Failure(
        head=f"{item.id} {note}{item.says}",
        basis=item.basis,
        error=error,
        values=ended.values,
        calls=context.calls,
        repeat=context.repeat(item.city, item.id),
    )
    return failure.text()


def _with_known(judged: Result, context: VerdictContext) -> Result:
    """Return the verdict in the light of what is known to fail."""
    entry = known_failures.covering(context.known, judged.id, judged.city)
    if entry is None or judged.verdict is Verdict.SUITE_ERROR:
        return judged
    note = f"{entry.reason}（负责：{entry.owner}，至 {entry.expires}）"
    if judged.verdict is not Verdict.FAIL:
        failure = _no_longer_known(judged, note, context)
        return replace(
            judged,
            verdict=Verdict.FAIL,
            failure=failure,
        )
    if entry.expired(context.today):
        expired = f"  曾列为已知不合，已于 {entry.expires} 到期：{note}"
        return replace(judged, failure=f"{judged.failure}\n{expired}")
    return replace(
        judged,
        verdict=Verdict.KNOWN_FAIL,
        why=note,
    )


def _no_longer_known(
    judged: Result,
    note: str,
    context: VerdictContext,
) -> str:
    """Write that a known failure has passed."""
    passed = f"列为已知不合，现已{judged.verdict.in_words}：请从清单中删去。{note}"
    repeat = context.repeat(judged.city, judged.id)
    return f"{judged.id} {judged.says}\n  {passed}\n  重做：{repeat}"
