"""Who may act for a person: himself, or a minor's guardian (监护人).

Parents are the guardians of their children who are not of age; if all parents on record
have died, grandparents are, and after them elder brothers and sisters (《民法典》第二十七条).
The registry's dated kin says who they are. It does not know adults who cannot act for
themselves: for those nobody else acts here.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import date
from typing import Final, NamedTuple

from msgspec import Struct

from gongji.model.commands import Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Person, alive_on
from gongji.rules.codes import ADULT_YEARS, pooling_area


class _Tier(NamedTuple):
    """Guardians of one rank, by code: what they are to the child, and it to them."""

    to_child: frozenset[str]
    of_child: frozenset[str]


def _tier(to_child: str, of_child: str) -> _Tier:
    return _Tier(frozenset(to_child.split()), frozenset(of_child.split()))


_PARENTS: Final = _tier(
    "50 51 52 57 58", "20 21 22 23 24 25 26 27 29 30 31 32 33 34 35 36 37 39"
)

# Great-grandparents are not named; of brothers and sisters the elder are, who are of age.
_TIERS: Final = (
    _PARENTS,
    _tier("60 61 62 63 64", "40 41 42 43 44"),
    _tier("70 71 75", "70 73 77"),
)
"""父母、祖父母与外祖父母、兄姐, in the order in which they are guardians."""


class IsParty(Struct, frozen=True):
    """A query whether a person is one of some people, or guardian of one, today."""

    subject: str
    people: tuple[str, ...]

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the subject, the people, and the relatives of those not of age."""
        for number in (self.subject, *self.people):
            need = by_key(Person, number)
            yield need
            person = facts.get(Person, number) if facts.has(need) else None
            if person is not None and number != self.subject and _minor(person, facts):
                yield from (by_key(Person, kin.person_no) for kin in person.kin)

    def decide(self, facts: Facts) -> Decision[bool]:
        """Decide. A person nobody knows, or who has died, is no party to anything."""
        subject = facts.get(Person, self.subject)
        if subject is None or not alive_on(subject, facts.today):
            return Decision(answer=False)
        if self.subject in self.people:
            return Decision(answer=True)
        found = (facts.get(Person, number) for number in self.people)
        return Decision(
            any(
                _is_guardian(subject, person, facts)
                for person in found
                if person is not None and _minor(person, facts)
            )
        )


def _minor(person: Person, facts: Facts) -> bool:
    return person.younger_than(ADULT_YEARS, facts.today) is True


def _is_guardian(subject: Person, child: Person, facts: Facts) -> bool:
    """Return whether a person is the guardian of a child today."""
    if _minor(subject, facts):
        return False
    nearer: list[str] = []
    for tier in _TIERS:
        if _belongs(subject, child, tier, facts.today):
            return not any(_alive(number, facts) for number in nearer)
        nearer += _of_tier(child, tier.to_child, facts.today)
        # That there are no parents must be known, not merely unsaid.
        if not nearer:
            return False
    return False


def _belongs(subject: Person, child: Person, tier: _Tier, day: date) -> bool:
    """Return whether a person is of a tier of guardians of a child on a day."""
    if subject.person_no in _of_tier(child, tier.to_child, day):
        return True
    # The guardian's own record is enough, but not one that another city keeps: whoever
    # feeds that would give its people a say over the children of every city.
    places = [one.place_on(day) for one in (subject, child)]
    cities = {pooling_area(place) for place in places if place}
    return len(cities) <= 1 and child.person_no in _of_tier(subject, tier.of_child, day)


def _of_tier(person: Person, codes: Container[str], day: date) -> list[str]:
    """Return the numbers of a person's relatives of some codes on a day."""
    return [k.person_no for k in person.kin if k.relation in codes and k.covers(day)]


def _alive(number: str, facts: Facts) -> bool:
    """Return whether a relative may still act; one the registry does not hold may."""
    person = facts.get(Person, number)
    return person is None or alive_on(person, facts.today)
