"""Lanes: what waits before a connection is executed as one batch, and each event loop
woken once with the outcomes."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any, Final, cast

from gongji.model.refusals import Overloaded, StoreUnavailable
from gongji.store.engine import Job, Outcome, raisable

QUEUE: Final = 1024
"""Most jobs that may wait, four batches, well under a second; the next one is turned away."""

BATCH: Final = 256
"""Most jobs in one transaction."""


Run = Callable[[Sequence[Job]], Sequence[Outcome]]
"""Executes a batch: one outcome a job, in their order."""


@dataclass(frozen=True, slots=True)
class Exclusive:
    """Something done between two batches, with the connection to itself."""

    run: Callable[[], object]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What is to be done and who waits for it."""

    what: Job | Exclusive
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class BatchQueue(ABC):
    """What coroutines submit is executed in their order, all that waits as one batch."""

    def __init__(self, run: Run, *, queue: int = QUEUE, batch: int = BATCH) -> None:
        self._run = run
        self._bound = queue
        self._batch = batch
        self._closed = False

    def start(self) -> None:  # noqa: B027 - most have nothing to start
        """Begins; what was submitted before waits until then."""

    @abstractmethod
    async def submit(self, what: Job | Exclusive) -> Any:
        """What becomes of it. Overloaded where too many wait; StoreUnavailable after the end.

        A caller that goes away before its turn has asked for nothing; later its job is
        executed all the same.
        """

    @abstractmethod
    async def close(self) -> None:
        """Takes nothing more and finishes what waits."""

    def _accepted(self, what: Job | Exclusive, waiting: int) -> _Waiting:
        """Something new to do. Overloaded where too many wait; StoreUnavailable after the end."""
        if self._closed:
            raise _stopping()
        if waiting >= self._bound:
            raise Overloaded(
                f"排队的请求已达上限({self._bound}), 请稍后用同一请求编号重试。"
            )
        loop = asyncio.get_running_loop()
        return _Waiting(what, loop.create_future(), loop)

    def _execute(self, taken: Sequence[_Waiting]) -> None:
        """Executes what was taken, but for those whose caller has gone; whatever goes
        wrong, they hear of it."""
        present = (w for w in taken if not w.future.cancelled())
        for jobs, group in groupby(present, key=lambda w: isinstance(w.what, Job)):
            together = list(group)
            whats = [w.what for w in together]
            outcomes: Sequence[object]
            try:
                outcomes = (
                    self._run(cast("list[Job]", whats))
                    if jobs
                    else [cast("Exclusive", w).run() for w in whats]
                )
            except BaseException as error:  # noqa: BLE001 - who executes must outlive whatever happens
                outcomes = [raisable(error) for _ in together]
            _hand_over(together, outcomes)


class ThreadQueue(BatchQueue):
    """A lane with a thread of its own, for what has to wait: a database over a network.
    Of any event loop."""

    def __init__(self, run: Run, *, queue: int = QUEUE, batch: int = BATCH) -> None:
        super().__init__(run, queue=queue, batch=batch)
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread = threading.Thread(
            target=self._work, name="gongji-writer", daemon=True
        )

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    async def submit(self, what: Job | Exclusive) -> Any:
        """What becomes of it."""
        waiting = self._accepted(what, self._queue.qsize())
        self._queue.put(waiting)
        return await waiting.future

    async def close(self) -> None:
        """Takes nothing more, finishes what waits, ends the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)
        while (
            not self._queue.empty()
        ):  # submitted by another loop while this one was closing
            if (late := self._queue.get_nowait()) is not None:
                _hand_over([late], [_stopping()])

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            taken, last = self._take(first)
            self._execute(taken)
            if last:
                return

    def _take(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """All that waits now, at most a batch, and whether it was the last; no timer:
        an idle writer is quick."""
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


COMPANY_WINDOW_S: Final = 0.0003

GATHER_WINDOW_S: Final = 0.003
"""What comes so soon after another is not alone; in company, how long the first waits
for the others."""


class LoopQueue(BatchQueue):
    """A lane in its callers' own thread, for an embedded database: handing over to
    another would cost as much.

    A busy loop brings its calls one by one; gathered for three milliseconds they cost
    half, and come back sooner than without. A caller who waits for each answer never
    has company: he waits for nobody.
    """

    def __init__(self, run: Run, *, queue: int = QUEUE, batch: int = BATCH) -> None:
        super().__init__(run, queue=queue, batch=batch)
        self._waiting: list[_Waiting] = []
        self._last = 0.0
        self._company = False

    async def submit(self, what: Job | Exclusive) -> Any:
        """What becomes of it, when this turn of the loop is over or a little later in company."""
        accepted = self._accepted(what, len(self._waiting))
        loop = accepted.loop
        now = perf_counter()  # the loop's own time may stand still for a millisecond
        if (
            not self._waiting or self._waiting[-1].loop is not loop
        ):  # an earlier one's loop may be gone
            gathering = self._company or now - self._last < COMPANY_WINDOW_S
            loop.call_later(GATHER_WINDOW_S if gathering else 0, self._take)
        self._last = now
        self._waiting.append(accepted)
        return await accepted.future

    async def close(self) -> None:
        """Takes nothing more and finishes what waits."""
        self._closed = True
        while self._waiting:
            self._take()

    def _take(self) -> None:
        """Executes all that waits, at most a batch; what is left has to wait for the
        loop to come round."""
        taken, self._waiting = (
            self._waiting[: self._batch],
            self._waiting[self._batch :],
        )
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._take)
        self._company = len(taken) > 1
        self._execute(taken)


def _stopping() -> StoreUnavailable:
    return StoreUnavailable("服务正在停止, 请稍后用同一请求编号重试。")


def _hand_over(waiting: Sequence[_Waiting], outcomes: Sequence[object]) -> None:
    """Wakes each loop once with all that became of its jobs; a loop that is gone has
    nobody waiting."""
    loops: dict[
        asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], object]]
    ] = {}
    for w, outcome in zip(waiting, outcomes, strict=True):
        loops.setdefault(w.loop, []).append((w.future, outcome))
    for loop, settled in loops.items():
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:
            continue


def _settle(settled: Sequence[tuple[asyncio.Future[Any], object]]) -> None:
    for future, outcome in settled:
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
