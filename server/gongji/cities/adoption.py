"""What an operator lays over a city's rules: candidate revisions adopted from a day on,
figures no document gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any

from gongji.rules.benefits import CreditTerms
from gongji.rules.clauses import Candidate, Clause, Grade, Ruled, Timeline


class UnknownCandidate(ValueError):  # noqa: N818 - told to the operator, no fault
    """An adoption names a candidate its city does not have, or one whose day another
    adoption has taken."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """The operator's word that a candidate revision is in force from a day on (--adopt
    341100:V2@2025-01-01)."""

    area_code: str
    candidate: str
    since: date

    @classmethod
    def parse(cls, text: str) -> Adoption:
        """Reads `341100:V2@2025-01-01`. ValueError where it is written otherwise."""
        area, _, rest = text.partition(":")
        name, _, day = rest.partition("@")
        if not (area and name and day):
            msg = f"采用候选修订应写作 341100:V2@2025-01-01, 得到 {text!r}"
            raise ValueError(msg)
        return cls(area, name, date.fromisoformat(day))

    def __str__(self) -> str:
        return f"{self.candidate}@{self.since}"


@dataclass(frozen=True, slots=True)
class RetiredCredit:
    """A figure no document gives: what retired people are credited a month in a city,
    set by the operator."""

    area_code: str
    fen: int
    since: date
    clause: Clause


def over(below: Timeline[Any], above: Timeline[Any]) -> Timeline[Any]:
    """One timeline laid over another: before its first day the one below still answers."""
    return tuple(value for value in below if value.since < above[0].since) + above


def with_adoptions(
    timelines: Mapping[str, Timeline[Any]],
    candidates: tuple[Candidate, ...],
    adoptions: Iterable[Adoption],
) -> dict[str, Timeline[Any]]:
    """The timelines with each adopted candidate from its day on, whatever the order
    they are given in.

    What the city itself ruled from a later day still stands. UnknownCandidate.
    """
    adopted = dict(timelines)
    chosen = sorted(
        ((_candidate(candidates, a), a) for a in adoptions),
        key=lambda pair: (pair[0].hook, pair[1].since),
    )
    for (one, first), (other, second) in pairwise(chosen):
        if (one.hook, first.since) == (other.hook, second.since):
            msg = f"{first} 与 {second} 都修订 {one.hook} 而起始日相同, 只能采用其一"
            raise UnknownCandidate(msg)
    for candidate, adoption in chosen:
        before = adopted[candidate.hook]
        later = tuple(value for value in before if value.since > adoption.since)
        adopted[candidate.hook] = over(before, _adopted(candidate, adoption)) + later
    return adopted


def with_retired_credits(
    timeline: Timeline[CreditTerms], credits_: Iterable[RetiredCredit]
) -> Timeline[CreditTerms]:
    """The timeline with each of the operator's figures from its day on, whatever the
    order they are given in."""
    for credit in sorted(credits_, key=lambda credit: credit.since):
        timeline = _with_retired_credit(timeline, credit)
    return timeline


def _candidate(candidates: tuple[Candidate, ...], adoption: Adoption) -> Candidate:
    for candidate in candidates:
        if candidate.name == adoption.candidate:
            return candidate
    known = "、".join(c.name for c in candidates) or "无"
    msg = (
        f"{adoption.area_code} 没有名为 {adoption.candidate} 的候选修订; 已有: {known}"
    )
    raise UnknownCandidate(msg)


def _adopted(candidate: Candidate, adoption: Adoption) -> Timeline[Any]:
    why = (
        f"候选修订 {candidate.name}, 由运营方自 {adoption.since} 起采用; "
        f"此前未采用的理由: {candidate.why_not}"
    )
    return (Ruled(candidate.value, adoption.since, candidate.clauses, why=why),)


def _with_retired_credit(
    timeline: Timeline[CreditTerms], credit: RetiredCredit
) -> Timeline[CreditTerms]:
    """The timeline with the operator's figure from its day on, also in the values that follow."""
    in_force = [v for v in timeline if v.since <= credit.since][-1:]
    later = [v for v in timeline if v.since > credit.since]
    set_from = [
        replace(
            v,
            value=replace(v.value, retired_fen=credit.fen),
            since=max(v.since, credit.since),
            clauses=(
                *(c for c in v.clauses if c.grade is not Grade.OPERATOR),
                credit.clause,
            ),
        )
        for v in in_force + later
    ]
    return over(timeline, tuple(set_from)) if set_from else timeline
