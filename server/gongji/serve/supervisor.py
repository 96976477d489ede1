"""Processes of our own: started with an order, replaced when they die, ended with us,
even where we are killed.

A member is a process of its own, never a fork. A pipe between it and its parent is its
lifeline: its order comes through it, and its end is the end of the member. A parent
that ends in order says a word first; one that was killed cannot.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Final

import msgspec
import structlog

from gongji.model.refusals import Refusal

if (
    sys.platform == "win32"
):  # there is no uvloop on Windows; asyncio's own loop serves there
    from asyncio import new_event_loop
else:
    from uvloop import new_event_loop

__all__ = [
    "Supervisor",
    "interrupted",
    "new_event_loop",
    "freeze_gc",
    "serve_as_member",
]

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""How long a dead member waits for its successor, in seconds: doubled each time one
dies young, to the longest."""

YOUNG_S: Final = 60.0
"""A member that served this long, in seconds, has done nothing wrong by dying."""

LATEST_S: Final = 15.0
"""How long a member may take to end, in seconds: to let calls in flight finish and
close what it holds."""

_FAREWELL: Final = b"."
"""What a parent says before it lets go."""


def freeze_gc() -> None:
    """Leaves what is loaded to the end of the process: looking through it for cycles
    costs a tenth of every call."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def interrupted() -> None:
    """Waits for Ctrl-C or the signal to end."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


class _Failed(Exception):  # noqa: N818 - a state, told to who waits
    """A member ended unbidden: why, and whether another would end the same way."""

    def __init__(self, told: str, *, final: bool) -> None:
        super().__init__(told)
        self.final = final


class _Report(msgspec.Struct, omit_defaults=True):
    """A line from a member to its parent: that it is up, and where; or why it ends."""

    up: bool = False
    address: str = ""
    fault: str = ""
    final: bool = False


@dataclass(slots=True)
class _Child:
    """A member's process as its parent sees it."""

    name: str
    number: int
    process: asyncio.subprocess.Process

    @classmethod
    async def start(cls, module: str, name: str, number: int, order: object) -> _Child:
        """A member that will come `up`; in a session of its own, so that Ctrl-C reaches
        the parent only."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", module),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        member = cls(name, number, process)
        if process.stdin:
            process.stdin.write(pickle.dumps(order))
        return member

    async def up(self) -> str:
        """Waits until it serves: where. _Failed where it ends instead."""
        report = await self._report()
        if report is None or not report.up:
            raise await self._why(report)
        return report.address

    async def ended(self) -> _Failed:
        """Waits until it ends: why it did."""
        return await self._why(await self._report())

    async def _report(self) -> _Report | None:
        """Its next line, None at the end."""
        line = await self.process.stdout.readline() if self.process.stdout else b""
        return msgspec.json.decode(line, type=_Report) if line else None

    async def _why(self, report: _Report | None) -> _Failed:
        status = await self.process.wait()
        if report and report.fault:
            return _Failed(report.fault, final=report.final)
        return _Failed(
            f"进程 {self.name} {self.number} 意外结束(状态 {status}), 原因见日志",
            final=False,
        )

    def release(self) -> None:
        """Tells it to end."""
        if self.process.stdin and not self.process.stdin.is_closing():
            self.process.stdin.write(_FAREWELL)
            self.process.stdin.close()

    async def gone(self) -> None:
        """Waits until it has ended; kills it where it takes too long."""
        try:
            await asyncio.wait_for(self.process.wait(), LATEST_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


class Supervisor:
    """Some processes that run one module, each with an order of its own made when it starts."""

    def __init__(
        self, module: str, name: str, size: int, order: Callable[[int], object]
    ) -> None:
        """`order` is asked for the order of each number from 1 to `size`, again for
        every successor.

        The log tells of them by `name`: worker_up, worker_ended.
        """
        self._module, self._name, self._size, self._order = module, name, size, order
        self._members: dict[int, _Child] = {}
        self._serving: set[int] = set()
        self._log = structlog.get_logger()

    async def start(self) -> str:
        """Brings them all up, the first alone: it may make what the others find; where
        it serves. OSError."""
        try:
            address = await self._start(1)
            await asyncio.gather(
                *(self._start(number) for number in range(2, self._size + 1))
            )
        except _Failed as failed:
            raise OSError(str(failed)) from failed
        return address

    async def _start(self, number: int) -> str:
        member = self._members[number] = await _Child.start(
            self._module, self._name, number, self._order(number)
        )
        address = await member.up()
        self._serving.add(number)
        self._log.info(
            f"{self._name}_up", pid=member.process.pid, **{self._name: number}
        )
        return address

    async def keep(self) -> None:
        """Replaces each that ends, for ever. ValueError where their orders cannot be
        met any more."""
        keepers = [
            asyncio.ensure_future(self._keep(number)) for number in self._members
        ]
        try:
            await asyncio.gather(*keepers)
        finally:
            for keeper in keepers:
                keeper.cancel()

    async def _keep(self, number: int) -> None:
        """Replaces one; while others serve, one that cannot start is tried again."""
        pause = FIRST_PAUSE_S / 2
        while True:
            since = time.monotonic()
            try:
                if number not in self._serving:
                    await self._start(number)
                failed = await self._members[number].ended()
            except _Failed as before:
                failed = before
            served = number in self._serving
            self._serving.discard(number)
            if failed.final and (served or not self._serving):
                raise ValueError(str(failed))
            pause = (
                FIRST_PAUSE_S
                if time.monotonic() - since >= YOUNG_S
                else min(2 * pause, LONGEST_PAUSE_S)
            )
            self._log.error(
                f"{self._name}_ended",
                told=str(failed),
                next_in_s=pause,
                **{self._name: number},
            )
            await asyncio.sleep(pause)

    async def stop(self) -> None:
        """Ends them all, calls in flight finished within their grace."""
        for member in self._members.values():
            member.release()
        await asyncio.gather(*(member.gone() for member in self._members.values()))


# --- in the member's process ----------------------------------------------------------

Up = Callable[[str], None]
"""Tells the parent that we serve, and where."""


def serve_as_member(
    work: Callable[[Any, Up, asyncio.Future[None]], Awaitable[None]],
    *,
    unfit: tuple[type[Exception], ...] = (),
    bereft: Callable[[Any], object] = lambda _: None,
) -> None:
    """A member's life: `work` is handed its order, whom to tell that it serves, and
    what is done when the end comes.

    One that ends with an `unfit` error has an order that could not be met later either:
    it gets no successor. `bereft` is handed the order, in a thread of its own, where
    the parent was killed: before the end comes.
    """
    order = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent's
    # What anybody prints must not reach the parent as a report.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0) as reports:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(_until_the_end(work, order, reports, partial(bereft, order)))
        except (Refusal, ValueError, OSError) as fault:
            _tell(reports, _Report(fault=str(fault), final=isinstance(fault, unfit)))
            sys.exit(1)


async def _until_the_end(
    work: Any, order: object, reports: BinaryIO, bereft: Callable[[], object]
) -> None:
    loop = asyncio.get_running_loop()
    ending = asyncio.ensure_future(interrupted())
    end = partial(loop.call_soon_threadsafe, ending.cancel)
    threading.Thread(target=_lifeline, args=(end, bereft), daemon=True).start()
    await work(
        order, lambda address: _tell(reports, _Report(up=True, address=address)), ending
    )


def _lifeline(end: Callable[[], object], bereft: Callable[[], object]) -> None:
    """Waits until the parent lets go, and sees to it that nothing outlives it."""
    told = b""
    while word := os.read(sys.stdin.fileno(), 4096):
        told += word
    if not told:
        bereft()
    with suppress(RuntimeError):  # the loop has ended by itself
        end()
    time.sleep(LATEST_S)
    os._exit(1)


def _tell(reports: BinaryIO, report: _Report) -> None:
    with suppress(OSError):  # the parent is gone
        reports.write(msgspec.json.encode(report) + b"\n")
