"""Settle one bill in words by the rules of an installed city (试算一张账单): no server.

The steps of a settlement decide (`settlement.settle`); person, institution and bill are
made up, and what the year has used before is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, Final

from gongji.cities.city import Cities, City
from gongji.kit.check.invented import RuleSituation, bill_of, invented_facts
from gongji.model.people import Person
from gongji.model.settlement import Accumulator, MeterReading
from gongji.rules.clauses import Clause
from gongji.rules.codes import (
    EnrolmentStatus,
    Scheme,
    Spending,
    VisitKind,
    pooling_area,
)
from gongji.rules.money import MAX_FEN, fen, yuan
from gongji.rules.terms import TERMS
from gongji.settlement.fund import share_of, steps_of
from gongji.settlement.meters import meter_needs
from gongji.settlement.next_bill import steps_in_words
from gongji.settlement.settle import Outcome, decide_bill
from gongji.settlement.split import FundStep, Used

_HOSPITALS: Final = {"一级": 8, "二级": 5, "三级": 2, "未定级": 11, "药店": 0}

_PATIENTS: Final = {
    "在职": (Scheme.EMPLOYEE, "11"),
    "退休": (Scheme.EMPLOYEE, "12"),
    "居民": (Scheme.RESIDENT, "14"),
}

_WORDS: Final[Mapping[str, tuple[str, Any]]] = {
    **{word: ("who", who) for word, who in _PATIENTS.items()},
    **{word: ("grade", grade) for word, grade in _HOSPITALS.items()},
    **{term: ("kind", kind) for kind, term in TERMS[VisitKind].items()},
    "两病": ("kind", VisitKind.TWO_DISEASES),
    "暂停参保": ("status", EnrolmentStatus.PAUSED),
    "当日住院": ("inpatient_that_day", True),
    "剩余自付": ("residue", True),
}
"""What may be said of a bill beside its amount: the word, its axis and the value there."""

_AXES: Final = {"who": "人员类别", "grade": "机构", "kind": "医疗类别"}

_BEYOND: Final = 2
"""The curve is shown to so many times the bill, or its last breakpoint."""


@dataclass(frozen=True, slots=True)
class OneBill:
    """A bill in words: its situation and the fen in scope."""

    situation: RuleSituation
    in_scope_fen: int


def read_words(words: Iterable[str]) -> OneBill:
    """Return the bill that words say, in any order. ValueError says what is wrong."""
    said: dict[str, Any] = {}
    first: dict[str, str] = {}
    for word in words:
        axis, value = _axis_of(word)
        if axis in first:
            msg = f"“{first[axis]}”与“{word}”只能写一个"
            raise ValueError(msg)
        first[axis] = word
        said[axis] = value
    for axis, choices in (("who", _PATIENTS), ("grade", _HOSPITALS)):
        if axis not in said:
            msg = f"没有写{_AXES[axis]}：请写{'、'.join(choices)}之一"
            raise ValueError(msg)
    if "fen" not in said:
        msg = "没有写政策范围内的金额，以元为单位，如 700"
        raise ValueError(msg)
    return _bill_of(said)


def _axis_of(word: str) -> tuple[str, Any]:
    if word in _WORDS:
        return _WORDS[word]
    # Amounts alone have digits.
    if any(map(str.isdecimal, word)):
        amount = fen(word.removesuffix("元"))
        if not 0 <= amount <= MAX_FEN:
            msg = f"金额须在 0 与 {yuan(MAX_FEN)} 元之间，得到 {yuan(amount)} 元"
            raise ValueError(msg)
        return "fen", amount
    msg = f"不认识“{word}”；可写金额（元）与：{'、'.join(_WORDS)}"
    raise ValueError(msg)


def _bill_of(said: Mapping[str, Any]) -> OneBill:
    scheme, psn_type = said["who"]
    usual = VisitKind.OUTPATIENT if said["grade"] else VisitKind.PHARMACY
    situation = RuleSituation(
        scheme=scheme,
        psn_type=psn_type,
        status=said.get("status", EnrolmentStatus.NORMAL),
        grade=said["grade"],
        kind=said.get("kind", usual),
        inpatient_that_day=said.get("inpatient_that_day", False),
        residue=said.get("residue", False),
        spending=Spending.MEDICAL,
    )
    return OneBill(situation, said["fen"])


@dataclass(frozen=True, slots=True)
class TriedBill:
    """What became of a bill: the outcome, and how the fund would pay for any other."""

    bill: OneBill
    city: City
    day: date
    used: Used
    outcome: Outcome

    @property
    def question(self) -> str:
        """Return city, day, bill and year before it, as a sentence."""
        return (
            f"{self.city.name}，{self.day}：{self.bill.situation}，"
            f"政策范围内 {yuan(self.bill.in_scope_fen)} 元；此前本年起付标准已付 "
            f"{yuan(self.used.deductible_fen)} 元，统筹基金已付 "
            f"{yuan(self.used.fund_fen)} 元"
        )

    @property
    def answer(self) -> str:
        """Return who pays how much, as a sentence."""
        share = self.outcome.paid.share
        return (
            f"统筹基金支付 {yuan(share.fund_fen)} 元，"
            f"个人负担 {yuan(self.outcome.cash_fen)} 元"
            f"（其中起付标准 {yuan(share.deductible_fen)} 元）"
        )

    @property
    def steps(self) -> tuple[FundStep, ...]:
        """Return how the fund pays as the amount in scope grows."""
        return tuple(steps_of(self.outcome.terms.benefit, self.outcome.paid))

    @property
    def curve_in_words(self) -> str:
        """Return that as a sentence, or why the fund pays nothing."""
        terms = self.outcome.terms
        if terms.benefit is None:
            return f"统筹基金不予支付：{terms.denied}"
        return steps_in_words(self.steps)

    @property
    def lacks_borne(self) -> bool:
        """Return whether the fund has paid before though a deductible was not borne."""
        unborne = (
            self.outcome.paid.share.deductible_fen and not self.used.deductible_fen
        )
        return bool(self.used.fund_fen and unborne)

    def clauses(self) -> list[Clause]:
        """Return the clauses behind the fund's part."""
        cited = self.outcome.lines[0].rule.clauses
        return [self.city.clause(number) for number in dict.fromkeys(cited)]

    def points(self) -> list[tuple[int, int]]:
        """Return amounts in scope and what the fund pays of each, in fen.

        The breakpoints, the bill, one beyond, and one in the middle of each piece.
        """
        ends = {step.until_fen for step in self.steps} - {None}
        marked = sorted({0, self.bill.in_scope_fen, *filter(None, ends)})
        marked.append(_BEYOND * max(marked[-1], 100))
        middles = [(one + other) // 2 for one, other in pairwise(marked)]
        benefit = self.outcome.terms.benefit
        return [
            (amount, share_of(amount, benefit, self.outcome.paid).fund_fen)
            for amount in sorted({*marked, *middles})
        ]


def try_bill(city: City, bill: OneBill, day: date, used: Used) -> TriedBill:
    """Settle a bill on a day by a city's rules then. Every refusal of `decide_bill`."""
    situation = bill.situation
    place = city.area_code
    facts = invented_facts(place, day)
    before = Accumulator(
        situation.patient,
        situation.scheme,
        pooling_area(place),
        day.year,
        used.deductible_fen,
        used.fund_fen,
    )
    facts.load(Accumulator, "", [before.key], [before])
    brought = bill_of(situation, place, day, bill.in_scope_fen)
    cities = Cities((city,))
    patient = facts.get(Person, situation.patient)
    # Meters beside the accumulator begin with nothing.
    for need in (
        meter_needs(brought, patient, situation.scheme, cities) if patient else ()
    ):
        facts.load(MeterReading, "", [need.value], [])
    outcome = decide_bill(brought, facts, cities)
    return TriedBill(bill, city, day, used, outcome)
