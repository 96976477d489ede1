"""What the next bill of a scheme would get: of the fund at each level, and of purses.

By the very steps of a bill: `entitlement` for the row of the table and the purses,
`split` for the curve. It is a Quote of every amount at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from msgspec import Struct

from gongji.account.ledger import account_of
from gongji.cities.city import Cities, DayRules
from gongji.model.account import Account
from gongji.model.decided import DecidedBy, RuleRef
from gongji.model.facts import Facts
from gongji.model.people import InstitutionGrade
from gongji.model.settlement import Accumulator, Bill
from gongji.rules.benefits import Table
from gongji.rules.binding import NO_LIMIT
from gongji.rules.clauses import Clause
from gongji.rules.codes import (
    AccountUse,
    InstitutionKind,
    Scheme,
    Standing,
    VisitKind,
)
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import MAX_FEN, percent, yuan
from gongji.rules.shapes import Counted, Meter, Period, Row
from gongji.settlement.admission import InsuredVisit, insured_visit
from gongji.settlement.entitlement import (
    FundTerms,
    PurseTerms,
    fund_terms,
    purse_terms,
)
from gongji.settlement.fund import read_for
from gongji.settlement.rows import Readings, deductible_of, row_share, row_steps
from gongji.settlement.split import (
    FlatRow,
    FundStep,
    StepKind,
    Used,
    deductible_left,
    fund_share,
    fund_steps,
)

GRADES = (
    InstitutionGrade(InstitutionKind.HOSPITAL, 10),
    InstitutionGrade(InstitutionKind.HOSPITAL, 7),
    InstitutionGrade(InstitutionKind.HOSPITAL, 4),
    InstitutionGrade(InstitutionKind.HOSPITAL, 11),
    InstitutionGrade(InstitutionKind.PHARMACY, 0),
)
"""One of each level, one without a level, and a pharmacy."""

_YUAN = 100

PAID_AT_VISIT = Meter(of=Counted.PAID, per=Period.VISIT)
"""The meter of a visit's own limit."""


class YearLimit(Struct, frozen=True):
    """An amount and what is left of it, in fen, with the rule that sets it."""

    fen: int
    left_fen: int
    rule: RuleRef


class StepUnderRule(Struct, frozen=True):
    """A step of the fund's curve and the rule behind it."""

    step: FundStep
    rule: RuleRef


class LevelBenefit(Struct, frozen=True, kw_only=True):
    """What the next bill would get of the fund at institutions of one grade."""

    grade: InstitutionGrade
    terms: FundTerms
    deductible: YearLimit | None
    visit_limit: YearLimit | None
    next_yuan_fen: int
    steps: tuple[StepUnderRule, ...]


class UsablePurse(Struct, frozen=True):
    """A purse and whether it may pay at a hospital and at a pharmacy."""

    at_hospital: PurseTerms
    at_pharmacy: PurseTerms
    account: Account


class NextBill(Struct, frozen=True, kw_only=True):
    """What the next bill of a scheme would get, everywhere."""

    psn_type: str
    deductible_limit: YearLimit | None
    fund_limit: YearLimit | None
    levels: tuple[LevelBenefit, ...]
    purses: tuple[UsablePurse, ...]
    decided_by: DecidedBy


def next_bill(
    before: Accumulator, service_day: date, facts: Facts, cities: Cities
) -> NextBill:
    """Return what it would get. The refusals of `insured_visit` and of `purse_terms`."""
    patient, scheme = before.person_no, before.scheme
    used = Used(before.deductible_used_fen, before.fund_paid_fen)
    visits = [
        insured_visit(
            blank_bill(patient, service_day, scheme, grade), grade, facts, cities
        )
        for grade in GRADES
    ]
    hospital, *_, pharmacy = visits
    enrolment = hospital.enrolment
    table = _Table(hospital.rules, enrolment.scheme, enrolment.standing)
    return NextBill(
        psn_type=enrolment.psn_type,
        deductible_limit=table.deductible_limit(used),
        fund_limit=table.fund_limit(used),
        levels=tuple(
            [_level(visit, table, _paying(visit, before, facts)) for visit in visits]
        ),
        purses=tuple(_purses(hospital, pharmacy, facts, cities)),
        decided_by=hospital.city.decided_by,
    )


def blank_bill(
    patient: str, service_day: date, scheme: Scheme, grade: InstitutionGrade
) -> Bill:
    """Return an ordinary bill of no amount, at no institution yet."""
    kind = VisitKind.PHARMACY if grade.is_pharmacy else VisitKind.OUTPATIENT
    return Bill(
        patient=patient,
        institution_code="",
        service_day=service_day,
        visit_kind=kind,
        scheme=scheme,
        total_fen=0,
        in_scope_fen=0,
        account_use=AccountUse.CITY_ORDER,
    )


def _purses(
    hospital: InsuredVisit, pharmacy: InsuredVisit, facts: Facts, cities: Cities
) -> Iterator[UsablePurse]:
    """Yield the purses of a visit: the same, in the same order, at both."""
    at_hospital = purse_terms(hospital, facts, cities)
    at_pharmacy = purse_terms(pharmacy, facts, cities)
    for one, other in zip(at_hospital, at_pharmacy, strict=True):
        yield UsablePurse(one, other, account_of(facts, one.purse.owner))


class _Table:
    """The figures of a scheme's table that hold for all levels, and who sets them."""

    def __init__(self, rules: DayRules, scheme: Scheme, standing: Standing) -> None:
        self._rules = rules
        entry = rules.value(CityRules.reimbursement)[scheme]
        # The limits of any other benefit differ by its rows: each level tells its own.
        self._table = entry if isinstance(entry, Table) else None
        self._standing = standing

    def deductible_limit(self, used: Used) -> YearLimit | None:
        """Return the most deductible of a year, None if there is none."""
        table = self._table
        if table is None or table.deductible_year_max_fen is NO_LIMIT:
            return None
        fen = table.deductible_year_max_fen
        left = max(0, fen - used.deductible_fen)
        return YearLimit(fen, left, self.deductible_rule)

    def fund_limit(self, used: Used) -> YearLimit | None:
        """Return the most the fund pays in a year, None if there is no limit."""
        table = self._table
        if table is None:
            return None
        fen = table.cap_fen[self._standing]
        if fen is NO_LIMIT:
            return None
        return YearLimit(fen, max(0, fen - used.fund_fen), self.cap_rule)

    @property
    def deductible_rule(self) -> RuleRef:
        """Return the rule on deductibles."""
        clauses = self._table.clauses if self._table else None
        return self._ref(clauses.deductible if clauses else ())

    @property
    def cap_rule(self) -> RuleRef:
        """Return the rule on limits."""
        clauses = self._table.clauses if self._table else None
        return self._ref(clauses.cap if clauses else ())

    def _ref(self, clauses: tuple[Clause, ...]) -> RuleRef:
        return self._rules.ref(CityRules.reimbursement, *clauses)


class _Paying(Struct, frozen=True):
    """How the fund pays of one visit: its curve, and what is left before it pays."""

    terms: FundTerms
    steps: tuple[FundStep, ...]
    next_yuan_fen: int
    deductible: tuple[int, int] | None = None
    visit_limit: int | None = None


def _paying(visit: InsuredVisit, before: Accumulator, facts: Facts) -> _Paying:
    terms = fund_terms(visit)
    benefit = terms.benefit
    if isinstance(benefit, Row):
        return _paying_by_row(terms, benefit, read_for(visit, benefit, before, facts))
    used = Used(before.deductible_used_fen, before.fund_paid_fen)
    steps = tuple(fund_steps(benefit, used))
    next_yuan = fund_share(_YUAN, benefit, used).fund_fen
    if benefit is None:
        return _Paying(terms, steps, next_yuan)
    most = benefit.visit_cap_fen
    return _Paying(
        terms,
        steps,
        next_yuan,
        (benefit.deductible_fen, deductible_left(benefit, used)),
        None if most is NO_LIMIT else most,
    )


def _paying_by_row(terms: FundTerms, row: Row, read: Readings) -> _Paying:
    of_visit = [limit.fen for limit in row.limits if limit.on == PAID_AT_VISIT]
    left = deductible_of(MAX_FEN, row, read)
    whole = min([one.fen for one in row.deductibles], default=0)
    return _Paying(
        terms,
        tuple(row_steps(row, read)),
        row_share(_YUAN, row, read).fund_fen,
        (whole, left) if row.deductibles else None,
        min(of_visit, default=None),
    )


def first_ratio_of(benefit: FlatRow | Row | None) -> int:
    """Return the ratio at which the fund begins to pay, in basis points."""
    if isinstance(benefit, Row):
        return benefit.bands[0].ratio_bp
    return benefit.ratio_bp if benefit else 0


def _level(visit: InsuredVisit, table: _Table, paying: _Paying) -> LevelBenefit:
    terms = paying.terms
    rule = terms.rule if isinstance(terms.benefit, Row) else table.deductible_rule
    cap_rule = terms.rule if isinstance(terms.benefit, Row) else table.cap_rule
    deductible = visit_limit = None
    if paying.deductible is not None:
        deductible = YearLimit(*paying.deductible, rule)
    if paying.visit_limit is not None:
        visit_limit = YearLimit(paying.visit_limit, paying.visit_limit, cap_rule)
    rules = {
        StepKind.DEDUCTIBLE: rule,
        StepKind.VISIT_LIMIT: cap_rule,
        StepKind.YEAR_LIMIT: cap_rule,
    }
    steps = [
        StepUnderRule(step, rules.get(step.kind, terms.rule)) for step in paying.steps
    ]
    return LevelBenefit(
        grade=visit.grade,
        terms=terms,
        deductible=deductible,
        visit_limit=visit_limit,
        next_yuan_fen=paying.next_yuan_fen,
        steps=tuple(steps),
    )


def in_words(level: LevelBenefit) -> str:
    """Return what the fund would pay at a level, as a sentence in Chinese."""
    if level.terms.benefit is None:
        return f"统筹基金不予支付：{level.terms.denied}"
    return steps_in_words(one.step for one in level.steps)


def steps_in_words(steps: Iterable[FundStep]) -> str:
    """Return how the fund pays as a bill grows, as a sentence in Chinese."""
    return "，".join([_step_in_words(step) for step in steps])


def _step_in_words(step: FundStep) -> str:
    until = "" if step.until_fen is None else yuan(step.until_fen)
    if step.kind is StepKind.DEDUCTIBLE:
        return f"政策范围内先由本人承担起付标准余下的 {until} 元"
    if step.kind is StepKind.RATIO:
        paid = f"由统筹基金按 {percent(step.ratio_bp)} 支付"
        if step.until_fen is None:
            return paid
        return f"{paid}，政策范围内满 {until} 元时共支付 {yuan(step.fund_fen)} 元"
    limit = _LIMITS[step.kind]
    return f"{limit}已用完，不再支付" if not step.fund_fen else f"达到{limit}，不再支付"


_LIMITS = {
    StepKind.VISIT_LIMIT: "单次支付限额",
    StepKind.YEAR_LIMIT: "年度支付限额",
    StepKind.LIMIT: "支付限额",
}
