"""The stream of an import: its header, then its rows, batch by batch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Container
from typing import Any, Final

from msgspec import Struct, field

from gongji.access.callers import ALL
from gongji.audit.hashing import Hasher, running
from gongji.model.commands import Request
from gongji.model.refusals import Malformed, MalformedField
from gongji.registry.kinds import Registry
from gongji.rpc.calls import command_request
from gongji.rpc.constraints import enforce

# Few enough that a batch holds up other calls for milliseconds only.
BATCH: Final = 250
"""Rows staged in one transaction; an import of fewer is written at once."""


class RowFault(Struct, frozen=True):
    """What is wrong with a row; rows count from 1, the first after the header."""

    row: int
    field: str
    reason: str
    message: str


class ImportKind(Struct, frozen=True):
    """What is imported: the field that holds a row, how it is read, where it belongs.

    `cities` are the pooling areas whose people or institutions are taken.
    """

    field: str
    read: Callable[[Any], Any]
    registry: Registry
    cities: Container[str] = ALL


class RowBatch(Struct):
    """Some rows of a stream by number, and those that cannot be read.

    `last` says that the stream has ended with them.
    """

    rows: dict[int, Any] = field(default_factory=dict)
    malformed: dict[int, str] = field(default_factory=dict)
    """Whom each speaks of, as far as it says so."""
    faults: list[RowFault] = field(default_factory=list)
    last: bool = False

    @property
    def full(self) -> bool:
        """Return whether no other row fits in."""
        return len(self.rows) + len(self.malformed) == BATCH


class Rows:
    """The rows of a stream, numbered from 1, with a digest of all that were read."""

    def __init__(
        self, messages: AsyncIterator[Any], kind: ImportKind, hasher: Hasher
    ) -> None:
        self._messages = messages
        self._kind = kind
        self._hash = running(hasher)
        self.count = 0

    async def __aiter__(self) -> AsyncIterator[tuple[int, Any]]:
        field = self._kind.field
        async for message in self._messages:
            if message.WhichOneof("message") != field:
                raise MalformedField(
                    f"第 {self.count + 1} 行：首条消息之后，"
                    f"每条消息须恰好是一个 {field}",
                    field=field,
                )
            row = getattr(message, field)
            # A newer client's fields are not stored: they make no other import.
            row.DiscardUnknownFields()
            content = row.SerializeToString(deterministic=True)
            # The length before each row: two streams are one only row by row.
            self._hash.update(len(content).to_bytes(4) + content)
            self.count += 1
            yield self.count, row

    async def batches(self) -> AsyncIterator[RowBatch]:
        """Yield all rows, `BATCH` at a time; the last batch has fewer, or none."""
        batch = RowBatch()
        async for number, row in self:
            try:
                enforce(row)
                batch.rows[number] = self._kind.read(row)
            except Malformed as refusal:
                batch.malformed[number] = getattr(row, self._kind.registry.owner_field)
                batch.faults.append(
                    RowFault(number, refusal.field, refusal.reason(), refusal.message)
                )
            if batch.full:
                yield batch
                batch = RowBatch()
        batch.last = True
        yield batch

    async def drain(self) -> None:
        """Read what remains of the stream."""
        async for _ in self:
            pass

    @property
    def digest(self) -> str:
        """A digest of all rows so far; to be keyed before it is stored."""
        return self._hash.hexdigest()


async def header_of(messages: AsyncIterator[Any]) -> Request:
    """Return the request of a stream's first message. MalformedField if it is no header."""
    async for message in messages:
        if message.WhichOneof("message") != "header":
            break
        enforce(message)
        return command_request(message.header.request_id)
    raise MalformedField("header：首条消息须为带 request_id 的 header", field="header")
