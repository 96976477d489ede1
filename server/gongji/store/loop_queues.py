"""Queues that decide on their callers' own event loop, for an embedded database.

A busy loop brings its calls one by one; gathered for three milliseconds they cost half,
and come back sooner than without. A caller who waits for each answer never has company
and waits for nobody. Handing a whole batch to another thread and back would cost as much
as deciding it; only what waits for the disk is handed over.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile
from queue import SimpleQueue
from time import perf_counter
from typing import Any, ClassVar, Final, cast

from gongji.store.condition import StoreCondition
from gongji.store.engine import Held, Job, Outcome, raisable
from gongji.store.queues import (
    BATCH_LIMIT,
    QUEUE_LIMIT,
    BatchQueue,
    Exclusive,
    QueuedCall,
    Run,
    is_job,
    outcome_of,
)

COMPANY_WINDOW_S: Final = 0.0003
"""A call so soon after another is not alone, in seconds."""

GATHER_WINDOW_S: Final = 0.003
"""How long the first of several waits for the others, in seconds."""

PAUSE_S: Final = 0.01
"""How soon what somebody else holds is tried again, in seconds."""

Prepare = Callable[[Sequence[Job]], Callable[[], Sequence[Outcome]]]
"""Decides a batch; what it returns commits it, and returns one outcome a job. Held."""


class LoopQueue(BatchQueue):
    """A queue executed on its callers' own event loop."""

    _gather_after_s: ClassVar[float] = 0.0
    """How long those that wait when a batch ends wait for others, in seconds."""

    def __init__(
        self,
        run: Run,
        *,
        limit: int = QUEUE_LIMIT,
        batch: int = BATCH_LIMIT,
        condition: StoreCondition | None = None,
    ) -> None:
        super().__init__(run, limit=limit, batch=batch, condition=condition)
        # Of the two below: a batch may end in another thread.
        self._lock = threading.Lock()
        self._waiting: list[QueuedCall] = []
        self._executing = False
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
        with self._lock:
            # A drain is due already if a batch is executing or a call of this loop
            # waits; the loop of an earlier call may be gone, and its drain with it.
            others = bool(self._waiting) and self._waiting[-1].loop is loop
            due = self._executing or others
            self._waiting.append(call)
        if not due:
            gathering = self._company or now - self._last < COMPANY_WINDOW_S
            loop.call_later(GATHER_WINDOW_S if gathering else 0, self._drain)
        self._last = now
        return call.future

    async def close(self) -> None:
        """Refuse new calls and finish those that wait."""
        self._closed = True
        while self._waiting or self._executing:
            self._drain()
            await asyncio.sleep(PAUSE_S if self._waiting or self._executing else 0)

    def _drain(self) -> None:
        """Execute what waits, at most a batch; the rest when the loop comes round."""
        with self._lock:
            if self._executing or not self._waiting:
                return
            self._executing = True
            batch = self._taken()
        self._company = len(batch) > 1
        self._begin(batch)

    def _taken(self) -> list[QueuedCall]:
        """Take the jobs that wait first, or the exclusive task."""
        jobs = takewhile(is_job, self._waiting[: self._batch])
        count = len(list(jobs)) or 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return [call for call in batch if not call.future.cancelled()]

    def _begin(self, batch: list[QueuedCall]) -> None:
        """Execute a batch, which may be empty, and see that it is ended."""
        self._ended(batch, self._outcomes(batch) if batch else ())

    def _ended(self, batch: list[QueuedCall], outcomes: Sequence[object]) -> None:
        """Settle a batch; what waits is executed next. Any thread may call it."""
        held = self._end(batch, outcomes)
        with self._lock:
            self._waiting[:0] = held
            self._executing = False
            loops = {call.loop for call in self._waiting}
            many = len(self._waiting) >= self._batch // 2
        gather_s = 0.0 if many else self._gather_after_s
        delay = PAUSE_S if held else gather_s
        for loop in loops:
            try:
                loop.call_soon_threadsafe(loop.call_later, delay, self._drain)
            except RuntimeError:  # a closed loop has nobody waiting
                continue


class FlushQueue(LoopQueue):
    """A queue that decides on the loop, and has each batch committed by a thread.

    The loop goes on while the disk is waited for; what comes meanwhile is the next
    batch.
    """

    # They have company: of those that are answered now most ask again.
    _gather_after_s = GATHER_WINDOW_S

    def __init__(
        self,
        prepare: Prepare,
        *,
        limit: int = QUEUE_LIMIT,
        batch: int = BATCH_LIMIT,
        condition: StoreCondition | None = None,
    ) -> None:
        super().__init__(
            lambda jobs: prepare(jobs)(), limit=limit, batch=batch, condition=condition
        )
        self._prepare = prepare
        self._flushes: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(
            target=self._flush, name="gongji-flusher", daemon=True
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def close(self) -> None:
        """Refuse new calls, finish those that wait, end the thread."""
        await super().close()
        self._flushes.put(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def _begin(self, batch: list[QueuedCall]) -> None:
        if not batch:
            self._ended(batch, ())
        elif is_job(batch[0]):
            try:
                finish = self._prepare([cast("Job", call.work) for call in batch])
            except Held as held:
                self._ended(batch, [held.with_traceback(None) for _ in batch])
                return
            except BaseException as error:  # noqa: BLE001 - the queue outlives any fault of a batch
                self._ended(batch, [raisable(error) for _ in batch])
                return
            self._flushes.put(partial(self._finish, batch, finish))
        else:
            task = cast("Exclusive", batch[0].work)
            self._flushes.put(partial(self._finish, batch, lambda: [outcome_of(task)]))

    def _finish(
        self, batch: list[QueuedCall], finish: Callable[[], Sequence[object]]
    ) -> None:
        try:
            outcomes = finish()
        except BaseException as error:  # noqa: BLE001 - as above
            outcomes = [raisable(error) for _ in batch]
        self._ended(batch, outcomes)

    def _flush(self) -> None:
        while (task := self._flushes.get()) is not None:
            task()
            # Nothing of a batch outlives it here.
            del task
