"""Phase decisions: every settlement decided again by the facts and rules of its time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from gongji.model.facts import Facts, Need
from gongji.model.settlement import Settlement
from gongji.settlement.recompute import DecideAsThen, Recomputation
from gongji.store.engine import Lookup
from gongji.store.loading import ROUNDS, FactLoader
from gongji.store.table import AnyTable, micros
from gongji.verify.finding import Discrepancy
from gongji.verify.segments import Output
from gongji.verify.work import Bench, VerifyTask, task

UNDECIDED: Final = "undecided"
"""Counts settlements that cannot be decided again."""

_SLICE: Final = 500
"""Settlements whose facts are fetched together."""

_NOW: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""No decision of then asks for the present."""

_NOT_AS_STORED: Final = "按当时重算与所存不同："


@task("decisions")
def decide_again(bench: Bench, job: VerifyTask, output: Output) -> None:
    """Decide the settlements of a bucket's patients, patient by patient."""
    named = bench.segments("join").read("decided", job.number)
    # Whose purse is read once is not read again: a patient's lie side by side.
    keys = [key for _, key in sorted(map(tuple, named))]
    for start in range(0, len(keys), _SLICE):
        _decide(bench, keys[start : start + _SLICE], output)


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


def _decide(bench: Bench, keys: Sequence[str], output: Output) -> None:
    source = _Source(bench)
    (stored,) = source.fetch([(Settlement, "", keys)])
    queries = [DecideAsThen(settlement) for settlement in stored]
    loader = FactLoader(Facts(_NOW, bench.schema), source)
    _load(loader, queries)
    kept_since = _kept_since(bench)
    for query in queries:
        settlement = query.stored
        if _before_rules(settlement, kept_since):
            output.count(UNDECIDED, 1)
            continue
        output.count("decided", 1)
        if told := _judged(loader, query):
            output.found(
                Discrepancy(
                    phase="decisions",
                    table="settlement",
                    key=settlement.settlement_id,
                    message=told,
                )
            )


def _kept_since(bench: Bench) -> int | None:
    """Return since when every decision names the rules that are kept, None if none are."""
    since: int | None = bench.snapshot.value("SELECT min(first_used_at) FROM rules")
    return since


def _before_rules(settlement: Settlement, kept_since: int | None) -> bool:
    """Return whether it names no rules, as it was settled before any were kept."""
    at = settlement.settled_at
    if settlement.decided_by.rules_digest or at is None:
        return False
    return kept_since is None or micros(at) < kept_since


def _load(loader: FactLoader, queries: Iterable[DecideAsThen]) -> None:
    """Fetch what all of them need, round by round, until none needs more."""
    pending = list(queries)
    facts = loader.facts
    for _ in range(ROUNDS):
        needs: list[Need] = []
        incomplete = []
        for query in pending:
            if missing := _missing(query, facts):
                incomplete.append(query)
                needs += missing
        if not needs:
            return
        loader.load(needs)
        pending = incomplete


def _missing(query: DecideAsThen, facts: Facts) -> list[Need]:
    try:
        return [need for need in query.needs(facts) if not facts.has(need)]
    except Exception:  # noqa: BLE001 - told when it is decided
        return []


def _judged(loader: FactLoader, query: DecideAsThen) -> str:
    """Return what is not as it is stored, "" if all is."""
    try:
        again = loader.decide(query).answer
    except Exception as error:  # noqa: BLE001 - what was altered may be anything
        return f"不能按当时重算（{type(error).__name__}）"
    if again.equal:
        return ""
    if again.impossible:
        return f"不能按当时重算：{again.impossible}"
    return _NOT_AS_STORED + "；".join(_differences(query.stored, again))


def _differences(stored: Settlement, again: Recomputation) -> Iterator[str]:
    """Yield each field that is decided otherwise; amounts with both."""
    if again.refusal is not None:
        yield f"当时应予拒绝（{again.refusal.reason()}）"
    for name in again.different:
        before, after = getattr(stored, name), getattr(again.settlement, name)
        amounts = f" 应为 {after} 分，所存 {before} 分" if name.endswith("_fen") else ""
        yield f"{name}{amounts}"
