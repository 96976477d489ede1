"""Frames between two processes of one machine: what they say of calls, and the
connections they go over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import grpc
import msgspec

from gongji.rpc.method import CallFailed
from gongji.rpc.status import Status

_LENGTH: Final = 4
"""Bytes before each frame that say how many follow."""

_READ: Final = 65_536


class CallRequest(msgspec.Struct, array_like=True, tag=0):
    """A call: its request, where it has just one; its caller's name and seconds left,
    as `Calling` tells them."""

    number: int
    path: str
    caller: str | None
    remaining_s: float | None
    raw: bytes = b""


class CallCancel(msgspec.Struct, array_like=True, tag=1):
    """The caller has gone."""

    number: int


class CallChunk(msgspec.Struct, array_like=True, tag=2):
    """One of several requests or replies."""

    raw: bytes


class CallEnd(msgspec.Struct, array_like=True, tag=3):
    """All requests have come."""


class CallReply(msgspec.Struct, array_like=True, tag=4):
    """The call has ended well."""

    number: int
    raw: bytes


class CallFailure(msgspec.Struct, array_like=True, tag=5):
    """The call has ended otherwise; see `status.Status`."""

    number: int
    code: int
    reason: str
    message: str
    trailing: tuple[tuple[str, bytes], ...]


Frame: TypeAlias = (
    CallRequest | CallCancel | CallChunk | CallEnd | CallReply | CallFailure
)

_pack = msgspec.msgpack.Encoder().encode

_unpack = msgspec.msgpack.Decoder(Frame).decode

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


def framed(frame: Frame) -> bytes:
    """A frame as it is sent."""
    packed = _pack(frame)
    return len(packed).to_bytes(_LENGTH) + packed


def refuses(number: int, told: Status) -> CallFailure:
    """The frame of a call that ended so."""
    trailing = tuple(
        [
            (key, value.encode() if isinstance(value, str) else value)
            for key, value in told.trailing
        ]
    )
    return CallFailure(number, told.code.value[0], told.reason, told.message, trailing)


def ended(frame: CallFailure) -> CallFailed:
    """How the call of a frame ended."""
    # gRPC's own rule: the values of keys that end so are bytes, all others text.
    trailing = tuple(
        [
            (key, value if key.endswith("-bin") else value.decode())
            for key, value in frame.trailing
        ]
    )
    return CallFailed(Status(_CODES[frame.code], frame.reason, frame.message, trailing))


class FrameProtocol(asyncio.Protocol):
    """Frames both ways over one connection; `got` is handed each, `lost` is told of the end."""

    def __init__(self, got: Callable[[Any], None], lost: Callable[[], None]) -> None:
        self._got, self._lost = got, lost
        self._unread = b""
        self._transport: Any = None

    def send(self, frame: Frame) -> None:
        """Sends a frame; nobody hears it where the other has gone."""
        self._transport.write(framed(frame))

    def close(self) -> None:
        """Ends the connection."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The beginning."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Takes what came; the last frame may be cut in two."""
        data = self._unread + data if self._unread else data
        at, end = 0, len(data)
        while end - at >= _LENGTH:
            start = at + _LENGTH
            stop = start + int.from_bytes(data[at:start])
            if stop > end:
                break
            self._got(_unpack(memoryview(data)[start:stop]))
            at = stop
        self._unread = data[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._lost()


class FrameStream:
    """Frames both ways over one connection, at the pace of who reads them."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, frame: Frame) -> None:
        """Sends a frame as soon as there is room. ConnectionError where the other has gone."""
        self._writer.write(framed(frame))
        await self._writer.drain()

    async def receive(self) -> Any:
        """The next frame. ConnectionError where the other has gone."""
        try:
            length = int.from_bytes(await self._reader.readexactly(_LENGTH))
            return _unpack(await self._reader.readexactly(length))
        except asyncio.IncompleteReadError as cut:
            raise ConnectionResetError from cut

    async def ended(self) -> None:
        """Waits until the other has gone; whatever else he sends means nothing."""
        while await self._reader.read(_READ):
            pass

    def close(self) -> None:
        """Ends the connection."""
        self._writer.close()
