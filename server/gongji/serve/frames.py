"""Frames of calls between two processes of one machine, and connections that carry them.

A frame is its length in 4 bytes, big-endian, then that many bytes of MessagePack.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Self, TypeAlias

import grpc
import msgspec

from gongji.access.identity import CallerIdentity
from gongji.rpc.method import Calling
from gongji.rpc.origin import NOWHERE, CallOrigin
from gongji.rpc.status import Status

_LENGTH_BYTES: Final = 4

_READ_BYTES: Final = 65_536

TOGETHER_BYTES: Final = 16_384
"""So many bytes of frames are written at once, and no longer gathered."""


class CallRequest(msgspec.Struct, array_like=True, tag=0):
    """A call begins; `raw` is its request, empty if requests follow as chunks.

    It is the call to whoever answers it: see `method.Calling`.
    """

    number: int
    path: str
    identity: CallerIdentity
    remaining_s: float | None
    raw: bytes = b""
    origin: CallOrigin = NOWHERE

    @classmethod
    def of(cls, number: int, path: str, calling: Calling, raw: bytes = b"") -> Self:
        """Return the frame that passes a call on."""
        known = calling.identity, calling.remaining_s
        return cls(number, path, *known, raw, calling.origin)


class CallCancel(msgspec.Struct, array_like=True, tag=1):
    """The caller has gone."""

    number: int


class CallChunk(msgspec.Struct, array_like=True, tag=2):
    """One request or reply of a stream."""

    raw: bytes


class CallEnd(msgspec.Struct, array_like=True, tag=3):
    """The requests of a stream are complete."""


class CallReply(msgspec.Struct, array_like=True, tag=4):
    """The call succeeded."""

    number: int
    raw: bytes


class CallFailure(msgspec.Struct, array_like=True, tag=5):
    """The call failed; see `status.Status`."""

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


def encode_frame(frame: Frame) -> bytes:
    """Return a frame as it is sent, its length first."""
    packed = _pack(frame)
    return len(packed).to_bytes(_LENGTH_BYTES) + packed


def failure_frame(number: int, status: Status) -> CallFailure:
    """Return the frame that reports a call's failure."""
    trailing = tuple(
        [
            (key, value.encode() if isinstance(value, str) else value)
            for key, value in status.trailing
        ]
    )
    return CallFailure(
        number, status.code.value[0], status.reason, status.message, trailing
    )


def status_of(frame: CallFailure) -> Status:
    """Return the status a frame reports."""
    # gRPC's own rule: the values of keys that end so are bytes, all others text.
    trailing = tuple(
        [
            (key, value if key.endswith("-bin") else value.decode())
            for key, value in frame.trailing
        ]
    )
    return Status(_CODES[frame.code], frame.reason, frame.message, trailing)


class FrameProtocol(asyncio.Protocol):
    """Frames both ways over one connection, handed over as soon as they are read."""

    def __init__(
        self,
        on_frame: Callable[[Any], None],
        on_lost: Callable[[], None],
    ) -> None:
        """Call `on_frame` with each frame received and `on_lost` once at the end."""
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._incomplete = bytearray()
        self._needed = 0
        self._transport: Any = None
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0

    def send(self, frame: Frame) -> None:
        """Send a frame in this turn of the loop; nothing happens if the peer has gone."""
        # hot path: to write costs more than a frame, and wakes the other process. Those
        # of a batch go several at once, yet not all: the other has work meanwhile.
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        packed = encode_frame(frame)
        self._unsent.append(packed)
        self._unsent_bytes += len(packed)
        if self._unsent_bytes >= TOGETHER_BYTES:
            self._flush()

    def _flush(self) -> None:
        frames, self._unsent, self._unsent_bytes = self._unsent, [], 0
        if frames:
            self._transport.write(b"".join(frames))

    def close(self) -> None:
        """Close the connection, all that was sent before."""
        self._flush()
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; asyncio calls this at the beginning."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand over the complete frames and keep what is left of an incomplete one."""
        # hot path: once a call both ways; most data is one whole frame, taken uncopied.
        if self._incomplete:
            # A large frame comes in a hundred pieces: joined once, when it is whole.
            self._incomplete += data
            if len(self._incomplete) < self._needed:
                return
            data = bytes(self._incomplete)
            self._incomplete.clear()
        at = 0
        end = len(data)
        while end - at >= _LENGTH_BYTES:
            start = at + _LENGTH_BYTES
            stop = start + int.from_bytes(data[at:start])
            if stop > end:
                break
            self._on_frame(_unpack(memoryview(data)[start:stop]))
            at = stop
        if at < end:
            self._keep(data[at:])

    def _keep(self, part: bytes) -> None:
        """Keep what is left of an incomplete frame, and how long it will be."""
        self._incomplete += part
        known = len(part) >= _LENGTH_BYTES
        length = int.from_bytes(part[:_LENGTH_BYTES]) if known else 0
        self._needed = _LENGTH_BYTES + length

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end; asyncio calls this once."""
        self._on_lost()


class FrameStream:
    """Frames both ways over one connection, at the pace of whoever reads them."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, frame: Frame) -> None:
        """Send a frame as soon as there is room. ConnectionError if the peer has gone."""
        self._writer.write(encode_frame(frame))
        # Back-pressure: waits while the peer reads more slowly than we write.
        await self._writer.drain()

    async def receive(self) -> Any:
        """Return the next frame. ConnectionError if the peer has gone."""
        try:
            length = int.from_bytes(await self._reader.readexactly(_LENGTH_BYTES))
            return _unpack(await self._reader.readexactly(length))
        except asyncio.IncompleteReadError as cut:
            raise ConnectionResetError from cut

    async def wait_closed_by_peer(self) -> None:
        """Wait until the peer closes; discard what it still sends."""
        while await self._reader.read(_READ_BYTES):
            pass

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()
