"""Phase decisions: every settlement, credit and premium decided again as it was then.

By the facts and rules of its time, which are stored; also whether what was reversed or
refunded was to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from gongji.model.facts import Facts, Need, NotLoaded, by_key
from gongji.settlement.former import Purses
from gongji.store.engine import Lookup
from gongji.store.loading import ROUNDS, FactLoader
from gongji.store.table import AnyTable, micros
from gongji.verify.finding import Discrepancy, masked
from gongji.verify.redecide import KINDS, Redecision, redecisions
from gongji.verify.segments import Output
from gongji.verify.snapshot import UnreadableError
from gongji.verify.work import Bench, VerifyTask, task

UNDECIDED: Final = "undecided"
"""Counts what cannot be decided again."""

_SLICE: Final = 500
"""Records whose facts are fetched together."""

_NOW: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""No decision of then asks for the present."""

_UNREADABLE: Final = (
    *(ValueError, TypeError, LookupError, ArithmeticError),
    UnreadableError,
)
"""What is raised by what cannot be read, or is no record of this program."""

Named = tuple[str, str]
"""Table and key of a record."""


@task("decisions")
def decide_again(bench: Bench, job: VerifyTask, output: Output) -> None:
    """Decide what was decided for the persons of a bucket, person by person."""
    named = bench.segments("join").read("decided", job.number)
    since = {name: _since(bench, asked) for name, asked in _SINCE.items()}
    for batch in _batches(named):
        deciding = _Deciding(bench, output, since)
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

    def __init__(
        self, bench: Bench, output: Output, since: Mapping[str, int | None]
    ) -> None:
        self._output = output
        self._tables = bench.schema.tables
        self._facts = Facts(_NOW, bench.schema)
        self._source = _Source(bench)
        self._loader = FactLoader(self._facts, self._source)
        self._purses = Purses(self._facts)
        self._since = since
        self._unreadable: dict[Need, str] = {}

    def decide(self, named: Iterable[Named]) -> None:
        """Decide some records; note those that are not as stored."""
        needs = [by_key(KINDS[table], key) for table, key in sorted(named)]
        # Apart from the facts, which are held for as long as a person's records last.
        stored = Facts(_NOW, self._facts.keys)
        self._load(FactLoader(stored, self._source), needs)
        pending: list[Redecision] = []
        for need in needs:
            pending += self._decidable(self._redecisions(need, stored))
        for _ in range(ROUNDS):
            pending = self._round(pending)
        for query in pending:
            self._tell(query, _cannot(NotLoaded()))

    def _redecisions(self, need: Need, stored: Facts) -> Iterator[Redecision]:
        """Yield the decisions of a stored record, noting it if it cannot be read."""
        found = stored.found(need)
        if found:
            yield from redecisions(found[0], self._purses)
            return
        table: AnyTable = self._tables[need.kind]
        told = self._unreadable.get(need, "不能凭其键找到")
        key = masked(need.value) if table.key.personal else need.value
        self._output.found(_finding(table.name, key, told))

    def _load(self, loader: FactLoader, needs: Sequence[Need]) -> None:
        """Fetch facts together; one by one if some cannot be read, which are noted."""
        with suppress(*_UNREADABLE):
            loader.load(needs)
            return
        for need in needs:
            try:
                loader.load([need])
            except _UNREADABLE as error:
                name = self._tables[need.kind].name
                where = f"表 {name} 中 {masked(need.value)} 的"
                self._unreadable[need] = (
                    f"{where}内容不能读取（{type(error).__name__}）"
                )

    def _decidable(self, queries: Iterable[Redecision]) -> Iterator[Redecision]:
        """Yield what can be decided; the rest is counted."""
        for query in queries:
            if not query.names_rules and self._before_rules(query):
                self._output.count(UNDECIDED, 1)
            else:
                self._output.count("decided", 1)
                yield query

    def _before_rules(self, query: Redecision) -> bool:
        """Return whether no such decision named its rules yet."""
        at, since = query.at, self._since[query.since]
        return at is None or since is None or micros(at) < since

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
                missing = _missing(query, self._facts)
                told = self._why_not(missing, unknown)
                if not told:
                    incomplete.append(query)
                    needs += missing
                    continue
            self._tell(query, told)
        self._load(self._loader, needs)
        return incomplete

    def _why_not(self, missing: Sequence[Need], unknown: NotLoaded) -> str:
        """Return why it cannot be decided, "" if what is missing can be fetched."""
        unreadable = [need for need in missing if need in self._unreadable]
        if unreadable:
            return f"不能按当时重算：{self._unreadable[unreadable[0]]}"
        return "" if missing else _cannot(unknown)

    def _tell(self, query: Redecision, told: str) -> None:
        if told:
            self._output.found(query.found(told))


_SINCE: Final = {
    "rules": "SELECT min(first_used_at) FROM rules",
    "log": "SELECT at FROM leaf ORDER BY leaf_id LIMIT 1",
}
"""Since when decisions name the rules that are kept."""


def _since(bench: Bench, asked: str) -> int | None:
    """Return an instant in microseconds, None if there is none yet."""
    since: int | None = None
    # Named where rows and leaves are read.
    with suppress(UnreadableError):
        since = bench.snapshot.value(asked)
    return since


def _finding(table: str, key: str, told: str) -> Discrepancy:
    return Discrepancy(phase="decisions", table=table, key=key, message=told)


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
