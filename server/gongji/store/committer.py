"""Many commands in one transaction: fetch facts set-wise, decide in order, commit once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from time import perf_counter, time_ns
from typing import Any, Final, NamedTuple

from gongji.audit.leaf import LogWriter
from gongji.model.access import PersonAccess
from gongji.model.commands import Answer, Decision, Query, Request
from gongji.model.facts import Facts, Need
from gongji.model.people import Institution, Person
from gongji.model.refusals import Refusal
from gongji.store.claims import what_of
from gongji.store.condition import WRITING, StoreCondition
from gongji.store.content import Digest
from gongji.store.engine import (
    CommitUncertain,
    Engine,
    EngineDown,
    EngineError,
    Held,
    Job,
    Outcome,
    WriteConflict,
    raisable,
    unavailable,
)
from gongji.store.held import HeldRecords, note_places, without
from gongji.store.keys.counting import SealCounter
from gongji.store.leaves import LeafBatch, LeafLog, LeafOrigin, known_of
from gongji.store.loading import FactLoader, grouped
from gongji.store.replay import (
    answered_row,
    refused_row,
    replay,
    replay_needs,
)
from gongji.store.schema import Schema
from gongji.store.table import instant, micros

_AHEAD_US: Final = 24 * 3600 * 1_000_000
"""Nothing is committed over an instant on record so many microseconds after the clock."""

TRIES: Final = 16
"""How often a single job that meets other processes' writes is decided anew."""

_Query = Query[Any]


_REGISTRY: Final = (Person, Institution)


def _origin(
    job: Job, outcome: Outcome, records: Sequence[Any], facts: Facts
) -> LeafOrigin:
    """Return where the leaf of a job comes from; `facts` are those of before it."""
    if job.request is not None:
        answer = outcome.value if isinstance(outcome, Answer) else None
        known = known_of(records) or _known(job, facts)
        return LeafOrigin(job.request.method, job.request, answer, known)
    query = job.query
    # A part of a request has no replay: its first answer is not looked for.
    request = getattr(query, "request", None)
    return LeafOrigin(what_of(query), request, about=getattr(query, "about", {}))


def _known(job: Job, facts: Facts) -> dict[str, int]:
    """Return the revisions of the registry that a command was decided over."""
    return {
        facts.keys.key_of(record): record.revision
        for need in job.query.needs(facts)
        if need.kind in _REGISTRY
        for record in facts.found(need)
    }


def _accesses(
    request: Request, writes: Iterable[Any], at: datetime
) -> Iterable[PersonAccess]:
    """Return whose data a request touches that writes these."""
    return request.accesses.decided(writes, at) if request.accesses else ()


class _Prepared(NamedTuple):
    """A transaction that only needs its commit: what becomes of its jobs, their leaves."""

    outcomes: list[Outcome]
    leaves: LeafBatch
    # When it began, in nanoseconds.
    began: int


Finish = Callable[[], list[Outcome]]
"""Commits what was decided."""


class Committer:
    """Executes batches over one engine; used by one thread at a time."""

    def __init__(
        self,
        engine: Engine,
        schema: Schema,
        clock: Callable[[], datetime],
        digest: Digest,
        log: LeafLog,
        *,
        condition: StoreCondition | None = None,
        held: HeldRecords | None = None,
    ) -> None:
        self._engine = engine
        self._condition = condition or StoreCondition()
        # By itself it takes nothing to be held before it has waited for it.
        self._held = held or HeldRecords().only_noted()
        self._schema = schema
        self._clock = clock
        self._digest = digest
        self._log = log
        self._before: LogWriter | None = None
        self._seals = SealCounter(schema.vault)
        tables = schema.tables.items()
        self._append_only = {kind for kind, table in tables if table.append_only}

    def run(self, jobs: Sequence[Job], tried: int = 1) -> list[Outcome]:
        """Return one outcome a job, in their order; every answer among them is durable.

        Held is the outcome of a job that was not executed and may wait.
        """
        try:
            finish = self.prepare(jobs, tried)
        except Held as held:
            return self._without(jobs, held)
        return finish()

    def prepare(self, jobs: Sequence[Job], tried: int = 1) -> Finish:
        """Decide a batch, all but its commit. Return what commits it. Held.

        That returns the outcomes as `run` does; it may be called by another thread.
        """
        try:
            prepared = self._prepare(jobs)
        except Held:
            raise
        except Exception as error:  # noqa: BLE001 - handed to the job whose fault it is
            return partial(self._failed, jobs, error, tried)
        return partial(self._finish, jobs, prepared, tried)

    def _without(self, jobs: Sequence[Job], held: Held) -> list[Outcome]:
        """Return the outcomes of a batch of which something is held."""
        self._held.note(held)
        return without(jobs, held, self.run)

    def _finish(
        self, jobs: Sequence[Job], prepared: _Prepared, tried: int
    ) -> list[Outcome]:
        try:
            self._commit(jobs, prepared)
        except Exception as error:  # noqa: BLE001 - as above
            return self._failed(jobs, error, tried)
        return prepared.outcomes

    def _failed(
        self, jobs: Sequence[Job], error: Exception, tried: int
    ) -> list[Outcome]:
        """Try a batch once more, a single job until it is through, or a batch in parts."""
        if isinstance(error, WriteConflict):
            # Whenever a transaction meets a conflict another one has gone through: a
            # single job gets its turn. A batch meets conflicts more often the longer it
            # is tried.
            if tried < (2 if len(jobs) > 1 else TRIES):
                return self.run(jobs, tried + 1)
            if len(jobs) == 1:
                return [unavailable(EngineDown(f"冲突 {TRIES} 次", "busy"))]
        if isinstance(error, Held):
            return self._without(jobs, error)
        if isinstance(error, EngineDown):
            self._condition.failed(WRITING, error)
            return [unavailable(error) for _ in jobs]
        if len(jobs) == 1:
            return [raisable(error)]
        # The database refused the batch as a whole: one by one, only the guilty job
        # fails.
        return [outcome for job in jobs for outcome in self.run([job])]

    def _prepare(self, jobs: Sequence[Job]) -> _Prepared:
        began = time_ns()
        # What stands by now is there to be found.
        self._before = self._log.last
        self._engine.begin()
        facts = Facts(self._clock(), self._schema)
        loader = FactLoader(facts, self._engine, self._held, self._now)
        try:
            self._prefetch(loader, jobs)
            leaves = self._log.begin(facts.now)
            outcomes = [self._execute(loader, job, leaves) for job in jobs]
            self._add_own(loader, leaves)
            self._append(facts, leaves)
        except BaseException as error:
            self._engine.rollback()
            if isinstance(error, Held):
                note_places(error, jobs, facts)
            raise
        return _Prepared(outcomes, leaves, began)

    def _add_own(self, loader: FactLoader, leaves: LeafBatch) -> None:
        """Add what no job writes."""
        if overlaid := loader.keep_overlaid():
            leaves.add(LeafOrigin("KeepRevisions"), overlaid)
        if counts := self._seals.due(leaves.writer.writer):
            loader.facts.write(counts)
            leaves.add(LeafOrigin("CountSeals"), counts)

    def _commit(self, jobs: Sequence[Job], prepared: _Prepared) -> None:
        decided, began = time_ns(), perf_counter()
        try:
            self._engine.commit()
        except BaseException as error:
            if isinstance(error, CommitUncertain):
                # Its numbers may be taken.
                self._log.restart()
            self._engine.rollback()
            raise
        self._log.committed(prepared.leaves)
        self._condition.committed(len(jobs), perf_counter() - began)
        for job in jobs:
            if job.timing:
                job.timing.note(prepared.began, decided, time_ns())
        # What wrote nothing may commit over a database that takes nothing.
        if prepared.leaves.leaves:
            self._condition.well(WRITING)

    def _prefetch(self, loader: FactLoader, jobs: Sequence[Job]) -> None:
        requests = [job.request for job in jobs if job.request]
        rows = chain.from_iterable([request.row_needs() for request in requests])
        loader.prefetch([job.query for job in jobs], rows)
        # Another process may have held a purse since the batch began: entries of one
        # purse are in order of time.
        loader.facts.now = self._now()

    def _now(self) -> datetime:
        """Return the clock's time, or the latest instant on record if that is later.

        EngineDown if the database has gone back, or is far ahead of the clock.
        """
        now = self._clock()
        if getattr(self._clock, "rewinds", False):
            return now
        latest = self._engine.latest()
        before = self._before if self._engine.latest_is_current() else None
        if before and latest < micros(before.at):
            # Such as a replica that was behind, or a backup put in its place.
            raise EngineDown("数据库里没有本进程已提交的记录", "rolled_back")
        if latest - micros(now) > _AHEAD_US:
            raise EngineDown("库中最后的记录晚于时钟一天以上", "clock")
        return instant(latest) if latest > micros(now) else now

    def _execute(self, loader: FactLoader, job: Job, leaves: LeafBatch) -> Outcome:
        """Replay one job, or decide it; the jobs after it see what it writes."""
        facts = loader.facts
        outcome: Outcome
        removed: Sequence[Need] = ()
        created: Sequence[Any] = ()
        try:
            if replayed := self._replayed(loader, job):
                return replayed
            decision = loader.decide(job.query)
            outcome, writes, created = self._answered(job, decision, facts)
            removed = decision.deletes
        except Refusal as refusal:
            writes = self._writes_of_refusal(job, refusal, facts)
            # Its traceback would keep the whole batch's facts alive.
            outcome = refusal.with_traceback(None)
        except EngineError:
            raise
        except BaseException as error:  # noqa: BLE001 - a defect, even an exit, is its own
            return raisable(error)
        records = (*created, *writes)
        leaves.advance(facts.now)
        # The leaf first: it says over what was decided, not what that made of it.
        if records or removed:
            leaves.add(_origin(job, outcome, records, facts), records, removed)
        facts.write(writes)
        return outcome

    def _answered(
        self, job: Job, decision: Decision[Any], facts: Facts
    ) -> tuple[Outcome, list[Any], list[Any]]:
        """Return a decision's answer, what is written that need not be new, and what must."""
        first_at = decision.first_at
        at = first_at or facts.now
        outcome = Answer(decision.answer, replayed=first_at is not None, at=at)
        writes, new = self._parted(decision)
        facts.create(new)
        facts.deleted += decision.deletes
        if job.request:
            row = answered_row(job.command, decision.answer, at, self._digest)
            writes += (row, *_accesses(job.request, (*new, *writes), facts.now))
        return outcome, writes, new

    def _parted(self, decision: Decision[Any]) -> tuple[list[Any], list[Any]]:
        """Return what a decision writes, and of that apart what must be new."""
        # hot path: a loop of its own, for each settlement writes ten records.
        writes: list[Any] = []
        new = list(decision.creates)
        for record in decision.writes:
            append_only = type(record) in self._append_only
            (new if append_only else writes).append(record)
        return writes, new

    def _replayed(self, loader: FactLoader, job: Job) -> Answer[Any] | None:
        """Return the first answer if the job's request was executed. Refusal."""
        if job.request is None:
            return None
        if job.request.accesses:
            job.request.accesses.undecided()
        row = job.request.row(loader.facts)
        if row is None:
            return None
        loader.load(replay_needs(job.command, row))
        return replay(job.command, row, loader.facts, self._digest)

    def _writes_of_refusal(
        self,
        job: Job,
        refusal: Refusal,
        facts: Facts,
    ) -> list[Any]:
        """Return what a refusal leaves and, if it is final, the request's row."""
        writes = list(refusal.leaves)
        request = job.request
        # A replayed refusal has its row already.
        if request and refusal.final and request.row(facts) is None:
            row = refused_row(job.command, refusal, facts.now, self._digest)
            writes += (row, *_accesses(request, writes, facts.now))
        return writes

    def _append(self, facts: Facts, leaves: LeafBatch) -> None:
        """Write everything set-wise."""
        written = facts.written()
        self._held.check_written(written)
        # Kinds and keys in one fixed order: two processes cannot wait for each other.
        for kind in self._schema.tables:
            if records := written.get(kind):
                created = facts.created(kind)
                ordered = sorted(records)
                if created:
                    new = [records[key] for key in ordered if key in created]
                    self._engine.insert(kind, new, leaves.rows(new))
                    ordered = [key for key in ordered if key not in created]
                if ordered:
                    changed = [records[key] for key in ordered]
                    self._engine.upsert(kind, changed, leaves.rows(changed))
        for (kind, _), keys in grouped(facts.deleted).items():
            self._engine.delete(kind, list(keys))
        # Last: whoever is to write over these rows waits until they have their leaf.
        leaves.append_to(self._engine)
