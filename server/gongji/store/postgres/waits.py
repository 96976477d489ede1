"""Who holds what this session waited for: looked up afterwards, without waiting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import psycopg
from psycopg.rows import TupleRow

from gongji.store.engine import Held, Lookup
from gongji.store.postgres.arrays import Texts
from gongji.store.postgres.connection import translated
from gongji.store.postgres.locks import LOCKED
from gongji.store.schema import Schema
from gongji.store.table import AnyTable

_FROM_ALL: Final = ["AccessExclusiveLock"]

_FROM_LOCKING: Final = [*_FROM_ALL, "ExclusiveLock"]

_FROM_WRITING: Final = [*_FROM_LOCKING, "ShareRowExclusiveLock", "ShareLock"]
"""Modes of a table's lock that keep others from it; whoever locks rows, who writes."""

_TABLES: Final = """
SELECT t.name, l.mode, l.pid, coalesce(a.application_name, '')
FROM unnest(%s::text[]) AS t(name)
JOIN pg_class c ON c.oid = t.name::regclass OR c.oid IN (
  SELECT inhrelid FROM pg_inherits WHERE inhparent = t.name::regclass)
JOIN pg_locks l ON l.locktype = 'relation' AND l.relation = c.oid AND l.granted
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.mode = ANY(%s) AND l.pid <> pg_backend_pid()
"""
"""Locks that others hold on tables, their partitions among them."""

_ROWS: Final = """
SELECT l.pid, coalesce(a.application_name, '') FROM {table} r
JOIN pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = r.xmax AND l.granted
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE r.{key} = ANY(%s) LIMIT 1
"""
"""Who has rows of a table locked; none if several have."""


class Holders:
    """Finds out over a connection, outside of a transaction, what others hold."""

    def __init__(
        self,
        connection: psycopg.Connection[TupleRow],
        schema: Schema,
        waited_s: float,
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._waited_s = waited_s

    def held(
        self, lookups: Sequence[Lookup], written: Iterable[type], *, locking: bool
    ) -> Held:
        """Return what others hold of what is read and written. EngineError.

        `locking` if rows were to be locked that are read by key. If nothing is named,
        it is held no more, or by a lock of another sort.
        """
        kinds = [kind for kind, _, _ in lookups]
        held = (
            self._tables(kinds, _FROM_ALL)
            or self._tables([kind for kind in kinds if kind in LOCKED], _FROM_LOCKING)
            or self._tables(list(written), _FROM_WRITING, writing=True)
            or (self._rows(lookups) if locking else None)
        )
        return held or Held("等待锁超时", seconds=self._waited_s)

    def _rows(self, lookups: Iterable[Lookup]) -> Held | None:
        rows: set[tuple[type, str]] = set()
        who = ""
        for kind, index, values in lookups:
            if index or kind not in LOCKED:
                continue
            held = self._held_rows(kind, values)
            rows |= {(kind, key) for key in held}
            who = who or self._who(kind, held)
        if not rows:
            return None
        return Held("锁未释放", rows=frozenset(rows), who=who, seconds=self._waited_s)

    def _tables(
        self, kinds: Sequence[type], modes: list[str], *, writing: bool = False
    ) -> Held | None:
        if not kinds:
            return None
        names = {self._schema.table(kind).name: kind for kind in kinds}
        found = self._all(_TABLES, [list(names), modes])
        if not found:
            return None
        name, mode, *holder = found[0]
        return Held(
            f"表 {name} 被锁定（{mode}）",
            kinds=frozenset(names[row[0]] for row in found),
            writing=writing,
            who=_named(*holder),
            seconds=self._waited_s,
        )

    def _held_rows(self, kind: type, keys: Sequence[str]) -> set[str]:
        """Return which of the rows of these keys cannot be locked now."""
        table: AnyTable = self._schema.table(kind)
        where = f"FROM {table.name} WHERE {table.key.name} = ANY(%s)"
        select = f"SELECT {table.key.name} {where}"
        texts = Texts(sorted(key for key in keys if "\0" not in key))
        free = self._all(f"{select} FOR UPDATE SKIP LOCKED", [texts])
        return {key for (key,) in self._all(select, [texts])} - {key for (key,) in free}

    def _who(self, kind: type, keys: Iterable[str]) -> str:
        table: AnyTable = self._schema.table(kind)
        statement = _ROWS.format(table=table.name, key=table.key.name)
        found = self._all(statement, [Texts(sorted(keys))])
        return _named(*found[0]) if found else ""

    def _all(self, statement: str, values: list[Any]) -> list[TupleRow]:
        with translated():
            cursor = self._connection.execute(statement, values, prepare=False)
            return cursor.fetchall()


def _named(pid: int, application: str) -> str:
    return f"进程 {pid}（{application}）" if application else f"进程 {pid}"
