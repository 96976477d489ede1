"""The wire between two processes: streams handed over, and what its loss does."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from pathlib import Path

import pytest
from gongji.serve.frames import CallChunk, FrameStream
from gongji.serve.wire import StreamAccepter, StreamOpener, new_wire

from tests.patience import PATIENCE_S


async def echoed(stream: FrameStream) -> None:
    """Send a stream's first frame back."""
    await stream.send(await stream.receive())


async def sent_back(opener: StreamOpener, number: int) -> bytes:
    """Open a stream, send something over it, return what comes back."""
    stream = await opener.open()
    await stream.send(CallChunk(b"%d" % number))
    frame: CallChunk = await stream.receive()
    stream.close()
    return bytes(frame.raw)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_each_stream_is_its_own() -> None:
    """However many are opened at once, each has its own socket; none is left over."""
    near, far = new_wire()
    accepter = StreamAccepter(near.openings, echoed)
    opener = StreamOpener(far.openings)
    await sent_back(opener, 0)
    before = open_descriptors()
    for _ in range(3):
        numbers = range(200)
        frames = await asyncio.gather(*(sent_back(opener, n) for n in numbers))
        assert [b"%d" % n for n in numbers] == frames
    await until(lambda: open_descriptors() <= before)
    accepter.close()
    near.close()
    far.close()


async def until(condition: object) -> None:
    """Wait until a condition holds."""
    assert callable(condition)
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - bounded
            await asyncio.sleep(0.01)


async def test_more_than_the_socket_holds_wait() -> None:
    """Streams opened faster than they are accepted wait for room, and none is lost."""
    near, far = new_wire()
    far.openings.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    opener = StreamOpener(far.openings)
    opened = [asyncio.ensure_future(sent_back(opener, n)) for n in range(50)]
    await asyncio.sleep(0.1)
    assert not any(one.done() for one in opened)
    accepter = StreamAccepter(near.openings, echoed)
    assert [b"%d" % n for n in range(50)] == await asyncio.gather(*opened)
    accepter.close()
    near.close()
    far.close()


async def test_nobody_at_the_other_end() -> None:
    """An opener without anybody is told so; an accepter whose far end is gone closes."""
    near, far = new_wire()
    accepter = StreamAccepter(near.openings, echoed)
    opener = StreamOpener(far.openings)
    accepter.close()
    with pytest.raises(ConnectionError):
        await opener.open()
    near, far = new_wire()
    accepter = StreamAccepter(near.openings, echoed)
    far.close()
    await until(lambda: not accepter.is_open)


async def test_no_descriptor_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that cannot be opened for want of descriptors says so and keeps none."""
    near, far = new_wire()
    opener = StreamOpener(far.openings)
    before = open_descriptors()

    def full(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(socket, "send_fds", full)
    with pytest.raises(OSError, match="Too many open files"):
        await opener.open()
    assert before == open_descriptors()
    near.close()
    far.close()
