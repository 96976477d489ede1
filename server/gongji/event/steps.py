"""Steps: what is told together, of a leaf or of a moment, in the order of both."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from datetime import date, datetime

from msgspec import Struct

from gongji.audit.following import LogSource, ReadLeaves, follow
from gongji.audit.leaf import Leaf
from gongji.event.cursor import Cursor
from gongji.event.reading import EventReader
from gongji.model.event import Event

Moment = tuple[datetime, Event | date]
"""An application that expires, or a day that begins."""


class EventStep(Struct, frozen=True):
    """What is told together, and the cursor behind it; of a day begun its first moment."""

    cursor: str
    events: Sequence[Event] = ()
    begun: datetime | None = None


class StepReader:
    """Reads steps behind a cursor. Everything raises StoreUnavailable."""

    def __init__(self, log: LogSource, events: EventReader) -> None:
        self._log = log
        self._events = events

    async def between(self, cursor: Cursor, at: Cursor) -> AsyncGenerator[EventStep]:
        """Yield the steps from one cursor to another. LogFaultError."""
        async for read in follow(self._log, cursor.position, at.position.numbers):
            until = min(_latest(read, cursor), max(cursor.until, at.until))
            for step in await self.of(read.leaves, cursor, until):
                yield step
            cursor = Cursor(read.position, until)
        for step in await self.of((), cursor, max(cursor.until, at.until)):
            yield step
        yield EventStep(at.packed())

    async def new(self, cursor: Cursor) -> tuple[list[EventStep], Cursor]:
        """Return the steps of what the log has behind a cursor, and the cursor behind it."""
        steps: list[EventStep] = []
        if not cursor.position.covers(await self._log.writers()):
            async for read in follow(self._log, cursor.position):
                until = _latest(read, cursor)
                steps += await self.of(read.leaves, cursor, until)
                cursor = Cursor(read.position, until)
        return steps, cursor

    async def of(
        self, leaves: Sequence[Leaf], cursor: Cursor, until: datetime
    ) -> list[EventStep]:
        """Return the steps of leaves, and of what time brings before and up to an instant."""
        events = await self._events.of_leaves(leaves)
        moments: list[Moment] = []
        if until > cursor.until:
            moments = await self._events.in_time(cursor.until, until)
        order = _Order(cursor, moments)
        for leaf, of_leaf in zip(leaves, events, strict=True):
            order.add(leaf, of_leaf)
        order.pass_time(until)
        return order.steps


class _Order:
    """Puts leaves and moments into one order, each with the cursor behind it."""

    def __init__(self, cursor: Cursor, moments: Sequence[Moment]) -> None:
        self._cursor = cursor
        self._moments = deque(moments)
        self.steps: list[EventStep] = []

    def add(self, leaf: Leaf, events: Sequence[Event]) -> None:
        """Add a leaf, behind what time had brought before it was decided."""
        self.pass_time(leaf.at)
        position = self._cursor.position.behind(leaf)
        self._cursor = Cursor(position, self._cursor.until)
        self.steps.append(EventStep(self._cursor.packed(), events))

    def pass_time(self, to: datetime) -> None:
        """Add what time brings up to an instant."""
        while self._moments and self._moments[0][0] <= to:
            at, what = self._moments.popleft()
            # Of several in one instant only the last is behind it.
            if not self._moments or self._moments[0][0] > at:
                self._cursor = Cursor(self._cursor.position, at)
            cursor = self._cursor.packed()
            if isinstance(what, date):
                self.steps.append(EventStep(cursor, begun=at))
            else:
                self.steps.append(EventStep(cursor, (what,)))


def _latest(read: ReadLeaves, cursor: Cursor) -> datetime:
    return max([cursor.until, *(leaf.at for leaf in read.leaves)])
