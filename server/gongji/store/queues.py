"""Queues before a connection: what waits is executed as one batch, in its order.

    coroutines ── submit ──► waiting ──► batch ──► run(jobs) ──► outcomes ──► futures

A call is *waiting* from `submit` until a batch takes it, *executing* until the batch is
committed, *settled* when its future holds the outcome. A full queue refuses a call at
once (Overloaded), a closed one too (StoreUnavailable). A caller that goes away while its
call waits has asked for nothing; once it is executing, it is executed all the same. A
call whose outcome is Held was not executed: it waits on, `HELD_S` in all.

PostgreSQL is over a network: a thread of its own waits for it, and the event loop serves
on (`ThreadQueue`). SQLite decides on the event loop itself, and only its commits have a
thread (`loop_queues`).
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Final, cast

from gongji.model.refusals import Overloaded, StoreUnavailable
from gongji.store.condition import WRITING, StoreCondition
from gongji.store.engine import Held, Job, Outcome, raisable, unavailable

QUEUE_LIMIT: Final = 1024
"""Most calls that may wait: four batches, well under a second."""

BATCH_LIMIT: Final = 256
"""Most jobs in one transaction."""

HELD_S: Final = 5.0
"""How long a call may wait for what somebody else holds, in seconds."""

TOLD_S: Final = 0.5
"""How long calls must have waited for somebody else for it to be told, in seconds."""

Run = Callable[[Sequence[Job]], Sequence[Outcome]]
"""Executes a batch: one outcome a job, in their order."""


@dataclass(frozen=True, slots=True)
class Exclusive:
    """Something done between two batches, with the connection to itself."""

    run: Callable[[], object]


@dataclass(frozen=True, slots=True)
class QueuedCall:
    """What is to be done, and the future its caller awaits."""

    work: Job | Exclusive
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    at: float
    """When it was submitted, by the monotonic clock."""


class _Wait:
    """For how long a queue's calls have waited for what somebody else holds."""

    def __init__(self, condition: StoreCondition) -> None:
        self._condition = condition
        self._since: float | None = None
        self._why = ""
        self._told = False

    def held(self, call: QueuedCall, held: Held, now: float) -> bool:
        """Note that a call was held; return whether it may wait on."""
        if self._since is None:
            self._since = call.at
            self._told = False
        self._why = str(held)
        if now - call.at < HELD_S:
            return True
        if not self._told:
            self._told = True
            self._condition.waited(now - self._since, self._why)
        self._condition.failed(WRITING, held)
        return False

    def over(self, now: float) -> None:
        """Note that nothing is held; tell of a wait that was long."""
        if self._since is None:
            return
        seconds, self._since = now - self._since, None
        if seconds >= TOLD_S:
            self._condition.waited(seconds, self._why)


class BatchQueue(ABC):
    """A bounded queue of calls, executed in batches by one thread."""

    def __init__(
        self,
        run: Run,
        *,
        limit: int = QUEUE_LIMIT,
        batch: int = BATCH_LIMIT,
        condition: StoreCondition | None = None,
    ) -> None:
        self._run = run
        self._wait = _Wait(condition or StoreCondition())
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

    def _admit(self, work: Job | Exclusive, waiting: int) -> QueuedCall:
        """Return a call to put into the queue. Errors as of `submit`."""
        if self._closed:
            raise _closing()
        if waiting >= self._limit:
            raise Overloaded(
                f"排队的请求已达上限（{self._limit}），请稍后用同一请求编号重试。"
            )
        loop = asyncio.get_running_loop()
        return QueuedCall(work, loop.create_future(), loop, monotonic())

    def _execute(self, calls: Sequence[QueuedCall]) -> list[QueuedCall]:
        """Execute calls, except those whose caller has gone; return those that wait on."""
        waiting: list[QueuedCall] = []
        awaited = (call for call in calls if not call.future.cancelled())
        for _, group in groupby(awaited, key=is_job):
            batch = list(group)
            waiting += self._end(batch, self._outcomes(batch))
        return waiting

    def _outcomes(self, calls: Sequence[QueuedCall]) -> Sequence[object]:
        """Return the outcome of each of some jobs, or of some exclusive tasks."""
        work = [call.work for call in calls]
        try:
            if is_job(calls[0]):
                return self._run(cast("list[Job]", work))
            return [outcome_of(cast("Exclusive", task)) for task in work]
        except BaseException as error:  # noqa: BLE001 - the queue outlives any fault of a batch
            return [raisable(error) for _ in calls]

    def _end(
        self, calls: Sequence[QueuedCall], outcomes: Sequence[object]
    ) -> list[QueuedCall]:
        """Hand outcomes to their callers; return the calls that wait on, in their order."""
        now = monotonic()
        if not any(type(outcome) is Held for outcome in outcomes):
            self._wait.over(now)
            settle(calls, outcomes)
            return []
        waiting: list[QueuedCall] = []
        settled: list[tuple[QueuedCall, object]] = []
        for call, outcome in zip(calls, outcomes, strict=True):
            if not isinstance(outcome, Held):
                settled.append((call, outcome))
            elif self._wait.held(call, outcome, now):
                waiting.append(call)
            else:
                settled.append((call, unavailable(outcome)))
        if settled:
            settle(*zip(*settled, strict=True))
        return waiting


class ThreadQueue(BatchQueue):
    """A queue with a thread of its own, for a database over a network.

    Any event loop may submit to it. What is held by somebody else waits apart, in
    another queue, or is refused at once if there is none.
    """

    def __init__(
        self,
        run: Run,
        *,
        limit: int = QUEUE_LIMIT,
        batch: int = BATCH_LIMIT,
        condition: StoreCondition | None = None,
        apart: ThreadQueue | None = None,
    ) -> None:
        super().__init__(run, limit=limit, batch=batch, condition=condition)
        self._apart = apart
        self._waiting: SimpleQueue[QueuedCall | None] = SimpleQueue()
        self._thread = threading.Thread(
            target=self._work, name="gongji-writer", daemon=True
        )

    @property
    def waiting(self) -> int:
        """How many calls wait, apart or not."""
        apart = self._apart.waiting if self._apart else 0
        return self._waiting.qsize() + apart

    def start(self) -> None:
        """Start the thread."""
        if self._apart:
            self._apart.start()
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
                settle([late], [_closing()])
        if self._apart:
            await self._apart.close()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, closing = self._drain(first)
            for held in self._execute(batch):
                self._set_apart(held)
            if closing:
                return

    def _set_apart(self, call: QueuedCall) -> None:
        """Have a call that is held wait where it holds up nobody, if there is room."""
        if self._apart is None or not self._apart.receive(call):
            settle([call], [unavailable(Held("锁等待已满"))])

    def receive(self, call: QueuedCall) -> bool:
        """Let a call wait that was submitted to another queue; return whether it may."""
        if self._closed or self._waiting.qsize() >= self._limit:
            return False
        self._waiting.put(call)
        return True

    def _drain(self, first: QueuedCall) -> tuple[list[QueuedCall], bool]:
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


class ApartQueue(ThreadQueue):
    """A queue of calls that wait for what somebody else holds, each for its time."""

    def _set_apart(self, call: QueuedCall) -> None:
        """Have a call wait on, behind those that wait for something else."""
        if not self.receive(call):
            settle([call], [_closing()])


_Settled = tuple[asyncio.Future[Any], object]
"""A future and its outcome."""


def _closing() -> StoreUnavailable:
    return StoreUnavailable("服务正在停止，请稍后用同一请求编号重试。")


def is_job(call: QueuedCall) -> bool:
    """Return whether a call is a job, which is executed in a batch with others."""
    return isinstance(call.work, Job)


def outcome_of(task: Exclusive) -> object:
    """Return what a task returns or raises."""
    try:
        return task.run()
    except BaseException as error:  # noqa: BLE001 - its neighbours in the batch go on
        return raisable(error)


def settle(calls: Sequence[QueuedCall], outcomes: Sequence[object]) -> None:
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
