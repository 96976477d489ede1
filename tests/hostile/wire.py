"""HTTP/2 frames as they are sent, for callers that keep to no rule."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, Self

from hpack import Decoder, Encoder

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    0,
    1,
    3,
    4,
    6,
    7,
    8,
    9,
)

END_STREAM, ACK, END_HEADERS = 1, 1, 4

INITIAL_WINDOW: Final = 4
"""Number of the setting."""

CANCEL: Final = 8

LARGEST: Final = 16_384
"""Most bytes of a frame."""

Metadata = Sequence[tuple[str, str]]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return one frame."""
    length = len(payload).to_bytes(3)
    return length + bytes((kind, flags)) + stream.to_bytes(4) + payload


def settings(values: Iterable[tuple[int, int]] = ()) -> bytes:
    """Return a SETTINGS frame."""
    packed = b"".join(struct.pack(">HI", key, value) for key, value in values)
    return frame(SETTINGS, 0, 0, packed)


def reset(stream: int) -> bytes:
    """Return a RST_STREAM frame: the caller has changed its mind."""
    return frame(RST_STREAM, 0, stream, CANCEL.to_bytes(4))


def header_block(path: str, metadata: Metadata = (), authority: str = "x") -> bytes:
    """Return the headers of a gRPC call; none of them is kept in a table."""
    pseudo = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", authority),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ]
    entries = [(key, value, True) for key, value in [*pseudo, *metadata]]
    return Encoder().encode(entries)


def message(payload: bytes) -> bytes:
    """Return a gRPC message: its flag, its length, itself."""
    return b"\x00" + len(payload).to_bytes(4) + payload


def data(stream: int, payload: bytes, *, last: bool = True) -> bytes:
    """Return the DATA frames of some bytes."""
    parts = [payload[at : at + LARGEST] for at in range(0, len(payload), LARGEST)]
    parts = parts or [b""]
    flags = [0] * (len(parts) - 1) + [END_STREAM if last else 0]
    return b"".join(
        frame(DATA, f, stream, p) for f, p in zip(flags, parts, strict=True)
    )


# Who attacks does not care who answers.
_UNTRUSTING: Final = ssl.create_default_context()
_UNTRUSTING.check_hostname = False
_UNTRUSTING.verify_mode = ssl.CERT_NONE
_UNTRUSTING.set_alpn_protocols(["h2"])


class Frame(NamedTuple):
    """A frame that came."""

    kind: int
    flags: int
    stream: int
    payload: bytes


class RawConnection:
    """A connection whose frames are written as they stand."""

    def __init__(
        self,
        address: str,
        *,
        window: int | None = None,
        tls: bool = False,
        timeout_s: float = 30,
    ) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout_s)
        if tls:
            self.socket = _UNTRUSTING.wrap_socket(self.socket)
        self._received = b""
        self._decoder = Decoder()
        values = [] if window is None else [(INITIAL_WINDOW, window)]
        self.send(PREFACE + settings(values) + frame(SETTINGS, ACK, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, raw: bytes) -> bool:
        """Send bytes; return whether the server still takes any."""
        try:
            self.socket.sendall(raw)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the connection, whatever is under way."""
        with suppress(OSError):
            self.socket.close()

    def frames(self) -> Iterator[Frame]:
        """Yield the frames that come, until the connection ends or none comes in time."""
        while True:
            while len(self._received) >= 9:
                length = int.from_bytes(self._received[:3])
                if len(self._received) < 9 + length:
                    break
                head, self._received = self._received[:9], self._received[9:]
                payload, self._received = (
                    self._received[:length],
                    self._received[length:],
                )
                yield Frame(head[3], head[4], int.from_bytes(head[5:9]), payload)
            try:
                came = self.socket.recv(1 << 18)
            except OSError:
                return
            if not came:
                return
            self._received += came

    def drain(self) -> int:
        """Throw away what has come without waiting; return how many bytes that was."""
        taken = 0
        self.socket.setblocking(False)  # noqa: FBT003 - the socket's own
        with suppress(OSError):
            while came := self.socket.recv(1 << 18):
                taken += len(came)
        self.socket.setblocking(True)  # noqa: FBT003 - the socket's own
        return taken

    def headers(self, got: Frame) -> dict[str, str]:
        """Return the headers of a HEADERS frame; every one must pass, in order."""
        return {str(k): str(v) for k, v, *_ in self._decoder.decode(got.payload)}
