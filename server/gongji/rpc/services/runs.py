"""Runs of one import: of several with one request id, in however many processes, one writes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Final, TypeVar

from msgspec.structs import replace

from gongji.model.commands import Query, Request, RequestRecord, Write
from gongji.model.refusals import Refusal, RequestIdReused
from gongji.store import Store
from gongji.store.claims import FREE, RUN, Part, RunLostError, run_of
from gongji.store.content import in_words

R = TypeVar("R")

_POLL_S: Final = 0.1

_CLAIM: Final = Write((), "ClaimImport")

_GO_ON: Final = Write((), "ContinueImport")

RELEASE: Final = Write((), "ReleaseImport")

_BEAT_S: Final = 0.3
"""How often a run that only computes shows that it goes on, in seconds."""


class Run:
    """One run of an import; it writes only while the row of its request names it.

    The row is inserted before the first rows are written: of two runs the second finds
    it, and waits while the first goes on. One that is cut off leaves it free; one that
    was killed, or whose caller is gone, leaves it unchanged and is taken over.
    """

    def __init__(self, store: Store, request: Request, at: datetime) -> None:
        self.request = request
        self.token = secrets.token_hex(8)
        self._store = store
        self._at = at
        self._received = self._beats = 0

    async def claim(self, quiet_s: float) -> RequestRecord | None:
        """Make the request this run's own; return its row instead if it is finished.

        RequestIdReused if another method has the request.
        """
        while True:
            row = await self.others(quiet_s)
            holder = run_of(row)
            if holder is None:
                return row
            # Another may be quicker, and is then waited for.
            with suppress(RunLostError):
                await self._apply(Part(holder, self._row(self.token), _CLAIM))
                return None

    async def others(self, quiet_s: float) -> RequestRecord | None:
        """Return the row once no other run goes on: finished, free, or unchanged so long.

        RequestIdReused as `claim`.
        """
        loop = asyncio.get_running_loop()
        known, since = None, 0.0
        while True:
            row = await self._store.recall(self.request)
            if row is None or run_of(row) is None:
                return row
            if row.key != self.request.key:
                # Of a former name of the caller's: nobody goes on with it.
                return None
            self._refuse_another_method(row)
            if row != known:
                known, since = row, loop.time()
            if run_of(row) == FREE or loop.time() - since >= quiet_s:
                return row
            await asyncio.sleep(_POLL_S)

    def _refuse_another_method(self, row: RequestRecord) -> None:
        if row.method != self.request.method:
            raise reused(["method"])

    async def write(self, query: Query[R], received: int) -> R:
        """Execute a query, and show that the run goes on. RunLostError."""
        self._received = received
        row = self._row(self.token)
        return await self._apply(Part(self.token, row, query))

    async def while_going_on(self, work: Awaitable[R]) -> R:
        """Return what some work without writes returns, showing that the run goes on."""
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait([task], timeout=_BEAT_S))[0]:
                await self.write(_GO_ON, self._received)
        except BaseException:
            task.cancel()
            raise
        return task.result()

    async def finish(
        self, query: Query[R], finished: Callable[[R], RequestRecord]
    ) -> R:
        """Execute the last query and put the finished row in this run's place. RunLostError."""
        row = self._row(self.token)
        return await self._apply(Part(self.token, row, query, finished))

    async def release(self) -> None:
        """Leave the request to whoever sends it again, if it is still this run's own."""
        # If the database cannot be reached either, the lease ends the claim.
        with suppress(RunLostError, Refusal):
            await self._apply(Part(self.token, self._row(FREE), RELEASE))

    async def _apply(self, part: Part[R]) -> R:
        return await self._store.apply(replace(part, request=self.request))

    def _row(self, token: str) -> RequestRecord:
        self._beats += 1
        digests = {
            RUN: token,
            "received": str(self._received),
            "beat": str(self._beats),
        }
        request = self.request
        return RequestRecord(
            key=request.key,
            caller=request.caller,
            method=request.method,
            digests=digests,
            at=self._at,
        )


def reused(differing: Iterable[str]) -> RequestIdReused:
    """Return the refusal of an import under the id of a request that differs in these."""
    names = list(differing)
    return RequestIdReused(
        f"request_id 已用于另一次请求（不同之处：{in_words(names)}），"
        "新的导入请换用新的编号",
        field="header.request_id",
        differing=",".join(names),
    )
