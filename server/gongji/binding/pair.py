"""What is known of the pair of an application: its facts, gathered into one case."""

from __future__ import annotations

from collections.abc import Iterator

from gongji.binding.case import Case
from gongji.binding.life import as_of
from gongji.cities.city import DayRules
from gongji.model.binding import Application, Binding
from gongji.model.facts import (
    Facts,
    Need,
    by_key,
)
from gongji.model.people import Person
from gongji.rules.codes import OPEN_STATES


def needs_of(holder: str, member: str) -> Iterator[Need]:
    """Return both people and their bindings."""
    yield by_key(Person, holder)
    yield by_key(Person, member)
    yield Need(Binding, "holder", holder)
    yield Need(Binding, "member", member)


def case_of(
    application: Application,
    holder: Person,
    member: Person,
    rules: DayRules,
    facts: Facts,
    *,
    itself: str = "",
) -> Case:
    """Return an application with the facts of the moment.

    `itself` is the id of its own binding, which takes no place beside itself.
    """

    def open_bindings(side: str, person: Person) -> tuple[Binding, ...]:
        stored = facts.where(Binding, side, person.person_no)
        current = [as_of(binding, facts.now) for binding in stored]
        return tuple(
            binding
            for binding in current
            if binding.state in OPEN_STATES and binding.binding_id != itself
        )

    return Case(
        application=application,
        holder=holder,
        member=member,
        rules=rules,
        today=facts.today,
        of_holder=open_bindings("holder", holder),
        of_member=open_bindings("member", member),
    )
