"""Many commands in one transaction: fetch facts set-wise, decide in order, commit once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import chain
from time import perf_counter
from typing import Any, Final, TypeVar

from gongji.model.access import PersonAccess
from gongji.model.commands import Answer, Decision, Query, Request
from gongji.model.facts import Facts, Need, NotLoaded
from gongji.model.refusals import Refusal
from gongji.store.condition import WRITING, StoreCondition
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
from gongji.store.leaves import LeafBatch, LeafLog, LeafOrigin
from gongji.store.overlay import Overlay
from gongji.store.replay import (
    Digest,
    answered_row,
    refused_row,
    replay,
    replay_needs,
)
from gongji.store.schema import Schema
from gongji.store.table import instant, micros

R = TypeVar("R")

ROUNDS: Final = 32
"""How often a query may find that it needs more; beyond that it never ends."""

TRIES: Final = 16
"""How often a single job that meets other processes' writes is decided anew."""

_Query = Query[Any]

_Groups = dict[tuple[type, str], dict[str, None]]
"""Values to find by kind and index; a dict for a set that keeps its order."""


class FactLoader:
    """Facts of one transaction, fetched as the queries over them ask for them."""

    def __init__(self, facts: Facts, engine: Engine) -> None:
        self.facts = facts
        self._engine = engine
        self._overlay = Overlay(engine)

    def load(self, needs: Iterable[Need]) -> None:
        """Fetch what is not loaded yet, all of it together."""
        missing = [need for need in needs if not self.facts.has(need)]
        if missing:
            self._fetch(_grouped(missing))

    def _fetch(self, groups: _Groups) -> None:
        lookups = [
            (kind, index, list(values)) for (kind, index), values in groups.items()
        ]
        results = self._overlay.fetch(lookups)
        for lookup, records in zip(lookups, results, strict=True):
            kind, index, values = lookup
            self.facts.load(kind, index, values, records)

    def keep_overlaid(self) -> list[Any]:
        """Write what a new revision supersedes that no decision has seen; return it."""
        written = self.facts.written()
        kept = [
            former
            for (kind, key), former in self._overlay.superseded.items()
            if key in written.get(kind, ())
        ]
        self.facts.write(kept)
        return kept

    def prefetch(self, queries: Iterable[_Query], also: Iterable[Need] = ()) -> None:
        """Fetch what all these queries need, round by round, each round together.

        `also` goes with what is fetched first.
        """
        pending = list(queries)
        groups = _grouped(also)
        for finished_rounds in range(ROUNDS):
            pending, missing = self._incomplete(pending)
            if not (missing or groups):
                return
            requested = _grouped(missing)
            due = self._due(requested)
            for group, values in due.items():
                groups.setdefault(group, {}).update(values)
            self._fetch(groups)
            # Most queries have no third round: asking all of them once more costs more
            # than the few that do, whose `decide` fetches the rest.
            if finished_rounds and len(due) == len(requested):
                return
            groups = {}

    def _incomplete(self, queries: Iterable[_Query]) -> tuple[list[_Query], list[Need]]:
        """Return the queries that need more facts, and what they need."""
        incomplete: list[_Query] = []
        needs: list[Need] = []
        for query in queries:
            try:
                missing = self._missing(query)
            except Exception:  # noqa: BLE001, S112 - raised in its own turn
                continue
            if missing:
                incomplete.append(query)
                needs += missing
        return incomplete, needs

    def decide(self, query: Query[R]) -> Decision[R]:
        """Return the query's decision.

        Earlier writes of the batch may have it read what was not fetched: that is
        fetched, and the decision made again.
        """
        for _ in range(ROUNDS):
            try:
                return query.decide(self.facts)
            except NotLoaded:
                missing = self._missing(query)
                if not missing:  # it reads what it never says it needs
                    raise
            self._fetch(self._due(_grouped(missing)))
        name = type(query).__name__
        msg = f"{name} 在 {ROUNDS} 轮之后仍要求更多事实"
        raise RuntimeError(msg)

    def _due(self, requested: _Groups) -> _Groups:
        """The groups of the lowest stage, in an order that every process shares."""
        stages = {group: self._engine.stage(Need(*group, "")) for group in requested}
        # hot path: an engine that need not lock has no stage but 0.
        if not any(stages.values()):
            return requested
        first = min(stages.values())
        due = [group for group in requested if stages[group] == first]
        # Rows are locked as they are fetched: two processes that lock kinds in one
        # order cannot wait for each other.
        due.sort(key=lambda group: group[0].__name__)
        return {group: requested[group] for group in due}

    def _missing(self, query: _Query) -> list[Need]:
        facts = self.facts
        return [need for need in query.needs(facts) if not facts.has(need)]


def _grouped(needs: Iterable[Need]) -> _Groups:
    groups: _Groups = {}
    for need in needs:
        values = groups.setdefault((need.kind, need.index), {})
        values[need.value] = None
    return groups


def _origin(job: Job) -> LeafOrigin:
    """Return where the leaf of a job comes from."""
    request = job.request
    return LeafOrigin(request.method if request else _name(job.query), request)


def _name(query: _Query) -> str:
    """Return the name of a job of the service's own, that of the innermost query."""
    inner = getattr(query, "query", None)
    return type(query).__name__ if inner is None else _name(inner)


def _accesses(
    request: Request, writes: Iterable[Any], at: datetime
) -> Iterable[PersonAccess]:
    """Return whose data a request touches that writes these."""
    return request.accesses.decided(writes, at) if request.accesses else ()


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
    ) -> None:
        self._engine = engine
        self._condition = condition or StoreCondition()
        self._schema = schema
        self._clock = clock
        self._digest = digest
        self._log = log
        tables = schema.tables.items()
        self._append_only = {kind for kind, table in tables if table.append_only}

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Return one outcome a job, in their order; every answer among them is durable."""
        try:
            return self._persist(jobs)
        except EngineDown as down:
            self._condition.failed(WRITING, down)
            return [unavailable(down) for _ in jobs]
        except Exception as error:  # noqa: BLE001 - handed to the job whose fault it is
            if len(jobs) == 1:
                return [raisable(error)]
            # The database refused the batch as a whole: one by one, only the guilty
            # job fails.
            return [outcome for job in jobs for outcome in self.run([job])]

    def _persist(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Transact a batch twice, a single job until it is through. EngineDown at last."""
        # Whenever a transaction meets a conflict another one has gone through: a single
        # job gets its turn. A batch meets conflicts more often the longer it is tried.
        tries = 2 if len(jobs) > 1 else TRIES
        for _ in range(tries):
            try:
                return self._transact(jobs)
            except WriteConflict as error:
                conflict = error
        if len(jobs) > 1:
            raise conflict
        raise Held(f"冲突 {TRIES} 次", "locked") from conflict

    def _transact(self, jobs: Sequence[Job]) -> list[Outcome]:
        self._engine.begin()
        try:
            loader = FactLoader(Facts(self._clock(), self._schema), self._engine)
            self._prefetch(loader, jobs)
            leaves = self._log.begin(loader.facts.now)
            outcomes = [self._execute(loader, job, leaves) for job in jobs]
            if overlaid := loader.keep_overlaid():
                leaves.add(LeafOrigin("KeepRevisions"), overlaid)
            self._append(loader.facts, leaves)
            self._commit(len(jobs))
        except BaseException:
            self._engine.rollback()
            raise
        self._log.committed(leaves)
        return outcomes

    def _commit(self, jobs: int) -> None:
        began = perf_counter()
        try:
            self._engine.commit()
        except CommitUncertain:
            # Its numbers may be taken.
            self._log.restart()
            raise
        self._condition.committed(jobs, perf_counter() - began)
        self._condition.well(WRITING)

    def _prefetch(self, loader: FactLoader, jobs: Sequence[Job]) -> None:
        requests = [job.request for job in jobs if job.request]
        rows = chain.from_iterable([request.row_needs() for request in requests])
        loader.prefetch([job.query for job in jobs], rows)
        # Another process may have held a purse since the batch began: entries of one
        # purse are in order of time.
        loader.facts.now = self._now()

    def _now(self) -> datetime:
        """Return the clock's time, or the latest instant on record if that is later."""
        now = self._clock()
        if getattr(self._clock, "rewinds", False):
            return now
        latest = self._engine.latest()
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
        facts.write(writes)
        if writes or created or removed:
            leaves.add(_origin(job), (*created, *writes), removed)
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
        for (kind, _), keys in _grouped(facts.deleted).items():
            self._engine.delete(kind, list(keys))
        # Last: whoever is to write over these rows waits until they have their leaf.
        leaves.append_to(self._engine)
