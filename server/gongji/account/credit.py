"""Credit a personal account (个人账户): a month's credit, or a balance brought forward.

The law of a month: its credits less those taken back are none or one a person, whatever
the request ids. A credit taken back (划入冲回) goes back whole to where it came from,
and the month may be credited again.

Assumption: a person normally enrolled in the employee scheme on the last day of the
month, or today while the month lasts, has that month's credit, under the standing and
the rules of that day. The day of payment is in no document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from gongji.account import ledger
from gongji.cities.city import Cities, City
from gongji.model.account import Account, Credit, PurseMovement, has_purse
from gongji.model.commands import Command, Decision
from gongji.model.decided import DecidedBy, RuleRef
from gongji.model.facts import Facts, Need, by_key
from gongji.model.ids import derived_id
from gongji.model.people import Enrolment, Person, alive_on
from gongji.model.refusals import (
    AlreadyCredited,
    BalanceSpent,
    CreditNotFound,
    FutureMonth,
    MalformedField,
    NoAccount,
    NoContributionBase,
    NotEnrolled,
    ParameterNotSet,
    PersonNotFound,
)
from gongji.rules.benefits import CreditTerms, OperatorSets
from gongji.rules.clauses import Clause
from gongji.rules.codes import EnrolmentStatus, EntryKind, Scheme, Standing
from gongji.rules.days import days_of_month
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import MAX_FEN, Rounding, share, yuan

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


class Credited(Struct, frozen=True):
    """What was credited, how the purse stands, the rule behind the amount and whose it is.

    A balance brought forward has no rule.
    """

    fen: int
    movement: PurseMovement
    rule: RuleRef | None
    decided_by: DecidedBy | None = None


class CreditAccount(Command[Credited], frozen=True):
    """Credit one account with a month's credit, or bring a balance forward (结转转入).

    `month` is YYYY-MM and is credited once. MalformedField unless exactly one of
    `month` and `brought_forward_fen` is given.
    """

    answer_type = Credited

    person_no: str
    month: str
    brought_forward_fen: int
    cities: Cities

    def __post_init__(self) -> None:
        if bool(self.month) == bool(self.brought_forward_fen):
            raise MalformedField("划入月份与结转金额须恰好给出一项", field="month")
        if self.month:
            _refuse_malformed_month(self.month)
        if not 0 <= self.brought_forward_fen <= MAX_FEN:
            raise MalformedField(
                "结转金额须大于 0 且不超过十亿元", field="brought_forward_fen"
            )

    @property
    def credit_id(self) -> str:
        """Return the key of the month's credit."""
        return credit_id_of(self.person_no, self.month)

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the person, the account and the month's credit."""
        yield by_key(Person, self.person_no)
        yield by_key(Account, self.person_no)
        if self.month:
            yield by_key(Credit, self.credit_id)

    def decide(self, facts: Facts) -> Decision[Credited]:
        """Decide the credit.

        PersonNotFound, NoAccount; then for a month FutureMonth, AlreadyCredited,
        CityNotServed, NotInForce, NotEnrolled, NoContributionBase, ParameterNotSet.
        """
        person = _person(facts, self.person_no)
        if not has_purse(person, facts.get(Account, self.person_no)):
            raise NoAccount(
                f"{self.person_no} 从未参加职工医保, 没有个人账户", field="person"
            )
        if self.month:
            return self._of_month(person, facts)
        transaction_id = derived_id("C", self.request.request_id)
        brought = _Source(
            fen=self.brought_forward_fen,
            ledger_account=ledger.BROUGHT_FORWARD,
            kind=EntryKind.BROUGHT_FORWARD,
            reference=transaction_id,
        )
        return self._credited(brought, (), facts)

    def _of_month(self, person: Person, facts: Facts) -> Decision[Credited]:
        first, last = days_of_month(self.month)
        self._refuse_untimely(first, facts)
        day = min(last, facts.today)
        city = self.cities.of(person.place_on(day, Scheme.EMPLOYEE))
        rules = city.rules(day)
        terms = rules.answer(CityRules.account_crediting)
        enrolment = _enrolment(person, day, terms.clauses)
        fen, payer = _amount(person, enrolment, day, terms.value, city)
        credit = Credit(
            self.credit_id,
            self.person_no,
            self.month,
            fen,
            payer,
            facts.now,
            rules_digest=city.rules_digest,
        )
        source = _Source(
            fen=fen,
            ledger_account=payer,
            kind=EntryKind.CREDIT,
            reference=self.credit_id,
            rule=rules.ref(CityRules.account_crediting),
            decided_by=city.decided_by,
        )
        return self._credited(source, (credit,), facts)

    def _refuse_untimely(self, first: date, facts: Facts) -> None:
        if first > facts.today:
            raise FutureMonth(f"{self.month} 尚未开始, 不能划入", field="month")
        if _standing(facts, self.credit_id) is not None:
            raise AlreadyCredited(
                f"{self.person_no} 的 {self.month} 已经划入, 每人每月只划入一次",
                field="month",
            )

    def _credited(
        self,
        source: _Source,
        records: tuple[Credit, ...],
        facts: Facts,
    ) -> Decision[Credited]:
        before = ledger.account_of(facts, self.person_no)
        account, movement = ledger.moved(before, source.fen)
        entries = ledger.purse_entries(
            derived_id("C", self.request.request_id),
            movement,
            other=source.ledger_account,
            kind=source.kind,
            at=facts.now,
            reference=source.reference,
        )
        answer = Credited(source.fen, movement, source.rule, source.decided_by)
        return Decision(answer, (*records, account, *entries))


class _Source(Struct, frozen=True, kw_only=True):
    """How many fen come from which ledger account, as what kind of entry, by what rule."""

    fen: int
    ledger_account: str
    kind: EntryKind
    reference: str
    rule: RuleRef | None = None
    decided_by: DecidedBy | None = None


class TakeBackCredit(Command[PurseMovement], frozen=True):
    """Take the standing credit of a month back, whole (划入冲回); `why` is kept with it.

    The month (YYYY-MM) may be credited again under another request id. MalformedField
    for a malformed month.
    """

    answer_type = PurseMovement

    person_no: str
    month: str
    why: str

    def __post_init__(self) -> None:
        _refuse_malformed_month(self.month)

    @property
    def credit_id(self) -> str:
        """Return the key of the month's credit."""
        return credit_id_of(self.person_no, self.month)

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the person, the account and the month's credit."""
        yield by_key(Person, self.person_no)
        yield by_key(Account, self.person_no)
        yield by_key(Credit, self.credit_id)

    def decide(self, facts: Facts) -> Decision[PurseMovement]:
        """Decide the mirror image of the credit.

        PersonNotFound, CreditNotFound, BalanceSpent.
        """
        _ = _person(facts, self.person_no)
        credit = _standing(facts, self.credit_id)
        if credit is None:
            raise CreditNotFound(
                f"{self.person_no} 的 {self.month} 没有可收回的划入: 未曾划入, 或已收回",
                field="month",
            )
        before = ledger.account_of(facts, self.person_no)
        self._refuse_spent(credit, before.balance_fen)
        account, movement = ledger.moved(before, -credit.fen)
        entries = ledger.purse_entries(
            derived_id("T", self.request.request_id),
            movement,
            other=credit.source,
            kind=EntryKind.CREDIT_TAKEN_BACK,
            at=facts.now,
            reference=credit.credit_id,
        )
        taken_back = replace(
            credit,
            taken_back_at=facts.now,
            taken_back_why=self.why,
        )
        return Decision(movement, (taken_back, account, *entries))

    def _refuse_spent(self, credit: Credit, balance_fen: int) -> None:
        # Whole or not at all: a part taken back would leave a credit no rule gives.
        if balance_fen < credit.fen:
            raise BalanceSpent(
                f"{self.month} 划入的 {yuan(credit.fen)} 元已被使用, "
                f"账户只余 {yuan(balance_fen)} 元, 不能全额收回",
                field="month",
                credited_fen=str(credit.fen),
                balance_fen=str(balance_fen),
            )


def credit_id_of(person_no: str, month: str) -> str:
    """Return the key of a month's credit: P1/2025-09."""
    return f"{person_no}/{month}"


def _refuse_malformed_month(month: str) -> None:
    # There is a year 0000 by the pattern and none by the calendar.
    if not _MONTH.fullmatch(month) or month < "0001-01":
        raise MalformedField(f"月份应写作 YYYY-MM, 得到 {month!r}", field="month")


def _person(facts: Facts, person_no: str) -> Person:
    person = facts.get(Person, person_no)
    if person is None:
        raise PersonNotFound(f"没有人员编号为 {person_no} 的参保人", field="person")
    return person


def _standing(facts: Facts, credit_id: str) -> Credit | None:
    """Return the month's credit, None if there is none or it was taken back."""
    credit = facts.get(Credit, credit_id)
    if credit is None or credit.taken_back_at is not None:
        return None
    return credit


def _enrolment(person: Person, day: date, clauses: tuple[Clause, ...]) -> Enrolment:
    """Return the enrolment as an employee. NotEnrolled unless normal that day."""
    enrolment = person.enrolled(day, Scheme.EMPLOYEE)
    if (
        enrolment is None
        or enrolment.status is not EnrolmentStatus.NORMAL
        or not alive_on(person, day)
    ):
        raise NotEnrolled(
            f"{person.person_no} 在 {day} 未正常参加职工医保, 当月不划入",
            field="person",
            clauses=clauses,
        )
    return enrolment


def _amount(
    person: Person, enrolment: Enrolment, day: date, terms: CreditTerms, city: City
) -> tuple[int, str]:
    """Return fen and their source: own premium (C55) or pooled fund (C56).

    NoContributionBase, ParameterNotSet.
    """
    if enrolment.standing is Standing.ACTIVE:
        base_fen = person.base_on(day)
        if base_fen <= 0:
            raise NoContributionBase(
                f"{person.person_no} 没有登记缴费基数, 无法计算划入金额; 请先导入",
                field="person",
            )
        fen = share(base_fen, terms.active_ratio_bp, Rounding.HALF_UP)
        return fen, ledger.premium_account(city.area_code)
    if isinstance(terms.retired_fen, OperatorSets):
        raise ParameterNotSet(
            f"{city.name}退休人员每月划入金额(account_crediting.retired_fen)"
            "没有文件给出, 须由运营方设定: gongji serve --retired-credit "
            f"{city.area_code}:金额(元)@起始日",
            city=city.area_code,
            parameter="account_crediting.retired_fen",
        )
    return terms.retired_fen, ledger.fund_account(city.area_code, Scheme.EMPLOYEE)
