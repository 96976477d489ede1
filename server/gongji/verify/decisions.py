"""Phase decisions: every settlement, credit and premium decided again as it was then.

By the facts and rules of its time, which are stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from gongji.model.facts import Facts, Need, NotLoaded
from gongji.settlement.former import Purses
from gongji.store.engine import Lookup
from gongji.store.loading import ROUNDS, FactLoader
from gongji.store.table import AnyTable, micros
from gongji.verify.redecide import KINDS, Redecision, redecisions
from gongji.verify.segments import Output
from gongji.verify.work import Bench, VerifyTask, task

UNDECIDED: Final = "undecided"
"""Counts what cannot be decided again."""

_SLICE: Final = 500
"""Records whose facts are fetched together."""

_NOW: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""No decision of then asks for the present."""

Named = tuple[str, str]
"""Table and key of a record."""


@task("decisions")
def decide_again(bench: Bench, job: VerifyTask, output: Output) -> None:
    """Decide what was decided for the persons of a bucket, person by person."""
    named = bench.segments("join").read("decided", job.number)
    kept_since = _kept_since(bench)
    for batch in _batches(named):
        deciding = _Deciding(bench, output, kept_since)
        for start in range(0, len(batch), _SLICE):
            deciding.decide(batch[start : start + _SLICE])


def _batches(named: Iterable[Sequence[str]]) -> Iterator[list[Named]]:
    """Yield what is to be decided over the same facts: all of some persons.

    What is known of a person is fetched once and then forgotten.
    """
    batch: list[Named] = []
    for _, of_person in groupby(sorted(map(tuple, named)), itemgetter(0)):
        records = [(table, key) for _, table, key in of_person]
        if batch and len(batch) + len(records) > _SLICE:
            yield batch
            batch = []
        batch += records
    if batch:
        yield batch


class _Source:
    """Fetches facts from a snapshot, which nobody needs to lock."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def stage(self, need: Need) -> int:
        """Return that everything may be fetched at once."""
        del need
        return 0

    def fetch(self, lookups: Sequence[Lookup]) -> list[list[Any]]:
        """Return the records of each lookup. UnreadableError; ValueError."""
        return [self._records(lookup) for lookup in lookups]

    def _records(self, lookup: Lookup) -> list[Any]:
        kind, index, _ = lookup
        schema = self._bench.schema
        table: AnyTable = schema.tables[kind]
        values = schema.stored(lookup)
        rows = self._bench.snapshot.find(table, index, values)
        return [table.record(row) for row in rows]


class _Deciding:
    """Decides over the facts of some persons, fetched as they are needed."""

    def __init__(self, bench: Bench, output: Output, kept_since: int | None) -> None:
        self._output = output
        self._source = _Source(bench)
        self._facts = Facts(_NOW, bench.schema)
        self._loader = FactLoader(self._facts, self._source)
        self._purses = Purses(self._facts)
        self._kept_since = kept_since

    def decide(self, named: Iterable[Named]) -> None:
        """Decide some records; note those that are not as stored."""
        pending: list[Redecision] = []
        for table, of_table in groupby(sorted(named), itemgetter(0)):
            keys = [key for _, key in of_table]
            (stored,) = self._source.fetch([(KINDS[table], "", keys)])
            for record in stored:
                pending += self._decidable(redecisions(record, self._purses))
        for _ in range(ROUNDS):
            pending = self._round(pending)
        for query in pending:
            self._tell(query, _cannot(NotLoaded()))

    def _decidable(self, queries: Iterable[Redecision]) -> Iterator[Redecision]:
        """Yield what can be decided; the rest is counted."""
        for query in queries:
            if not query.names_rules and self._before_rules(query.at):
                self._output.count(UNDECIDED, 1)
            else:
                self._output.count("decided", 1)
                yield query

    def _before_rules(self, at: datetime | None) -> bool:
        """Return whether no rules were kept yet."""
        return at is None or self._kept_since is None or micros(at) < self._kept_since

    def _round(self, queries: Iterable[Redecision]) -> list[Redecision]:
        """Decide as far as facts are known; fetch what the others need, return those."""
        needs: list[Need] = []
        incomplete = []
        for query in queries:
            # hot path: most find all facts fetched for another of the person's, which
            # is told sooner by deciding than by asking what they need.
            try:
                told = _judged(query, self._facts)
            except NotLoaded as unknown:
                if missing := _missing(query, self._facts):
                    incomplete.append(query)
                    needs += missing
                    continue
                told = _cannot(unknown)
            self._tell(query, told)
        self._loader.load(needs)
        return incomplete

    def _tell(self, query: Redecision, told: str) -> None:
        if told:
            self._output.found(query.found(told))


def _kept_since(bench: Bench) -> int | None:
    """Return since when every decision names the rules that are kept, None if none are."""
    since: int | None = bench.snapshot.value("SELECT min(first_used_at) FROM rules")
    return since


def _missing(query: Redecision, facts: Facts) -> list[Need]:
    try:
        return [need for need in query.query.needs(facts) if not facts.has(need)]
    except Exception:  # noqa: BLE001 - told as what cannot be decided
        return []


def _judged(query: Redecision, facts: Facts) -> str:
    """Return what is not as it is stored, "" if all is. NotLoaded."""
    try:
        return query.told(facts)
    except NotLoaded:
        raise
    except Exception as error:  # noqa: BLE001 - what was altered may be anything
        return _cannot(error)


def _cannot(error: Exception) -> str:
    return f"不能按当时重算（{type(error).__name__}）"
