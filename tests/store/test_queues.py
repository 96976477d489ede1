"""Laws of the writer's thread: all that waits is one batch, each loop is woken once,
the thread outlives everything."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any

import pytest
from gongji.model.commands import Answer
from gongji.model.refusals import Overloaded, StoreUnavailable
from gongji.rules.codes import SHANGHAI
from gongji.store.engine import Job, Outcome
from gongji.store.queues import Exclusive, ThreadQueue

from tests.patience import PATIENCE_S

MakeMove = Callable[..., Any]
MIDNIGHT = datetime(2025, 9, 30, tzinfo=SHANGHAI)


class RecordedBatches:
    """Records the batches it is given and answers each job with its place; may be held
    up or fail."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.entered, self.go = threading.Event(), threading.Event()
        self.go.set()
        self.error: BaseException | None = None

    def __call__(self, jobs: Sequence[Job]) -> list[Outcome]:
        self.entered.set()
        assert self.go.wait(PATIENCE_S)
        self.batches.append([job.request.request_id for job in jobs if job.request])
        if self.error:
            raise self.error
        return [Answer(i, replayed=False, at=MIDNIGHT) for i, _ in enumerate(jobs)]


@pytest.fixture
def run() -> RecordedBatches:
    return RecordedBatches()


@pytest.fixture
async def writer(run: RecordedBatches) -> AsyncIterator[ThreadQueue]:
    writer = ThreadQueue(run, limit=8, batch=4)
    yield writer
    run.go.set()
    await writer.close()


async def submitted(
    writer: ThreadQueue, *work: Job | Exclusive
) -> list[asyncio.Task[Any]]:
    """Tasks that wait, each having had its turn to submit."""
    tasks = [asyncio.create_task(writer.submit(task)) for task in work]
    await asyncio.sleep(0)
    return tasks


@pytest.fixture
def jobs(move: MakeMove) -> Callable[[int], list[Job]]:
    """So many jobs r0, r1 …"""
    return lambda n: [Job(c, c.request) for c in (move(f"r{i}") for i in range(n))]


async def test_all_that_waits_is_one_batch(
    writer: ThreadQueue,
    run: RecordedBatches,
    jobs: Callable[[int], list[Job]],
) -> None:
    """What has queued up while the writer was busy is taken together, in order, at most
    a batch at a time."""
    tasks = await submitted(writer, *jobs(6))
    writer.start()
    answers = await asyncio.gather(*tasks)
    assert [["r0", "r1", "r2", "r3"], ["r4", "r5"]] == run.batches
    assert [0, 1, 2, 3, 0, 1] == [a.value for a in answers]


async def test_an_idle_writer_takes_a_single_job_at_once(
    writer: ThreadQueue,
    run: RecordedBatches,
    jobs: Callable[[int], list[Job]],
) -> None:
    """A lone command waits for nobody."""
    writer.start()
    for job in jobs(2):
        await writer.submit(job)
    assert [["r0"], ["r1"]] == run.batches


async def test_each_batch_wakes_the_loop_once(
    writer: ThreadQueue,
    jobs: Callable[[int], list[Job]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Outcomes of a batch reach their loop in one call."""
    loop = asyncio.get_running_loop()
    woken: list[int] = []
    wake = loop.call_soon_threadsafe

    def counted(callback: Callable[..., Any], *args: Any) -> Any:
        woken.append(len(args[0]))
        return wake(callback, *args)

    tasks = await submitted(writer, *jobs(4))
    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    writer.start()
    await asyncio.gather(*tasks)
    assert [4] == woken


async def test_too_many_waiting_are_turned_away(
    writer: ThreadQueue,
    run: RecordedBatches,
    jobs: Callable[[int], list[Job]],
) -> None:
    """Beyond the bound a command is refused at once, and those that wait are still executed."""
    tasks = await submitted(writer, *jobs(8))
    with pytest.raises(Overloaded):
        await writer.submit(jobs(1)[0])
    writer.start()
    await asyncio.gather(*tasks)
    assert 8 == sum(map(len, run.batches))


async def test_who_has_gone_has_asked_for_nothing(
    writer: ThreadQueue,
    run: RecordedBatches,
    jobs: Callable[[int], list[Job]],
) -> None:
    """A command whose caller went away before its turn is not executed; its neighbours are."""
    first, cancelled, last = await submitted(writer, *jobs(3))
    cancelled.cancel()
    await asyncio.sleep(0)
    writer.start()
    await asyncio.gather(first, last)
    assert [["r0", "r2"]] == run.batches


async def test_who_goes_later_is_executed_all_the_same(
    writer: ThreadQueue,
    run: RecordedBatches,
    jobs: Callable[[int], list[Job]],
) -> None:
    """A caller that goes while its command executes loses the answer, nobody else does."""
    run.go.clear()
    cancelled, neighbour = await submitted(writer, *jobs(2))
    writer.start()
    await asyncio.to_thread(run.entered.wait, 5)
    cancelled.cancel()
    run.go.set()
    assert 1 == (await neighbour).value
    assert [["r0", "r1"]] == run.batches


async def test_the_thread_outlives_what_happens_in_it(
    writer: ThreadQueue,
    run: RecordedBatches,
    jobs: Callable[[int], list[Job]],
) -> None:
    """Even an exit raised inside a batch reaches its callers and leaves the writer at work."""
    run.error = SystemExit(3)
    tasks = await submitted(writer, *(jobs(1)))
    writer.start()
    with pytest.raises(RuntimeError, match="SystemExit"):
        await tasks[0]
    run.error = None
    assert 0 == (await writer.submit(jobs(1)[0])).value


async def test_a_task_has_the_connection_to_itself(
    writer: ThreadQueue,
    run: RecordedBatches,
    jobs: Callable[[int], list[Job]],
) -> None:
    """What must run alone runs between the jobs before it and those after it, and its
    error reaches who asked."""
    before, after = jobs(2)
    batches_before: list[int] = []

    def fail() -> None:
        raise ZeroDivisionError

    alone = Exclusive(lambda: batches_before.append(len(run.batches)))
    tasks = await submitted(writer, before, alone, after, Exclusive(fail))
    writer.start()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert ([["r0"], ["r1"]], [1]) == (run.batches, batches_before)
    assert isinstance(outcomes[3], ZeroDivisionError)


async def test_closing_finishes_what_waits(
    writer: ThreadQueue,
    run: RecordedBatches,
    jobs: Callable[[int], list[Job]],
) -> None:
    """After close every command submitted before has its answer, and later ones are turned away."""
    tasks = await submitted(writer, *jobs(6))
    writer.start()
    await writer.close()
    assert [True] * 6 == [task.done() for task in tasks]
    assert 6 == sum(map(len, run.batches))
    with pytest.raises(StoreUnavailable):
        await writer.submit(jobs(1)[0])
