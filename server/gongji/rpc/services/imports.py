"""Client-streamed imports: rows checked one by one, written in batches, counted, and
remembered under one request id.

Memory holds one batch and the first errors, however long the stream is.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from weakref import WeakValueDictionary

import msgspec

from gongji.model.commands import Answer, Query, Request, RequestRecord
from gongji.model.refusals import (
    Malformed,
    MalformedField,
    OriginalReversed,
    RequestIdReused,
)
from gongji.registry.imports import Upserted
from gongji.rpc.calls import command_request
from gongji.rpc.constraints import enforce
from gongji.store import Store

BATCH: Final = 500

ERRORS_SHOWN: Final = 100

T = TypeVar("T")


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
        """Keeps one of the first errors."""
        if len(self.errors) < ERRORS_SHOWN:
            self.errors.append(fault)


@dataclass(frozen=True, slots=True)
class ImportKind(Generic[T]):
    """What is imported: the field of the message that holds a row, how it is read, and
    how a batch is written."""

    row: str
    read: Callable[[Any], T]
    upsert: Callable[[tuple[T, ...]], Query[Upserted]]


class Imports:
    """Runs imports against a store; two of one request id one after the other."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def run(
        self, messages: AsyncIterator[Any], kind: ImportKind[T]
    ) -> tuple[Request, Answer[Summary]]:
        """Imports a stream, or answers it as the first time. MalformedField,
        RequestIdReused, OriginalReversed."""
        request = await _header(messages)
        lock = self._locks.setdefault(request.request_id, asyncio.Lock())
        async with lock:
            rows = _Rows(messages, kind.row)
            known = await self._store.recall(request.request_id)
            if known is not None:
                return request, await self._replayed(request, known, rows)
            return request, await self._executed(request, rows, kind)

    async def _executed(
        self, request: Request, rows: _Rows, kind: ImportKind[T]
    ) -> Answer[Summary]:
        summary, batch = Summary(), dict[int, T]()
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
                await self._write(batch, kind, summary)
                batch = {}
        if batch:
            await self._write(batch, kind, summary)
        summary.received = rows.count
        summary.errors.sort(key=lambda fault: fault.row)
        at = self._clock()
        await self._store.remember(
            RequestRecord(
                request_id=request.request_id,
                caller=request.caller,
                method=request.method,
                digests={"rows": self._store.digest(rows.digest)},
                at=at,
                answer=msgspec.json.encode(summary),
            )
        )
        return Answer(summary, replayed=False, at=at)

    async def _write(
        self, batch: dict[int, T], kind: ImportKind[T], summary: Summary
    ) -> None:
        numbers = list(batch)
        done = await self._store.apply(kind.upsert(tuple(batch.values())))
        summary.written += done.written
        summary.unchanged += done.unchanged
        summary.refused += done.refused
        for found in done.problems:
            problem = found.problem
            summary.note(
                RowFault(
                    numbers[found.row], problem.field, problem.reason, problem.message
                )
            )

    async def _replayed(
        self, request: Request, known: RequestRecord, rows: _Rows
    ) -> Answer[Summary]:
        """The first answer again, once the whole stream has shown that it is the same."""
        if known.tombstone:
            raise OriginalReversed(
                "request_id 对应的请求在到达之前已被撤销, 请换用新的编号",
                field="header.request_id",
            )
        async for _ in rows:
            pass
        told = {
            "caller": known.caller == request.caller,
            "method": known.method == request.method,
            "rows": known.digests.get("rows") == self._store.digest(rows.digest),
        }
        if differing := ",".join(name for name, same in told.items() if not same):
            raise RequestIdReused(
                f"request_id 已用于另一次请求(不同之处: {differing}), 新的导入请换用新的编号",
                field="header.request_id",
                differing=differing,
            )
        return Answer(
            msgspec.json.decode(known.answer, type=Summary), replayed=True, at=known.at
        )


class _Rows:
    """The rows of a stream, numbered from 1; afterwards how many there were and a
    digest of all of them."""

    def __init__(self, messages: AsyncIterator[Any], row: str) -> None:
        self._messages = messages
        self._row = row
        self._hash = hashlib.sha256()
        self.count = 0

    async def __aiter__(self) -> AsyncIterator[tuple[int, Any]]:
        async for message in self._messages:
            if message.WhichOneof("message") != self._row:
                what = f"第 {self.count + 1} 行: 首条消息之后, 每条消息须恰好是一个 {self._row}"
                raise MalformedField(what, field=self._row)
            row = getattr(message, self._row)
            row.DiscardUnknownFields()
            content = row.SerializeToString(deterministic=True)
            self._hash.update(len(content).to_bytes(4) + content)
            self.count += 1
            yield self.count, row

    @property
    def digest(self) -> str:
        """What all rows so far amount to; to be keyed before it is kept."""
        return self._hash.hexdigest()


async def _header(messages: AsyncIterator[Any]) -> Request:
    """The first message of a stream. MalformedField where it is no header."""
    async for message in messages:
        if message.WhichOneof("message") != "header":
            break
        enforce(message)
        return command_request(message.header.request_id)
    raise MalformedField("header: 首条消息须为带 request_id 的 header", field="header")
