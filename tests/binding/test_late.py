"""What a fact that is told late changes of a binding, whenever is asked from."""

from __future__ import annotations

from datetime import timedelta

import pytest
from gongji.binding.late import ReviewBindings
from gongji.model.causes import ChangedIn
from gongji.model.people import Person
from gongji.model.revisions import PersonRevision
from gongji.rules.codes import BindingState
from msgspec.structs import replace

from tests.scaffold.people import NOW
from tests.scaffold.world import NewWorld, World

HOUR = timedelta(hours=1)


@pytest.fixture
def told_late(new_world: NewWorld) -> World:
    """H and M, known for three hours and bound for two; H's death became known one hour
    ago."""
    world = new_world()
    for number in ("H", "M"):
        world.add(replace(world.person(number), known_from=NOW - 3 * HOUR))
    world.bind("H", "M", NOW - 2 * HOUR)
    before = world.record(Person, "H")
    died = replace(before, died_on=NOW.date(), revision=2, known_from=NOW - HOUR)
    world.add(died, PersonRevision(before, NOW - HOUR))
    return world


@pytest.mark.parametrize("hours", [1, 2, 3, 4])
def test_told_from_whenever(told_late: World, hours: int) -> None:
    """A binding that a fact ended is told, also from before its people were known."""
    since = ChangedIn(NOW - hours * HOUR)
    (late,) = told_late.decide(
        ReviewBindings("H", since, told_late.cities)
    ).answer.bindings
    assert (BindingState.ACTIVE, BindingState.ENDED) == (
        late.before.state,
        late.now.state,
    )


def test_not_told_if_known_before(told_late: World) -> None:
    """What was known before is no news."""
    since = ChangedIn(NOW - HOUR / 2)
    review = ReviewBindings("H", since, told_late.cities)
    assert () == told_late.decide(review).answer.bindings
