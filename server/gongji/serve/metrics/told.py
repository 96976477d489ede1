"""Each process tells its parent its numbers, once a second, over a pair of sockets.

    gateway ──▶ worker ──▶ the process that serves /metrics
       a packet for each part of a family, passed on as it came

Nothing waits for anybody: what the parent does not take in time is not told, and the
next second tells all of it again.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from typing import Final, NamedTuple, TypeAlias

import msgspec

from gongji.serve.metrics import processes
from gongji.serve.metrics.cells import Sample, metrics
from gongji.serve.metrics.families import ENDED, LATE

EVERY_S: Final = 1.0
"""Seconds between two tellings."""

_BUFFER_BYTES: Final = 1024 * 1024

_MOST_SAMPLES: Final = 400
"""Samples in a packet: of a histogram less than 100 KiB."""

_INSTANCE: Final = secrets.token_hex(4)


ROOT: Final = "service"
"""Name of the process that was started; it has no parent of ours."""

_NAME: Final = re.compile(rf"{ROOT}|(worker-\d+/)?(worker|gateway)(-\d+)?")


class Telling(NamedTuple):
    """A packet: which process, which start of it, and some samples of a family."""

    process: str
    instance: str
    family: str
    part: int
    samples: Sequence[Sample]


Take: TypeAlias = Callable[[Telling], None]
"""Takes what is told."""

_encode = msgspec.msgpack.Encoder().encode

_decode = msgspec.msgpack.Decoder(Telling).decode


class Teller:
    """Tells the numbers of this process, and of its children, to whoever takes them."""

    def __init__(self, process: str, take: Take) -> None:
        self._process = process
        self._take = take

    async def tell(self) -> None:
        """Tell the numbers for ever."""
        late = metrics.histogram(LATE)
        while True:
            self.tell_now()
            due = perf_counter() + EVERY_S
            await asyncio.sleep(EVERY_S)
            late.observe(max(0.0, perf_counter() - due))

    def tell_now(self) -> None:
        """Tell the numbers as they are now."""
        for family, samples in metrics.snapshot().items():
            for first in range(0, len(samples), _MOST_SAMPLES):
                some = samples[first : first + _MOST_SAMPLES]
                self._take(Telling(self._process, _INSTANCE, family, first, some))

    def name_of(self, child: str) -> str:
        """Return the name of a child: that of a child's child says whose it is."""
        return child if self._process == ROOT else f"{self._process}/{child}"

    def hear(self) -> socket.socket:
        """Return the end by which a child tells, to be closed once the child has it."""
        ours, theirs = _pair()
        loop = asyncio.get_running_loop()

        def heard() -> None:
            try:
                # All that is there: a child tells many at once.
                while packet := ours.recv(_BUFFER_BYTES):
                    self._take(_decode(packet))
            except BlockingIOError:
                return
            except (OSError, msgspec.MsgspecError):
                pass
            # The child has ended.
            loop.remove_reader(ours)
            ours.close()

        loop.add_reader(ours, heard)
        return theirs


def _pair() -> tuple[socket.socket, socket.socket]:
    # Packets, and their end is noticed.
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for one in pair:
        one.settimeout(0)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    return pair


class _Current:
    """The teller of this process, None if nobody is told."""

    teller: Teller | None = None


_current: Final = _Current()


@asynccontextmanager
async def telling(process: str, take: Take) -> AsyncIterator[None]:
    """Tell the numbers of this process for the block, at its end for the last time."""
    metrics.allow_if("process", lambda name: bool(_NAME.fullmatch(name)))
    processes.watch_own(process)
    _current.teller = teller = Teller(process, take)
    task = asyncio.ensure_future(teller.tell())
    try:
        yield
    finally:
        task.cancel()
        teller.tell_now()
        _current.teller = None


# --- between parent and child ---------------------------------------------------------


class Ears(NamedTuple):
    """What a child is started with so that it can tell; its sockets become its own."""

    arguments: tuple[str, ...] = ()
    sockets: tuple[socket.socket, ...] = ()


def ears_for(child: str) -> Ears:
    """Return what a child is started with; nothing if nobody is told."""
    teller = _current.teller
    if teller is None:
        return Ears()
    name = teller.name_of(child)
    # At zero, so that it can be seen to rise.
    metrics.counter(ENDED, name)
    end = teller.hear()
    return Ears((name, str(end.fileno())), (end,))


def count_ended(child: str) -> None:
    """Count a child that has ended unbidden."""
    if _current.teller:
        metrics.counter(ENDED, _current.teller.name_of(child)).value += 1


@asynccontextmanager
async def telling_parent(arguments: Sequence[str]) -> AsyncIterator[None]:
    """Tell the parent for the block, if it hears by what it started this process with."""
    if not arguments:
        yield
        return
    name, descriptor = arguments
    with socket.socket(fileno=int(descriptor)) as end:
        end.settimeout(0)
        end.set_inheritable(False)

        def take(telling: Telling) -> None:
            # BlockingIOError: the parent is slow. Others: it is gone, and we are soon.
            with suppress(OSError):
                end.send(_encode(telling))

        async with telling(name, take):
            yield
