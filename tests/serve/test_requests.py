"""Refused streams read on: within bounds, whatever their callers go on to send."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from gongji.serve import requests
from gongji.serve.requests import RefusedStreams, RequestReader


class StubContext:
    """gRPC's side of a call whose caller sends without end, each request after a time."""

    def __init__(self, request: bytes = b"row", every_s: float = 0.0) -> None:
        self.request = request
        self.every_s = every_s
        self.taken = 0

    async def read(self) -> Any:
        await asyncio.sleep(self.every_s)
        self.taken += 1
        return self.request


class EndedContext(StubContext):
    """The same of a caller that has sent all, or has gone."""

    def __init__(self, *, gone: bool) -> None:
        super().__init__()
        self.gone = gone

    async def read(self) -> Any:
        self.taken += 1
        if self.gone:
            raise grpc.aio.UsageError
        return grpc.aio.EOF


BOUNDS = {
    "requests": (StubContext(), "READ_ON_REQUESTS", 10, 10),
    "bytes": (StubContext(bytes(100)), "READ_ON_BYTES", 1000, 11),
    "time": (StubContext(every_s=0.02), "READ_ON_S", 0.1, 10),
    "a pause": (StubContext(every_s=60), "PAUSED_S", 0.05, 0),
}


@pytest.mark.parametrize("bound", BOUNDS)
async def test_no_sender_is_read_on_for_ever(
    bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading on ends after so many requests, bytes, seconds, or seconds of silence."""
    context, name, value, most = BOUNDS[bound]
    monkeypatch.setattr(requests, name, value)
    reader = RequestReader(context)
    async with asyncio.timeout(10):
        await reader.read_on()
    reader.close()
    assert context.taken <= most


@pytest.mark.parametrize("gone", [False, True])
async def test_reading_on_ends_with_the_stream(*, gone: bool) -> None:
    """Whoever has sent all, or has gone, is not waited for."""
    context = EndedContext(gone=gone)
    reader = RequestReader(context)
    await reader.read_on()
    reader.close()
    assert 1 == context.taken


async def test_a_cancelled_read_loses_nothing() -> None:
    """What a cancelled read would have had comes with the next one."""
    context = StubContext(every_s=0.05)
    reader = RequestReader(context)
    reading = asyncio.ensure_future(reader.next())
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait((reading,))
    assert (b"row", 1) == (await reader.next(), context.taken)


async def test_so_many_are_read_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than may be is not read at all; the end of the others is waited for."""
    monkeypatch.setattr(requests, "READ_ON_CALLS", 2)
    monkeypatch.setattr(requests, "READ_ON_S", 0.3)
    refused = RefusedStreams()
    held = [RequestReader(StubContext(every_s=0.05)) for _ in range(2)]
    tasks = [asyncio.ensure_future(refused.read_on(reader)) for reader in held]
    await asyncio.sleep(0)
    one_more = StubContext()
    await refused.read_on(RequestReader(one_more))
    await refused.finished()
    await asyncio.sleep(0)
    assert (0, [True, True]) == (one_more.taken, [task.done() for task in tasks])
    for reader in held:
        reader.close()
