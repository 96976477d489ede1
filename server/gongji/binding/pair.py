"""What is known of the pair of an application: its facts, gathered into one case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from gongji.binding.asked import AskedRules
from gongji.binding.case import Case, StandingBindings, person_of
from gongji.binding.kinship import SPOUSE, kind_of
from gongji.binding.status import shown, shown_by
from gongji.cities.city import Cities
from gongji.model.binding import Application, Binding
from gongji.model.facts import (
    Facts,
    Need,
    by_key,
)
from gongji.model.filing import Filing
from gongji.model.people import Person
from gongji.rules.codes import OPEN_STATES

_SIDES: Final = ("holder", "member")


def needs_of(facts: Facts, holder: str, member: str) -> Iterator[Need]:
    """Return both people, their spouses on record, and everybody they are bound to."""
    for person_no in (holder, member):
        for side in _SIDES:
            bindings = Need(Binding, side, person_no)
            yield bindings
            if facts.has(bindings):
                for binding in facts.where(Binding, side, person_no):
                    yield by_key(Person, binding.holder)
                    yield by_key(Person, binding.member)
        yield Need(Filing, "person_no", person_no)
        need = by_key(Person, person_no)
        yield need
        person = facts.get(Person, person_no) if facts.has(need) else None
        if person is not None:
            yield from (by_key(Person, spouse) for spouse in _spouses(person))


def _relatives(holder: Person, member: Person, facts: Facts) -> tuple[Person, ...]:
    numbers = (*_spouses(holder), *_spouses(member))
    relatives = [facts.get(Person, number) for number in numbers]
    return tuple(relative for relative in relatives if relative is not None)


def _spouses(person: Person) -> list[str]:
    return [k.person_no for k in person.kin if kind_of(k.relation) == SPOUSE]


def case_of(
    application: Application,
    asked_of: Callable[[Person, Person], AskedRules],
    facts: Facts,
    cities: Cities,
    *,
    itself: str = "",
) -> Case:
    """Return an application with the facts of the moment. PersonNotFound.

    `asked_of` says by whose rules two people are decided; `itself` is the id of its own
    binding, which takes no place beside itself. What `asked_of` raises, too.
    """
    holder = person_of(facts, application.holder, "holder")
    member = person_of(facts, application.member, "member")

    asked = asked_of(holder, member)
    standing = partial(_standing, facts=facts, cities=cities, itself=itself)
    of_holder, of_member, turned = standing(holder, member)
    return Case(
        application=application,
        holder=holder,
        member=member,
        rules=asked.rules,
        unserved=asked.unserved,
        asked_of=asked_of,
        today=facts.today,
        of_holder=of_holder,
        of_member=of_member,
        reversed=turned,
        relatives=_relatives(holder, member, facts),
        standing=standing,
        filings=tuple(
            filing
            for person in (holder, member)
            for filing in facts.where(Filing, "person_no", person.person_no)
        ),
    )


def _standing(
    holder: Person, member: Person, *, facts: Facts, cities: Cities, itself: str
) -> StandingBindings:
    """Return the bindings that stand now, if the facts of the two were these."""
    people = {holder.person_no: holder, member.person_no: member}

    def bindings(side: str, person: Person) -> tuple[Binding, ...]:
        stored = facts.where(Binding, side, person.person_no)
        current = [_shown(binding, people, facts, cities) for binding in stored]
        return tuple(
            binding
            for binding in current
            if binding.state in OPEN_STATES and binding.binding_id != itself
        )

    turned = (*bindings("member", holder), *bindings("holder", member))
    return bindings("holder", holder), bindings("member", member), turned


def _shown(
    binding: Binding, people: Mapping[str, Person], facts: Facts, cities: Cities
) -> Binding:
    """Return a binding as it stands now, if the facts of some people were these."""
    holder = people.get(binding.holder) or facts.get(Person, binding.holder)
    member = people.get(binding.member) or facts.get(Person, binding.member)
    if holder is None or member is None:
        return shown_by(binding, facts, cities)
    return shown(binding, holder, member, cities, facts.now)
