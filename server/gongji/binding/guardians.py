"""Who may act for a person: himself, or a minor's guardian (监护人).

Parents are the guardians of their children who are not of age; if all parents on record
have died, grandparents are, and after them elder brothers and sisters (《民法典》第二十七条).
The registry's dated kin says who they are. It does not know adults who cannot act for
themselves: for those nobody else acts here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from msgspec import Struct

from gongji.binding.kinship import kind_of, on_record
from gongji.model.commands import Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Person, alive_on
from gongji.rules.codes import ADULT_YEARS

_ORDER: Final = ("5", "6", "7")
"""Kinds of relatives in the order in which they are guardians: 父母、祖父母与外祖父母、兄姐."""


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
    # One tie on either side's record is enough, as for a binding.
    kinds = on_record(child, subject, facts.today)
    place = min((_ORDER.index(kind) for kind in kinds if kind in _ORDER), default=None)
    if place is None or _minor(subject, facts):
        return False
    if place == 0:
        return True
    parents = list(_relatives(child, _ORDER[:1], facts.today))
    nearer = _relatives(child, _ORDER[:place], facts.today)
    # That there are no parents must be known, not merely unsaid.
    return bool(parents) and not any(_alive(number, facts) for number in nearer)


def _relatives(child: Person, kinds: Iterable[str], day: date) -> Iterator[str]:
    """Yield the numbers of a child's relatives of some kinds on a day."""
    for kin in child.kin:
        if kind_of(kin.relation) in kinds and kin.covers(day):
            yield kin.person_no


def _alive(number: str, facts: Facts) -> bool:
    """Return whether a relative may still act; one the registry does not hold may."""
    person = facts.get(Person, number)
    return person is None or alive_on(person, facts.today)
