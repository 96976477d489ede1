"""Which city each question on a pair is asked (异地共济): the holder's, the member's, both.

Holder and member may be insured in two cities. Each city is asked about its own person;
what concerns the pair is asked of both, and both must agree. Of two people of one city
all is asked of that city.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from enum import Enum
from typing import Any, Final, TypeVar

from msgspec import Struct

from gongji.cities.city import Cities, City, DayRules
from gongji.model.decided import RuleRef
from gongji.model.people import Person
from gongji.model.refusals import CityNotServed
from gongji.rules.binding import EnrolmentTerms, offered
from gongji.rules.clauses import Clause, Ruled, Timeline
from gongji.rules.codes import Purpose, pooling_area
from gongji.rules.hookspecs import CityRules

T = TypeVar("T")


class Side(Enum):
    """Whose city: the holder's (授权人参保地) or the member's (使用人参保地)."""

    HOLDER = "holder"
    MEMBER = "member"


BOTH: Final = frozenset(Side)

_HOLDER: Final = frozenset({Side.HOLDER})

_MEMBER: Final = frozenset({Side.MEMBER})

ASKED_OF: Final[Mapping[str, frozenset[Side]]] = {
    # Whose account it is, how many share it, and what it pays.
    "holder_terms": _HOLDER,
    "family_limit": _HOLDER,
    "uses": _HOLDER,
    "account_crediting": _HOLDER,
    "credit_day": _HOLDER,
    "premiums": _HOLDER,
    "wallet_terms": _HOLDER,
    "wallet": _HOLDER,
    "enquiries": _HOLDER,
    # The application as it is made where the holder applies.
    "identity_checks": _HOLDER,
    "fields_asked": _HOLDER,
    "agreement": _HOLDER,
    "application_expiry": _HOLDER,
    "unbinding": _HOLDER,
    "notes": _HOLDER,
    # Who uses it, with whose leave, and what proves who that is.
    "giver_limit": _MEMBER,
    "materials": _MEMBER,
    "consent": _MEMBER,
    # Whose bill it is.
    "reimbursement": _MEMBER,
    "exclusions": _MEMBER,
    "out_of_area": _MEMBER,
    "purse_order": _MEMBER,
    "reversal": _MEMBER,
    "visit_evidence": _MEMBER,
    # Each must offer the purpose; how the member is enrolled is the member's city's.
    "member_terms": BOTH,
    # The pair: each must admit it.
    "relations": BOTH,
    "marriage": BOTH,
    "scope": BOTH,
    "channels": BOTH,
    # Each of the limit it has itself: in the family, and of givers.
    "lapsed_places": BOTH,
    # Reviewed if either asks for it, until the later of both days.
    "review_latency": BOTH,
    "deadlines": BOTH,
}
"""Of which city each hook is asked about a pair."""


class PairRules(DayRules):
    """The rules of two cities for a pair: each hook is answered by the city it is asked of.

    What both are asked is answered by the one whose turn it is: `side`.
    """

    __slots__ = ("_of", "cities", "side")

    def __init__(
        self,
        cities: Mapping[Side, City],
        rules: Mapping[Side, DayRules],
        side: Side = Side.HOLDER,
    ) -> None:
        self.cities = cities
        self._of = rules
        self.side = side

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PairRules):
            return NotImplemented
        return (self._of, self.side) == (other._of, other.side)

    def __hash__(self) -> int:
        return hash((self._of[Side.HOLDER], self._of[Side.MEMBER], self.side))

    def answer(self, hook: Callable[[CityRules], Timeline[T] | None]) -> Ruled[T]:
        """Return the value of the city that is asked, with its day and clauses."""
        return self._of[self.side_of(hook.__name__)].answer(hook)

    def value(self, hook: Callable[[CityRules], Timeline[T] | None]) -> T:
        """Return the bare value of the city that is asked."""
        return self.answer(hook).value

    def ref(self, hook: Callable[[CityRules], object], *clauses: Clause) -> RuleRef:
        """Return a reference to the value of the city that is asked."""
        return self._of[self.side_of(hook.__name__)].ref(hook, *clauses)

    def provincial(self, hook: str) -> bool:
        """Return whether the province's answer stands in the city that is asked."""
        return self._of[self.side_of(hook)].provincial(hook)

    def all(self) -> Iterator[tuple[str, Ruled[Any]]]:
        """Yield every hook with the value of the city that is asked."""
        for hook, ruled in self._of[self.side].all():
            of = self._of[self.side_of(hook)]
            yield hook, ruled if of is self._of[self.side] else dict(of.all())[hook]

    def side_of(self, hook: str) -> Side:
        """Return whose city answers a hook now."""
        sides = ASKED_OF[hook]
        return self.side if self.side in sides else next(iter(sides))

    def asking(self, side: Side) -> PairRules:
        """Return the same when it is a city's turn."""
        return PairRules(self.cities, self._of, side)

    def alone(self, side: Side) -> DayRules:
        """Return the rules of one of the two cities."""
        return self._of[side]


def asking(rules: DayRules, side: Side) -> DayRules:
    """Return the rules when it is a city's turn; those of one city as they are."""
    return rules.asking(side) if isinstance(rules, PairRules) else rules


def turns(rules: DayRules) -> tuple[DayRules, ...]:
    """Return the rules once for each city that is asked."""
    if not isinstance(rules, PairRules):
        return (rules,)
    return tuple([rules.asking(side) for side in Side])


def answers(rules: DayRules, hook: str) -> bool:
    """Return whether a hook is asked of the city whose turn it is."""
    return not isinstance(rules, PairRules) or rules.side_of(hook) is rules.side


def speaker(rules: DayRules, hook: str) -> City | None:
    """Return which of two cities answers a hook; None if there is only one."""
    return rules.cities[rules.side_of(hook)] if isinstance(rules, PairRules) else None


def speaker_of(rules: DayRules, side: Side) -> City | None:
    """Return the city of one side; None if there is only one city."""
    return rules.cities[side] if isinstance(rules, PairRules) else None


def city_of(rules: DayRules, area_code: str) -> City | None:
    """Return which of two cities has an area code; None if neither has, or there is one."""
    if not isinstance(rules, PairRules):
        return None
    of = {city.area_code: city for city in rules.cities.values()}
    return of.get(area_code)


def relations_of(rules: DayRules) -> frozenset[str]:
    """Return the relations that every city that is asked admits."""
    admitted = [asked.value(CityRules.relations).codes for asked in turns(rules)]
    return frozenset.intersection(*admitted)


def purposes_of(rules: DayRules) -> dict[Purpose, EnrolmentTerms]:
    """Return the purposes that every city offers, and how the member's has one enrolled."""
    *others, last = [offered(r.value(CityRules.member_terms)) for r in turns(rules)]
    return {
        purpose: terms
        for purpose, terms in last.items()
        if all(purpose in other for other in others)
    }


class AskedRules(Struct, frozen=True):
    """The rules by which a pair is decided.

    `unserved` says in Chinese that the member's city is not served, so that it cannot
    agree; "" if it is.
    """

    rules: DayRules
    unserved: str = ""


def rules_of_pair(
    holder: Person, member: Person, day: date, cities: Cities
) -> AskedRules:
    """Return the rules of a day for two people.

    CityNotServed if the holder's city is not served; NotInForce.
    """
    return rules_of_places(holder.place_on(day), member.place_on(day), day, cities)


def rules_of_places(home: str, place: str, day: date, cities: Cities) -> AskedRules:
    """Return the rules of a day for a pair insured in two places, or in one.

    CityNotServed if the holder's city is not served; NotInForce.
    """
    own = cities.of(home)
    if pooling_area(home) == pooling_area(place):
        return AskedRules(own.rules(day))
    try:
        other = cities.of(place)
    except CityNotServed as refusal:
        return AskedRules(own.rules(day), refusal.message)
    return AskedRules(rules_between(own, other, day))


def rules_between(own: City, other: City, day: date) -> DayRules:
    """Return the rules of a day of the holder's and the member's city. NotInForce."""
    if own.area_code == other.area_code:
        return own.rules(day)
    cities = {Side.HOLDER: own, Side.MEMBER: other}
    return PairRules(cities, {side: city.rules(day) for side, city in cities.items()})
