"""Credit a personal account (个人账户) with a month's credit (划入), or take one back.

The law of a month: its credits less those taken back are none or one a person, whatever
the request ids. A credit taken back (划入冲回) goes back whole to where it came from,
and the month may be credited again.

A person normally enrolled in the employee scheme on the day of the month that the city
names has that month's credit, under the standing, base and rules of that day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import ClassVar, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from gongji.account import ledger
from gongji.account.ledger import Posting
from gongji.cities.city import Cities, City
from gongji.model.account import Account, Credit, Entry, PurseMovement, has_purse
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
from gongji.rules.benefits import CreditDay, CreditTerms, OperatorSets
from gongji.rules.clauses import Clause
from gongji.rules.codes import EnrolmentStatus, EntryKind, Scheme, Standing
from gongji.rules.days import days_of_month
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import Rounding, share, yuan
from gongji.text.forms import as_sent

R = TypeVar("R")

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


class Credited(Struct, frozen=True):
    """What was credited, how the purse stands, the rule behind the amount and whose it is.

    A balance brought forward has no rule.
    """

    fen: int
    movement: PurseMovement
    rule: RuleRef | None
    decided_by: DecidedBy | None = None


class CreditDue(Struct, frozen=True):
    """What a month's credit would be now: fen, where they come from, and why.

    No rule if nothing is due.
    """

    fen: int
    source: str
    rule: RuleRef | None = None
    decided_by: DecidedBy | None = None
    rules_digest: str | None = None


def amount_due(person: Person, month: str, cities: Cities) -> CreditDue:
    """Return a month's credit by what is known of the person; nothing is booked.

    NotEnrolled if none is due; CityNotServed, NotInForce, NoContributionBase,
    ParameterNotSet if it cannot be said.
    """
    day = _deciding_day(person, month, cities)
    city = crediting_city(person, month, cities)
    rules = city.rules(day)
    terms = rules.answer(CityRules.account_crediting)
    enrolment = _enrolment(person, day, terms.value.entitling or terms.clauses)
    fen, source = _amount(person, enrolment, day, terms.value, city)
    cited = terms.value.cited(enrolment.standing)
    rule = rules.ref(CityRules.account_crediting, *cited)
    return CreditDue(fen, source, rule, city.decided_by, city.rules_digest)


def crediting_city(person: Person, month: str, cities: Cities) -> City:
    """Return the city that decides a month's credit. CityNotServed, NotInForce."""
    day = _deciding_day(person, month, cities)
    return cities.of(person.place_on(day, Scheme.EMPLOYEE))


class OfMonth(Command[R], Generic[R], frozen=True):
    """A command on one person's credit of one month, YYYY-MM. MalformedField."""

    wire: ClassVar[tuple[tuple[str, str], ...]] = (("person_no", "person"),)

    person_no: str
    month: str

    def __post_init__(self) -> None:
        refuse_malformed_month(self.month)

    @property
    def credit_id(self) -> str:
        """Return the key of the month's credit."""
        return credit_id_of(self.person_no, self.month)

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the person, the account and the month's credit."""
        yield by_key(Person, self.person_no)
        yield by_key(Account, self.person_no)
        yield by_key(Credit, self.credit_id)


class CreditAccount(OfMonth[Credited], frozen=True):
    """Credit one account with a month's credit (划入).

    `month` is YYYY-MM and is credited once; MalformedField.
    """

    answer_type = Credited

    # Every request of the method has this field, and its digest is stored.
    brought_forward_fen: ClassVar[int] = 0

    cities: Cities

    @classmethod
    def content_names(cls) -> list[str]:
        """Return the fields as the requests of every version have them."""
        return ["person_no", "month", "brought_forward_fen"]

    def decide(self, facts: Facts) -> Decision[Credited]:
        """Decide the credit.

        PersonNotFound, NoAccount, FutureMonth, AlreadyCredited, CityNotServed,
        NotInForce, NotEnrolled, NoContributionBase, ParameterNotSet.
        """
        person = person_with_purse(facts, self.person_no)
        self._refuse_untimely(facts)
        due = amount_due(person, self.month, self.cities)
        credit = self._credit(due, facts)
        account, movement = ledger.moved(
            ledger.account_of(facts, self.person_no), due.fen
        )
        entries = ledger.purse_entries(
            derived_id("C", self.request.key),
            movement,
            other=due.source,
            kind=EntryKind.CREDIT,
            at=facts.now,
            reference=self.credit_id,
        )
        answer = Credited(due.fen, movement, due.rule, due.decided_by)
        return Decision(answer, (credit, account, *entries))

    def _credit(self, due: CreditDue, facts: Facts) -> Credit:
        return Credit(
            credit_id=self.credit_id,
            person_no=self.person_no,
            month=self.month,
            fen=due.fen,
            source=due.source,
            at=facts.now,
            rules_digest=due.rules_digest,
        )

    def _refuse_untimely(self, facts: Facts) -> None:
        first, _ = days_of_month(self.month)
        if first > facts.today:
            raise FutureMonth(f"{self.month} 尚未开始，不能划入", field="month")
        if standing_credit(facts, self.credit_id) is not None:
            raise AlreadyCredited(
                f"{self.person_no} 的 {self.month} 已经划入，每人每月只划入一次",
                field="month",
            )


class TakeBackCredit(OfMonth[PurseMovement], frozen=True):
    """Take the standing credit of a month back, whole (划入冲回); `why` is kept with it.

    The month (YYYY-MM) may be credited again under another request id. MalformedField
    for a malformed month.
    """

    answer_type = PurseMovement

    why: str

    def decide(self, facts: Facts) -> Decision[PurseMovement]:
        """Decide the mirror image of the credit.

        PersonNotFound, CreditNotFound, BalanceSpent.
        """
        _ = known_person(facts, self.person_no)
        credit = standing_credit(facts, self.credit_id)
        if credit is None:
            raise CreditNotFound(
                f"{self.person_no} 的 {self.month} 没有可收回的划入：未曾划入，或已收回",
                field="month",
            )
        before = ledger.account_of(facts, self.person_no)
        self._refuse_spent(credit, before.balance_fen)
        account, movement = ledger.moved(before, -credit.in_purse_fen)
        entries = self._entries(credit, movement, facts)
        taken_back = replace(
            credit,
            owed_fen=0,
            taken_back_at=facts.now,
            taken_back_why=self.why,
        )
        return Decision(movement, (taken_back, account, *entries))

    def _entries(
        self, credit: Credit, movement: PurseMovement, facts: Facts
    ) -> tuple[Entry, ...]:
        postings = [
            Posting(credit.source, credit.fen),
            Posting(ledger.owed_account(self.person_no), credit.owed_fen),
            ledger.purse_posting(movement, EntryKind.CREDIT_TAKEN_BACK),
        ]
        transaction_id = derived_id("T", self.request.key)
        return ledger.balanced(transaction_id, postings, facts.now, credit.credit_id)

    def _refuse_spent(self, credit: Credit, balance_fen: int) -> None:
        # Whole or not at all: a part taken back would leave a credit no rule gives.
        if balance_fen < credit.in_purse_fen:
            raise BalanceSpent(
                f"{self.month} 划入的 {yuan(credit.in_purse_fen)} 元已被使用，"
                f"账户余额 {yuan(balance_fen)} 元，不能全额收回",
                field="month",
                credited_fen=str(credit.in_purse_fen),
                balance_fen=str(balance_fen),
            )


def credit_id_of(person_no: str, month: str) -> str:
    """Return the key of a month's credit: P1/2025-09."""
    return f"{person_no}/{month}"


def refuse_malformed_month(month: str) -> None:
    """Refuse what is no month. MalformedField."""
    # There is a year 0000 by the pattern and none by the calendar.
    if not _MONTH.fullmatch(month) or month < "0001-01":
        raise MalformedField(f"月份应写作 YYYY-MM，得到{as_sent(month)}", field="month")


def known_person(facts: Facts, person_no: str) -> Person:
    """Return the person. PersonNotFound."""
    person = facts.get(Person, person_no)
    if person is None:
        raise PersonNotFound(f"没有人员编号为 {person_no} 的参保人", field="person")
    return person


def person_with_purse(facts: Facts, person_no: str) -> Person:
    """Return the person. PersonNotFound, NoAccount."""
    person = known_person(facts, person_no)
    if not has_purse(person, facts.get(Account, person_no)):
        raise NoAccount(f"{person_no} 从未参加职工医保，没有个人账户", field="person")
    return person


def standing_credit(facts: Facts, credit_id: str) -> Credit | None:
    """Return the month's credit, None if there is none or it was taken back."""
    credit = facts.get(Credit, credit_id)
    if credit is None or credit.taken_back_at is not None:
        return None
    return credit


def _deciding_day(person: Person, month: str, cities: Cities) -> date:
    """Return the day of the month that decides its credit, as the city says."""
    # Never the day the job runs: the same month is credited alike early and late.
    first, last = days_of_month(month)
    city = cities.of(person.place_on(last, Scheme.EMPLOYEE))
    deciding = city.rules(last).value(CityRules.credit_day)
    return first if deciding is CreditDay.FIRST else last


def _enrolment(person: Person, day: date, clauses: tuple[Clause, ...]) -> Enrolment:
    """Return the enrolment as an employee. NotEnrolled unless normal that day."""
    enrolment = person.enrolled(day, Scheme.EMPLOYEE)
    if (
        enrolment is None
        or enrolment.status is not EnrolmentStatus.NORMAL
        or not alive_on(person, day)
    ):
        raise NotEnrolled(
            f"{person.person_no} 在 {day} 未正常参加职工医保，当月不划入",
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
                f"{person.person_no} 没有登记缴费基数，无法计算划入金额；请先导入",
                field="person",
            )
        fen = share(base_fen, terms.active_ratio_bp, Rounding.HALF_UP)
        return fen, ledger.premium_account(city.area_code)
    if isinstance(terms.retired_fen, OperatorSets):
        raise ParameterNotSet(
            f"{city.name}退休人员每月划入金额没有文件给出，"
            "须由运营方设定：gongji serve --retired-credit "
            f"{city.area_code}:金额（元）@起始日",
            city=city.area_code,
            parameter="account_crediting.retired_fen",
        )
    return terms.retired_fen, ledger.fund_account(city.area_code, Scheme.EMPLOYEE)
