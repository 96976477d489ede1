"""A passing state suspends a binding, some facts end it, and each may be taken back."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from gongji.binding.status import ShowBindings
from gongji.model.binding import Binding
from gongji.model.people import Enrolment, Person, PlaceSince
from gongji.rules.binding import Scope
from gongji.rules.codes import (
    AccountUse,
    BindingState,
    EnrolmentStatus,
    Purpose,
    Scheme,
)
from msgspec.structs import replace

from tests.scaffold.people import ANQING, NOW, SINCE
from tests.scaffold.world import NewWorld, World

TODAY = NOW.date()
DAY = timedelta(days=1)
BOUND_AT = NOW - timedelta(days=100)
"""When the binding became active."""

SOME_TIME = TODAY - timedelta(days=30)
"""When something happened to one of the two."""


def enrolled(
    status: EnrolmentStatus = EnrolmentStatus.NORMAL,
    since: date = SINCE,
    until: date | None = None,
) -> Enrolment:
    return Enrolment(Scheme.EMPLOYEE, "11", status, since, until)


BEFORE = enrolled(until=SOME_TIME - DAY)


def then(status: EnrolmentStatus) -> dict[str, Any]:
    """Normal up to some time, and in that status since."""
    return {"enrolments": (BEFORE, enrolled(status, SOME_TIME))}


def and_back(status: EnrolmentStatus) -> dict[str, Any]:
    """In that status for ten days, and normal again."""
    back = SOME_TIME + timedelta(days=10)
    for_ten_days = enrolled(status, SOME_TIME, back - DAY)
    return {"enrolments": (BEFORE, for_ten_days, enrolled(since=back))}


NORMAL, PAUSED, INVALID, TERMINATED = EnrolmentStatus
ACTIVE, SUSPENDED, ENDED = (
    BindingState.ACTIVE,
    BindingState.SUSPENDED,
    BindingState.ENDED,
)

FACTS: dict[str, tuple[dict[str, Any], BindingState, date | None]] = {
    "nothing": ({}, ACTIVE, None),
    "paused": (then(PAUSED), SUSPENDED, SOME_TIME),
    "invalid": (then(INVALID), SUSPENDED, SOME_TIME),
    "terminated": (then(TERMINATED), ENDED, SOME_TIME),
    "a last day passed": ({"enrolments": (BEFORE,)}, SUSPENDED, SOME_TIME),
    "not begun yet": (
        {"enrolments": (enrolled(since=TODAY + DAY),)},
        SUSPENDED,
        BOUND_AT.date(),
    ),
    "begun on the day after the binding": (
        {"enrolments": (enrolled(since=BOUND_AT.date() + DAY),)},
        ACTIVE,
        None,
    ),
    "terminated until today": (
        {
            "enrolments": (
                enrolled(TERMINATED, SINCE, TODAY - DAY),
                enrolled(since=TODAY),
            )
        },
        ENDED,
        BOUND_AT.date(),
    ),
    "paused and resumed": (and_back(PAUSED), ACTIVE, None),
    "terminated and enrolled anew": (and_back(TERMINATED), ENDED, SOME_TIME),
    "terminated before the binding": (
        {
            "enrolments": (
                enrolled(TERMINATED, SINCE, SINCE),
                enrolled(since=SINCE + DAY),
            )
        },
        ACTIVE,
        None,
    ),
    "dead": ({"died_on": SOME_TIME}, ENDED, SOME_TIME),
    "dead before the binding": (
        {"died_on": BOUND_AT.date() - DAY},
        ENDED,
        BOUND_AT.date(),
    ),
    "dead today": ({"died_on": TODAY}, ENDED, TODAY),
    "about to move": ({"moves": (PlaceSince(ANQING, TODAY + DAY),)}, ACTIVE, None),
}


MOVES: dict[str, tuple[dict[str, Any], BindingState, date | None]] = {
    "moved away": ({"moves": (PlaceSince(ANQING, SOME_TIME),)}, ENDED, SOME_TIME),
    "moved away and back": (
        {
            "moves": (
                PlaceSince(ANQING, SOME_TIME),
                PlaceSince("341199", SOME_TIME + DAY),
            )
        },
        ENDED,
        SOME_TIME,
    ),
}
"""Of the member: a holder takes the scope of the city he moves to along."""


@pytest.fixture
def couple(new_world: NewWorld) -> World:
    """H, who gives to M in a city where both must be of one pooling area."""
    world = new_world(scope=Scope.POOLING_AREA)
    world.person("H")
    world.person("M")
    world.bind("H", "M", BOUND_AT)
    return world


def tell(world: World, person_no: str, facts: dict[str, Any]) -> None:
    world.add(replace(world.record(Person, person_no), **facts))


def shown(world: World) -> Binding:
    """Return the binding as it stands now."""
    stored = world.all(Binding)
    (binding,) = world.decide(ShowBindings(stored, world.cities)).answer
    return binding


EITHER = [
    pytest.param(who, *case, id=f"{who}: {name}")
    for who, cases in {"H": FACTS, "M": {**FACTS, **MOVES}}.items()
    for name, case in cases.items()
]


@pytest.mark.parametrize(("who", "facts", "state", "since"), EITHER)
def test_facts_decide(
    couple: World,
    who: str,
    facts: dict[str, Any],
    state: BindingState,
    since: date | None,
) -> None:
    """On either side: a passing state suspends from its first day, a final one ends it;
    taken back, the same binding is in force as before."""
    before = couple.record(Person, who)
    stored = couple.all(Binding)
    assert stored == [shown(couple)]
    tell(couple, who, facts)
    after = shown(couple)
    assert state is after.state
    assert stored == couple.all(Binding)
    if since is not None:
        assert since == after.history[-1].at.date()
        assert after.reason
        assert (state is ENDED) == (after.closed_at is not None)
    couple.add(before)
    assert stored == [shown(couple)]


def test_a_couple_that_moves_stays_bound(couple: World) -> None:
    """Both moved on one day: nothing came between them, in whichever order it is told."""
    moves = {"moves": (PlaceSince(ANQING, SOME_TIME),)}
    for who in ("H", "M"):
        tell(couple, who, moves)
    assert ACTIVE is shown(couple).state


def test_a_giver_is_skipped_and_the_bill_is_settled(family: NewWorld) -> None:
    """A giver whose binding does not stand pays nothing and says by which clause, also if
    the bill names him; the next one pays."""
    world = family()
    tell(world, "P2", then(PAUSED))
    bill = world.visit(
        "P1", 200_00, account_use=AccountUse.CITY_ORDER, givers=("P2", "P3")
    )
    done = world.settle(bill)
    skipped, paying = [line for line in done.lines if line.purse in {"P2", "P3"}]
    assert (0, 50_00) == (skipped.fen, paying.fen)
    assert "holder_terms" == skipped.rule.hook
    bound_on = TODAY - 2 * DAY
    assert str(bound_on) in skipped.in_words


def test_a_purpose_that_still_stands_carries_the_binding(new_world: NewWorld) -> None:
    """A member who left the employee scheme for the residents' is bound for the premium."""
    world = new_world()
    world.person("H")
    resident = replace(enrolled(since=SOME_TIME), scheme=Scheme.RESIDENT, psn_type="15")
    world.person("M", enrolments=(BEFORE, resident))
    purposes = frozenset({Purpose.VISIT, Purpose.RESIDENT_PREMIUM})
    world.add(replace(world.bind("H", "M", BOUND_AT), purposes=purposes))
    assert ACTIVE is shown(world).state
