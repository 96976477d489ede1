"""The line between client and server: one address that outlives servers and can be cut."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

_CHUNK: Final = 65536


class Line:
    """Carries bytes from a port of its own to the server of the day."""

    def __init__(self) -> None:
        self._to = 0
        self._listener: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()

    async def open(self) -> str:
        """Listens on a free port of the loopback; `host:port`."""
        self._listener = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return f"127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    def lead_to(self, port: int) -> None:
        """New connections go to this port of the loopback; those there are stay where they are."""
        self._to = port

    def cut(self) -> None:
        """Resets every connection, as a failing network would."""
        for end in self._ends:
            end.transport.abort()

    async def close(self) -> None:
        """Listens no more and hangs up."""
        if self._listener is not None:
            self._listener.close()
        self.cut()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        ends = {writer}
        try:
            with suppress(OSError, asyncio.CancelledError):
                there, away = await asyncio.open_connection("127.0.0.1", self._to)
                ends.add(away)
                self._ends |= ends
                await asyncio.gather(_pump(reader, away), _pump(there, writer))
        finally:
            self._ends -= ends
            self._carrying.discard(task)
            for end in ends:
                end.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One way, until either side ends it."""
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
