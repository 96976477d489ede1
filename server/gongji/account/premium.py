"""Paying a relative's individual premium of the resident scheme (代缴居民医保) from a
holder's purse (C68).

The holder's city today says whether purses may pay it (X15) and for whom (X4). The
whole amount or nothing, and one premium a member and year, whoever pays: several
channels paying one premium is a failure people have met.

Assumptions: the caller's bill from the tax authority gives amount and year, no
document says when a year may be paid; a premium once paid is given back by that
authority, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from msgspec import Struct

from gongji.account import ledger
from gongji.binding.eligibility import Case, holder_enrolled, member_enrolled
from gongji.cities.city import Cities, City
from gongji.model.account import Account, Premium, PurseMovement
from gongji.model.binding import Application, Binding
from gongji.model.commands import Command, Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.ids import derived_id
from gongji.model.people import Person, alive_on
from gongji.model.refusals import (
    AlreadyPaid,
    BalanceShort,
    Condition,
    MalformedField,
    NotEligible,
    PersonNotFound,
)
from gongji.rules.benefits import Use
from gongji.rules.codes import BindingState, EntryKind, Purpose
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import MAX_FEN, yuan
from gongji.rules.terms import TERMS

_WHAT: Final = TERMS[Use][Use.RESIDENT_PREMIUM]

_DECIDING_RULES: tuple[Callable[[CityRules], object], ...] = (
    CityRules.uses,
    CityRules.member_terms,
    CityRules.holder_terms,
)


class PaidPremium(Struct, frozen=True):
    """A premium as paid, and what left the holder's purse."""

    premium: Premium
    movement: PurseMovement


class PayPremium(Command[PaidPremium], frozen=True, kw_only=True):
    """Pays `fen` for the member's resident insurance of `year` from the holder's purse.

    MalformedField where the amount or the year is none.
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
            raise MalformedField(f"缴费年度应写作 YYYY, 得到 {self.year}", field="year")

    def needs(self, _: Facts) -> Iterator[Need]:
        """Both people, the holder's purse, the member's bindings and premium of the year."""
        yield by_key(Person, self.holder)
        yield by_key(Person, self.member)
        yield by_key(Account, self.holder)
        yield Need(Binding, "member", self.member)
        yield by_key(Premium, Premium.key_of(self.member, self.year))

    def decide(self, facts: Facts) -> Decision[PaidPremium]:
        """PersonNotFound, CityNotServed, NotInForce, NotEligible with all conditions,
        AlreadyPaid, BalanceShort."""
        holder, member = (
            _person(facts, self.holder, "holder"),
            _person(facts, self.member, "member"),
        )
        city = self.cities.of(holder.insured_place)
        case = self._case(holder, member, city, facts)
        if conditions := tuple(_unmet(case)):
            raise _not_eligible(conditions, city)
        self._refuse_paid(facts)
        self._refuse_short(case, facts)
        premium = Premium(
            premium_id=derived_id("P", self.request.request_id),
            holder=self.holder,
            member=self.member,
            year=self.year,
            fen=self.fen,
            paid_at=facts.now,
            rules=tuple(case.rules.ref(hook) for hook in _DECIDING_RULES),
            decided_by=city.decided_by,
        )
        return _paid(
            premium, ledger.resident_premium_account(member.insured_place), facts
        )

    def _case(self, holder: Person, member: Person, city: City, facts: Facts) -> Case:
        """What the conditions look at: the two people bound for this purpose now, under
        the rules of today."""
        bindings = [
            b
            for b in facts.where(Binding, "member", self.member)
            if b.holder == self.holder
            and b.state is BindingState.ACTIVE
            and Purpose.RESIDENT_PREMIUM in b.purposes
        ]
        asked = Application(
            holder=self.holder,
            member=self.member,
            relation="",
            purposes=frozenset({Purpose.RESIDENT_PREMIUM}),
            channel="",
        )
        return Case(
            application=asked,
            holder=holder,
            member=member,
            rules=city.rules(facts.today),
            today=facts.today,
            of_holder=tuple(bindings),
            of_member=tuple(bindings),
        )

    def _refuse_paid(self, facts: Facts) -> None:
        """A premium is paid once a member and year, from whichever purse."""
        key = Premium.key_of(self.member, self.year)
        if (before := facts.get(Premium, key)) is not None:
            raise AlreadyPaid(
                f"{self.member} {self.year} 年度的{_WHAT}已于 {before.paid_at:%Y-%m-%d %H:%M} 代缴"
                f"(编号 {before.premium_id}), 不重复扣款",
                field="year",
                premium_id=before.premium_id,
            )

    def _refuse_short(self, case: Case, facts: Facts) -> None:
        """The purse pays all of it: no part of a premium can be paid otherwise (A15)."""
        held = (facts.get(Account, self.holder) or Account(self.holder)).balance_fen
        if held < self.fen:
            raise BalanceShort(
                f"授权人账户余额 {yuan(held)} 元, 不足以支付 {yuan(self.fen)} 元; "
                f"{_WHAT}须全额支付",
                field="fen",
                clauses=case.rules.answer(CityRules.purse_order).clauses,
                balance_fen=str(held),
                short_fen=str(self.fen - held),
            )


def _paid(premium: Premium, payee: str, facts: Facts) -> Decision[PaidPremium]:
    accounts, (movement,) = ledger.move_all(facts, [(premium.holder, -premium.fen)])
    entries = ledger.purse_entries(
        premium.premium_id,
        movement,
        other=payee,
        kind=EntryKind.PREMIUM,
        at=facts.now,
        reference=premium.premium_id,
    )
    return Decision(PaidPremium(premium, movement), (premium, *accounts, *entries))


def _unmet(case: Case) -> Iterator[Condition]:
    """Every condition of paying that is not met today, in the order the core asks its hooks."""
    yield from _alive(case)
    yield from (
        unmet.condition
        for check in (holder_enrolled, member_enrolled)
        for unmet in check(case)
    )
    yield from _bound(case)
    yield from _usable(case)


def _alive(case: Case) -> Iterator[Condition]:
    for who, person in (("授权人", case.holder), ("使用人", case.member)):
        if not alive_on(person, case.today):
            yield _condition(case, CityRules.holder_terms, f"{who}已登记死亡")


def _bound(case: Case) -> Iterator[Condition]:
    """The member is bound to this holder for premiums; nobody is bound to himself."""
    if case.holder.person_no == case.member.person_no:
        yield _condition(
            case,
            CityRules.relations,
            f"授权人与使用人是同一人: 个人账户只代缴亲属的{_WHAT}",
        )
    elif not case.of_holder:
        message = f"授权人与使用人之间没有生效的、用途含“{_WHAT}”的绑定"
        offered = Purpose.RESIDENT_PREMIUM in case.rules.value(CityRules.member_terms)
        yield _condition(
            case,
            CityRules.relations,
            message,
            f"先办理用途含“{_WHAT}”的绑定" if offered else "",
        )


def _usable(case: Case) -> Iterator[Condition]:
    """The holder's city lets purses pay premiums (X15)."""
    if Use.RESIDENT_PREMIUM not in case.rules.value(CityRules.uses).aid_at:
        yield _condition(case, CityRules.uses, f"授权人参保地的个人账户不得用于{_WHAT}")


def _condition(
    case: Case, hook: Callable[[CityRules], object], message: str, remedy: str = ""
) -> Condition:
    return Condition(hook.__name__, case.rules.ref(hook).clauses, message, remedy)


def _not_eligible(conditions: Iterable[Condition], city: City) -> NotEligible:
    conditions = tuple(conditions)
    cited = dict.fromkeys(number for c in conditions for number in c.clauses)
    return NotEligible(
        f"不能代缴{_WHAT}: "
        + "; ".join(f"{c.message}({'、'.join(c.clauses)})" for c in conditions),
        clauses=[city.clause(number) for number in cited],
        conditions=conditions,
    )


def _person(facts: Facts, person_no: str, field: str) -> Person:
    person = facts.get(Person, person_no)
    if person is None:
        raise PersonNotFound(f"没有编号为 {person_no} 的人员", field=field)
    return person
