"""Several processes on one port: the parent holds the port, starts the workers, replaces those that die, ends them all.

A worker is a process of its own, never a fork of the parent. A pipe between them is its lifeline: the settings come
through it, and its end, even of a parent that was killed, is the end of the worker.
"""

from __future__ import annotations

import asyncio
import errno
import os
import pickle
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final

import msgspec
import structlog

from gongji import logs, serve
from gongji.cities import load_cities
from gongji.errors import Refusal
from gongji.store.opening import is_postgres
from gongji.terminal import Terminal

__all__ = ["held", "serve_many"]

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""How long a dead worker waits for its successor, in seconds: doubled each time one dies young, to the longest."""

YOUNG_S: Final = 60.0
"""A worker that served this long, in seconds, has done nothing wrong by dying."""

LATE_S: Final = 10.0
"""What a worker may take beyond its calls' grace, in seconds, to close its store; then it is killed."""


async def serve_many(settings: serve.Settings, terminal: Terminal) -> None:
    """Serves with `settings.workers` processes until interrupted.

    ValueError or OSError where the settings cannot be met, or a worker later finds that they cannot be met any more.
    """
    _refuse_unfit(settings)
    logs.configure()
    cities, workdays = load_cities(settings.adopt, settings.retired_credits), settings.workdays()
    with held(settings.address) as address:
        crew = _Crew(replace(settings, address=address))
        ending = asyncio.ensure_future(serve.interrupted())
        try:
            if not await _before(ending, crew.start()):
                return
            await serve.announce(terminal, settings, cities, workdays, address)
            await _before(ending, crew.keep())
            terminal.say("正在停止 …")
        finally:
            ending.cancel()
            await crew.stop()


async def _before(ending: asyncio.Future[None], work: Any) -> bool:
    """Whether work was done before the end came; otherwise it is left. Raises what it raises."""
    doing = asyncio.ensure_future(work)
    await asyncio.wait((ending, doing), return_when=asyncio.FIRST_COMPLETED)
    if doing.done():
        doing.result()
        return True
    doing.cancel()
    await asyncio.wait((doing,))
    return False


def _refuse_unfit(settings: serve.Settings) -> None:
    """ValueError where one process only can serve so."""
    asked = f"--workers {settings.workers}"
    if not is_postgres(settings.database):
        raise ValueError(f"{asked} 须与 --database postgresql://主机/库名 同用: SQLite 只供一个进程使用")
    if settings.sandbox:
        raise ValueError(f"--sandbox 不能与 {asked} 同用: 沙盒的时钟只在一个进程之内")
    if not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError(f"本系统不能由几个进程共用一个端口(没有 SO_REUSEPORT), 请去掉 {asked}")


@contextmanager
def held(address: str) -> Iterator[str]:
    """`host:port` with the port ours while this lasts, 0 replaced by a free one; only our workers may listen there.

    Each socket is bound alone, which proves that nobody is there, and only then admits others of its kind; it never
    listens itself. OSError where the port is taken or the address is not of this machine.
    """
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        raise ValueError(f"监听地址应写作 主机:端口, 得到 {address!r}")
    bound, fault = 0, OSError(f"无法监听 {address}: 端口被占用, 或地址不在本机")
    with ExitStack() as stack:
        found = socket.getaddrinfo(host.strip("[]") or None, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, where in dict.fromkeys(found):
            try:
                holder = _bound_alone(family, (where[0], bound or int(port), *where[2:]), both=len(found) > 1)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise fault from error
                continue  # such as a machine without IPv6: the name may lead elsewhere, too
            stack.enter_context(holder)
            bound = holder.getsockname()[1]
        if not bound:
            raise fault
        yield f"{host}:{bound}"


def _bound_alone(family: int, where: tuple[Any, ...], *, both: bool) -> socket.socket:
    """A socket bound where no other is, that from now on lets others share; see `held`. OSError."""
    for remains in (0, 1):  # the second time beside connections that have ended and linger; an idle holder stays seen
        holder = socket.socket(family, socket.SOCK_STREAM)
        try:
            if family == socket.AF_INET6 and both:
                holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, remains)
            holder.bind(where)
        except OSError as fault:
            holder.close()
            taken = fault
            continue
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return holder
    raise taken


class _Failed(Exception):  # noqa: N818 - a state, told to who waits
    """A worker ended unbidden: why, and whether another would end the same way."""

    def __init__(self, told: str, *, final: bool) -> None:
        super().__init__(told)
        self.final = final


class _Report(msgspec.Struct, omit_defaults=True):
    """A line from a worker to its parent: that it is up, or why it ends."""

    up: bool = False
    fault: str = ""
    final: bool = False


@dataclass(slots=True)
class _Worker:
    """A worker's process as its parent sees it."""

    number: int
    process: asyncio.subprocess.Process

    @classmethod
    async def start(cls, number: int, settings: serve.Settings) -> _Worker:
        """A worker that will come `up`; in a session of its own, so that Ctrl-C reaches the parent only."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", __name__),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        worker = cls(number, process)
        if process.stdin:
            process.stdin.write(pickle.dumps(settings))
        return worker

    async def up(self) -> None:
        """Waits until it serves. _Failed where it ends instead."""
        report = await self._report()
        if report is None or not report.up:
            raise await self._why(report)

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
        return _Failed(f"工作进程 {self.number} 意外结束(状态 {status}), 原因见日志", final=False)

    def release(self) -> None:
        """Tells it to end."""
        if self.process.stdin:
            self.process.stdin.close()

    async def gone(self) -> None:
        """Waits until it has ended; kills it where it takes too long."""
        try:
            await asyncio.wait_for(self.process.wait(), serve.STOP_GRACE_S + LATE_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


class _Crew:
    """All workers of a parent."""

    def __init__(self, settings: serve.Settings) -> None:
        self._settings = settings
        self._workers: dict[int, _Worker] = {}
        self._serving: set[int] = set()
        self._log = structlog.get_logger()

    async def start(self) -> None:
        """Brings them all up, the first alone: it makes tables and key, records adoptions and loads the sample."""
        later = range(2, self._settings.workers + 1)
        try:
            await self._start(1, sample=self._settings.sample)
            await asyncio.gather(*(self._start(number) for number in later))
        except _Failed as failed:
            raise OSError(str(failed)) from failed

    async def _start(self, number: int, *, sample: bool = False) -> None:
        worker = self._workers[number] = await _Worker.start(number, replace(self._settings, sample=sample))
        await worker.up()
        self._serving.add(number)
        self._log.info("worker_up", worker=number, pid=worker.process.pid)

    async def keep(self) -> None:
        """Replaces each that ends, for ever. ValueError where the settings cannot be met any more."""
        keepers = [asyncio.ensure_future(self._keep(number)) for number in self._workers]
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
                failed = await self._workers[number].ended()
            except _Failed as before:
                failed = before
            served = number in self._serving
            self._serving.discard(number)
            if failed.final and (served or not self._serving):
                raise ValueError(str(failed))
            pause = FIRST_PAUSE_S if time.monotonic() - since >= YOUNG_S else min(2 * pause, LONGEST_PAUSE_S)
            self._log.error("worker_ended", worker=number, told=str(failed), next_in_s=pause)
            await asyncio.sleep(pause)

    async def stop(self) -> None:
        """Ends them all, calls in flight finished within their grace."""
        for worker in self._workers.values():
            worker.release()
        await asyncio.gather(*(worker.gone() for worker in self._workers.values()))


def _work() -> None:
    """The worker: serves as the settings on its input say, until that input ends."""
    settings: serve.Settings = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent's
    # What anybody prints must not reach the parent as a report.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0) as reports:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            with asyncio.Runner(loop_factory=serve.new_event_loop) as runner:
                runner.run(_serve(settings, reports))
        except (Refusal, ValueError, OSError) as fault:
            # Settings and data that do not fit will not fit later; what cannot be reached may be.
            _tell(reports, _Report(fault=str(fault), final=isinstance(fault, ValueError)))
            sys.exit(1)


async def _serve(settings: serve.Settings, reports: BinaryIO) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(target=_lifeline, args=(lambda: loop.call_soon_threadsafe(end.set),), daemon=True).start()
    cities = load_cities(settings.adopt, settings.retired_credits)
    ending = asyncio.ensure_future(serve.interrupted())
    async with serve.running(settings, cities, settings.workdays()):
        _tell(reports, _Report(up=True))
        await asyncio.wait((ending, asyncio.ensure_future(end.wait())), return_when=asyncio.FIRST_COMPLETED)


def _lifeline(end: Callable[[], object]) -> None:
    """Waits until the parent lets go, and sees to it that nothing outlives it."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    with suppress(RuntimeError):  # the loop has ended by itself
        end()
    time.sleep(serve.STOP_GRACE_S + LATE_S)
    os._exit(1)


def _tell(reports: BinaryIO, report: _Report) -> None:
    with suppress(OSError):  # the parent is gone
        reports.write(msgspec.json.encode(report) + b"\n")


if __name__ == "__main__":
    _work()
