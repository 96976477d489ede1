"""What late facts change of bindings: how they stand, which follows by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from gongji.binding.life import as_of
from gongji.binding.status import BindingStatus, status_of
from gongji.cities.city import Cities
from gongji.model.binding import Binding
from gongji.model.causes import ChangedIn, FactBehind, Record, facts_behind
from gongji.model.commands import Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Person
from gongji.model.revisions import OWNER, PersonRevision, known_at
from gongji.model.settlement import Settlement
from gongji.rules.codes import SHANGHAI, BindingState


class LateBinding(Struct, frozen=True):
    """A binding that stands otherwise, the bills that used it, and the facts behind it."""

    binding: Binding
    before: BindingStatus
    now: BindingStatus
    settlement_ids: tuple[str, ...]
    facts: tuple[FactBehind, ...]


class ReviewedBindings(Struct, frozen=True):
    """What is otherwise of a person's bindings, and who ever used the person's purse."""

    bindings: tuple[LateBinding, ...]
    members: tuple[str, ...]


class ReviewBindings(Struct, frozen=True):
    """Ask which bindings of a person stand otherwise, as told under this person.

    A binding of two people who changed is told under its holder.
    """

    person_no: str
    changed: ChangedIn
    cities: Cities

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the bindings; their people, now and before; bills of those that changed."""
        sides = [Need(Binding, side, self.person_no) for side in ("holder", "member")]
        yield from sides
        if not all(map(facts.has, sides)):
            return
        people: list[Need] = []
        for binding in self._active(facts):
            for number in (binding.holder, binding.member):
                people.append(by_key(Person, number))
                people.append(Need(PersonRevision, OWNER, number))
        yield from people
        if all(map(facts.has, people)):
            for binding, _, _ in self._otherwise(facts):
                yield Need(Settlement, "patient", binding.member)

    def decide(self, facts: Facts) -> Decision[ReviewedBindings]:
        """Return what is otherwise."""
        held = facts.where(Binding, "holder", self.person_no)
        members = sorted({binding.member for binding in held})
        late = tuple([self._told(*one, facts) for one in self._otherwise(facts)])
        return Decision(ReviewedBindings(late, tuple(members)))

    def _active(self, facts: Facts) -> Iterator[Binding]:
        for side in ("holder", "member"):
            for binding in facts.where(Binding, side, self.person_no):
                if as_of(binding, facts.now).state is BindingState.ACTIVE:
                    yield binding

    def _otherwise(
        self, facts: Facts
    ) -> Iterator[tuple[Binding, BindingStatus, BindingStatus]]:
        for binding in self._active(facts):
            if self._told_under(binding, facts) != self.person_no:
                continue
            numbers = (binding.holder, binding.member)
            former = [self._before(n, binding, facts) for n in numbers]
            present = [facts.get(Person, number) for number in numbers]
            before = self._status(binding, former, facts)
            now = self._status(binding, present, facts)
            if before is None or now is None:
                continue
            ended = now.state is not BindingState.ACTIVE
            if before.state is not now.state or (ended and before.since != now.since):
                yield binding, before, now

    def _told_under(self, binding: Binding, facts: Facts) -> str:
        holder = facts.get(Person, binding.holder)
        if holder is not None and self._changed(holder, facts):
            return binding.holder
        return binding.member

    def _changed(self, person: Person, facts: Facts) -> bool:
        record = (Person, person.person_no)
        return self.changed.covers(record, facts)

    def _before(self, person_no: str, binding: Binding, facts: Facts) -> Person | None:
        """Return a person as known before the change; as known now if not changed.

        Of one who was not known yet, what the binding was made on.
        """
        present = facts.get(Person, person_no)
        if present is None or not self._changed(present, facts):
            return present
        former = facts.where(PersonRevision, OWNER, person_no)
        before = known_at(present, former, self.changed.at - timedelta(microseconds=1))
        made_at = binding.active_at or binding.submitted_at
        return before or known_at(present, former, made_at)

    def _status(
        self, binding: Binding, people: list[Person | None], facts: Facts
    ) -> BindingStatus | None:
        holder, member = people
        if holder is None or member is None:
            return None
        return status_of(binding, holder, member, self.cities, facts.today)

    def _told(
        self, binding: Binding, before: BindingStatus, now: BindingStatus, facts: Facts
    ) -> LateBinding:
        decided_on: dict[Record, int] = {}
        for number in (binding.holder, binding.member):
            person = self._before(number, binding, facts)
            if person is not None:
                decided_on[Person, number] = person.revision
        return LateBinding(
            binding=binding,
            before=before,
            now=now,
            settlement_ids=tuple(_used_since(binding, now, facts)),
            facts=facts_behind(decided_on, facts),
        )


def _used_since(binding: Binding, status: BindingStatus, facts: Facts) -> Iterator[str]:
    """Yield the standing settlements that used the purse since it might not be used."""
    if status.state is BindingState.ACTIVE:
        return
    for settlement in facts.where(Settlement, "patient", binding.member):
        at: datetime | None = settlement.decided_as_of
        if settlement.reversed_at is not None or at is None:
            continue
        if at.astimezone(SHANGHAI).date() < status.since:
            continue
        if any(m.purse == binding.holder for m in settlement.movements):
            yield settlement.settlement_id
