"""Which bindings facts, days and rules change, and on which days of many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace as replaced
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final

import pytest
from gongji.binding.life import at as stored_at
from gongji.binding.status import status_of
from gongji.cities import anhui
from gongji.event.standing import StandingChanges
from gongji.model.binding import Binding
from gongji.model.event import BindingChange
from gongji.model.people import Enrolment, Person, PlaceSince
from gongji.model.revisions import PersonRevision, known_at
from gongji.rules.binding import Scope
from gongji.rules.codes import SHANGHAI, BindingState, EnrolmentStatus, Scheme
from msgspec.structs import replace

from tests.scaffold.people import ANQING, CHUZHOU, NOW
from tests.scaffold.world import NewWorld, World

DAY: Final = timedelta(days=1)

DAYS: Final = [NOW.date() + DAY * number for number in range(1, 40)]

BEGUN: Final = [datetime.combine(day, time.min, SHANGHAI) for day in DAYS]


def facts_of(person: Person, chance: Random) -> Person:
    """Return a person with an enrolment that changes, with moves, perhaps with a death."""
    first, second, third = sorted(chance.sample(DAYS, 3))
    status = chance.choice(list(EnrolmentStatus))
    employee = Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, date.min)
    moves = (PlaceSince(ANQING, second), PlaceSince(CHUZHOU, third))
    return replace(
        person,
        first_place=chance.choice([ANQING, CHUZHOU]),
        enrolments=(
            replace(employee, until=first),
            replace(employee, status=status, since=first + DAY, until=second),
            replace(employee, since=second + DAY * chance.randrange(1, 4)),
        ),
        moves=moves if chance.random() < 0.3 else (),
        died_on=third if chance.random() < 0.2 else None,
    )


def revised(world: World, number: str, chance: Random) -> None:
    """Have a person told anew some day at noon, otherwise than before."""
    before = facts_of(world.person(number), chance)
    noon = datetime.combine(chance.choice(DAYS), time(12), SHANGHAI)
    after = replace(facts_of(before, chance), revision=2, known_from=noon)
    world.add(after, PersonRevision(before, noon))


def known_on(world: World, number: str, instant: datetime) -> Person:
    """Return what was known of a person."""
    former = [r for r in world.all(PersonRevision) if r.owner == number]
    person = known_at(world.record(Person, number), former, instant)
    assert person is not None
    return person


def state_at(world: World, binding: Binding, instant: datetime) -> BindingState:
    """Return how a binding stood at an instant."""
    then = stored_at(binding, instant)
    assert then is not None
    holder = known_on(world, binding.holder, instant)
    member = known_on(world, binding.member, instant)
    day = instant.astimezone(SHANGHAI).date()
    return status_of(then, holder, member, world.cities, day).state


def changes(world: World, binding: Binding) -> Iterator[tuple[datetime, BindingState]]:
    """Yield the changes day by day, each of them tried."""
    for begun in BEGUN:
        before = state_at(world, binding, begun - timedelta(microseconds=1))
        after = state_at(world, binding, begun)
        if before is not after:
            yield begun, after


@pytest.mark.parametrize("seed", range(12))
def test_days_together_are_days_apart(new_world: NewWorld, seed: int) -> None:
    """Whatever people are told to be, and rules to become: of many days asked at once
    those change a binding that do asked one by one."""
    chance = Random(seed)  # noqa: S311 - a model
    (scope,) = anhui.scope()
    narrower = replaced(scope, since=chance.choice(DAYS), value=Scope.POOLING_AREA)
    world = new_world(scope=(scope, narrower))
    for number in ("H", "M"):
        revised(world, number, chance)
    binding = world.bind("H", "M", NOW)
    asked = StandingChanges([binding], BEGUN, world.cities)
    told = []
    for event in world.decide(asked).answer:
        assert isinstance(event.what, BindingChange)
        told.append((event.at, event.what.to_state))
    assert list(changes(world, binding)) == told
