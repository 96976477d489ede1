"""Leaves and moments in one order, and cursors that go on from any of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import pytest
from gongji.audit.following import Position
from gongji.audit.leaf import Leaf
from gongji.event.cursor import Cursor, days_begun
from gongji.event.steps import EventStep, Moment, StepReader
from gongji.model.event import BindingChange, Event, EventKind
from gongji.rules.codes import SHANGHAI, BindingState

BEGIN: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)


def happened(name: str, at: datetime) -> Event:
    """Return something that happened."""
    states = BindingState.UNDER_REVIEW, BindingState.EXPIRED
    what = BindingChange(name, "H", "M", *states, "")
    return Event(EventKind.BINDING_EXPIRED, at, what, ("H", "M"), "")


class ModelEvents:
    """Leaves with an event each, and applications that expire."""

    def __init__(self, expiries: Sequence[Event]) -> None:
        self.expiries = expiries

    async def of_leaves(self, leaves: Sequence[Leaf]) -> list[Sequence[Event]]:
        return [(happened(leaf.leaf_id, leaf.at),) for leaf in leaves]

    async def in_time(self, since: datetime, until: datetime) -> list[Moment]:
        moments: list[Moment] = list(days_begun(since, until))
        moments += [(e.at, e) for e in self.expiries if since < e.at <= until]
        return sorted(moments, key=lambda moment: moment[0])


def said(steps: Sequence[EventStep]) -> list[str]:
    """Return what steps tell, in their order."""
    names = []
    for step in steps:
        if step.begun is not None:
            names.append(f"{step.begun.astimezone(SHANGHAI):%m-%d}")
        for event in step.events:
            assert isinstance(event.what, BindingChange)
            names.append(event.what.binding_id)
    return names


class Timeline:
    """Leaves, applications that expire and two midnights, and the order they come in."""

    def __init__(self, chance: Random) -> None:
        # Few instants, so that several things happen in one.
        times = [BEGIN + timedelta(hours=chance.randrange(1, 40)) for _ in range(20)]
        self.leaves = [
            Leaf(f"L{n:02d}", "w", n, at, b"", b"", b"")
            for n, at in enumerate(sorted(times[:12]), 1)
        ]
        self.expiries = [
            happened(f"B{n}", at) for n, at in enumerate(sorted(times[12:]))
        ]
        self.reader = StepReader(None, ModelEvents(self.expiries))  # type: ignore[arg-type]  # models

    @property
    def expected(self) -> list[str]:
        """What is told, in its order: of one instant first what time brings."""
        midnights = [BEGIN + timedelta(hours=4), BEGIN + timedelta(hours=28)]
        moments = [(at, 0, f"{at.astimezone(SHANGHAI):%m-%d}") for at in midnights]
        moments += [(one.at, 1, f"B{n}") for n, one in enumerate(self.expiries)]
        moments += [(leaf.at, 2, leaf.leaf_id) for leaf in self.leaves]
        return [name for _, _, name in sorted(moments)]

    async def steps(self, cursor: Cursor) -> list[EventStep]:
        """Return the steps behind a cursor."""
        left = [leaf for leaf in self.leaves if not cursor.position.has(leaf)]
        return await self.reader.of(left, cursor, BEGIN + timedelta(hours=41))


@pytest.mark.parametrize("seed", range(100))
async def test_what_time_brings_is_told_before_what_comes_later(seed: int) -> None:
    """Each moment stands before the first leaf of its instant or later; from every cursor
    all that follows is told, in the same order."""
    timeline = Timeline(Random(seed))  # noqa: S311 - a model
    expected = timeline.expected
    steps = await timeline.steps(Cursor(Position(0, b"", {}), BEGIN))
    assert expected == said(steps)
    for number, step in enumerate(steps, start=1):
        rest = said(await timeline.steps(Cursor.unpacked(step.cursor)))
        assert expected[number:] == rest[len(rest) - len(expected) + number :]
