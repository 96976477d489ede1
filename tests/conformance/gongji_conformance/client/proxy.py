"""A TCP proxy between client and server, whose connections can be cut."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

_CHUNK: Final = 65536
_LOOPBACK: Final = "127.0.0.1"


class TcpProxy:
    """Forwards bytes from a port of its own to whichever server is the current one."""

    def __init__(self) -> None:
        self._port = 0
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._forwarding: set[asyncio.Task[None]] = set()

    async def open(self) -> str:
        """Listen on a free port of the loopback; return `host:port`."""
        self._listener = await asyncio.start_server(self._forward, _LOOPBACK, 0)
        return f"{_LOOPBACK}:{self._listener.sockets[0].getsockname()[1]}"

    def lead_to(self, port: int) -> None:
        """Forward new connections to this port; open ones stay where they are."""
        self._port = port

    def cut(self) -> None:
        """Reset every connection, as a failing network would."""
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        """Stop listening and close every connection."""
        if self._listener is not None:
            self._listener.close()
        self.cut()
        for task in self._forwarding:
            task.cancel()
        await asyncio.gather(*self._forwarding, return_exceptions=True)

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Forward one connection both ways until either side ends it."""
        task = asyncio.current_task()
        assert task is not None
        # Kept, because the loop holds its tasks by weak references only.
        self._forwarding.add(task)
        writers = {writer}
        try:
            with suppress(OSError, asyncio.CancelledError):
                answers, server = await asyncio.open_connection(_LOOPBACK, self._port)
                writers.add(server)
                self._writers |= writers
                await asyncio.gather(_pump(reader, server), _pump(answers, writer))
        finally:
            self._writers -= writers
            self._forwarding.discard(task)
            for end in writers:
                end.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes one way, until either side ends it."""
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    finally:
        # Closed as well, or the other direction would wait for ever.
        writer.close()
