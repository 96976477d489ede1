"""Imports (导入): one import is one set, judged as a whole and visible at once.

Memory holds one batch and the first errors, however long the stream is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from gongji.model.commands import Answer, Request, RequestRecord
from gongji.model.refusals import OriginalReversed, StoreUnavailable
from gongji.rpc.calls import current_permit
from gongji.rpc.services.importing import Import, Summary
from gongji.rpc.services.runs import Run, reused
from gongji.rpc.services.stream import ImportKind, RowBatch, Rows, header_of
from gongji.rpc.services.upkeep import Upkeep
from gongji.rules.codes import SHANGHAI
from gongji.store import Store
from gongji.store.claims import RunLostError, run_of
from gongji.store.content import differing

# A run writes a batch in milliseconds, but its rows come as fast as its caller sends them.
# One taken for dead too early loses nothing: it follows the run that took over.
QUIET_S: Final = 1.0
"""After how many seconds without a change a later run takes over."""

LEASE_S: Final = 10.0
"""How long the run that took over is waited for while it changes nothing, in seconds."""


class Imports:
    """Runs imports against a store, each request id once in however many processes."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        upkeep: Upkeep,
        *,
        quiet_s: float = QUIET_S,
        lease_s: float = LEASE_S,
    ) -> None:
        self._store = store
        self._clock = clock
        self._upkeep = upkeep
        self._quiet_s = quiet_s
        self._lease_s = lease_s

    async def run(
        self, messages: AsyncIterator[Any], kind: ImportKind
    ) -> tuple[Request, Answer[Summary]]:
        """Import a stream that begins with its header, as `execute`. MalformedField."""
        # Of another city's people a row is refused, not the whole import.
        kind = replace(kind, cities=current_permit().narrowed())
        request = await header_of(messages)
        return request, await self.execute(request, messages, kind)

    async def execute(
        self, request: Request, messages: AsyncIterator[Any], kind: ImportKind
    ) -> Answer[Summary]:
        """Import the rows of a stream, or return the first answer again.

        A later run of the same caller takes over from one that stands still, which then
        gives its answer. MalformedField, RequestIdReused, OriginalReversed; StoreUnavailable if
        the later run broke off.
        """
        rows = Rows(messages, kind, self._store.hasher)
        batches = rows.batches()
        # Read before anything is claimed: a stream that is malformed from the start
        # leaves nothing behind.
        first = await anext(batches)
        run = Run(self._store, request, self._clock())
        try:
            row = await run.claim(self._quiet_s)
            if row is None:
                return await self._executed(run, kind, rows, first, batches)
        except RunLostError:
            row = await self._followed(run)
        except (Exception, asyncio.CancelledError):
            # Cut off: the same id sent again is executed again, and need not wait.
            await run.release()
            self._upkeep.tidy()
            raise
        return await self._replayed(request, row, rows)

    async def _executed(
        self,
        run: Run,
        kind: ImportKind,
        rows: Rows,
        first: RowBatch,
        batches: AsyncIterator[RowBatch],
    ) -> Answer[Summary]:
        execution = Import(
            self._store,
            run,
            kind,
            rows,
            day=self._clock().astimezone(SHANGHAI).date(),
        )
        answer = await execution.execute(first, batches)
        if not first.last:
            self._upkeep.merge(kind.registry)
        return answer

    async def _followed(self, run: Run) -> RequestRecord:
        """Return the row of the run that took over. StoreUnavailable if it broke off."""
        row = await run.others(self._lease_s)
        if row is None or run_of(row) is not None:
            raise StoreUnavailable(
                "接手同一请求编号的另一次导入没有完成，请用同一请求编号重新发送。"
            )
        return row

    async def _replayed(
        self, request: Request, row: RequestRecord, rows: Rows
    ) -> Answer[Summary]:
        """Return the first answer again, if the whole stream is the same."""
        if row.tombstone:
            raise OriginalReversed(
                "request_id 对应的请求在到达之前已被撤销，请换用新的编号",
                field="header.request_id",
            )
        await rows.drain()
        content = {"rows": rows.digest}
        if differs := differing(request, content, row, self._store.digest):
            raise reused(differs)
        summary = msgspec.json.decode(row.answer, type=Summary)
        return Answer(summary, replayed=True, at=row.at)
