"""The writer's thread: takes what waits, has it executed as one batch, wakes each event loop once with the outcomes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import Any, Final, cast

from gongji.errors import Overloaded, StoreUnavailable
from gongji.store.committer import Job, Outcome, raisable

QUEUE: Final = 1024
"""Most jobs that may wait, four batches, well under a second; the next one is turned away."""

BATCH: Final = 256
"""Most jobs in one transaction."""


@dataclass(frozen=True, slots=True)
class Alone:
    """Something done between two batches, with the connection to itself."""

    run: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What is to be done and who waits for it."""

    what: Job | Alone
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Writer:
    """Lets many coroutines of any event loop share one thread that writes."""

    def __init__(
        self, run: Callable[[Sequence[Job]], list[Outcome]], *, queue: int = QUEUE, batch: int = BATCH
    ) -> None:
        self._run = run
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._bound = queue
        self._batch = batch
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="gongji-writer", daemon=True)

    def start(self) -> None:
        """Starts the thread; what was submitted before waits until then."""
        self._thread.start()

    async def submit(self, what: Job | Alone) -> Any:
        """What becomes of a job. Overloaded where too many wait; StoreUnavailable after the end.

        A caller that goes away before its turn has asked for nothing; later its job is executed all the same.
        """
        if self._closed:
            raise _stopping()
        if self._queue.qsize() >= self._bound:
            raise Overloaded(f"排队的请求已达上限({self._bound}), 请稍后用同一请求编号重试。")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._queue.put(_Waiting(what, future, loop))
        return await future

    async def close(self) -> None:
        """Takes nothing more, finishes what waits, ends the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)
        while not self._queue.empty():  # submitted by another loop while this one was closing
            if (late := self._queue.get_nowait()) is not None:
                _hand_over([late], [_stopping()])

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            taken, last = self._take(first)
            present = (w for w in taken if not w.future.cancelled())
            for _, group in groupby(present, key=lambda w: isinstance(w.what, Job)):
                together = list(group)
                _hand_over(together, self._executed([w.what for w in together]))
            if last:
                return

    def _take(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """All that waits now, at most a batch, and whether it was the last; no timer: an idle writer is quick."""
        taken = [first]
        while len(taken) < self._batch:
            try:
                following = self._queue.get_nowait()
            except Empty:
                break
            if following is None:
                return taken, True
            taken.append(following)
        return taken, False

    def _executed(self, whats: Sequence[Job | Alone]) -> list[Outcome | None]:
        """Jobs as one batch, or tasks one after the other."""
        if jobs := [w for w in whats if isinstance(w, Job)]:
            return [*_executed(self._run, jobs)]
        try:
            for task in whats:
                cast("Alone", task).run()
        except BaseException as error:  # noqa: BLE001 - the thread must outlive whatever happens in it
            return [raisable(error) for _ in whats]
        return [None for _ in whats]


NEAR_S: Final = 0.0003
GATHER_S: Final = 0.003
"""A job that comes so soon after another is not alone; in company, how long the first waits for the others."""


class Turn:
    """Executes in the event loop's own thread: one job at once, or as one batch what comes together.

    For work of microseconds, which handing over to a thread and back would double. A busy loop brings its calls one by
    one; gathered for three milliseconds they cost half, and come back sooner than without. A caller who waits for each
    answer never has company: he waits for nobody.
    """

    def __init__(self, run: Callable[[Sequence[Job]], list[Outcome]]) -> None:
        self._run = run
        self._waiting: list[_Waiting] = []
        self._last = 0.0
        self._company = False

    def start(self) -> None:
        """There is nothing to start."""

    async def submit(self, what: Job) -> Any:
        """What becomes of a job; it is executed when this turn of the loop is over, or a little later in company."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        if not self._waiting or self._waiting[-1].loop is not loop:  # an earlier one's loop may be gone
            gathering = self._company or loop.time() - self._last < NEAR_S
            loop.call_later(GATHER_S if gathering else 0, self._execute)
        self._last = loop.time()
        self._waiting.append(_Waiting(what, future, loop))
        return await future

    async def close(self) -> None:
        """Finishes what waits."""
        self._execute()

    def _execute(self) -> None:
        taken, self._waiting = self._waiting, []
        self._company = len(taken) > 1
        if present := [w for w in taken if not w.future.cancelled()]:
            _hand_over(present, _executed(self._run, [cast("Job", w.what) for w in present]))


def _executed(run: Callable[[Sequence[Job]], list[Outcome]], jobs: Sequence[Job]) -> list[Outcome]:
    """What becomes of jobs; whatever goes wrong, each of them hears of it."""
    try:
        return run(jobs)
    except BaseException as error:  # noqa: BLE001 - who executes them must outlive whatever happens
        return [raisable(error) for _ in jobs]


def _stopping() -> StoreUnavailable:
    return StoreUnavailable("服务正在停止, 请稍后用同一请求编号重试。")


def _hand_over(waiting: Sequence[_Waiting], outcomes: Sequence[Outcome | None]) -> None:
    """Wakes each loop once with all that became of its jobs; a loop that is gone has nobody waiting."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Outcome | None]]] = {}
    for w, outcome in zip(waiting, outcomes, strict=True):
        loops.setdefault(w.loop, []).append((w.future, outcome))
    for loop, settled in loops.items():
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:
            continue


def _settle(settled: Sequence[tuple[asyncio.Future[Any], Outcome | None]]) -> None:
    for future, outcome in settled:
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
