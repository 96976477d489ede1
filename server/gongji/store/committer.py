"""Many commands in one transaction: facts fetched set-wise, decisions in order of
arrival, one commit, then answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from gongji.model.commands import Answer, Decision, Query, RequestRecord
from gongji.model.facts import Facts, Need, NotLoaded, by_key
from gongji.model.refusals import Refusal
from gongji.store.engine import (
    Engine,
    EngineDown,
    EngineError,
    Job,
    Outcome,
    WriteConflict,
    raisable,
    unavailable,
)
from gongji.store.replay import (
    Digest,
    remembered,
    remembered_refusal,
    replay,
    replay_needs,
)
from gongji.store.schema import Schema

R = TypeVar("R")

ROUNDS: Final = 32
"""How often a query may find that it needs more; beyond that it never ends."""

TRIES: Final = 16
"""How often a single job that meets other processes' writes is decided anew."""

_Groups = dict[tuple[type, str], dict[str, None]]
"""Values to find by kind and index."""


class FactLoader:
    """Facts of one transaction, fetched as the queries over them ask for them."""

    def __init__(self, facts: Facts, engine: Engine) -> None:
        self.facts = facts
        self._engine = engine

    def load(self, needs: Iterable[Need]) -> None:
        """Fetches what is not yet known, all of it in one go."""
        if missing := _grouped(need for need in needs if not self.facts.has(need)):
            self._fetch(missing)

    def _fetch(self, missing: _Groups) -> None:
        asked = [
            (kind, index, list(values)) for (kind, index), values in missing.items()
        ]
        for (kind, index, values), records in zip(
            asked, self._engine.fetch(asked), strict=True
        ):
            self.facts.load(kind, index, values, records)

    def prefetch(
        self, queries: Iterable[Query[Any]], also: Iterable[Need] = ()
    ) -> None:
        """Fetches what all these queries need, together; one that raises is left to
        raise again in its turn.

        `also` goes with what is fetched first. Queries that got all they asked for
        twice are not asked again: most have no third round, and the decision of one
        that has says so.
        """
        waiting, first = list(queries), list(also)
        for times in range(ROUNDS):
            lacking = [
                (query, needs) for query in waiting if (needs := self._lacking(query))
            ]
            if not (lacking or first):
                return
            asked = _grouped(need for _, needs in lacking for need in needs)
            due = self._due(asked)
            together = _grouped(first)
            for group, values in due.items():
                together.setdefault(group, {}).update(values)
            self._fetch(together)
            if times and len(due) == len(asked):
                return
            waiting, first = [query for query, _ in lacking], []

    def decide(self, query: Query[R]) -> Decision[R]:
        """The query's decision; where earlier writes had it read what was not fetched,
        that first and then anew."""
        for _ in range(ROUNDS):
            try:
                return query.decide(self.facts)
            except NotLoaded:
                if not (
                    lacking := [
                        need
                        for need in query.needs(self.facts)
                        if not self.facts.has(need)
                    ]
                ):
                    raise  # it reads what it never says it needs
            self._fetch(self._due(_grouped(lacking)))
        msg = f"{type(query).__name__} 在 {ROUNDS} 轮之后仍要求更多事实"
        raise RuntimeError(msg)

    def _due(self, asked: _Groups) -> _Groups:
        """Those of the earliest stage; with several kinds in it, in one order for all."""
        stages = {group: self._engine.stage(Need(*group, "")) for group in asked}
        first = min(stages.values(), default=0)
        if first == max(stages.values(), default=0) == 0:
            return asked
        due = [group for group in asked if stages[group] == first]
        return {
            group: asked[group]
            for group in sorted(due, key=lambda group: group[0].__name__)
        }

    def _lacking(self, query: Query[Any]) -> list[Need]:
        try:
            return [
                need for need in query.needs(self.facts) if not self.facts.has(need)
            ]
        except Exception:  # noqa: BLE001 - its turn has not come; it must not take its neighbours down
            return []


def _grouped(needs: Iterable[Need]) -> _Groups:
    """Needs by kind and index, each value once, in the order they were asked."""
    groups: _Groups = {}
    for need in needs:
        groups.setdefault((need.kind, need.index), {})[need.value] = None
    return groups


class Committer:
    """Executes batches over one engine; used by one thread."""

    def __init__(
        self,
        engine: Engine,
        schema: Schema,
        clock: Callable[[], datetime],
        digest: Digest,
    ) -> None:
        self._engine = engine
        self._schema = schema
        self._clock = clock
        self._digest = digest

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """One outcome a job, in their order; when it returns, what was answered is durable.

        A batch the database refuses as a whole is run again one by one, so that only
        the guilty fail; so is one that was decided anew and met another process's
        writes again.
        """
        try:
            return self._persist(jobs)
        except EngineDown as down:
            return [unavailable(down) for _ in jobs]
        except Exception as error:  # noqa: BLE001 - handed to the one whose fault it is
            if len(jobs) == 1:
                return [raisable(error)]
            return [outcome for job in jobs for outcome in self.run([job])]

    def _persist(self, jobs: Sequence[Job]) -> list[Outcome]:
        """A batch twice, a single job until it is through: others it conflicts with
        have been. EngineDown at last."""
        for _ in range(2 if len(jobs) > 1 else TRIES):
            try:
                return self._transact(jobs)
            except WriteConflict as error:
                conflict = error
        if len(jobs) > 1:
            raise conflict
        raise EngineDown(f"冲突 {TRIES} 次") from conflict

    def _transact(self, jobs: Sequence[Job]) -> list[Outcome]:
        self._engine.begin()
        try:
            facts = Facts(self._clock(), self._schema)
            outcomes = self._decide(FactLoader(facts, self._engine), jobs)
            self._append(facts)
            self._engine.commit()
        except BaseException:
            self._engine.rollback()
            raise
        return outcomes

    def _decide(self, gatherer: FactLoader, jobs: Sequence[Job]) -> list[Outcome]:
        facts = gatherer.facts
        known = (
            by_key(RequestRecord, job.request.request_id) for job in jobs if job.request
        )
        gatherer.prefetch((job.query for job in jobs), known)
        # Another process may have held a purse since the batch began: entries of one
        # purse are in order of time.
        facts.now = self._clock()
        return [self._execute(gatherer, job) for job in jobs]

    def _execute(self, gatherer: FactLoader, job: Job) -> Outcome:
        """One job's turn: the first answer again, or a decision whose writes the next ones see."""
        facts = gatherer.facts
        writes: tuple[Any, ...]
        outcome: Outcome
        try:
            if (
                job.request
                and (row := facts.get(RequestRecord, job.request.request_id))
                is not None
            ):
                gatherer.load(replay_needs(job.command, row))
                return replay(job.command, row, facts, self._digest)
            decision = gatherer.decide(job.query)
            writes, outcome = (
                decision.writes,
                Answer(decision.answer, replayed=False, at=facts.now),
            )
            if job.request:
                writes += (
                    remembered(job.command, decision.answer, facts.now, self._digest),
                )
        except Refusal as refusal:
            writes, outcome = (
                self._refused(job, refusal, facts),
                refusal.with_traceback(None),
            )
        except EngineError:
            raise
        except BaseException as error:  # noqa: BLE001 - a defect in one command, even an exit, is its own
            return raisable(error)
        facts.write(writes)
        return outcome

    def _refused(self, job: Job, refusal: Refusal, facts: Facts) -> tuple[Any, ...]:
        """What a refusal writes: the row of a final one, and what it leaves behind;
        nothing where it may pass."""
        known = job.request and facts.get(RequestRecord, job.request.request_id)
        if job.request is None or known or not (refusal.final or refusal.leaves):
            return ()
        return *refusal.leaves, remembered_refusal(
            job.command, refusal, facts.now, self._digest
        )

    def _append(self, facts: Facts) -> None:
        """Writes everything set-wise, kinds and keys in one fixed order, so that two
        processes cannot embrace."""
        written = facts.written()
        for kind in self._schema.tables:
            if records := written.get(kind):
                self._engine.upsert(kind, [records[key] for key in sorted(records)])
