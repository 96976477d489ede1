"""What somebody else's transaction holds: who needs it waits apart, the others go on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from time import monotonic
from typing import Final

from gongji.model.facts import Facts, Need
from gongji.store.condition import StoreCondition
from gongji.store.engine import Held, Job, Outcome, unavailable

NOTED_S: Final = 0.5
"""How long what was found held is taken to be so, in seconds, unless found so again."""

TRIED_S: Final = 1.0
"""How long a batch is tried job by job, in seconds; what is left waits."""

_Groups = Mapping[tuple[type, str], Collection[str]]
"""Values needed, by kind and index."""


class HeldRecords:
    """What is known to be held; shared by connections of a store, on any thread.

    A batch that needs it need not wait to find that out again.
    """

    def __init__(self, condition: StoreCondition | None = None) -> None:
        self._condition = condition or StoreCondition()
        # Until when rows are taken to be held, and tables: those by kind, with whether
        # only whoever writes cannot have them.
        self._rows: dict[tuple[type, str], float] = {}
        self._tables: dict[tuple[type, bool], float] = {}

    def only_noted(self) -> HeldRecords:
        """Return records for a connection that waits: it notes here, and believes nothing."""
        return OnlyNoted(self)

    def note(self, held: Held) -> None:
        """Remember what was found held; tell of a table that was not before."""
        now = monotonic()
        tables = [(kind, held.writing) for kind in held.kinds]
        # It is believed for a time, then tried again: still the same.
        since = now - NOTED_S
        if tables and all(self._tables.get(table, 0) < since for table in tables):
            self._condition.waited(held.seconds, str(held))
        self._tables |= dict.fromkeys(tables, now + NOTED_S)
        self._rows |= dict.fromkeys(held.rows, now + NOTED_S)

    def check_needed(self, groups: _Groups) -> None:
        """Raise Held if something that is needed is known to be held."""
        # hot path: as a rule nothing is.
        if not (self._rows or self._tables):
            return
        now = monotonic()
        self._rows = {row: until for row, until in self._rows.items() if until > now}
        kinds = [kind for kind, _ in groups if self._tables.get((kind, False), 0) > now]
        if kinds:
            raise Held("表被锁定", kinds=frozenset(kinds))
        needed = {
            (kind, value)
            for (kind, index), of in groups.items()
            if not index
            for value in of
        }
        if rows := needed & self._rows.keys():
            raise Held("锁未释放", rows=frozenset(rows))

    def check_written(self, kinds: Iterable[type]) -> None:
        """Raise Held if the table of something that is written is known to be held."""
        if not self._tables:
            return
        now = monotonic()
        held = [kind for kind in kinds if self._tables.get((kind, True), 0) > now]
        if held:
            raise Held("表被锁定", kinds=frozenset(held), writing=True)


class OnlyNoted(HeldRecords):
    """Notes what is held for others, and waits for it all the same."""

    def __init__(self, told: HeldRecords) -> None:
        super().__init__()
        self._told = told

    def note(self, held: Held) -> None:
        """Have the others remember what was found held."""
        self._told.note(held)


def without(
    jobs: Sequence[Job], held: Held, run: Callable[[Sequence[Job]], list[Outcome]]
) -> list[Outcome]:
    """Run the jobs that need nothing that is held, together if it is known which.

    The others' outcome is Held, or StoreUnavailable if that is a table.
    """
    outcome = unavailable(held) if held.kinds else held.with_traceback(None)
    if held.whole or len(jobs) == 1:
        return [outcome for _ in jobs]
    if not held.places:
        return _one_by_one(jobs, held, run)
    free = [job for place, job in enumerate(jobs) if place not in held.places]
    outcomes = iter(run(free) if free else ())
    return [
        outcome if place in held.places else next(outcomes)
        for place, _ in enumerate(jobs)
    ]


def _one_by_one(
    jobs: Sequence[Job], held: Held, run: Callable[[Sequence[Job]], list[Outcome]]
) -> list[Outcome]:
    until = monotonic() + TRIED_S
    outcomes: list[Outcome] = []
    for job in jobs:
        outcomes += run([job]) if monotonic() < until else [held]
    return outcomes


def note_places(held: Held, jobs: Sequence[Job], facts: Facts) -> None:
    """Note in `held` which jobs need it, as far as facts tell."""
    if held.writing:
        return
    held.places = frozenset(
        place
        for place, job in enumerate(jobs)
        if any(_is_held(need, held) for need in _needs(job, facts))
    )


def _is_held(need: Need, held: Held) -> bool:
    if need.kind in held.kinds:
        return True
    return not need.index and (need.kind, need.value) in held.rows


def _needs(job: Job, facts: Facts) -> list[Need]:
    needs = list(job.request.row_needs()) if job.request else []
    try:
        needs += job.query.needs(facts)
    except Exception:  # noqa: BLE001 - raised in its own turn
        return needs
    return needs
