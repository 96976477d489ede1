"""Accesses kept (访问记录): of reads within a second, or before they are answered.

Those of a write are kept in its transaction (`model.access.Accesses.decided`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from typing import Final, Protocol

import structlog

from gongji.model.access import Accesses, PersonAccess
from gongji.model.commands import Write
from gongji.model.refusals import (
    Denied,
    Malformed,
    PersonNotFound,
    Refusal,
    StoreUnavailable,
    Unauthenticated,
    Unavailable,
)
from gongji.store import Store

WAIT_S: Final = 0.4
"""How long a read's row waits for others, in seconds."""

MOST_PENDING: Final = 10_000
"""Rows that may wait while the database cannot be reached; then reads are refused."""

RECORDED: Final = "RecordAccesses"
"""What the log tells that it is."""

_BATCH: Final = 500
"""Rows written in one transaction: less than ten milliseconds of it."""

_TRIES_AT_END: Final = 3

TELLS_NOTHING: Final = (
    Malformed,
    PersonNotFound,
    Denied,
    Unauthenticated,
    Unavailable,
)
"""Refusals that say nothing of a person's data; whatever else is said is an access."""


class Tally(Protocol):
    """Counts the rows of reads that are answered, and those kept since."""

    def answered(self, rows: int) -> None:
        """Count rows of reads whose answer now leaves."""

    def kept(self, rows: int) -> None:
        """Count rows that are durable."""


class NoTally:
    """Counts nothing: of a store that goes with its process."""

    def answered(self, rows: int) -> None:
        """Do nothing."""

    def kept(self, rows: int) -> None:
        """Do nothing."""


class Recording(Protocol):
    """Keeps the accesses of calls."""

    async def keep(self, accesses: Accesses) -> None:
        """Keep what no decision kept, before it is answered. StoreUnavailable."""

    async def keep_of_refused(self, accesses: Accesses, refusal: Refusal) -> None:
        """Keep what a refusal tells of a person. StoreUnavailable."""


class AccessRecorder:
    """Keeps the accesses of one process's calls, on its event loop."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        tally: Tally | None = None,
        *,
        before_answer: bool = False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._tally = tally or NoTally()
        self._before_answer = before_answer
        self._pending: deque[PersonAccess] = deque()
        self._flushing: asyncio.Task[None] | None = None

    async def keep(self, accesses: Accesses) -> None:
        """Keep what no decision kept, before it is answered. StoreUnavailable."""
        rows = accesses.others(self._clock)
        if not rows:
            return
        if self._before_answer:
            await self._store.apply(Write(rows, RECORDED))
            return
        if len(self._pending) + len(rows) > MOST_PENDING:
            raise StoreUnavailable(
                "数据库暂时不可用，查询无法记录在案，因此不予答复；请稍后重试。"
            )
        # Counted before the answer leaves: whatever happens then, it is not forgotten.
        self._tally.answered(len(rows))
        self._pending.extend(rows)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_soon())

    async def keep_of_refused(self, accesses: Accesses, refusal: Refusal) -> None:
        """Keep what a refusal tells of a person. StoreUnavailable."""
        if not isinstance(refusal, TELLS_NOTHING):
            await self.keep(accesses)

    def forget(self) -> None:
        """Forget what waits: the store was emptied (sandbox)."""
        self._tally.kept(len(self._pending))
        self._pending.clear()

    async def close(self) -> None:
        """Write what waits; what cannot be written is counted by the next start."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.wait([self._flushing])
        for _ in range(_TRIES_AT_END):
            if await self._flushed():
                return
        structlog.get_logger().error("accesses_not_kept", count=len(self._pending))

    async def _flush_soon(self) -> None:
        try:
            while self._pending:
                await asyncio.sleep(WAIT_S)
                await self._flushed()
        finally:
            self._flushing = None

    async def _flushed(self) -> bool:
        """Write all that waits; return whether nothing is left."""
        while self._pending:
            rows = tuple(islice(self._pending, _BATCH))
            try:
                await self._write(rows)
            except Refusal:
                return False
            except Exception as fault:  # noqa: BLE001 - it is tried again, and said
                error = type(fault).__name__
                structlog.get_logger().error("accesses_refused", error=error)
                return False
        return True

    async def _write(self, rows: Sequence[PersonAccess]) -> None:
        # A row that was written and not known to be is written again over itself.
        await self._store.apply(Write(tuple(rows), RECORDED))
        # Unless they were forgotten meanwhile.
        if self._pending and self._pending[0] is rows[0]:
            for _ in rows:
                self._pending.popleft()
            self._tally.kept(len(rows))
