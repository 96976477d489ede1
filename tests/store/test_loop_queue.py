"""Laws of a turn: what one turn of the loop brings is one batch, executed in the loop's
own thread."""

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
from gongji.store import queues
from gongji.store.engine import Job, Outcome
from gongji.store.queues import COMPANY_WINDOW_S, GATHER_WINDOW_S, Exclusive, LoopQueue

MakeMove = Callable[..., Any]


class Run:
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
def run() -> Run:
    return Run()


@pytest.fixture
def job(move: MakeMove) -> Job:
    return Job(move("r1"))


async def test_one_turn_is_one_batch(run: Run, job: Job) -> None:
    """What is submitted before the loop comes round is executed together, here and at once."""
    turn = LoopQueue(run)
    answers = await asyncio.gather(*(turn.submit(job) for _ in range(5)))
    assert [0, 1, 2, 3, 4] == [answer.value for answer in answers]
    assert ([5], {threading.get_ident()}) == (run.batches, run.threads)


async def test_a_lone_caller_waits_for_nobody(
    run: Run, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks again only after the answer never waits for company, also after there was some."""
    delays: list[float] = []
    loop = asyncio.get_running_loop()
    call_later, steady = loop.call_later, count(1)

    def noted(delay: float, *what: Any, **how: Any) -> Any:
        delays.append(delay)
        return call_later(0, *what, **how)

    monkeypatch.setattr(loop, "call_later", noted)
    monkeypatch.setattr(
        queues, "perf_counter", lambda: next(steady) * 2 * COMPANY_WINDOW_S
    )
    turn = LoopQueue(run)
    await asyncio.gather(*(turn.submit(job) for _ in range(3)))
    for _ in range(4):
        await turn.submit(job)
    assert [0, GATHER_WINDOW_S, 0, 0, 0] == delays
    assert [3, 1, 1, 1, 1] == run.batches


async def test_who_went_away_has_asked_for_nothing(run: Run, job: Job) -> None:
    """A caller cancelled before the turn's end is left out; the others are answered."""
    turn = LoopQueue(run)
    gone, there = (asyncio.ensure_future(turn.submit(job)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert 0 == (await there).value
    assert [1] == run.batches


async def test_a_batch_has_its_bound(run: Run, job: Job) -> None:
    """Of what comes together at most a batch is executed at a time, and the loop comes
    round between two."""
    turn = LoopQueue(run, batch=2)
    seen: list[list[int]] = []
    waiting = [asyncio.ensure_future(turn.submit(job)) for _ in range(5)]
    while not waiting[-1].done():
        await asyncio.sleep(0)
        if run.batches and run.batches not in seen:
            seen.append(list(run.batches))
    assert [[2], [2, 2], [2, 2, 1]] == seen


async def test_too_many_waiting_are_turned_away(run: Run, job: Job) -> None:
    """Beyond the bound a command is refused at once, and those that wait are still executed."""
    turn = LoopQueue(run, limit=3)
    heard = await asyncio.gather(
        *(turn.submit(job) for _ in range(5)), return_exceptions=True
    )
    assert [Answer, Answer, Answer, Overloaded, Overloaded] == [
        type(one) for one in heard
    ]
    assert [3] == run.batches


async def test_a_task_has_the_connection_to_itself(run: Run, job: Job) -> None:
    """What must run alone runs between the jobs before it and those after it, and its
    error reaches who asked."""
    turn = LoopQueue(run)
    seen: list[list[int]] = []

    def fail() -> None:
        raise ZeroDivisionError

    whats: list[Job | Exclusive] = [
        job,
        job,
        Exclusive(lambda: seen.append(list(run.batches))),
        job,
        Exclusive(fail),
    ]
    outcomes = await asyncio.gather(
        *(turn.submit(what) for what in whats), return_exceptions=True
    )
    assert ([2, 1], [[2]]) == (run.batches, seen)
    assert isinstance(outcomes[-1], ZeroDivisionError)


async def test_closing_finishes_what_waits(run: Run, job: Job) -> None:
    """After close every command submitted before has its answer, and later ones are turned away."""
    turn = LoopQueue(run, batch=2)
    waiting = [asyncio.ensure_future(turn.submit(job)) for _ in range(5)]
    await asyncio.sleep(0)
    await turn.close()
    assert [2, 2, 1] == run.batches
    assert 5 == len(await asyncio.gather(*waiting))
    with pytest.raises(StoreUnavailable):
        await turn.submit(job)


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), StopIteration(), SystemExit(1)],
    ids=lambda e: type(e).__name__,
)
async def test_whatever_goes_wrong_is_heard(
    run: Run, job: Job, error: BaseException
) -> None:
    """Each caller gets the error, the loop goes on."""
    turn = LoopQueue(run)
    run.error = error
    heard = await asyncio.gather(
        *(turn.submit(job) for _ in range(2)), return_exceptions=True
    )
    assert [True, True] == [isinstance(one, ValueError | RuntimeError) for one in heard]
    run.error = None
    assert 0 == (await turn.submit(job)).value
