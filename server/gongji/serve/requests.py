"""The requests of one call as gRPC brings them, and those that follow its refusal.

A client whose stream ends while it sends may report a failure of its own (Python's aio:
INTERNAL) instead of our refusal. So a refused stream is read on first, for a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, Protocol

import grpc

READ_ON_S: Final = 3.0
"""Seconds for which the requests behind a refusal are still taken, and ignored."""

PAUSED_S: Final = 0.25
"""Seconds without a request after which a client is taken to be sending nothing."""

READ_ON_BYTES: Final = 4 * 1024 * 1024
"""Bytes of requests that are ignored."""

READ_ON_REQUESTS: Final = 8192
"""Requests that are ignored: about a second's."""

READ_ON_CALLS: Final = 256
"""Refused streams read on at once, of all callers; one more ends at once."""


class RequestReader:
    """Reads the requests of one call; one read at a time."""

    __slots__ = ("_context", "_read", "received")

    def __init__(self, context: Any) -> None:
        self._context = context
        self._read: asyncio.Task[Any] | None = None
        self.received = 0
        """Bytes read so far."""

    async def lone(self) -> bytes | None:
        """Return the request of a plain call; None if the caller has gone."""
        # hot path: every plain call; nobody reads on after it.
        return self._counted(await self._context.read())

    async def next(self) -> bytes | None:
        """Return the next request of a stream; None behind the last, or of nobody.

        A read that is cancelled goes on inside gRPC, which knows one at a time: whoever
        reads next has its request.
        """
        if self._read is None:
            self._read = asyncio.ensure_future(self._context.read())
        raw = await asyncio.shield(self._read)
        if raw is not grpc.aio.EOF:
            self._read = None
        return self._counted(raw)

    def close(self) -> None:
        """Read no more: the call has ended."""
        if self._read is not None and not self._read.cancel():
            # Nobody may be left to hear that the caller has gone: asyncio would log it.
            self._read.exception()

    def _counted(self, raw: Any) -> bytes | None:
        if raw is grpc.aio.EOF:
            return None
        request: bytes = raw
        self.received += len(request)
        return request

    async def read_on(self) -> None:
        """Take what still comes of a refused stream, within bounds, and ignore it."""
        # It may pause, go on for too long, or go away.
        with suppress(TimeoutError, grpc.aio.BaseError):
            async with asyncio.timeout(PAUSED_S) as limit:
                await self._ignore(limit)

    async def _ignore(self, limit: asyncio.Timeout) -> None:
        loop = asyncio.get_running_loop()
        latest = loop.time() + READ_ON_S
        most = self.received + READ_ON_BYTES
        for _ in range(READ_ON_REQUESTS):
            if await self.next() is None or self.received > most:
                return
            limit.reschedule(min(latest, loop.time() + PAUSED_S))


class RefusedStreams:
    """The refused streams that are read on, of all callers of one port."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[None]] = set()

    async def read_on(self, reader: RequestReader) -> None:
        """Take what still comes of a stream, unless too many are read on."""
        if len(self._under_way) < READ_ON_CALLS:
            task = asyncio.create_task(reader.read_on())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            await task

    async def finished(self) -> None:
        """Wait until those that are under way now have ended."""
        if self._under_way:
            await asyncio.wait(self._under_way)


class StreamingCall(Protocol):
    """A call whose requests stream."""

    def requests(self) -> AsyncIterator[bytes]:
        """Yield the requests as they come."""

    async def send_metadata(self) -> None:
        """Send the initial metadata, empty. grpc.aio.BaseError if the caller has gone."""


class CompleteRequests:
    """The requests of a call that counts only if they have all come."""

    # grpc.aio ends the requests in the same way if the caller has sent them all and if
    # it has gone, and cancels the call later, when a handler may have taken a part for
    # the whole. Sending the caller its initial metadata first fails if it has gone.

    def __init__(self, call: StreamingCall) -> None:
        self._call = call
        self._sending: asyncio.Future[bool] | None = None

    async def all(self) -> AsyncIterator[bytes]:
        """Yield the requests as they come. CancelledError if the caller goes before the end."""
        async for request in self._call.requests():
            yield request
        self._sending = asyncio.ensure_future(self._caller_is_there())
        if not await asyncio.shield(self._sending):
            raise asyncio.CancelledError

    async def _caller_is_there(self) -> bool:
        """Return whether the initial metadata reach the caller."""
        # It raises nothing: nobody may be left to hear of it, and asyncio would log that.
        try:
            await self._call.send_metadata()
        except grpc.aio.BaseError:
            return False
        return True

    async def wait_sent(self) -> None:
        """Wait until no metadata is being sent: gRPC sends one thing at a time."""
        if self._sending is not None:
            await asyncio.wait((self._sending,))
