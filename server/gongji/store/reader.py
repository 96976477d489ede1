"""Reads: all that waits is answered over one snapshot with a few statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct

from gongji.model.commands import Answer, Decision
from gongji.model.facts import Facts, Need
from gongji.store.condition import READING, StoreCondition
from gongji.store.engine import (
    Engine,
    EngineDown,
    EngineError,
    Held,
    Job,
    Outcome,
    raisable,
    unavailable,
)
from gongji.store.held import HeldRecords, note_places, without
from gongji.store.loading import FactLoader
from gongji.store.schema import Schema

T = TypeVar("T")


class Reader:
    """Answers batches of queries, each as if it were alone; used by one thread at a time."""

    def __init__(
        self,
        engine: Engine,
        schema: Schema,
        clock: Callable[[], datetime],
        *,
        condition: StoreCondition | None = None,
        held: HeldRecords | None = None,
    ) -> None:
        self._engine = engine
        self._condition = condition or StoreCondition()
        self._held = held or HeldRecords()
        self._schema = schema
        self._clock = clock

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Return one outcome a job, in their order; nothing is written.

        Held is the outcome of a job that may wait.
        """
        try:
            outcomes = self._over_one_snapshot(jobs)
        except Held as held:
            self._held.note(held)
            return without(jobs, held, self.run)
        except EngineDown as down:
            self._condition.failed(READING, down)
            return [unavailable(down) for _ in jobs]
        except Exception as error:  # noqa: BLE001 - handed to the job whose fault it is
            if len(jobs) == 1:
                return [raisable(error)]
            # One by one, only the guilty job fails.
            return [outcome for job in jobs for outcome in self.run([job])]
        self._condition.well(READING)
        return outcomes

    def _over_one_snapshot(self, jobs: Sequence[Job]) -> list[Outcome]:
        self._engine.begin()
        facts = Facts(self._clock(), self._schema)
        loader = FactLoader(facts, self._engine, self._held)
        try:
            loader.prefetch(job.query for job in jobs)
            return [_answer(loader, job) for job in jobs]
        except Held as held:
            note_places(held, jobs, facts)
            raise
        finally:
            self._engine.rollback()


def _answer(loader: FactLoader, job: Job) -> Outcome:
    try:
        answer = loader.decide(job.query).answer
        return Answer(answer, replayed=False, at=loader.facts.now)
    except EngineError:
        raise
    except BaseException as error:  # noqa: BLE001 - a defect, even an exit, is its own
        return raisable(error)


class Find(Struct, Generic[T], frozen=True):
    """A query for the records that needs name."""

    named: tuple[Need, ...]

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return the needs."""
        del facts
        return self.named

    def decide(self, facts: Facts) -> Decision[list[T]]:
        """Return the records need by need, those of an index by key."""
        return Decision([record for need in self.named for record in _of(need, facts)])


def _of(need: Need, facts: Facts) -> list[Any]:
    if need.index:
        return facts.where(need.kind, need.index, need.value)
    record = facts.get(need.kind, need.value)
    return [] if record is None else [record]
