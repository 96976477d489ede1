"""What an operator lays over a city's rules: candidate revisions adopted from a day on,
figures no document gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any

from gongji.rules.benefits import CreditTerms, NoFund, NotSettled, Table
from gongji.rules.clauses import Candidate, Clause, Grade, Ruled, Timeline
from gongji.rules.codes import Scheme
from gongji.rules.days import day_of
from gongji.text.forms import as_sent


class UnknownCandidate(ValueError):  # noqa: N818 - told to the operator, no fault
    """An adoption names no candidate of its city, or a day another adoption has taken."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """The operator's word that a candidate revision (候选修订) is in force from a day on."""

    area_code: str
    candidate: str
    since: date

    @classmethod
    def parse(cls, text: str) -> Adoption:
        """Return the adoption written `341100:V2@2025-01-01`. ValueError if written otherwise."""
        area, _, revision = text.partition(":")
        name, _, day = revision.partition("@")
        if not (area and name and day):
            msg = f"采用候选修订应写作 341100:V2@2025-01-01，得到{as_sent(text)}"
            raise ValueError(msg)
        try:
            return cls(area, name, day_of(day))
        except ValueError as fault:
            raise ValueError(f"采用候选修订 {text}：{fault}") from None

    def __str__(self) -> str:
        return f"{self.candidate}@{self.since}"


@dataclass(frozen=True, slots=True)
class RetiredCredit:
    """What retired people are credited a month in a city, in fen; no document gives it."""

    area_code: str
    fen: int
    since: date
    clause: Clause


@dataclass(frozen=True, slots=True)
class SchemeRefusal:
    """The operator's word that a city's bills of a scheme without a table are refused."""

    area_code: str
    clause: Clause


@dataclass(frozen=True, slots=True)
class OperatorRules:
    """What an operator lays over the rules of cities."""

    adoptions: tuple[Adoption, ...] = ()
    retired_credits: tuple[RetiredCredit, ...] = ()
    refusals: tuple[SchemeRefusal, ...] = ()

    def of(self, area_code: str) -> OperatorRules:
        """Return what is laid over one city."""
        adoptions = [item for item in self.adoptions if item.area_code == area_code]
        credits_ = [c for c in self.retired_credits if c.area_code == area_code]
        refusals = [item for item in self.refusals if item.area_code == area_code]
        return OperatorRules(tuple(adoptions), tuple(credits_), tuple(refusals))

    def over(
        self, timelines: Mapping[str, Timeline[Any]], candidates: tuple[Candidate, ...]
    ) -> dict[str, Timeline[Any]]:
        """Return a city's timelines with these rules over them. UnknownCandidate."""
        revised = with_adoptions(timelines, candidates, self.adoptions)
        revised["account_crediting"] = with_retired_credits(
            revised["account_crediting"], self.retired_credits
        )
        for refusal in self.refusals:
            revised["reimbursement"] = with_refusal(revised["reimbursement"], refusal)
        return revised


def over(below: Timeline[Any], above: Timeline[Any]) -> Timeline[Any]:
    """Return one timeline laid over another, which still answers before its first day."""
    return tuple(value for value in below if value.since < above[0].since) + above


def with_adoptions(
    timelines: Mapping[str, Timeline[Any]],
    candidates: tuple[Candidate, ...],
    adoptions: Iterable[Adoption],
) -> dict[str, Timeline[Any]]:
    """Return the timelines with each adopted candidate from its day on.

    The order of adoptions does not matter; what the city itself ruled from a later day
    still stands. UnknownCandidate.
    """
    revised = dict(timelines)
    chosen = [(_candidate(candidates, adoption), adoption) for adoption in adoptions]
    chosen.sort(key=lambda pair: (pair[0].hook, pair[1].since))
    _refuse_same_day(chosen)
    for candidate, adoption in chosen:
        before = revised[candidate.hook]
        later = tuple(value for value in before if value.since > adoption.since)
        revised[candidate.hook] = over(before, _adopted(candidate, adoption)) + later
    return revised


def with_retired_credits(
    timeline: Timeline[CreditTerms], credits_: Iterable[RetiredCredit]
) -> Timeline[CreditTerms]:
    """Return the timeline with each of the operator's figures from its day on, in any order."""
    for credit in sorted(credits_, key=lambda credit: credit.since):
        timeline = _with_retired_credit(timeline, credit)
    return timeline


def with_refusal(
    timeline: Timeline[Mapping[Scheme, Table | NoFund]], refusal: SchemeRefusal
) -> Timeline[Mapping[Scheme, Table | NoFund]]:
    """Return the timeline with every scheme refused that the fund pays nothing of."""
    return tuple(
        replace(
            ruled,
            value={
                scheme: NotSettled(entry.clause, refusal.clause)
                if isinstance(entry, NoFund)
                else entry
                for scheme, entry in ruled.value.items()
            },
            clauses=(*ruled.clauses, refusal.clause),
        )
        for ruled in timeline
    )


def _refuse_same_day(chosen: list[tuple[Candidate, Adoption]]) -> None:
    """UnknownCandidate if two adoptions, in order, revise one hook from one day."""
    for (candidate, first), (following, second) in pairwise(chosen):
        if (candidate.hook, first.since) == (following.hook, second.since):
            msg = f"{first} 与 {second} 都修订 {candidate.hook} 而起始日相同，只能采用其一"
            raise UnknownCandidate(msg)


def _candidate(candidates: tuple[Candidate, ...], adoption: Adoption) -> Candidate:
    for candidate in candidates:
        if candidate.name == adoption.candidate:
            return candidate
    names = "、".join(candidate.name for candidate in candidates) or "无"
    msg = (
        f"{adoption.area_code} 没有名为 {adoption.candidate} 的候选修订；已有：{names}"
    )
    raise UnknownCandidate(msg)


def _adopted(candidate: Candidate, adoption: Adoption) -> Timeline[Any]:
    why = (
        f"候选修订 {candidate.name}，由运营方自 {adoption.since} 起采用；"
        f"此前未采用的理由：{candidate.why_not}"
    )
    return (Ruled(candidate.value, adoption.since, candidate.clauses, why=why),)


def _with_retired_credit(
    timeline: Timeline[CreditTerms], credit: RetiredCredit
) -> Timeline[CreditTerms]:
    """Return the timeline with one figure from its day on, also in the values that follow."""
    in_force = [item for item in timeline if item.since <= credit.since][-1:]
    later = [item for item in timeline if item.since > credit.since]
    revised = tuple(_with_figure(item, credit) for item in in_force + later)
    return over(timeline, revised) if revised else timeline


def _with_figure(
    ruled: Ruled[CreditTerms], credit: RetiredCredit
) -> Ruled[CreditTerms]:
    """Return a value with the operator's figure, under the operator's clause alone."""
    # An earlier figure of the operator is replaced, and so is the clause it stood under.
    value = ruled.value
    cited = value.clauses.retired
    # Where a city names no clauses of the retired, the whole rule gives their figure.
    named = (*_of_documents(cited), credit.clause) if cited else ()
    return replace(
        ruled,
        value=replace(
            value,
            retired_fen=credit.fen,
            clauses=replace(value.clauses, retired=named),
        ),
        since=max(ruled.since, credit.since),
        clauses=(*_of_documents(ruled.clauses), credit.clause),
    )


def _of_documents(clauses: Iterable[Clause]) -> tuple[Clause, ...]:
    return tuple(clause for clause in clauses if clause.grade is not Grade.OPERATOR)
