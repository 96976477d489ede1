"""The events of a store, read once by a process and told to all who watch.

    log, calendar ── read every TICK_S, while anybody watches ──▶ the latest steps
                                                                   │ each at its own pace
    a reader: its cursor ── what came before, read for it ─────────┴──▶ events

Nothing is kept for a reader but where it is. One that falls out of the latest steps is
told so, and goes on by its cursor.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Final

from msgspec import Struct

from gongji.audit.following import check, newest
from gongji.audit.order import LogFaultError
from gongji.cities.city import Cities
from gongji.event.cursor import Cursor
from gongji.event.days import DayChanges, EverybodysDays
from gongji.event.reading import EventReader
from gongji.event.scope import WatchedScope
from gongji.event.steps import EventStep, StepReader
from gongji.model.event import Event
from gongji.model.refusals import CursorInvalid, WatchBehind
from gongji.store import Store
from gongji.store.feed import StoreLog

TICK_S: Final = 0.2
"""Seconds between two looks at the log, one for all who watch."""

STEPS: Final = 4096
"""Latest steps that are kept: a reader may be so far behind."""

HEARTBEAT_S: Final = 10.0
"""Seconds after which a reader is told where it is, if it is told nothing else."""

_CATCHING_UP: Final = 8
"""Readers that read what came before at once."""

_SECOND: Final = timedelta(seconds=1)


class Told(Struct, frozen=True):
    """An event, or none, and the cursor of whoever is done with it."""

    cursor: str
    event: Event | None = None


class _Reader(Struct, frozen=True):
    """Whoever watches: what it is told, and what days change of that."""

    scope: WatchedScope
    days: DayChanges


class EventFeed:
    """Tells the events of a store. Everything raises StoreUnavailable."""

    def __init__(
        self, store: Store, cities: Cities, clock: Callable[[], datetime]
    ) -> None:
        self._log = StoreLog(store)
        self._events = EventReader(store, cities)
        self._reading = StepReader(self._log, self._events)
        self._clock = clock
        self._readers = 0
        self._ticking: asyncio.Task[None] | None = None
        self._cursor: Cursor | None = None
        self._steps: deque[EventStep] = deque()
        self._first = 0
        """How many steps have been forgotten."""
        self._changed = asyncio.Event()
        self._fault: Exception | None = None
        self._lock = asyncio.Lock()
        self._catching_up = asyncio.Semaphore(_CATCHING_UP)
        self._days = EverybodysDays(self._events)

    async def watch(
        self, scope: WatchedScope, cursor: Cursor | None, *, until_now: bool = False
    ) -> AsyncGenerator[Told]:
        """Tell what happens behind a cursor, or from now on. WatchBehind; CursorInvalid.

        It ends with what has happened by now if only that is asked for.
        """
        reader = _Reader(scope, self._day_changes(scope.people))
        async with self._attached():
            if cursor is not None:
                await self._check(cursor)
            at, place = await self._join()
            last = (cursor or at).packed()
            yield Told(last)
            while True:
                if cursor is not None:
                    async for told in self._past(cursor, at, reader):
                        yield told
                last = at.packed()
                if until_now:
                    yield Told(last)
                    return
                async for told in self._live(
                    place, reader, last, caught_up=cursor is not None
                ):
                    yield told
                    last = told.cursor
                cursor = Cursor.unpacked(last)
                at, place = await self._join()

    def _day_changes(self, people: frozenset[str] | None) -> DayChanges:
        """Return what days change: of people read for themselves, of all read once."""
        if people is None:
            return DayChanges(self._days.read)
        return DayChanges(partial(self._events.of_days, people=people))

    async def _past(
        self, cursor: Cursor, at: Cursor, reader: _Reader
    ) -> AsyncIterator[Told]:
        """Tell what came behind a cursor, up to another; of long silence how far it is."""
        last, told_at = cursor.packed(), monotonic()
        async for step in self._before(cursor, at):
            async for told in self._told(step, reader, last, through=at.until):
                yield told
                told_at = monotonic()
            last = step.cursor
            if monotonic() - told_at >= HEARTBEAT_S:
                yield Told(last)
                told_at = monotonic()

    async def _live(
        self, place: int, reader: _Reader, last: str, *, caught_up: bool
    ) -> AsyncIterator[Told]:
        """Tell the steps from a place on; ends if they were forgotten while we read."""
        told_at = monotonic()
        # What came before, or a day, may have taken us longer than the steps last.
        reading = caught_up
        while True:
            if self._fault is not None:
                raise self._fault
            if place < self._first:
                if reading:
                    return
                raise WatchBehind("读取过慢，已落后太多；请以最近的 cursor 重新订阅")
            reading = False
            if place < self._first + len(self._steps):
                step = self._steps[place - self._first]
                place += 1
                async for told in self._told(step, reader, last):
                    yield told
                    told_at = monotonic()
                last, reading = step.cursor, step.begun is not None
            else:
                await self._wait(told_at + HEARTBEAT_S - monotonic())
            if monotonic() - told_at >= HEARTBEAT_S:
                yield Told(last)
                told_at = monotonic()

    async def _before(self, cursor: Cursor, at: Cursor) -> AsyncIterator[EventStep]:
        """Yield the steps from a cursor up to another, for one reader. CursorInvalid."""
        async with aclosing(self._reading.between(cursor, at)) as steps:
            while True:
                # Not while the reader takes a step: whoever does not would stop others.
                async with self._catching_up:
                    try:
                        step = await anext(steps, None)
                    except LogFaultError as fault:
                        raise _lost() from fault
                if step is None:
                    return
                yield step

    async def _told(
        self,
        step: EventStep,
        reader: _Reader,
        before: str,
        *,
        through: datetime | None = None,
    ) -> AsyncIterator[Told]:
        """Tell of a step what a reader is told; only its last event is behind all of it.

        What days change may be read ahead `through` an instant, which has passed.
        """
        events, scope = step.events, reader.scope
        if step.begun is not None and scope.has_bindings:
            events = await reader.days.of(step.begun, through or step.begun)
        covered = [event for event in events if scope.covers(event)]
        for number, event in enumerate(covered, start=1):
            yield Told(step.cursor if number == len(covered) else before, event)

    # --- what all readers share -------------------------------------------------------

    @asynccontextmanager
    async def _attached(self) -> AsyncIterator[None]:
        """Have the log read as long as somebody watches."""
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1
            if not self._readers:
                self._detach()

    def _detach(self) -> None:
        """Read no more, and forget: nobody watches."""
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        self._days.clear()
        self._forget()

    def _forget(self) -> None:
        self._first += len(self._steps) + 1
        self._steps.clear()
        self._cursor = None

    async def _check(self, cursor: Cursor) -> None:
        """CursorInvalid if the log is not the one of a cursor."""
        try:
            await check(self._log, cursor.position)
        except LogFaultError as fault:
            raise _lost() from fault

    async def _join(self) -> tuple[Cursor, int]:
        """Return where the log has been read to just now, and the place of the next step."""
        await self._tick()
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick_on())
        if self._cursor is None:
            raise _lost()
        return self._cursor, self._first + len(self._steps)

    async def _tick_on(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self._tick()
            except Exception as fault:  # noqa: BLE001 - every reader raises it
                self._fault = fault
                self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _wait(self, seconds: float) -> None:
        """Wait for a step, so many seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0)):
                await self._changed.wait()

    async def _tick(self) -> None:
        """Read what is new. CursorInvalid if the log is another one."""
        async with self._lock:
            try:
                await self._read_new()
            except LogFaultError as fault:
                # The log was emptied (sandbox) or restored.
                self._forget()
                raise _lost() from fault
            self._fault = None

    async def _read_new(self) -> None:
        if self._cursor is None:
            self._cursor = Cursor(await newest(self._log), self._clock())
            return
        news, cursor = await self._reading.new(self._cursor)
        until = max(cursor.until, self._clock())
        # What time brings can wait a second: it costs two questions.
        if until - cursor.until >= _SECOND:
            news += await self._reading.of((), cursor, until)
            cursor = Cursor(cursor.position, until)
        self._cursor = cursor
        self._steps += news
        while len(self._steps) > STEPS:
            self._steps.popleft()
            self._first += 1
        if news:
            self._wake()


def _lost() -> CursorInvalid:
    return CursorInvalid(
        "cursor：日志已不是签发它时的那一份，请重新列出，再从头订阅", field="cursor"
    )
