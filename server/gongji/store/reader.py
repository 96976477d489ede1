"""Reads: all that waits answered over one snapshot with a few statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from gongji.model.commands import Answer, Decision, Listing
from gongji.model.facts import Facts, Need
from gongji.store.committer import FactLoader
from gongji.store.engine import (
    Engine,
    EngineDown,
    EngineError,
    Job,
    Outcome,
    raisable,
    unavailable,
)
from gongji.store.queues import BatchQueue, Exclusive
from gongji.store.schema import Schema

T = TypeVar("T")


class Reader:
    """Answers batches of queries, each as if it were alone; used by one thread."""

    def __init__(
        self, engine: Engine, schema: Schema, clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._schema = schema
        self._clock = clock

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """One outcome a job, in their order; nothing is written. A batch that fails is
        asked one by one."""
        try:
            return self._over_one_snapshot(jobs)
        except EngineDown as down:
            return [unavailable(down) for _ in jobs]
        except Exception as error:  # noqa: BLE001 - handed to the one whose fault it is
            if len(jobs) == 1:
                return [raisable(error)]
            return [outcome for job in jobs for outcome in self.run([job])]

    def _over_one_snapshot(self, jobs: Sequence[Job]) -> list[Outcome]:
        self._engine.begin()
        try:
            gatherer = FactLoader(Facts(self._clock(), self._schema), self._engine)
            gatherer.prefetch(job.query for job in jobs)
            return [_answer(gatherer, job) for job in jobs]
        finally:
            self._engine.rollback()


def _answer(gatherer: FactLoader, job: Job) -> Outcome:
    try:
        return Answer(
            gatherer.decide(job.query).answer, replayed=False, at=gatherer.facts.now
        )
    except EngineError:
        raise
    except BaseException as error:  # noqa: BLE001 - a defect in one query, even an exit, is its own
        return raisable(error)


@dataclass(frozen=True, slots=True)
class Find(Generic[T]):
    """The records a need names."""

    need: Need

    def needs(self, facts: Facts) -> Iterable[Need]:
        """That one."""
        del facts
        return (self.need,)

    def decide(self, facts: Facts) -> Decision[list[T]]:
        """The records by key."""
        kind, index, value = self.need.kind, self.need.index, self.need.value
        if index:
            return Decision(facts.where(kind, index, value))
        found = facts.get(kind, value)
        return Decision([] if found is None else [found])


async def paged(
    lane: BatchQueue, page: Callable[[Listing[T]], list[T]], listing: Listing[T]
) -> list[T]:
    """One page, read in its lane; its error reaches its caller alone."""
    found: list[T] = []
    failed: list[Exception] = []

    def read() -> None:
        try:
            found.extend(page(listing))
        except EngineDown as down:
            failed.append(unavailable(down))
        except Exception as error:  # noqa: BLE001 - raised where it was asked
            failed.append(error)

    await lane.submit(Exclusive(read))
    for error in failed:
        raise error
    return found
