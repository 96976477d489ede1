"""Imports (导入): a stream of rows checked one by one, written in batches, executed once.

Memory holds one batch and the first errors, however long the stream is.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import msgspec

from gongji.model.commands import Answer, Query, Request, RequestRecord, Write
from gongji.model.refusals import (
    Malformed,
    MalformedField,
    OriginalReversed,
    Refusal,
    RequestIdReused,
    StoreUnavailable,
)
from gongji.registry.imports import Upserted
from gongji.rpc.calls import command_request
from gongji.rpc.constraints import enforce
from gongji.store import Store
from gongji.store.claims import FREE, RUN, Part, RunLostError, run_of
from gongji.store.replay import differences, request_row

# Few enough that a batch holds up other calls for milliseconds only.
BATCH: Final = 500
"""Rows written in one transaction."""

ERRORS_SHOWN: Final = 100

# A run writes a batch in milliseconds, but its rows come as fast as its caller sends them.
# One taken for dead too early loses nothing: it follows the run that took over.
QUIET_S: Final = 1.0
"""After how many seconds without a change a later run takes over."""

LEASE_S: Final = 10.0
"""How long the run that took over is waited for while it changes nothing, in seconds."""

_POLL_S: Final = 0.1

T = TypeVar("T")

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong with a row; rows count from 1, the first after the header."""

    row: int
    field: str
    reason: str
    message: str


@dataclass(slots=True)
class Summary:
    """What an import did, and its first errors."""

    received: int = 0
    written: int = 0
    unchanged: int = 0
    refused: int = 0
    errors: list[RowFault] = field(default_factory=list)

    def note(self, fault: RowFault) -> None:
        """Keep one of the first errors."""
        if len(self.errors) < ERRORS_SHOWN:
            self.errors.append(fault)

    def add(self, numbers: list[int], upserted: Upserted) -> None:
        """Count a batch; `numbers` are those of its rows."""
        self.written += upserted.written
        self.unchanged += upserted.unchanged
        self.refused += upserted.refused
        for found in upserted.problems:
            problem = found.problem
            row = numbers[found.row]
            self.note(RowFault(row, problem.field, problem.reason, problem.message))


@dataclass(frozen=True, slots=True)
class ImportKind(Generic[T]):
    """What is imported: the field that holds a row, how it is read, how a batch is written.

    A batch is written for the import of a request id.
    """

    row: str
    read: Callable[[Any], T]
    upsert: Callable[[tuple[T, ...], str], Query[Upserted]]


class Imports:
    """Runs imports against a store, each request id once in however many processes."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        *,
        quiet_s: float = QUIET_S,
        lease_s: float = LEASE_S,
    ) -> None:
        self._store = store
        self._clock = clock
        self._quiet_s = quiet_s
        self._lease_s = lease_s

    async def run(
        self, messages: AsyncIterator[Any], kind: ImportKind[T]
    ) -> tuple[Request, Answer[Summary]]:
        """Import a stream that begins with its header, as `execute`. MalformedField."""
        request = await _header(messages)
        return request, await self.execute(request, messages, kind)

    async def execute(
        self, request: Request, messages: AsyncIterator[Any], kind: ImportKind[T]
    ) -> Answer[Summary]:
        """Import the rows of a stream, or return the first answer again.

        A later run of the same caller takes over from one that stands still, which then
        gives its answer. MalformedField, RequestIdReused, OriginalReversed; StoreUnavailable if
        the later run broke off.
        """
        rows = _Rows(messages, kind.row)
        summary = Summary()
        batches = _batches(rows, kind, summary)
        # Read before anything is claimed: a stream that is malformed from the start
        # leaves nothing behind.
        batch: dict[int, T] = await anext(batches, {})
        run = _Run(self._store, request, self._clock())
        try:
            row = await run.claim(self._quiet_s)
            if row is None:
                while batch:
                    upsert = kind.upsert(tuple(batch.values()), request.request_id)
                    summary.add(list(batch), await run.write(upsert, rows.count))
                    batch = await anext(batches, {})
                return await self._finished(run, rows, summary)
        except RunLostError:
            row = await self._followed(run)
        except (Exception, asyncio.CancelledError):
            # Cut off: the same id sent again is executed again, and need not wait.
            await run.release()
            raise
        return await self._replayed(request, row, rows)

    async def _followed(self, run: _Run) -> RequestRecord:
        """Return the row of the run that took over. StoreUnavailable if it broke off."""
        row = await run.others(self._lease_s)
        if row is None or run_of(row) is not None:
            raise StoreUnavailable(
                "接手同一请求编号的另一次导入没有完成，请用同一请求编号重新发送。"
            )
        return row

    async def _finished(
        self, run: _Run, rows: _Rows, summary: Summary
    ) -> Answer[Summary]:
        summary.received = rows.count
        summary.errors.sort(key=lambda fault: fault.row)
        row = request_row(
            run.request,
            {"rows": rows.digest},
            self._clock(),
            self._store.digest,
            answer=msgspec.json.encode(summary),
        )
        await run.replace(row)
        return Answer(summary, replayed=False, at=row.at)

    async def _replayed(
        self, request: Request, row: RequestRecord, rows: _Rows
    ) -> Answer[Summary]:
        """Return the first answer again, if the whole stream is the same."""
        if row.tombstone:
            raise OriginalReversed(
                "request_id 对应的请求在到达之前已被撤销, 请换用新的编号",
                field="header.request_id",
            )
        await rows.drain()
        content = {"rows": rows.digest}
        differing = differences(request, content, row, self._store.digest)
        # Of another method's request only what this one has as well.
        own = [name for name in differing.fields if name in content]
        names = ",".join([*differing.sender, *own])
        if names:
            raise _reused(names)
        summary = msgspec.json.decode(row.answer, type=Summary)
        return Answer(summary, replayed=True, at=row.at)


class _Run:
    """One run of an import; it writes only while the row of its request names it.

    The row is inserted before the first rows are written: of two runs the second finds
    it, and waits while the first goes on. One that is cut off leaves it free; one that
    was killed, or whose caller is gone, leaves it unchanged and is taken over.
    """

    def __init__(self, store: Store, request: Request, at: datetime) -> None:
        self.request = request
        self._store = store
        self._at = at
        self._token = secrets.token_hex(8)

    async def claim(self, quiet_s: float) -> RequestRecord | None:
        """Make the request this run's own; return its row instead if it is finished.

        RequestIdReused if another caller or another method has the request.
        """
        while True:
            row = await self.others(quiet_s)
            holder = run_of(row)
            if holder is None:
                return row
            # Another may be quicker, and is then waited for.
            with suppress(RunLostError):
                await self._part(holder, self._row(self._token), Write(()))
                return None

    async def others(self, quiet_s: float) -> RequestRecord | None:
        """Return the row once no other run goes on: finished, free, or unchanged so long.

        RequestIdReused as `claim`.
        """
        loop = asyncio.get_running_loop()
        known, since = None, 0.0
        while True:
            row = await self._store.recall(self.request.request_id)
            if row is None or run_of(row) is None:
                return row
            self._refuse_another_sender(row)
            if row != known:
                known, since = row, loop.time()
            if run_of(row) == FREE or loop.time() - since >= quiet_s:
                return row
            await asyncio.sleep(_POLL_S)

    def _refuse_another_sender(self, row: RequestRecord) -> None:
        names = ",".join(differences(self.request, {}, row, self._store.digest).sender)
        if names:
            raise _reused(names)

    async def write(self, query: Query[R], received: int) -> R:
        """Execute a query, and show that the run goes on. RunLostError."""
        return await self._part(self._token, self._row(self._token, received), query)

    async def replace(self, row: RequestRecord) -> None:
        """Put the finished row in place of this run's. RunLostError."""
        await self._part(self._token, row, Write(()))

    async def release(self) -> None:
        """Leave the request to whoever sends it again, if it is still this run's own."""
        # If the database cannot be reached either, the lease ends the claim.
        with suppress(RunLostError, Refusal):
            await self._part(self._token, self._row(FREE), Write(()))

    def _row(self, token: str, received: int = 0) -> RequestRecord:
        request = self.request
        return RequestRecord(
            request_id=request.request_id,
            caller=request.caller,
            method=request.method,
            digests={RUN: token, "received": str(received)},
            at=self._at,
        )

    async def _part(self, holder: str, row: RequestRecord, query: Query[R]) -> R:
        return await self._store.apply(Part(holder, row, query))


class _Rows:
    """The rows of a stream, numbered from 1, with a digest of all that were read."""

    def __init__(self, messages: AsyncIterator[Any], row: str) -> None:
        self._messages = messages
        self._row = row
        self._hash = hashlib.sha256()
        self.count = 0

    async def __aiter__(self) -> AsyncIterator[tuple[int, Any]]:
        async for message in self._messages:
            if message.WhichOneof("message") != self._row:
                raise MalformedField(
                    f"第 {self.count + 1} 行: 首条消息之后, "
                    f"每条消息须恰好是一个 {self._row}",
                    field=self._row,
                )
            row = getattr(message, self._row)
            # A newer client's fields are not stored: they make no other import.
            row.DiscardUnknownFields()
            content = row.SerializeToString(deterministic=True)
            # The length before each row: two streams are one only row by row.
            self._hash.update(len(content).to_bytes(4) + content)
            self.count += 1
            yield self.count, row

    async def drain(self) -> None:
        """Read what remains of the stream."""
        async for _ in self:
            pass

    @property
    def digest(self) -> str:
        """A digest of all rows so far; to be keyed before it is stored."""
        return self._hash.hexdigest()


async def _batches(
    rows: _Rows, kind: ImportKind[T], summary: Summary
) -> AsyncIterator[dict[int, T]]:
    """Yield the rows by number, `BATCH` at a time; malformed ones are noted and left out."""
    batch: dict[int, T] = {}
    async for number, row in rows:
        try:
            enforce(row)
        except Malformed as refusal:
            summary.refused += 1
            summary.note(
                RowFault(number, refusal.field, refusal.reason(), refusal.message)
            )
            continue
        batch[number] = kind.read(row)
        if len(batch) == BATCH:
            yield batch
            batch = {}
    if batch:
        yield batch


def _reused(names: str) -> RequestIdReused:
    return RequestIdReused(
        f"request_id 已用于另一次请求(不同之处: {names}), 新的导入请换用新的编号",
        field="header.request_id",
        differing=names,
    )


async def _header(messages: AsyncIterator[Any]) -> Request:
    """Return the request of a stream's first message. MalformedField if it is no header."""
    async for message in messages:
        if message.WhichOneof("message") != "header":
            break
        enforce(message)
        return command_request(message.header.request_id)
    raise MalformedField("header: 首条消息须为带 request_id 的 header", field="header")
