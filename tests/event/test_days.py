"""What days change is read by months, told by days, and read once for all who ask."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

import pytest
from gongji.event.cursor import days_begun
from gongji.event.days import DayChanges, EverybodysDays
from gongji.event.reading import EventReader
from gongji.model.event import BindingChange, Event, EventKind
from gongji.rules.codes import SHANGHAI, BindingState

SINCE: Final = datetime(2025, 12, 30, 12, tzinfo=SHANGHAI)


class ModelDays:
    """Says of each day two things, and counts how often it was read."""

    def __init__(self) -> None:
        self.read: list[Sequence[datetime]] = []
        self.fails = 0

    async def of_days(
        self, days: Sequence[datetime], people: frozenset[str] | None = None
    ) -> list[Event]:
        assert people is None
        self.read.append(days)
        await asyncio.sleep(0)
        if self.fails:
            self.fails -= 1
            raise OSError
        # As they are found: binding after binding.
        return [changed(name, day) for name in ("B1", "B2") for day in days]


def changed(name: str, at: datetime) -> Event:
    what = BindingChange(name, "H", "M", BindingState.ACTIVE, BindingState.ENDED, "")
    return Event(EventKind.BINDING_ENDED, at, what, ("H", "M"), "")


@pytest.mark.parametrize("days", [1, 2, 3, 40, 365, 800])
async def test_a_month_is_read_once(days: int) -> None:
    """Day by day all is told of each, whatever was read with it; nothing is read twice,
    nothing beyond what has passed, and of a month all at once."""
    model = ModelDays()
    changes = DayChanges(model.of_days)
    through = SINCE + timedelta(days=days)
    begun = [at for at, _ in days_begun(SINCE, through)]
    for at in begun:
        told = await changes.of(at, through)
        assert [changed("B1", at), changed("B2", at)] == told
    assert begun == [at for some in model.read for at in some]
    assert len(model.read) == len({(at.year, at.month) for at in begun})


async def test_everybodys_days_are_read_once_for_all() -> None:
    """Who asks while they are read waits for the same; a failure is tried anew."""
    model: Any = ModelDays()
    model.fails = 1
    shared = EverybodysDays(model)
    (first, _), *_ = days_begun(SINCE, SINCE + timedelta(days=1))
    with pytest.raises(OSError):  # noqa: PT011 - the model's
        await shared.read([first])
    readers = [DayChanges(shared.read) for _ in range(5)]
    told = await asyncio.gather(*(reader.of(first, first) for reader in readers))
    assert [[changed("B1", first), changed("B2", first)]] * 5 == told
    assert 2 == len(model.read)


async def test_nothing_is_read_for_nobody() -> None:
    """Once cleared nothing is read any more, nor what was dropped while it was read."""
    model = UnendingDays()
    shared = EverybodysDays(cast("EventReader", model))
    begun = [at for at, _ in days_begun(SINCE, SINCE + timedelta(days=5))]
    readers = [asyncio.ensure_future(shared.read([day])) for day in begun]
    async with asyncio.timeout(20):
        for _ in begun:
            await model.begun.get()
        shared.clear()
        ended = await asyncio.gather(*readers, return_exceptions=True)
    assert {asyncio.CancelledError} == set(map(type, ended))
    assert len(begun) == model.ended


class UnendingDays:
    """Reads days and never ends by itself."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[Sequence[datetime]] = asyncio.Queue()
        self.ended = 0

    async def of_days(self, days: Sequence[datetime], _: object) -> list[Event]:
        self.begun.put_nowait(days)
        try:
            await asyncio.Event().wait()
        finally:
            self.ended += 1
        return []
