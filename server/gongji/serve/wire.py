"""The wire between two processes of one machine: sockets that have no name anywhere.

One process makes both ends and hands one over. Nothing lies in a folder that somebody
could remove, whose path could be too long, or through which another user could come.
"""

# near end                                        far end, handed to the other process
#   calls      ◀──────── plain calls ─────────▶   calls
#   openings   ◀── one socket a streaming call ─  openings
#
# A stream is opened by whoever has the far end: it makes a pair of sockets and sends one
# of them over `openings`.

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from gongji.serve.frames import FrameProtocol, FrameStream

P = TypeVar("P", bound=FrameProtocol)

_WORD = b"+"
"""What a socket is sent with: a descriptor needs at least one byte."""


@dataclass(frozen=True, slots=True)
class WireEnd:
    """One end: a socket for plain calls, and one that hands sockets over."""

    calls: socket.socket
    openings: socket.socket

    @classmethod
    def of(cls, descriptors: tuple[int, int]) -> Self:
        """Return the end whose descriptors this process was given."""
        calls, openings = (socket.socket(fileno=number) for number in descriptors)
        return cls(calls, openings)

    @property
    def descriptors(self) -> tuple[int, int]:
        """Return the descriptors, for a process that inherits them."""
        return self.calls.fileno(), self.openings.fileno()

    async def attach(self, protocol: P) -> P:
        """Have a protocol speak over `calls`; return it."""
        self.calls.setblocking(False)  # noqa: FBT003 - the library's own
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: protocol, sock=self.calls)
        return protocol

    def close(self) -> None:
        """Close both."""
        self.calls.close()
        self.openings.close()


def new_wire() -> tuple[WireEnd, WireEnd]:
    """Return both ends of a new wire. OSError."""
    calls, openings = socket.socketpair(), socket.socketpair()
    near, far = zip(calls, openings, strict=True)
    return WireEnd(*near), WireEnd(*far)


class StreamOpener:
    """Opens streams from the far end."""

    def __init__(self, openings: socket.socket) -> None:
        self._openings = openings
        self._openings.setblocking(False)  # noqa: FBT003 - the library's own
        self._turn = asyncio.Lock()

    async def open(self) -> FrameStream:
        """Open a stream. OSError if no descriptor is left, or if nobody is there."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                await self._hand_over(theirs)
            except BaseException:
                ours.close()
                raise
        return await _stream_over(ours)

    async def _hand_over(self, theirs: socket.socket) -> None:
        async with self._turn:
            while True:
                try:
                    socket.send_fds(self._openings, [_WORD], [theirs.fileno()])
                except BlockingIOError:
                    await _writable(self._openings)
                else:
                    return


class StreamAccepter:
    """Accepts streams at the near end until it is closed or the far end is gone."""

    def __init__(
        self,
        openings: socket.socket,
        handle: Callable[[FrameStream], Coroutine[Any, Any, None]],
    ) -> None:
        self._openings = openings
        self._openings.setblocking(False)  # noqa: FBT003 - the library's own
        self._handle = handle
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(openings.fileno(), self._accept)

    @property
    def is_open(self) -> bool:
        """Whether the far end may open more."""
        return self._openings.fileno() >= 0

    def close(self) -> None:
        """Accept no more; the streams there are go on."""
        if self.is_open:
            self._loop.remove_reader(self._openings.fileno())
            self._openings.close()

    def _accept(self) -> None:
        try:
            word, descriptors, *_ = socket.recv_fds(self._openings, len(_WORD), 1)
        except BlockingIOError:
            return
        except OSError:
            word, descriptors = b"", []
        if not word:
            self.close()
        # Without one, no descriptor was left here; its sender sees the stream end.
        for descriptor in descriptors:
            task = self._loop.create_task(self._serve(descriptor))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, descriptor: int) -> None:
        await self._handle(await _stream_over(socket.socket(fileno=descriptor)))


async def _stream_over(connected: socket.socket) -> FrameStream:
    connected.setblocking(False)  # noqa: FBT003 - the library's own
    return FrameStream(*await asyncio.open_unix_connection(sock=connected))


def _writable(connected: socket.socket) -> Awaitable[None]:
    """Return what is done once a socket takes more."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    number = connected.fileno()

    def tell() -> None:
        loop.remove_writer(number)
        if not ready.done():
            ready.set_result(None)

    loop.add_writer(number, tell)
    return ready
