"""Hostile requests by the thousand, from a seed: whatever comes, no INTERNAL of ours.

.venv/bin/python -m tests.hostile.fuzz [--requests N] [--seed S]
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import Any, Final

import grpc
import msgspec
from gongji.rpc.status import DETAILS_KEY, DOMAIN
from google.rpc import status_pb2

from tests.cli.started import Started
from tests.hostile import wire
from tests.hostile.beside import sandbox, sizes_mb
from tests.hostile.messages import HostileMethod, Maker, methods
from tests.patience import PATIENCE_S

CONNECTIONS: Final = 16

AT_ONCE: Final = 64

SLOW_STREAMS: Final = 16

RAW_SHARE, FLOOD_SHARE = 0.05, 0.05
"""Of the requests: raw bytes instead of HTTP/2, and calls with floods of headers."""

WARM: Final = 5
"""Tenths of the run in which caches fill, SQLite's above all; memory is held to it then."""

# Emptied now and then, not all the time.
RARELY: Final = 0.01


class FuzzReport(msgspec.Struct):
    """What came of a run; the memory of both processes when warm and at the end."""

    requests: int
    seed: int
    seconds: float
    codes: dict[str, int]
    ours: int
    """INTERNAL and UNKNOWN that bear our details."""
    faults: list[str]
    """What the log reports of defects of ours: event, type and places."""
    library: list[str]
    """What gRPC reports, as that a caller has gone who was to be told something."""
    foreign_lines: int
    restarts: int
    memory_mb: list[list[int]]
    """Of each process after each tenth of the run."""

    @property
    def sound(self) -> bool:
        """Whether everything is as it should be."""
        broken = self.ours + len(self.faults) + self.foreign_lines + self.restarts
        warm_mb, *_, end_mb = map(sum, self.memory_mb[WARM - 1 :])
        return not broken and end_mb <= 1.1 * warm_mb


class Fuzz:
    """One run against one server."""

    def __init__(self, server: Started, requests: int, seed: int) -> None:
        self._server = server
        self._requests = requests
        self._seed = seed
        self._random = Random(seed)  # noqa: S311 - to be repeated
        self._maker = Maker(self._random)
        self._methods = methods()
        self._codes: Counter[str] = Counter()
        self._ours = 0
        self._channels: list[Any] = []
        self._memory: list[list[int]] = []

    async def run(self) -> FuzzReport:
        """Send everything."""
        self._channels = [self._channel() for _ in range(CONNECTIONS)]
        slow = [asyncio.create_task(self._slow()) for _ in range(SLOW_STREAMS)]
        began = time.monotonic()
        left = iter(range(self._requests))
        await asyncio.gather(*(self._some(left) for _ in range(AT_ONCE)))
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        for channel in self._channels:
            await channel.close()
        return self._report(time.monotonic() - began)

    async def _some(self, left: Iterator[int]) -> None:
        """Send what is left of the requests, one after the other."""
        tenth = max(1, self._requests // 10)
        for number in left:
            if number % tenth == tenth - 1:
                self._memory.append(sizes_mb(self._server.process.pid))
            await self._one()

    def _report(self, seconds: float) -> FuzzReport:
        lines = list(self._server.logged)
        events = [msgspec.json.decode(x) for x in lines if x.startswith("{")]
        counts = Counter(event["event"] for event in events)
        return FuzzReport(
            self._requests,
            self._seed,
            seconds,
            dict(self._codes.most_common()),
            self._ours,
            [_fault(e) for e in events if e["event"] == "fault"],
            [_fault(e) for e in events if e["event"] == "library"],
            len(lines) - len(events),
            counts["gateway_ended"],
            self._memory,
        )

    def _channel(self) -> Any:
        options = [("grpc.use_local_subchannel_pool", 1)]
        return grpc.aio.insecure_channel(self._server.address, options)

    async def _one(self) -> None:
        kind = self._random.random()
        if kind < RAW_SHARE:
            await asyncio.to_thread(self._raw, self._random.getrandbits(64))
        else:
            await self._call(self._method(), flood=kind < RAW_SHARE + FLOOD_SHARE)

    def _method(self) -> HostileMethod:
        while True:
            method = self._random.choice(self._methods)
            sandbox_only = "SandboxService" in method.path
            if not sandbox_only or self._random.random() < RARELY:
                return method

    async def _call(self, method: HostileMethod, *, flood: bool) -> None:
        channel = self._random.choice(self._channels)
        rows = 1 if not method.streams_in else self._random.choice((0, 1, 2, 5, 300))
        raws = [self._maker.raw(method) for _ in range(rows)]
        metadata = self._metadata(flood=flood)
        timeout = self._random.choice((0.001, 0.1, 30, 30, 30, 30))
        request = iter(raws) if method.streams_in else raws[0]
        call = _callable(channel, method)
        try:
            replies = call(request, timeout=timeout, metadata=metadata)
            if method.streams_out:
                async for _ in replies:
                    pass
            else:
                await replies
        except grpc.aio.AioRpcError as error:
            self._count(error)
        except asyncio.CancelledError:
            # gRPC's client says so of a call that the other side has cancelled.
            self._codes["CANCELLED (gRPC)"] += 1
        except ValueError:
            # Our own gRPC does not send such headers.
            self._codes["not sent"] += 1
        else:
            self._codes["OK"] += 1

    def _count(self, error: grpc.aio.AioRpcError) -> None:
        own = _is_ours(error)
        self._codes[error.code().name + ("" if own else " (gRPC)")] += 1
        if own and error.code() in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}:
            self._ours += 1

    def _metadata(self, *, flood: bool) -> list[tuple[str, str | bytes]]:
        random = self._random
        metadata: list[tuple[str, str | bytes]] = [
            ("x-gongji-caller", random.choice(("a", "b", "c", "h.1", "!", "x" * 61)))
        ]
        if random.random() < 0.1:
            metadata.append(("x-gongji-subject-bin", random.randbytes(40)))
        if flood:
            count, size = random.choice(((500, 10), (20, 300), (3, 9_000), (1, 70_000)))
            metadata += [(f"x-{n}-bin", random.randbytes(size)) for n in range(count)]
        return metadata

    def _raw(self, seed: int) -> None:
        """Send what was HTTP/2 before chance came over it."""
        sent = _mangled(Random(seed), self._methods)  # noqa: S311 - to be repeated
        host, _, port = self._server.address.rpartition(":")
        with (
            suppress(OSError),
            socket.create_connection((host, int(port)), PATIENCE_S) as connection,
        ):
            connection.sendall(sent)
            connection.settimeout(0.02)
            while connection.recv(65_536):
                pass
        self._codes["raw"] += 1

    async def _slow(self) -> None:
        """Open streams for ever, and send a row a second over each."""
        imports = next(m for m in self._methods if m.path.endswith("/ImportPersons"))

        async def rows() -> Any:
            while True:
                yield self._maker.raw(imports)
                await asyncio.sleep(1)

        while True:
            channel = self._random.choice(self._channels)
            with suppress(grpc.aio.AioRpcError):
                await channel.stream_unary(imports.path)(
                    rows(), metadata=[("x-gongji-caller", "slow")]
                )
            await asyncio.sleep(0.1)


def _callable(channel: Any, method: HostileMethod) -> Any:
    sides = [
        "stream" if streams else "unary"
        for streams in (method.streams_in, method.streams_out)
    ]
    return getattr(channel, "_".join(sides))(method.path)


def _fault(event: dict[str, Any]) -> str:
    told = (str(event.get(key, "")) for key in ("event", "method", "error", "text"))
    return " ".join([*told, *event.get("places", ())[-3:]])


def _mangled(random: Random, known: Sequence[HostileMethod]) -> bytes:
    """Return some calls over HTTP/2, in no order and with changes."""
    maker = Maker(random)
    method = random.choice(known)
    block = wire.header_block(method.path, [("x-gongji-caller", "raw")])
    frames = [wire.settings()]
    for stream in range(1, random.choice((2, 4, 40)), 2):
        head = wire.frame(wire.HEADERS, wire.END_HEADERS, stream, block)
        frames += [head, wire.data(stream, wire.message(maker.raw(method)))]
    random.shuffle(frames)
    return wire.PREFACE + maker.mutated(b"".join(frames))


def _is_ours(error: grpc.aio.AioRpcError) -> bool:
    """Return whether an error bears our details."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            return (
                DOMAIN.encode()
                in status_pb2.Status.FromString(value).SerializeToString()
            )
    return False


def fuzz(requests: int, seed: int) -> FuzzReport:
    """Run against a server of its own."""
    with sandbox() as server:
        return asyncio.run(Fuzz(server, requests, seed).run())


def main(arguments: Sequence[str]) -> None:
    """Print the report; exit with 1 if it is not sound."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=400_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    report = fuzz(asked.requests, asked.seed)
    sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    sys.exit(not report.sound)


if __name__ == "__main__":
    main(sys.argv[1:])
