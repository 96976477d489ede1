"""Bindings whose state follows from facts: how they stood just before and at instants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from typing import Final

from msgspec import Struct

from gongji.binding.life import at as stored_at
from gongji.binding.status import BindingStatus, days_of_change, status_of
from gongji.cities.city import Cities
from gongji.model.binding import Binding
from gongji.model.commands import Decision
from gongji.model.event import BindingChange, Event, EventKind
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Person
from gongji.model.revisions import OWNER, PersonRevision, known_at
from gongji.rules.codes import SHANGHAI, BindingState

_MOMENT: Final = timedelta(microseconds=1)

_KINDS: Final = {
    BindingState.ACTIVE: EventKind.BINDING_RESUMED,
    BindingState.SUSPENDED: EventKind.BINDING_SUSPENDED,
    BindingState.ENDED: EventKind.BINDING_ENDED,
}


class StandingChanges(Struct, frozen=True):
    """Ask which bindings stand otherwise at some instants than just before, by the facts.

    The facts are those known then; the days before and after an instant may be two.
    """

    bindings: Sequence[Binding]
    instants: Sequence[datetime]
    cities: Cities

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the people of each, as known then."""
        people = {n for one in self.bindings for n in (one.holder, one.member)}
        for number in sorted(people):
            yield by_key(Person, number)
        first = min(self.instants)
        for number in sorted(people):
            if not facts.has(by_key(Person, number)):
                continue
            person = facts.get(Person, number)
            # Most were known long before.
            if person and person.known_from and person.known_from >= first:
                yield Need(PersonRevision, OWNER, number)

    def decide(self, facts: Facts) -> Decision[list[Event]]:
        """Return an event for each change, those of one binding in their order."""
        of_rules = {day for city in self.cities.all for day, _ in city.periods()}
        changes = [
            self._change(binding, facts, instant)
            for binding in self.bindings
            for instant in self._turns(binding, facts, of_rules)
        ]
        return Decision([change for change in changes if change is not None])

    def _turns(
        self, binding: Binding, facts: Facts, of_rules: AbstractSet[date]
    ) -> list[datetime]:
        """Return the instants at which facts, their days or the rules are others."""
        days, known = set(of_rules), set()
        for number in (binding.holder, binding.member):
            for person in self._revisions(number, facts):
                days.update(days_of_change(person))
                known.add(person.known_from)
        # hot path: of years of days few are any that a binding turns on.
        return [
            instant
            for instant in sorted(self.instants)
            if instant in known or _day_begun(instant) in days
        ]

    def _revisions(self, number: str, facts: Facts) -> Iterator[Person]:
        """Yield what was known of a person at any of the instants."""
        present = facts.get(Person, number)
        if present is None:
            return
        yield present
        if present.known_from and present.known_from >= min(self.instants):
            for former in facts.where(PersonRevision, OWNER, number):
                yield former.record

    def _change(
        self, binding: Binding, facts: Facts, instant: datetime
    ) -> Event | None:
        before = self._status(binding, facts, instant - _MOMENT)
        after = self._status(binding, facts, instant)
        if before is None or after is None or before.state is after.state:
            return None
        change = BindingChange(
            binding.binding_id,
            binding.holder,
            binding.member,
            before.state,
            after.state,
            after.why,
        )
        return Event(
            _KINDS[after.state],
            instant,
            change,
            (binding.holder, binding.member),
            binding.decided_by.area_code,
        )

    def _status(
        self, binding: Binding, facts: Facts, instant: datetime
    ) -> BindingStatus | None:
        """Return how a binding stood by the facts; None if it was not active then."""
        then = stored_at(binding, instant)
        if then is None or then.state is not BindingState.ACTIVE:
            return None
        people = [
            self._known(number, facts, instant)
            for number in (binding.holder, binding.member)
        ]
        holder, member = people
        if holder is None or member is None:
            return None
        day = instant.astimezone(SHANGHAI).date()
        return status_of(then, holder, member, self.cities, day)

    def _known(self, number: str, facts: Facts, instant: datetime) -> Person | None:
        present = facts.get(Person, number)
        if present is None or not present.known_from or present.known_from <= instant:
            return present
        former = facts.where(PersonRevision, OWNER, number)
        return known_at(present, former, instant)


def _day_begun(instant: datetime) -> date | None:
    """Return the day whose first moment an instant is; None if it is none."""
    local = instant.astimezone(SHANGHAI)
    return local.date() if local.time() == time.min else None
