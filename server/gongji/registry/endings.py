"""Close the bindings (绑定) that lose their ground by an import.

An import that ends an enrolment, moves a person or reports a death closes every binding
that rested on it, judged by where the whole import ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from gongji.binding.case import Case
from gongji.binding.eligibility import (
    alive,
    holder_enrolled,
    in_scope,
    member_enrolled,
)
from gongji.binding.life import application_of, as_of, closed
from gongji.cities.city import Cities
from gongji.model.binding import Binding
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Person
from gongji.model.refusals import CityNotServed
from gongji.rules.codes import OPEN_STATES

_SIDES = {"holder": "member", "member": "holder"}

GROUNDS = (alive, holder_enrolled, member_enrolled, in_scope)
"""The conditions a binding goes on resting on after it was made."""


class Endings(Struct, frozen=True):
    """Closes every open binding that no longer rests on its grounds."""

    cities: Cities

    def needs(self, facts: Facts, person_nos: Iterable[str]) -> Iterator[Need]:
        """Return the bindings of these people, and the people at their other ends."""
        for person_no in person_nos:
            for side, other in _SIDES.items():
                bindings = Need(Binding, side, person_no)
                yield bindings
                if not facts.has(bindings):
                    continue
                for binding in facts.where(Binding, side, person_no):
                    yield by_key(Person, getattr(binding, other))

    def ended(self, changed: Collection[Person], facts: Facts) -> Iterator[Binding]:
        """Yield the bindings that have lost their ground, closed."""
        persons = {person.person_no: person for person in changed}
        for binding in _bindings_of(persons, facts):
            current = as_of(binding, facts.now)
            if current.state not in OPEN_STATES:
                continue
            holder = _person(binding.holder, persons, facts)
            member = _person(binding.member, persons, facts)
            if holder is None or member is None:
                continue
            lost = self._lost_ground(current, holder, member, facts)
            if lost:
                yield closed(current, facts.now, who="import", why=lost)

    def _lost_ground(
        self, binding: Binding, holder: Person, member: Person, facts: Facts
    ) -> str:
        """Return which ground the binding has lost, in Chinese; "" while it stands."""
        try:
            city = self.cities.of(holder.place_on(facts.today))
        except CityNotServed as refusal:
            return refusal.message
        lost = ""
        rules = city.rules(facts.today)
        application = application_of(binding)
        # One purpose that still stands carries the binding.
        for purpose in sorted(binding.purposes):
            case = Case(
                application=replace(application, purposes=frozenset({purpose})),
                holder=holder,
                member=member,
                rules=rules,
                today=facts.today,
                of_holder=(),
                of_member=(),
            )
            lost = "; ".join(_unmet(case))
            if not lost:
                return ""
        return lost


def _unmet(case: Case) -> Iterator[str]:
    for ground in GROUNDS:
        for unmet in ground(case):
            yield unmet.condition.message


def _person(
    person_no: str, changed: Mapping[str, Person], facts: Facts
) -> Person | None:
    """Return the person as imported, else as stored."""
    return changed.get(person_no) or facts.get(Person, person_no)


def _bindings_of(changed: Mapping[str, Person], facts: Facts) -> list[Binding]:
    # By id: a binding between two people of one import is found from both sides.
    bindings = {
        binding.binding_id: binding
        for person_no in changed
        for side in _SIDES
        for binding in facts.where(Binding, side, person_no)
    }
    return list(bindings.values())
