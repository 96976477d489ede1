"""What days that begin change, read a month of days at once and told day by day."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from gongji.event.cursor import days_begun
from gongji.event.reading import EventReader
from gongji.model.event import Event
from gongji.rules.codes import SHANGHAI

_KEPT: Final = 3
"""Months, or parts of them, whose events are kept for all who watch everybody."""

ReadDays = Callable[[Sequence[datetime]], Awaitable[Sequence[Event]]]


class DayChanges:
    """What days change, for one reader who goes from day to day."""

    def __init__(self, read: ReadDays) -> None:
        self._read = read
        self._events: dict[datetime, list[Event]] = {}

    async def of(self, begun: datetime, through: datetime) -> Sequence[Event]:
        """Return what a day changes; those of its month up to an instant are read with it."""
        if begun not in self._events:
            days = _of_month(begun, through)
            events: dict[datetime, list[Event]] = {day: [] for day in days}
            for event in await self._read(days):
                events[event.at].append(event)
            self._events = events
        return self._events[begun]


class EverybodysDays:
    """Reads what days change for everybody, once for all who ask."""

    def __init__(self, events: EventReader) -> None:
        self._events = events
        self._tasks: dict[tuple[datetime, ...], asyncio.Task[list[Event]]] = {}
        self._reading: set[asyncio.Task[list[Event]]] = set()

    async def read(self, days: Sequence[datetime]) -> Sequence[Event]:
        """Return what days change. StoreUnavailable."""
        key = tuple(days)
        task = self._tasks.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            while len(self._tasks) >= _KEPT:
                del self._tasks[min(self._tasks)]
            task = asyncio.create_task(self._events.of_days(days, None))
            self._tasks[key] = task
            # Also one that is dropped above while it reads.
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)
        # Whoever hangs up ends the reading for no other.
        return await asyncio.shield(task)

    def clear(self) -> None:
        """Forget what was read, and read no more: nobody waits for it."""
        self._tasks.clear()
        for task in self._reading:
            task.cancel()


def _of_month(begun: datetime, through: datetime) -> list[datetime]:
    """Return a first moment and those of the later days of its month, up to an instant."""
    first = begun.astimezone(SHANGHAI).date()
    later = days_begun(begun, through)
    return [
        begun,
        *(
            at
            for at, day in later
            if (day.year, day.month) == (first.year, first.month)
        ),
    ]
