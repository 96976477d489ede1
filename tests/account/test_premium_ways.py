"""What would let a premium be paid: told whole, tried, and true of whoever follows it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from gongji.model import refusals
from gongji.model.conditions import StepAction, WayStep

from tests.account.test_premium import (
    FEN,
    NOT_ELIGIBLE,
    NOW,
    PREMIUM,
    RESIDENT,
    pay,
    populated,
)
from tests.binding.applying import cities
from tests.scaffold.world import World

BIND, REGISTER, SET = StepAction.BIND, StepAction.REGISTER, StepAction.SET

WAYS: dict[str, list[StepAction]] = {
    "nobody bound them": [BIND],
    "bound for visits only": [BIND],
    "the binding has ended": [BIND],
    "the binding waits for review": [BIND],
    "the holder's insurance is paused": [REGISTER],
    "a fact that has passed ended the binding": [BIND],
    "the member is an employee": [REGISTER],
    "several things at once": [REGISTER, REGISTER, BIND],
}
"""What has to be done, in order; nothing helps in what else is not eligible."""


@pytest.fixture
def chuzhou() -> World:
    """Return Chuzhou as installed (`populated`)."""
    return populated(World(cities(), NOW))


def refused(world: World, **changes: Any) -> refusals.NotEligible:
    with pytest.raises(refusals.NotEligible) as caught:
        pay(world, **changes)
    return caught.value


def follow(world: World, step: WayStep) -> None:
    """Do what a step says."""
    if step.action is BIND:
        world.bind("H", "M", NOW, purposes=PREMIUM)
    elif step.fields[0].path.startswith("holder."):
        world.person("H")
    else:
        world.person("M", RESIDENT)


@pytest.mark.parametrize("name", NOT_ELIGIBLE)
def test_the_whole_way_pays(chuzhou: World, name: str) -> None:
    """Whoever does all that a way says can pay; nothing is told that would not help."""
    change, _ = NOT_ELIGIBLE[name]
    change(chuzhou)
    ways = refused(chuzhou).ways
    steps = [step for way in ways for step in way]
    assert WAYS.get(name, []) == [step.action for step in steps]
    for step in steps:
        refused(chuzhou)
        follow(chuzhou, step)
    if steps:
        assert -FEN == pay(chuzhou).movement.fen


def test_what_is_asked_stands_behind_what_is_registered(chuzhou: World) -> None:
    """An amount and a year to look at again are the last steps of each way, and the only
    ones if the two may pay; beside what cannot be mended there is no way."""
    (way,) = refused(chuzhou, fen=9_99, year=2024).ways
    assert [(SET, "fen"), (SET, "year")] == [(s.action, s.fields[0].path) for s in way]
    NOT_ELIGIBLE["several things at once"][0](chuzhou)
    (way,) = refused(chuzhou, fen=9_99).ways
    assert [REGISTER, REGISTER, BIND, SET] == [step.action for step in way]
    told = refused(chuzhou, fen=9_99).metadata["remedies"]
    assert " + ".join(step.text for step in way) == told
    chuzhou.person("M", RESIDENT, died_on=date(2025, 9, 29))
    assert () == refused(chuzhou, fen=9_99).ways
