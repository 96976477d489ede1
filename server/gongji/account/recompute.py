"""Decide a stored credit or premium once more by the facts and rules of then (重算).

Of what became known at the very instant nobody knows whether it was known already:
either will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from gongji.account.conditions import asked
from gongji.account.correction import due_now
from gongji.account.credit import CreditDue, amount_due
from gongji.account.premium import (
    bound_at,
    case_of,
    deciding_rules,
    needs_of_paid,
    out_of_bounds,
)
from gongji.account.refund import last_day
from gongji.cities import kept
from gongji.cities.city import Cities
from gongji.cities.encoding import UnreadableRules
from gongji.model.account import Credit, FormerPremium, Premium
from gongji.model.commands import Decision
from gongji.model.decided import DecidedBy, KeptRules
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Person
from gongji.model.refusals import RefundTooLate, Refusal
from gongji.model.revisions import OWNER, PersonRevision, known_at
from gongji.rules.codes import SHANGHAI
from gongji.rules.hookspecs import CityRules

_MOMENT: Final = timedelta(microseconds=1)


class CreditAsThen(Struct, frozen=True):
    """Decide a month's credit once more; the answer says what is not as stored, if any."""

    stored: Credit

    @property
    def at(self) -> datetime:
        """Return when it was decided last."""
        return self.stored.corrected_at or self.stored.at

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return its rules, and what was ever known of the person."""
        yield by_key(KeptRules, self.stored.rules_digest or "")
        yield from _known_needs(self.stored.person_no)

    def decide(self, facts: Facts) -> Decision[str]:
        """Decide it: "" if it is as stored."""

        def told(when: datetime) -> str:
            person = _known(self.stored.person_no, when, facts)
            due = self._due(person, facts)
            if (due.fen, due.source) == (self.stored.fen, self.stored.source):
                return ""
            return (
                f"应为 {due.fen} 分，所存 {self.stored.fen} 分"
                if due.fen != self.stored.fen
                else f"应出自 {due.source}，所存 {self.stored.source}"
            )

        return Decision(_told(self.at, told))

    def _due(self, person: Person, facts: Facts) -> CreditDue:
        cities = Cities((kept.rules_of(self.stored.rules_digest or "", facts),))
        if self.stored.corrected_at is None:
            return amount_due(person, self.stored.month, cities)
        return due_now(person, self.stored, cities)


class PremiumAsThen(Struct, frozen=True):
    """Decide one payment of a premium once more; the answer as of `CreditAsThen`.

    Not whether a fact had ended the binding: that may be another city's to say, whose
    rules are not kept with it.
    """

    record: Premium
    paid: Premium | FormerPremium

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return its rules, what was ever known of both people, and their bindings."""
        yield from kept.needs_of(self.paid.decided_by)
        for number in (self.paid.holder, self.record.member):
            yield from _known_needs(number)
        yield from needs_of_paid(self.record)

    def decide(self, facts: Facts) -> Decision[str]:
        """Decide it: "" if it was to be paid, under the rules it names."""
        return Decision(
            _told(self.paid.paid_at, lambda when: self._unlike(when, facts))
        )

    def _unlike(self, when: datetime, facts: Facts) -> str:
        paid, member = self.paid, self.record.member
        people = [_known(number, when, facts) for number in (paid.holder, member)]
        day = paid.paid_at.astimezone(SHANGHAI).date()
        city = kept.cities_of(paid.decided_by, facts).of(people[0].place_on(day))
        rules = city.rules(day)
        bindings = bound_at(when, paid.holder, member, facts)
        case = case_of(people[0], people[1], rules, day, bindings)
        unmet = (*asked(case), *out_of_bounds(case, self.record.year, paid.fen))
        if unmet:
            return f"当时应予拒绝：{'；'.join([one.message for one in unmet])}"
        return "" if deciding_rules(rules) == paid.rules else "所依的规则与当时不同"


class RefundAsThen(Struct, frozen=True):
    """Decide once more whether a premium was refunded in time; the answer as of `CreditAsThen`."""

    paid: Premium | FormerPremium
    year: int
    refunded_at: datetime
    decided_by: DecidedBy | None

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return its rules."""
        if self.decided_by is not None:
            yield from kept.needs_of(self.decided_by)

    def decide(self, facts: Facts) -> Decision[str]:
        """Decide it. CityNotServed, NotInForce."""
        try:
            cities = kept.named_by(self.decided_by, facts)
        except UnreadableRules as missing:
            return Decision(str(missing))
        today = self.refunded_at.astimezone(SHANGHAI).date()
        rules = cities.of(self.paid.decided_by.area_code).rules(today)
        last = last_day(self.paid.paid_at, self.year, rules.value(CityRules.premiums))
        told = (
            f"至迟 {last} 可退费，而退于 {today}：应予拒绝（{RefundTooLate.reason()}）"
        )
        return Decision(told if today > last else "")


def payments_of(premium: Premium) -> Iterator[PremiumAsThen]:
    """Yield each payment of a member's year, refunded ones too."""
    yield PremiumAsThen(premium, premium)
    for former in premium.former:
        yield PremiumAsThen(premium, former)


class _NotKnown(Exception):  # noqa: N818 - a state of the registry, told as it is
    """Somebody was not on record at that instant."""


def _known_needs(person_no: str) -> Iterator[Need]:
    yield by_key(Person, person_no)
    yield Need(PersonRevision, OWNER, person_no)


def _known(person_no: str, when: datetime, facts: Facts) -> Person:
    """Return a person as known at an instant. _NotKnown."""
    former = facts.where(PersonRevision, OWNER, person_no)
    person = known_at(facts.get(Person, person_no), former, when)
    if person is None:
        raise _NotKnown
    return person


def _told(at: datetime, unlike: Callable[[datetime], str]) -> str:
    """Return what is not as stored by what was known at an instant, or just before it."""
    told = _unlike(at, unlike)
    return told and (_unlike(at - _MOMENT, unlike) and told)


def _unlike(when: datetime, unlike: Callable[[datetime], str]) -> str:
    try:
        return unlike(when)
    except Refusal as refusal:
        return f"当时应予拒绝（{refusal.reason()}）"
    except UnreadableRules as unreadable:
        return str(unreadable)
    except _NotKnown:
        return "当时登记库中没有此人"
