"""What a person's year stands at, scheme by scheme (5206 人员累计信息查询)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

from msgspec import Struct

from gongji.cities.city import Cities
from gongji.model.account import Account
from gongji.model.binding import Binding
from gongji.model.commands import Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Institution, Person
from gongji.model.refusals import (
    FutureServiceDay,
    InstitutionNotFound,
    PersonNotFound,
    Refusal,
)
from gongji.model.settlement import Accumulator
from gongji.rules.codes import Scheme, pooling_area
from gongji.settlement.admission import INSURED, givers_of
from gongji.settlement.day_end import DayEndFacts
from gongji.settlement.meters import meter_needs
from gongji.settlement.next_bill import GRADES, NextBill, blank_bill, next_bill


class SchemeYear(Struct, frozen=True, kw_only=True):
    """One scheme's year in one pooling area.

    `next_bill` is None if no bill would be settled there; `refusal` says why, unless
    the person is not insured there on the day of the visit.
    """

    used: Accumulator
    next_bill: NextBill | None = None
    refusal: Refusal | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was used and nothing would be settled."""
        used = self.used
        return self.next_bill is None and not (
            used.deductible_used_fen or used.fund_paid_fen
        )


class BenefitYear(Struct, frozen=True):
    """What a person's year stands at the end of a day, for a visit on `service_day`."""

    person_no: str
    day: date
    service_day: date
    schemes: tuple[SchemeYear, ...]


class ShowBenefitYear(Struct, frozen=True):
    """Tell a person's year at the end of a day, for a visit of a day.

    Without a day, as of now; without a service day, of that day. `institution_code` is
    who asks, "" if it is none. `counted` are the keys of accumulators in which something
    may have been used.
    """

    person_no: str
    institution_code: str
    day: date | None
    service_day: date | None
    counted: tuple[str, ...]
    cities: Cities

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return person, purses, bindings and accumulators, as they stood."""
        as_of = DayEndFacts(facts, self.day or facts.today)
        for need in self._needs(as_of):
            yield from as_of.sources(need)

    def _needs(self, as_of: Facts) -> Iterator[Need]:
        yield by_key(Account, self.person_no)
        if self.institution_code:
            yield by_key(Institution, self.institution_code)
        person = by_key(Person, self.person_no)
        bindings = Need(Binding, "member", self.person_no)
        yield from (person, bindings)
        if not (as_of.has(person) and as_of.has(bindings)):
            return
        known = as_of.get(Person, self.person_no)
        if known is None:
            return
        service_day = self.service_day or self.day or as_of.today
        yield from self._counted_needs(known, service_day)
        bill = blank_bill(self.person_no, service_day, Scheme.EMPLOYEE, GRADES[0])
        for holder in givers_of(bill, as_of.where(Binding, "member", self.person_no)):
            yield from (by_key(Person, holder), by_key(Account, holder))

    def _counted_needs(self, person: Person, service_day: date) -> Iterator[Need]:
        """Yield the accumulators to tell of, and the readings of their schemes."""
        for unused in self._unused(person, service_day):
            yield by_key(Accumulator, unused.key)
            bill = blank_bill(self.person_no, service_day, unused.scheme, GRADES[0])
            yield from meter_needs(bill, person, unused.scheme, self.cities)

    def decide(self, facts: Facts) -> Decision[BenefitYear]:
        """Tell it.

        FutureServiceDay, InstitutionNotFound, PersonNotFound; a bill's refusal if there
        is nothing to tell.
        """
        day = self.day or facts.today
        service_day = self.service_day or day
        _refuse_future(day, service_day, facts.today)
        as_of = DayEndFacts(facts, day)
        person = self._person(facts)
        years = [
            self._year(unused, person, service_day, as_of)
            for unused in self._unused(person, service_day)
        ]
        refusals = [year.refusal for year in years if year.refusal is not None]
        if refusals and all(year.is_empty for year in years):
            raise refusals[0]
        told = [year for year in years if year.refusal or not year.is_empty]
        return Decision(BenefitYear(person.person_no, day, service_day, tuple(told)))

    def _person(self, facts: Facts) -> Person:
        """Return whose year it is. InstitutionNotFound, PersonNotFound."""
        code = self.institution_code
        if code and facts.get(Institution, code) is None:
            raise InstitutionNotFound(
                f"没有编号为 {code} 的定点医药机构", field="institution_code"
            )
        person = facts.get(Person, self.person_no)
        if person is None:
            raise PersonNotFound(
                f"没有人员编号为 {self.person_no} 的参保人", field="person"
            )
        return person

    def _unused(self, person: Person, service_day: date) -> Collection[Accumulator]:
        """Return the accumulators to tell of, nothing used: those of his schemes first."""
        schemes = [
            enrolment.scheme
            for enrolment in person.enrolments
            if enrolment.covers(service_day) and enrolment.status in INSURED
        ]
        # Of whoever is in no scheme a bill is refused as one of the employee scheme.
        insured = [
            Accumulator(
                person.person_no,
                scheme,
                _area(person, service_day, scheme),
                service_day.year,
            )
            for scheme in sorted(schemes) or [Scheme.EMPLOYEE]
        ]
        former = [Accumulator.unused(key) for key in self.counted]
        unused = {one.key: one for one in (*insured, *former)}
        return [one for one in unused.values() if one.year == service_day.year]

    def _year(
        self, unused: Accumulator, person: Person, service_day: date, as_of: Facts
    ) -> SchemeYear:
        used = as_of.get(Accumulator, unused.key) or unused
        if _area(person, service_day, unused.scheme) != unused.pooling_area:
            return SchemeYear(used=used)
        try:
            following = next_bill(used, service_day, as_of, self.cities)
        except Refusal as refusal:
            # Of a bill that nobody sent: what is wrong is the person asked about.
            refusal.field = "person" if refusal.field else ""
            # Its traceback would keep the facts alive.
            return SchemeYear(used=used, refusal=refusal.with_traceback(None))
        return SchemeYear(used=used, next_bill=following)


def _refuse_future(day: date, service_day: date, today: date) -> None:
    if day > today:
        raise FutureServiceDay(f"所问之日 {day} 晚于今日 {today}", field="day")
    if service_day > day:
        raise FutureServiceDay(
            f"就诊日 {service_day} 晚于所问之日 {day}", field="service_day"
        )


def _area(person: Person, day: date, scheme: Scheme) -> str:
    return pooling_area(person.place_on(day, scheme))
