"""Child processes: started with a spec, replaced if they exit, ended with their parent.

A child is a process of its own, never a fork. Its standard input is a pipe from its
parent: the spec comes through it, and when it closes the child ends, even if the parent
was killed.
"""

# A child as its supervisor sees it:
#
#   starting ──▶ serving        the child reports `up` and its address
#       │           │
#       └─────┬─────┘           it exits, or reports a fault
#             ├──▶ waiting ──▶ starting …       after a pause that doubles
#             └──▶ supervise() raises           the fault is fatal; see `_supervise`
#
# In the child: run_child reads the spec, `work` serves, _watch_parent ends it.

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec
import structlog

from gongji.model.refusals import Refusal
from gongji.serve import logs, stray
from gongji.serve.metrics.told import count_ended, ears_for, telling_parent
from gongji.store.process_memory import keep_private
from gongji.text.faults import sentence_of

# There is no uvloop on Windows; asyncio's own loop serves there.
if sys.platform == "win32":
    from asyncio import new_event_loop
else:
    from uvloop import new_event_loop

__all__ = [
    "Handed",
    "Supervisor",
    "freeze_gc",
    "interrupted",
    "new_event_loop",
    "run_child",
]

FIRST_PAUSE_S: Final = 0.5
"""Seconds before an exited child is replaced; doubled each time one exits young."""

LONGEST_PAUSE_S: Final = 30.0

YOUNG_S: Final = 60.0
"""A child that lived this many seconds has proved that it can: its pause is the first."""

GIVEN_UP_S: Final = 60.0
"""Seconds without any child that serves, after which there will be none."""

EXIT_TIMEOUT_S: Final = 15.0
"""Seconds a child may take to finish its calls and close what it holds; then it is killed."""

_ORDERLY_END: Final = b"."
"""What a parent writes before it closes the pipe; one that was killed cannot."""


def freeze_gc() -> None:
    """Exempt what is loaded from garbage collection, and collect more rarely."""
    # Measured: looking through it for cycles costs a tenth of every call.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def interrupted() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


class _ChildFailed(Exception):  # noqa: N818 - a state, reported to who waits
    """A child exited unbidden; a `fatal` failure would befall its successor too."""

    def __init__(self, message: str, *, fatal: bool) -> None:
        super().__init__(message)
        self.fatal = fatal


class _Report(msgspec.Struct, omit_defaults=True):
    """A line of JSON from a child: that it is up and where, or the fault it exits with."""

    up: bool = False
    address: str = ""
    fault: str = ""
    fatal: bool = False


class Handed(NamedTuple):
    """What a child is started with: its spec, and sockets that become its own."""

    spec: object
    sockets: Sequence[socket.socket] = ()
    arguments: Sequence[str] = ()


@dataclass(slots=True)
class _Child:
    """A child's process as its parent sees it."""

    name: str
    number: int
    process: asyncio.subprocess.Process

    @classmethod
    async def start(cls, module: str, name: str, number: int, handed: Handed) -> _Child:
        """Start a child; it will be `up` later. OSError."""
        sockets = [handed_over.fileno() for handed_over in handed.sockets]
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", module, *handed.arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=(*stray.passed_descriptors(), *sockets),
                # A session of its own, so that Ctrl-C reaches the parent only.
                start_new_session=True,
                env=os.environ
                | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        finally:
            # Held here too, they would not close with the child.
            for handed_over in handed.sockets:
                handed_over.close()
        if process.stdin:
            process.stdin.write(pickle.dumps(handed.spec))
        return cls(name, number, process)

    async def up(self) -> str:
        """Wait until it serves; return its address. _ChildFailed if it exits instead."""
        report = await self._report()
        if report is None or not report.up:
            raise await self._failure(report)
        return report.address

    async def exited(self) -> _ChildFailed:
        """Wait until it exits; return why."""
        return await self._failure(await self._report())

    async def _report(self) -> _Report | None:
        """Return its next line, None at the end."""
        line = await self.process.stdout.readline() if self.process.stdout else b""
        return msgspec.json.decode(line, type=_Report) if line else None

    async def _failure(self, report: _Report | None) -> _ChildFailed:
        status = await self.process.wait()
        if report and report.fault:
            return _ChildFailed(report.fault, fatal=report.fatal)
        return _ChildFailed(
            f"进程 {self.name} {self.number} 意外结束（状态 {status}），原因见日志",
            fatal=False,
        )

    def release(self) -> None:
        """Ask it to end in order."""
        if self.process.stdin and not self.process.stdin.is_closing():
            self.process.stdin.write(_ORDERLY_END)
            self.process.stdin.close()

    async def reap(self) -> None:
        """Wait until it has exited; kill it after EXIT_TIMEOUT_S."""
        try:
            await asyncio.wait_for(self.process.wait(), EXIT_TIMEOUT_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


class Supervisor:
    """Several children that run one module, each with a spec of its own."""

    def __init__(
        self,
        module: str,
        name: str,
        size: int,
        hand: Callable[[int], Awaitable[Handed]],
    ) -> None:
        """Supervise `size` children, numbered from 1.

        `hand` returns what a number is started with, again for every successor. The log
        calls them by `name`: worker_up, worker_ended.
        """
        self._module = module
        self._name = name
        self._size = size
        self._hand = hand
        self._last_served = 0.0
        self._children: dict[int, _Child] = {}
        self._serving: set[int] = set()
        self._log = structlog.get_logger()

    async def start(self) -> str:
        """Start all children; return the first one's address. OSError."""
        try:
            # The first alone: it may make what the others find.
            address = await self._start(1)
            await asyncio.gather(
                *(self._start(number) for number in range(2, self._size + 1))
            )
        except _ChildFailed as failed:
            raise OSError(str(failed)) from failed
        return address

    async def _start(self, number: int) -> str:
        child = self._children[number] = await _Child.start(
            self._module, self._name, number, await self._handed(number)
        )
        address = await child.up()
        self._serving.add(number)
        self._log.info(
            f"{self._name}_up", pid=child.process.pid, **{self._name: number}
        )
        return address

    async def _handed(self, number: int) -> Handed:
        """Return what a number is started with, so that it tells its numbers too."""
        handed = await self._hand(number)
        ears = ears_for(self._metrics_name(number))
        sockets = (*handed.sockets, *ears.sockets)
        return handed._replace(sockets=sockets, arguments=ears.arguments)

    def _metrics_name(self, number: int) -> str:
        """Return the name of a child in metrics; a number tells several apart."""
        return self._name if self._size == 1 else f"{self._name}-{number}"

    async def supervise(self) -> None:
        """Replace each child that exits, for ever.

        ValueError if one fails fatally; OSError if none has served for `GIVEN_UP_S`.
        """
        tasks = [
            asyncio.ensure_future(self._supervise(number)) for number in self._children
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _supervise(self, number: int) -> None:
        pause = FIRST_PAUSE_S / 2
        while True:
            since = time.monotonic()
            try:
                if number not in self._serving:
                    await self._start(number)
                failed = await self._children[number].exited()
            except _ChildFailed as at_start:
                failed = at_start
            # No process, descriptor or memory is left just now.
            except (OSError, MemoryError) as scarce:
                failed = _ChildFailed(sentence_of(scarce), fatal=False)
            count_ended(self._metrics_name(number))
            self._judge(number, failed)
            lived_s = time.monotonic() - since
            pause = FIRST_PAUSE_S if lived_s >= YOUNG_S else _longer(pause)
            self._log.error(
                f"{self._name}_ended",
                told=str(failed),
                next_in_s=pause,
                **{self._name: number},
            )
            await asyncio.sleep(pause)

    def _judge(self, number: int, failed: _ChildFailed) -> None:
        """Take a child that failed off those that serve. ValueError; OSError."""
        now, served = time.monotonic(), number in self._serving
        if self._serving:
            self._last_served = now
        self._serving.discard(number)
        # While others serve, a successor that cannot start is tried again.
        if failed.fatal and (served or not self._serving):
            raise ValueError(str(failed))
        # Whoever supervises the service may have what we lack.
        if not self._serving and now - self._last_served > GIVEN_UP_S:
            raise OSError(
                f"{GIVEN_UP_S:.0f} 秒以来没有一个 {self._name} 进程在服务，现停止：{failed}"
            )

    async def stop(self) -> None:
        """End all children, calls in flight finished within their grace."""
        for child in self._children.values():
            child.release()
        await asyncio.gather(*(child.reap() for child in self._children.values()))


def _longer(pause_s: float) -> float:
    return min(2 * pause_s, LONGEST_PAUSE_S)


# --- in the child's process -----------------------------------------------------------

Up = Callable[[str], None]
"""Reports to the parent that the child serves, and at which address."""

Work = Callable[[Any, Up, asyncio.Future[None]], Awaitable[None]]
"""What a child does: given its spec, `Up`, and a future done when it must end."""


def run_child(
    work: Work,
    *,
    fatal: tuple[type[Exception], ...] = (),
    on_orphaned: Callable[[Any], object] = lambda _: None,
) -> None:
    """Run `work` with the spec from standard input; exit with 1 if it fails.

    A child that fails with a `fatal` error gets no successor: its spec could not be met
    later either. If the parent is killed, `on_orphaned` is called with the spec, in a
    thread of its own, before the end comes.
    """
    keep_private()
    spec = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent's
    # What anybody prints must not reach the parent as a report.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0) as reports:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            with logs.alike(), asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(_run(work, spec, reports, partial(on_orphaned, spec)))
        except (Refusal, ValueError, OSError) as fault:
            told = sentence_of(fault)
            _send(reports, _Report(fault=told, fatal=isinstance(fault, fatal)))
            sys.exit(1)


async def _run(
    work: Work, spec: object, reports: BinaryIO, on_orphaned: Callable[[], object]
) -> None:
    def up(address: str) -> None:
        _send(reports, _Report(up=True, address=address))

    ending = asyncio.ensure_future(interrupted())
    end = partial(asyncio.get_running_loop().call_soon_threadsafe, ending.cancel)
    # A thread, since the loop may hang; a daemon, so that it holds up no exit.
    watch = threading.Thread(target=_watch_parent, args=(end, on_orphaned), daemon=True)
    watch.start()
    async with telling_parent(sys.argv[1:]):
        await work(spec, up, ending)


def _watch_parent(end: Callable[[], object], on_orphaned: Callable[[], object]) -> None:
    """Wait until the pipe closes, call `end`, and exit if the child has not by then."""
    received = b""
    while data := os.read(sys.stdin.fileno(), 4096):
        received += data
    if not received:
        on_orphaned()
    with suppress(RuntimeError):  # the loop has ended by itself
        end()
    time.sleep(EXIT_TIMEOUT_S)
    os._exit(1)


def _send(reports: BinaryIO, report: _Report) -> None:
    with suppress(OSError):  # the parent is gone
        reports.write(msgspec.json.encode(report) + b"\n")
