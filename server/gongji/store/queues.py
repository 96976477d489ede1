"""Queues before a connection: what waits is executed as one batch, in its order.

    coroutines ── submit ──► waiting ──► batch ──► run(jobs) ──► outcomes ──► futures

A call is *waiting* from `submit` until a batch takes it, *executing* until the batch is
committed, *settled* when its future holds the outcome. A full queue refuses a call at
once (Overloaded), a closed one too (StoreUnavailable). A caller that goes away while its
call waits has asked for nothing; once it is executing, it is executed all the same.

PostgreSQL is over a network: a thread of its own waits for it, and the event loop serves
on (`ThreadQueue`). SQLite decides and commits on the event loop itself (`LoopQueue`): it
waits for nothing but its own disk, and handing a batch to another thread and back costs
as much as executing it.
"""

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

QUEUE_LIMIT: Final = 1024
"""Most calls that may wait: four batches, well under a second."""

BATCH_LIMIT: Final = 256
"""Most jobs in one transaction."""

COMPANY_WINDOW_S: Final = 0.0003
"""A call so soon after another is not alone, in seconds."""

GATHER_WINDOW_S: Final = 0.003
"""How long the first of several waits for the others, in seconds."""

Run = Callable[[Sequence[Job]], Sequence[Outcome]]
"""Executes a batch: one outcome a job, in their order."""


@dataclass(frozen=True, slots=True)
class Exclusive:
    """Something done between two batches, with the connection to itself."""

    run: Callable[[], object]


@dataclass(frozen=True, slots=True)
class _Call:
    """What is to be done, and the future its caller awaits."""

    work: Job | Exclusive
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class BatchQueue(ABC):
    """A bounded queue of calls, executed in batches by one thread."""

    def __init__(
        self,
        run: Run,
        *,
        limit: int = QUEUE_LIMIT,
        batch: int = BATCH_LIMIT,
    ) -> None:
        self._run = run
        self._limit = limit
        self._batch = batch
        self._closed = False

    @property
    @abstractmethod
    def waiting(self) -> int:
        """How many calls wait."""

    def start(self) -> None:  # noqa: B027 - only one kind has something to start
        """Begin; what was submitted before waits until then."""

    async def submit(self, work: Job | Exclusive) -> Any:
        """Return the outcome. Overloaded if too many wait; StoreUnavailable if closed."""
        # No name for the future: it holds the error it raises, the error this frame, and
        # the frame would hold the future and, above it, the request.
        return await self._put(work)

    @abstractmethod
    def _put(self, work: Job | Exclusive) -> asyncio.Future[Any]:
        """Return the future of the outcome. Errors as of `submit`."""

    @abstractmethod
    async def close(self) -> None:
        """Refuse new calls and finish those that wait."""

    def _admit(self, work: Job | Exclusive, waiting: int) -> _Call:
        """Return a call to put into the queue. Errors as of `submit`."""
        if self._closed:
            raise _closing()
        if waiting >= self._limit:
            raise Overloaded(
                f"排队的请求已达上限({self._limit}), 请稍后用同一请求编号重试。"
            )
        loop = asyncio.get_running_loop()
        return _Call(work, loop.create_future(), loop)

    def _execute(self, calls: Sequence[_Call]) -> None:
        """Execute calls, except those whose caller has gone; each gets an outcome."""
        awaited = (call for call in calls if not call.future.cancelled())
        for jobs, group in groupby(awaited, key=_is_job):
            batch = list(group)
            work = [call.work for call in batch]
            outcomes: Sequence[object]
            try:
                if jobs:
                    outcomes = self._run(cast("list[Job]", work))
                else:
                    outcomes = [_outcome_of(cast("Exclusive", task)) for task in work]
            except BaseException as error:  # noqa: BLE001 - the queue outlives any fault of a batch
                outcomes = [raisable(error) for _ in batch]
            _settle(batch, outcomes)


class ThreadQueue(BatchQueue):
    """A queue with a thread of its own, for a database over a network.

    Any event loop may submit to it.
    """

    def __init__(
        self,
        run: Run,
        *,
        limit: int = QUEUE_LIMIT,
        batch: int = BATCH_LIMIT,
    ) -> None:
        super().__init__(run, limit=limit, batch=batch)
        self._waiting: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread = threading.Thread(
            target=self._work, name="gongji-writer", daemon=True
        )

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return self._waiting.qsize()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def _put(self, work: Job | Exclusive) -> asyncio.Future[Any]:
        call = self._admit(work, self._waiting.qsize())
        self._waiting.put(call)
        return call.future

    async def close(self) -> None:
        """Refuse new calls, finish those that wait, end the thread."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)
        # Another loop may have submitted between its check of `_closed` and the end.
        while not self._waiting.empty():
            if (late := self._waiting.get_nowait()) is not None:
                _settle([late], [_closing()])

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, closing = self._drain(first)
            self._execute(batch)
            if closing:
                return

    def _drain(self, first: _Call) -> tuple[list[_Call], bool]:
        """Return all that waits, at most a batch, and whether the end came with it."""
        # No timer: a call alone is executed at once, and calls gather by themselves
        # while a batch is executed.
        batch = [first]
        while len(batch) < self._batch:
            try:
                following = self._waiting.get_nowait()
            except Empty:
                break
            if following is None:
                return batch, True
            batch.append(following)
        return batch, False


class LoopQueue(BatchQueue):
    """A queue executed on its callers' own event loop, for an embedded database.

    A busy loop brings its calls one by one; gathered for three milliseconds they cost
    half, and come back sooner than without. A caller who waits for each answer never
    has company and waits for nobody.
    """

    def __init__(
        self,
        run: Run,
        *,
        limit: int = QUEUE_LIMIT,
        batch: int = BATCH_LIMIT,
    ) -> None:
        super().__init__(run, limit=limit, batch=batch)
        self._waiting: list[_Call] = []
        self._last = 0.0
        self._company = False

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._waiting)

    def _put(self, work: Job | Exclusive) -> asyncio.Future[Any]:
        """Return the future: done after this turn of the loop, or a little later in company."""
        call = self._admit(work, len(self._waiting))
        loop = call.loop
        # The loop's own time may stand still for a millisecond.
        now = perf_counter()
        # A drain is due already if a call of this loop waits; the loop of an earlier
        # call may be gone, and its drain with it.
        if not self._waiting or self._waiting[-1].loop is not loop:
            gathering = self._company or now - self._last < COMPANY_WINDOW_S
            loop.call_later(GATHER_WINDOW_S if gathering else 0, self._drain)
        self._last = now
        self._waiting.append(call)
        return call.future

    async def close(self) -> None:
        """Refuse new calls and finish those that wait."""
        self._closed = True
        while self._waiting:
            self._drain()

    def _drain(self) -> None:
        """Execute all that waits, at most a batch; the rest when the loop comes round."""
        batch = self._waiting[: self._batch]
        self._waiting = self._waiting[self._batch :]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._drain)
        self._company = len(batch) > 1
        self._execute(batch)


_Settled = tuple[asyncio.Future[Any], object]
"""A future and its outcome."""


def _closing() -> StoreUnavailable:
    return StoreUnavailable("服务正在停止, 请稍后用同一请求编号重试。")


def _is_job(call: _Call) -> bool:
    return isinstance(call.work, Job)


def _outcome_of(task: Exclusive) -> object:
    try:
        return task.run()
    except BaseException as error:  # noqa: BLE001 - its neighbours in the batch go on
        return raisable(error)


def _settle(calls: Sequence[_Call], outcomes: Sequence[object]) -> None:
    """Hand outcomes to their callers, waking each event loop once."""
    loops: dict[asyncio.AbstractEventLoop, list[_Settled]] = {}
    for call, outcome in zip(calls, outcomes, strict=True):
        loops.setdefault(call.loop, []).append((call.future, outcome))
    for loop, settled in loops.items():
        try:
            loop.call_soon_threadsafe(_set_results, settled)
        except RuntimeError:  # a closed loop has nobody waiting
            continue


def _set_results(settled: Sequence[_Settled]) -> None:
    for future, outcome in settled:
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
