"""Facts of one transaction, fetched set-wise as the queries over them ask for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, TypeVar

from gongji.model.commands import Decision, Query
from gongji.model.facts import Facts, Need, NotLoaded
from gongji.store.engine import FactSource
from gongji.store.held import HeldRecords
from gongji.store.overlay import Overlay

R = TypeVar("R")

ROUNDS: Final = 32
"""How often a query may find that it needs more; beyond that it never ends."""

_Query = Query[Any]

_Groups = dict[tuple[type, str], dict[str, None]]
"""Values to find by kind and index; a dict for a set that keeps its order."""


class FactLoader:
    """Facts of one transaction, fetched as the queries over them ask for them."""

    def __init__(
        self,
        facts: Facts,
        engine: FactSource,
        held: HeldRecords | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Load facts; `now` gives the instant that nothing on record is later than."""
        self.facts = facts
        self._engine = engine
        self._held = held
        self._now = now
        self._overlay = Overlay(engine)

    def load(self, needs: Iterable[Need]) -> None:
        """Fetch what is not loaded yet, all of it together."""
        missing = [need for need in needs if not self.facts.has(need)]
        if missing:
            self._fetch(grouped(missing))

    def _fetch(self, groups: _Groups) -> None:
        if self._held is not None:
            self._held.check_needed(groups)
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
        groups = grouped(also)
        for finished_rounds in range(ROUNDS):
            pending, missing = self._incomplete(pending)
            if not (missing or groups):
                return
            requested = grouped(missing)
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
            self._fetch(self._due(grouped(missing)))
            if self._now:
                # Whoever held these rows may have written them later than we began.
                self.facts.now = max(self.facts.now, self._now())
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


def grouped(needs: Iterable[Need]) -> _Groups:
    """Return the values of needs by kind and index, each once, in their order."""
    groups: _Groups = {}
    for need in needs:
        values = groups.setdefault((need.kind, need.index), {})
        values[need.value] = None
    return groups
