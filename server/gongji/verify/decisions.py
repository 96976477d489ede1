"""Phase decisions: every settlement decided again by the facts and rules of its time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from gongji.model.facts import Facts, Need, NotLoaded
from gongji.model.settlement import Settlement
from gongji.settlement.former import Purses
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
    kept_since = _kept_since(bench)
    for keys in _batches(named):
        deciding = _Deciding(bench, output, kept_since)
        for start in range(0, len(keys), _SLICE):
            deciding.decide(keys[start : start + _SLICE])


def _batches(named: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    """Yield settlements to be decided over the same facts: all of some patients.

    What is known of a patient is fetched once and then forgotten.
    """
    batch: list[str] = []
    for _, of_patient in groupby(sorted(map(tuple, named)), itemgetter(0)):
        keys = [key for _, key in of_patient]
        if batch and len(batch) + len(keys) > _SLICE:
            yield batch
            batch = []
        batch += keys
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
    """Decides settlements over the facts of their patients, fetched as they are needed."""

    def __init__(self, bench: Bench, output: Output, kept_since: int | None) -> None:
        self._output = output
        self._source = _Source(bench)
        facts = Facts(_NOW, bench.schema)
        self._loader = FactLoader(facts, self._source)
        self._purses = Purses(facts)
        self._kept_since = kept_since

    def decide(self, keys: Sequence[str]) -> None:
        """Decide some settlements; note those that are not as stored."""
        (stored,) = self._source.fetch([(Settlement, "", keys)])
        pending = []
        for settlement in stored:
            if _before_rules(settlement, self._kept_since):
                self._output.count(UNDECIDED, 1)
            else:
                self._output.count("decided", 1)
                pending.append(DecideAsThen(settlement, self._purses))
        for _ in range(ROUNDS):
            pending = self._round(pending)
        for query in pending:
            self._tell(query.stored, _cannot(NotLoaded()))

    def _round(self, queries: Iterable[DecideAsThen]) -> list[DecideAsThen]:
        """Decide as far as facts are known; fetch what the others need, return those."""
        needs: list[Need] = []
        incomplete = []
        for query in queries:
            # hot path: most find all facts fetched for another of the patient's, which
            # is told sooner by deciding than by asking what they need.
            try:
                told = _judged(query, self._loader.facts)
            except NotLoaded as unknown:
                if missing := _missing(query, self._loader.facts):
                    incomplete.append(query)
                    needs += missing
                    continue
                told = _cannot(unknown)
            self._tell(query.stored, told)
        self._loader.load(needs)
        return incomplete

    def _tell(self, settlement: Settlement, told: str) -> None:
        if told:
            self._output.found(
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


def _missing(query: DecideAsThen, facts: Facts) -> list[Need]:
    try:
        return [need for need in query.needs(facts) if not facts.has(need)]
    except Exception:  # noqa: BLE001 - told as what cannot be decided
        return []


def _judged(query: DecideAsThen, facts: Facts) -> str:
    """Return what is not as it is stored, "" if all is. NotLoaded."""
    try:
        again = query.decide(facts).answer
    except NotLoaded:
        raise
    except Exception as error:  # noqa: BLE001 - what was altered may be anything
        return _cannot(error)
    if again.equal:
        return ""
    if again.impossible:
        return f"不能按当时重算：{again.impossible}"
    return _NOT_AS_STORED + "；".join(_differences(query.stored, again))


def _cannot(error: Exception) -> str:
    return f"不能按当时重算（{type(error).__name__}）"


def _differences(stored: Settlement, again: Recomputation) -> Iterator[str]:
    """Yield each field that is decided otherwise; amounts with both."""
    if again.refusal is not None:
        yield f"当时应予拒绝（{again.refusal.reason()}）"
    for name in again.different:
        before, after = getattr(stored, name), getattr(again.settlement, name)
        amounts = f" 应为 {after} 分，所存 {before} 分" if name.endswith("_fen") else ""
        yield f"{name}{amounts}"
