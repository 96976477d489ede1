"""Frames of one turn of the loop go together, whole and in order."""

from __future__ import annotations

import asyncio
from typing import Any

from gongji.serve.frames import (
    TOGETHER_BYTES,
    CallReply,
    FrameProtocol,
    encode_frame,
)


class Written:
    """A transport that keeps what is written, write by write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.writes.append(data)

    def close(self) -> None:
        self.closed = True


def sending() -> tuple[FrameProtocol, Written]:
    transport: Any = Written()
    protocol = FrameProtocol(lambda _: None, lambda: None)
    protocol.connection_made(transport)
    return protocol, transport


def replies(count: int, size: int) -> list[CallReply]:
    return [CallReply(number, bytes(size)) for number in range(count)]


async def test_frames_of_one_turn_are_one_write() -> None:
    """Replies of one turn are written once, in order, before the next turn."""
    protocol, written = sending()
    frames = replies(3, 100)

    for frame in frames:
        protocol.send(frame)
    assert written.writes == []
    await asyncio.sleep(0)

    assert written.writes == [b"".join(map(encode_frame, frames))]


async def test_many_bytes_do_not_wait_for_the_turn_to_end() -> None:
    """What fills a write goes at once: the reader has work while more is made."""
    protocol, written = sending()
    frames = replies(3, TOGETHER_BYTES)

    for number, frame in enumerate(frames, 1):
        protocol.send(frame)
        assert written.writes == [encode_frame(sent) for sent in frames[:number]]
    await asyncio.sleep(0)

    assert len(written.writes) == len(frames)


async def test_what_was_sent_goes_before_the_end() -> None:
    """A connection closed in the turn in which a frame was sent has sent it."""
    protocol, written = sending()
    (frame,) = replies(1, 10)

    protocol.send(frame)
    protocol.close()
    await asyncio.sleep(0)

    assert written.writes == [encode_frame(frame)]
    assert written.closed
