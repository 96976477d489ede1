"""Start one confined process a job, by fork, and collect what each answers.

Run by `runner.py` as a process of its own. It has our modules and the jobs, nothing
else, and runs none of the code that is not ours: only its children do.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import importlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from gongji.isolation.limits import CPU_S, confine
from gongji.isolation.protocol import (
    ANSWER_BYTES,
    WALL_S,
    IsolatedAnswer,
    IsolatedRequest,
    IsolatedRequests,
)

_PRELOADED: Final = (
    *("bisect", "copy", "decimal", "fractions", "numbers", "string", "textwrap"),
    *("inspect", "time_machine"),
)
"""What rules may import, some of it with libraries that a confined process may not load."""

CLOCK: Final = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
"""Where the clock of every isolated process stands: nothing can turn on the day it runs."""

AT_ONCE: Final = max(2, 2 * (os.cpu_count() or 1))
"""Processes that run at a time."""

_PR_SET_PDEATHSIG: Final = 1

_UNCONFINED: Final = 97
"""Exit code of a process that could not give up what it must, and has run nothing."""

_EXIT_S: Final = 1.0
"""Seconds a process may take to end once its answer is closed."""

Answer = Callable[[bytes], bytes]


@dataclass(slots=True)
class _Running:
    """A process that has not answered yet, and what has been read of its answer."""

    number: int
    pid: int
    until: float
    read: bytes = b""


def main() -> None:
    """Do the jobs that come through standard input; write their outcomes."""
    _end_with_parent()
    jobs = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=IsolatedRequests)
    # time-machine imports pytest where it is installed; here all machines are the same.
    sys.modules["pytest"] = None  # type: ignore[assignment] # as import reads it
    for name in _PRELOADED:
        importlib.import_module(name)
    answer: Answer = importlib.import_module(jobs.module).answer
    with os.fdopen(os.dup(1), "wb") as reply:
        # What anybody prints is not read.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        reply.write(msgspec.msgpack.encode(_answers(answer, jobs)))
        reply.flush()
        # Nothing that was left behind is waited for.
        os._exit(0)


def _answers(answer: Answer, jobs: IsolatedRequests) -> list[IsolatedAnswer]:
    """Return what becomes of each job, in order."""
    if not jobs.forking:
        return [IsolatedAnswer(_at_a_standing_clock(answer, job)) for job in jobs.jobs]
    outcomes = dict(_Launch(answer).all(enumerate(jobs.jobs)))
    return [outcomes[number] for number in range(len(jobs.jobs))]


def _at_a_standing_clock(answer: Answer, job: IsolatedRequest) -> bytes:
    """Return the answer to a job, given at `CLOCK`."""
    time_machine = importlib.import_module("time_machine")
    with time_machine.travel(CLOCK, tick=False):
        return answer(job.request)


class _Launch:
    """The processes that run, by the pipe through which each answers."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._running: dict[int, _Running] = {}
        self._poll = select.poll()

    def all(
        self, jobs: Iterable[tuple[int, IsolatedRequest]]
    ) -> Iterator[tuple[int, IsolatedAnswer]]:
        """Yield the number and outcome of each job, as they come."""
        for number, job in jobs:
            while len(self._running) >= AT_ONCE:
                yield from self._ended()
            self._start(number, job)
        while self._running:
            yield from self._ended()

    def _start(self, number: int, job: IsolatedRequest) -> None:
        pipe, pid = _fork(self._answer, job)
        self._running[pipe] = _Running(number, pid, time.monotonic() + WALL_S)
        self._poll.register(pipe, select.POLLIN)

    def _ended(self) -> Iterator[tuple[int, IsolatedAnswer]]:
        """Wait for something to come, or to be late; yield what has ended."""
        until = min(process.until for process in self._running.values())
        self._poll.poll(max(0, 1000 * (until - time.monotonic())))
        for pipe, process in list(self._running.items()):
            outcome = _read(pipe, process)
            if outcome is not None:
                self._poll.unregister(pipe)
                os.close(pipe)
                del self._running[pipe]
                yield process.number, outcome


def _read(pipe: int, process: _Running) -> IsolatedAnswer | None:
    """Return the outcome of a process, None if it goes on. It has ended then."""
    late = time.monotonic() >= process.until
    with suppress(BlockingIOError):
        while part := os.read(pipe, 65_536):
            process.read += part
            if len(process.read) > ANSWER_BYTES:
                _end(process.pid)
                return IsolatedAnswer(fault=f"答复超过 {ANSWER_BYTES // 1024} KB")
        ended = _end(process.pid, _EXIT_S)
        return _outcome(process.read, ended)
    if late:
        _end(process.pid)
        return IsolatedAnswer(fault=f"{WALL_S:.0f} 秒内没有答完")
    return None


def _outcome(answer: bytes, ended: int | None) -> IsolatedAnswer:
    """Return what a process that closed its answer has answered, or how it ended."""
    # One that goes on was killed; its answer counts only if it is whole, as at its end.
    if ended is None:
        return IsolatedAnswer(fault="答完之后没有结束")
    if os.WIFSIGNALED(ended):
        return IsolatedAnswer(fault=_killed_by(os.WTERMSIG(ended)))
    code = os.waitstatus_to_exitcode(ended)
    if code == _UNCONFINED:
        return IsolatedAnswer(fault="没有运行：内核不让限制它的进程")
    if code or not answer:
        return IsolatedAnswer(fault=f"没有答完就结束了（退出码 {code}）")
    return IsolatedAnswer(answer)


def _killed_by(number: int) -> str:
    if number == signal.SIGXCPU:
        return f"用完了 {CPU_S} 秒处理器时间"
    if number == signal.SIGKILL:
        return "被系统终止（内存不足，或处理器时间用完）"
    return f"因 {signal.Signals(number).name} 而崩溃"


def _end(pid: int, grace_s: float = 0) -> int | None:
    """End a process and its group; return how it ended within the grace, or None."""
    until = time.monotonic() + grace_s
    ended, status = os.waitpid(pid, os.WNOHANG)
    while not ended and time.monotonic() < until:
        time.sleep(0.001)
        ended, status = os.waitpid(pid, os.WNOHANG)
    # What it left behind where processes could be made.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    if ended:
        return status
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def _fork(answer: Answer, job: IsolatedRequest) -> tuple[int, int]:
    """Start the process of a job; return the pipe its answer comes through, and its pid."""
    pipe, end = os.pipe()
    pid = os.fork()
    if not pid:
        _answer(answer, job, end)
    os.close(end)
    os.set_blocking(pipe, False)
    return pipe, pid


def _answer(answer: Answer, job: IsolatedRequest, end: int) -> NoReturn:
    """Give up everything, answer the job, and end, whatever happens."""
    code = 1
    try:
        os.setsid()
        _end_with_parent()
        # The only thing it holds is the pipe of its answer.
        os.dup2(end, 3)
        os.closerange(4, 65_536)
        for standard in range(3):
            os.close(standard)
            os.open(os.devnull, os.O_RDWR)
        code = _UNCONFINED
        confine(map(Path, job.reads))
        code = 1
        answered = _at_a_standing_clock(answer, job)
        while answered:
            answered = answered[os.write(3, answered) :]
        code = 0
    finally:
        # No handler at the end, no thread that is waited for.
        os._exit(code)


def _end_with_parent() -> None:
    """End this process when its parent ends, on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


if __name__ == "__main__":
    main()
