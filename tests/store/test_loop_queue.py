"""Laws of a queue on the loop: what one turn of it brings is one batch, executed there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest
from gongji.model.commands import Answer
from gongji.model.refusals import Overloaded, StoreUnavailable
from gongji.serve.clock import SandboxClock
from gongji.store import loop_queues
from gongji.store.engine import Job, Outcome
from gongji.store.loop_queues import COMPANY_WINDOW_S, GATHER_WINDOW_S, LoopQueue
from gongji.store.queues import Exclusive

from tests.store.conftest import outcomes

MakeMove = Callable[..., Any]


class CountedBatches:
    """Records the batches and threads it is called with and answers each job with its place."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.threads: set[int] = set()
        self.error: BaseException | None = None

    def __call__(self, jobs: Sequence[Job]) -> list[Outcome]:
        self.batches.append(len(jobs))
        self.threads.add(threading.get_ident())
        if self.error:
            raise self.error
        return [
            Answer(i, replayed=False, at=SandboxClock()()) for i, _ in enumerate(jobs)
        ]


@pytest.fixture
def run() -> CountedBatches:
    return CountedBatches()


@pytest.fixture
def job(move: MakeMove) -> Job:
    return Job(move("r1"))


async def test_one_turn_is_one_batch(run: CountedBatches, job: Job) -> None:
    """What is submitted before the loop comes round is executed together, here and at once."""
    queue = LoopQueue(run)
    answers = await asyncio.gather(*(queue.submit(job) for _ in range(5)))
    assert [0, 1, 2, 3, 4] == [answer.value for answer in answers]
    assert ([5], {threading.get_ident()}) == (run.batches, run.threads)


async def test_a_lone_caller_waits_for_nobody(
    run: CountedBatches,
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who asks again only after the answer never waits for company, also after there was some."""
    delays: list[float] = []
    loop = asyncio.get_running_loop()
    call_later, steady = loop.call_later, count(1)

    def noted(delay: float, callback: Callable[[], None]) -> Any:
        delays.append(delay)
        return call_later(0, callback)

    monkeypatch.setattr(loop, "call_later", noted)
    apart = 2 * COMPANY_WINDOW_S
    monkeypatch.setattr(loop_queues, "perf_counter", lambda: next(steady) * apart)
    queue = LoopQueue(run)
    await asyncio.gather(*(queue.submit(job) for _ in range(3)))
    for _ in range(4):
        await queue.submit(job)
    assert [0, GATHER_WINDOW_S, 0, 0, 0] == delays
    assert [3, 1, 1, 1, 1] == run.batches


async def test_who_went_away_has_asked_for_nothing(
    run: CountedBatches, job: Job
) -> None:
    """A caller cancelled before the turn's end is left out; the others are answered."""
    queue = LoopQueue(run)
    cancelled = asyncio.ensure_future(queue.submit(job))
    awaited = asyncio.ensure_future(queue.submit(job))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert 0 == (await awaited).value
    assert [1] == run.batches


async def test_a_batch_has_its_bound(run: CountedBatches, job: Job) -> None:
    """Of what comes together at most a batch is executed at a time, and the loop comes
    round between two."""
    queue = LoopQueue(run, batch=2)
    steps: list[list[int]] = []
    calls = [asyncio.ensure_future(queue.submit(job)) for _ in range(5)]
    while not calls[-1].done():
        await asyncio.sleep(0)
        if run.batches and run.batches not in steps:
            steps.append(list(run.batches))
    assert [[2], [2, 2], [2, 2, 1]] == steps


async def test_too_many_waiting_are_turned_away(run: CountedBatches, job: Job) -> None:
    """Beyond the bound a command is refused at once, and those that wait are still executed."""
    queue = LoopQueue(run, limit=3)
    results = await outcomes(queue.submit(job) for _ in range(5))
    expected = [Answer, Answer, Answer, Overloaded, Overloaded]
    assert expected == [type(result) for result in results]
    assert [3] == run.batches


async def test_a_task_has_the_connection_to_itself(
    run: CountedBatches, job: Job
) -> None:
    """What must run alone runs between the jobs before it and those after it, and its
    error reaches who asked."""
    queue = LoopQueue(run)
    before: list[list[int]] = []

    def fail() -> None:
        raise ZeroDivisionError

    work: list[Job | Exclusive] = [
        job,
        job,
        Exclusive(lambda: before.append(list(run.batches))),
        job,
        Exclusive(fail),
        Exclusive(lambda: "alone"),
    ]
    results = await outcomes(queue.submit(task) for task in work)
    assert ([2, 1], [[2]]) == (run.batches, before)
    assert isinstance(results[4], ZeroDivisionError)
    assert "alone" == results[5]


async def test_closing_finishes_what_waits(run: CountedBatches, job: Job) -> None:
    """After close every command submitted before has its answer, and later ones are turned away."""
    queue = LoopQueue(run, batch=2)
    calls = [asyncio.ensure_future(queue.submit(job)) for _ in range(5)]
    await asyncio.sleep(0)
    await queue.close()
    assert [2, 2, 1] == run.batches
    assert 5 == len(await asyncio.gather(*calls))
    with pytest.raises(StoreUnavailable):
        await queue.submit(job)


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), StopIteration(), SystemExit(1)],
    ids=lambda e: type(e).__name__,
)
async def test_whatever_goes_wrong_is_heard(
    run: CountedBatches,
    job: Job,
    error: BaseException,
) -> None:
    """Each caller gets the error, the loop goes on."""
    queue = LoopQueue(run)
    run.error = error
    results = await outcomes(queue.submit(job) for _ in range(2))
    assert 2 == len(results)
    for result in results:
        assert isinstance(result, ValueError | RuntimeError)
    run.error = None
    assert 0 == (await queue.submit(job)).value
