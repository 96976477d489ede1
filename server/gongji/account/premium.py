"""Pay a relative's premium of the resident scheme (代缴居民医保) from a purse (C68).

The holder's city today says whether purses may pay it (X15) and for whom (X4). The
whole amount or nothing, and one premium a member and year, whoever pays: several
channels paying one premium is a failure people have met.

The caller's bill from the tax authority gives amount and year; the city's rule bounds
both and says until when a premium is refunded (`premiums`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from msgspec import Struct

from gongji.account import ledger
from gongji.account.conditions import (
    PREMIUM,
    clauses_of_premium,
    condition,
    unmet_conditions,
    whole_ways,
)
from gongji.binding import life
from gongji.binding.case import Case
from gongji.binding.eligibility import HOLDER
from gongji.cities.city import Cities, City, DayRules
from gongji.model.account import Account, FormerPremium, Premium, PurseMovement
from gongji.model.binding import Application, Binding
from gongji.model.commands import Command, Decision
from gongji.model.conditions import (
    Condition,
    ConditionCode,
    FieldRef,
    StepAction,
    Way,
    WayStep,
    remedies_of,
)
from gongji.model.decided import RuleRef
from gongji.model.facts import Facts, Need, by_key
from gongji.model.ids import derived_id
from gongji.model.people import Person
from gongji.model.refusals import (
    AlreadyPaid,
    BalanceShort,
    CityNotServed,
    MalformedField,
    NotEligible,
    NotInForce,
    PersonNotFound,
)
from gongji.rules.benefits import Use
from gongji.rules.clauses import Clause
from gongji.rules.codes import SHANGHAI, EntryKind, Purpose
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import MAX_FEN, yuan
from gongji.rules.phrases import premium_years_in_words


class PaidPremium(Struct, frozen=True):
    """A premium as paid, and what left the holder's purse."""

    premium: Premium
    movement: PurseMovement


class PayPremium(Command[PaidPremium], frozen=True, kw_only=True):
    """Pay `fen` for the member's resident insurance of `year` from the holder's purse.

    MalformedField for an amount or year out of range.
    """

    answer_type = PaidPremium

    holder: str
    member: str
    year: int
    fen: int
    cities: Cities

    def __post_init__(self) -> None:
        if not 1 <= self.fen <= MAX_FEN:
            raise MalformedField("缴费金额须大于 0 且不超过十亿元", field="fen")
        if not 2000 <= self.year <= 2099:
            raise MalformedField(f"缴费年度应写作 YYYY，得到 {self.year}", field="year")

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return both people, the holder's purse, the member's bindings and premium."""
        yield by_key(Person, self.holder)
        yield by_key(Person, self.member)
        yield by_key(Account, self.holder)
        yield Need(Binding, "member", self.member)
        yield by_key(Premium, Premium.key_of(self.member, self.year))

    def decide(self, facts: Facts) -> Decision[PaidPremium]:
        """Decide the payment, or refuse it with every unmet condition.

        PersonNotFound, CityNotServed, NotInForce, NotEligible, AlreadyPaid,
        BalanceShort.
        """
        holder = _person(facts, self.holder, "holder")
        member = _person(facts, self.member, "member")
        city = self.cities.of(holder.place_on(facts.today))
        case = self._case(holder, member, city, facts)
        bounds = tuple(out_of_bounds(case, self.year, self.fen))
        if conditions := (*unmet_conditions(case, self.cities), *bounds):
            working = whole_ways(case, self.cities, bounds)
            raise _not_eligible(conditions, city, working)
        self._refuse_paid(facts)
        self._refuse_short(case, facts)
        premium = self._premium(case, city, facts)
        payee = ledger.resident_premium_account(member.place_on(facts.today))
        return _paid(premium, payee, facts)

    def _premium(self, case: Case, city: City, facts: Facts) -> Premium:
        return Premium(
            premium_id=derived_id("P", self.request.key),
            holder=self.holder,
            member=self.member,
            year=self.year,
            fen=self.fen,
            paid_at=facts.now,
            rules=deciding_rules(case.rules),
            decided_by=city.decided_by,
            former=self._former(facts),
        )

    def _case(self, holder: Person, member: Person, city: City, facts: Facts) -> Case:
        bindings = self._bindings(facts)
        return case_of(holder, member, city.rules(facts.today), facts.today, bindings)

    def _bindings(self, facts: Facts) -> tuple[Binding, ...]:
        """Return the active bindings of the two for this purpose."""
        of_member = facts.where(Binding, "member", self.member)
        return tuple([b for b in of_member if _pays(b, self.holder)])

    def _former(self, facts: Facts) -> tuple[FormerPremium, ...]:
        """Return the refunded premiums of the year, the last one last."""
        last = facts.get(Premium, Premium.key_of(self.member, self.year))
        if last is None or last.refunded_at is None:
            return ()
        refunded = FormerPremium(
            premium_id=last.premium_id,
            holder=last.holder,
            fen=last.fen,
            paid_at=last.paid_at,
            rules=last.rules,
            decided_by=last.decided_by,
            refunded_at=last.refunded_at,
            refunded_why=last.refunded_why,
            refunded_by=last.refunded_by,
            not_due=last.not_due,
        )
        return (*last.former, refunded)

    def _refuse_paid(self, facts: Facts) -> None:
        # Once a member and year, from whichever purse.
        key = Premium.key_of(self.member, self.year)
        before = facts.get(Premium, key)
        if before is not None and before.refunded_at is None:
            raise AlreadyPaid(
                f"{self.member} {self.year} 年度的{PREMIUM}"
                f"已于 {before.paid_at:%Y-%m-%d %H:%M} 代缴"
                f"（编号 {before.premium_id}），不重复扣款",
                field="year",
                premium_id=before.premium_id,
            )

    def _refuse_short(self, case: Case, facts: Facts) -> None:
        balance_fen = ledger.account_of(facts, self.holder).balance_fen
        # The purse pays all of it: no part of a premium can be paid otherwise (A15).
        if balance_fen < self.fen:
            raise BalanceShort(
                f"授权人账户余额 {yuan(balance_fen)} 元，"
                f"不足以支付 {yuan(self.fen)} 元；{PREMIUM}须全额支付",
                field="fen",
                clauses=_balance_clauses(case.rules),
                balance_fen=str(balance_fen),
                short_fen=str(self.fen - balance_fen),
            )


def out_of_bounds(case: Case, year: int, fen: int) -> Iterator[Condition]:
    """Yield what the city's rule says against a year and an amount."""
    terms = case.rules.value(CityRules.premiums)
    if not terms.least_fen <= fen <= terms.most_fen:
        message = (
            f"缴费金额 fen：{yuan(fen)} 元不在每人每年 "
            f"{yuan(terms.least_fen)} 至 {yuan(terms.most_fen)} 元之间"
        )
        yield condition(
            case,
            CityRules.premiums,
            ConditionCode.PREMIUM_OUT_OF_BOUNDS,
            message,
            *terms.clauses.amounts,
            step=WayStep(StepAction.SET, (FieldRef("fen"),), "核对金额"),
        )
    this = case.today.year
    if not this - terms.years_back <= year <= this + terms.years_ahead:
        years = premium_years_in_words(terms)
        message = f"缴费年度 year：{year} 年度现在不能缴，可缴{years}"
        yield condition(
            case,
            CityRules.premiums,
            ConditionCode.YEAR_OUT_OF_BOUNDS,
            message,
            *terms.clauses.years,
            step=WayStep(StepAction.SET, (FieldRef("year"),), "核对年度"),
        )


def case_of(
    holder: Person,
    member: Person,
    rules: DayRules,
    day: date,
    bindings: tuple[Binding, ...],
) -> Case:
    """Return the case of paying a premium, under the rules of its day."""
    application = Application(
        holder=holder.person_no,
        member=member.person_no,
        relation="",
        purposes=frozenset({Purpose.RESIDENT_PREMIUM}),
        channel="",
    )
    return Case(
        application=application,
        holder=holder,
        member=member,
        rules=rules,
        today=day,
        of_holder=bindings,
        of_member=bindings,
    )


def needs_of_paid(premium: Premium) -> Iterator[Need]:
    """Yield what `conditions_of_paid` must know."""
    yield by_key(Person, premium.holder)
    yield by_key(Person, premium.member)
    yield Need(Binding, "member", premium.member)


def conditions_of_paid(
    premium: Premium, facts: Facts, cities: Cities
) -> tuple[tuple[RuleRef, Condition], ...]:
    """Return the conditions that were not met when a premium was paid, each with its rule.

    By what is known now of both people; bindings as they were then.
    """
    holder = _person(facts, premium.holder, "holder")
    member = _person(facts, premium.member, "member")
    day = premium.paid_at.astimezone(SHANGHAI).date()
    try:
        rules = cities.of(holder.place_on(day)).rules(day)
    except (CityNotServed, NotInForce) as refusal:
        clauses = tuple([clause.id for clause in refusal.clauses])
        unserved = Condition(
            CityRules.scope.__name__,
            clauses,
            refusal.message,
            code=ConditionCode.CITY_NOT_SERVED,
            fields=HOLDER,
        )
        return ((RuleRef(unserved.hook, day, clauses), unserved),)
    bound = bound_at(premium.paid_at, premium.holder, premium.member, facts)
    case = case_of(holder, member, rules, day, bound)
    unmet = unmet_conditions(case, cities)
    return tuple([(_rule_of(condition, rules), condition) for condition in unmet])


def bound_at(
    at: datetime, holder: str, member: str, facts: Facts
) -> tuple[Binding, ...]:
    """Return the bindings that let a holder pay for a member at an instant. NotLoaded."""
    of_member = facts.where(Binding, "member", member)
    then = [life.at(binding, at) for binding in of_member]
    return tuple([b for b in then if b is not None and _pays(b, holder)])


def _pays(binding: Binding, holder: str) -> bool:
    return binding.holder == holder and binding.serves(Purpose.RESIDENT_PREMIUM)


def _rule_of(condition: Condition, rules: DayRules) -> RuleRef:
    since = rules.ref(getattr(CityRules, condition.hook)).since
    return RuleRef(condition.hook, since, condition.clauses)


def _paid(premium: Premium, payee: str, facts: Facts) -> Decision[PaidPremium]:
    before = ledger.account_of(facts, premium.holder)
    account, movement = ledger.moved(before, -premium.fen)
    entries = ledger.purse_entries(
        premium.premium_id,
        movement,
        other=payee,
        kind=EntryKind.PREMIUM,
        at=facts.now,
        reference=premium.premium_id,
    )
    answer = PaidPremium(premium, movement)
    return Decision(answer, (premium, account, *entries))


def deciding_rules(rules: DayRules) -> tuple[RuleRef, ...]:
    """Return the rules that let the purse pay, each with the clauses on premiums."""
    opening = rules.value(CityRules.uses).opening(Use.RESIDENT_PREMIUM)
    holder = rules.value(CityRules.holder_terms)
    return (
        rules.ref(CityRules.uses, *opening),
        rules.ref(CityRules.member_terms, *clauses_of_premium(rules)),
        rules.ref(CityRules.holder_terms, *holder.clauses),
        rules.ref(CityRules.premiums, *_clauses_of_paying(rules)),
    )


def _clauses_of_paying(rules: DayRules) -> tuple[Clause, ...]:
    """Return the clauses on amounts and years, none if one of them names none."""
    clauses = rules.value(CityRules.premiums).clauses
    # The clause on refunds decides nothing of a payment.
    both = clauses.amounts and clauses.years
    return (*clauses.amounts, *clauses.years) if both else ()


def _balance_clauses(rules: DayRules) -> tuple[Clause, ...]:
    order = rules.answer(CityRules.purse_order)
    return order.value.balance_clauses or order.clauses


def _not_eligible(
    conditions: tuple[Condition, ...], city: City, working: tuple[Way, ...]
) -> NotEligible:
    # Each clause once, in the order of the conditions.
    cited = dict.fromkeys(number for c in conditions for number in c.clauses)
    reasons = [f"{c.message}（{'、'.join(c.clauses)}）" for c in conditions]
    return NotEligible(
        f"不能代缴{PREMIUM}：{'；'.join(reasons)}",
        clauses=[city.clause(number) for number in cited],
        conditions=conditions,
        ways=working,
        remedies=remedies_of(working),
    ).within(city.area_code)


def _person(facts: Facts, person_no: str, field: str) -> Person:
    person = facts.get(Person, person_no)
    if person is None:
        raise PersonNotFound(f"没有编号为 {person_no} 的人员", field=field)
    return person
