"""A PostgreSQL database at one snapshot, and whether its indexes say what its tables do."""

# ruff: noqa: S608 - names come from the catalog and a table description

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import sql as names

from gongji.store import sql
from gongji.store.schema import Schema
from gongji.store.table import AnyTable, Row
from gongji.verify.finding import Discrepancy
from gongji.verify.snapshot import (
    CHUNK,
    DatabaseView,
    RowSpan,
    UnreadableError,
    reading,
)

APART: Final = ("vault", "vault_key", "upgrade")
"""The tables that are of no records."""

_CURSOR_ROWS: Final = 2000

_RELATIONS: Final = """
SELECT c.oid::regclass::text, c.relpages, pg_relation_size(c.oid) / 8192,
  greatest(c.reltuples, 0)::bigint
FROM pg_class c
WHERE c.relkind = 'r' AND (c.oid = to_regclass(%(name)s)
  OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass(%(name)s)))
ORDER BY 1
"""

_INDEXES: Final = """
SELECT i.indexrelid::regclass::text, i.indrelid::regclass::text,
  (SELECT string_agg(quote_ident(a.attname), ',' ORDER BY k.place)
   FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum),
  coalesce(pg_get_expr(i.indpred, i.indrelid), 'true')
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relkind = 'i' AND i.indrelid IN (
  SELECT unnest(CASE WHEN %(overflow)s THEN ARRAY[t.oid, t.reltoastrelid]
    ELSE ARRAY[t.oid] END)
  FROM pg_class t JOIN unnest(%(relations)s::text[]) AS name ON t.oid = to_regclass(name))
ORDER BY 1
"""

_STAMP: Final = """
SELECT string_agg(concat_ws('/', s.relid, n_tup_ins, n_tup_upd, n_tup_del,
  pg_relation_filenode(s.relid)), ' ' ORDER BY s.relid)
FROM pg_stat_user_tables s WHERE schemaname = current_schema()
"""

_AMCHECK: Final = """
SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'amcheck'
"""


class PostgresView(DatabaseView):
    """One connection at a snapshot; see `DatabaseView`."""

    dialect = sql.POSTGRES

    def __init__(self, url: str, at: str = "") -> None:
        try:
            self._connection = psycopg.connect(
                url, autocommit=True, application_name="gongji verify"
            )
        except psycopg.Error as error:
            raise UnreadableError(f"无法连接 PostgreSQL：{error}") from error
        self._run("SET client_min_messages = error")
        # It holds back the removal of dead rows, not any writer.
        self._run("SET idle_in_transaction_session_timeout = 0")
        self._run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if at:
            literal = names.Literal(at).as_string(self._connection)
            self._run(f"SET TRANSACTION SNAPSHOT {literal}")
        self._shared = at or self._exported()

    def _exported(self) -> str:
        # Not as `rows` would: a savepoint has no snapshot to hand on.
        exported = self._connection.execute("SELECT pg_export_snapshot()").fetchone()
        return str(exported and exported[0])

    @property
    def shared(self) -> str:
        """Return the snapshot by its name."""
        return self._shared

    def mark(self, name: str) -> str:
        """Return the place of a parameter."""
        return f"%({name})s"

    def among(self, values: Sequence[str]) -> tuple[str, Any]:
        """Return what follows a column that has one of `:values`, and the parameter."""
        return "= ANY(%(values)s)", list(values)

    def rows(self, statement: str, values: Mapping[str, Any]) -> Iterator[Row]:
        """Yield the rows of a query; after an error the snapshot stays."""
        self._run("SAVEPOINT reading")
        try:
            with self._connection.cursor(binary=True) as cursor:
                cursor.execute(statement, values)
                while page := cursor.fetchmany(_CURSOR_ROWS):
                    yield from page
        except (psycopg.Error, UnicodeDecodeError) as error:
            told = f"{error}{reading(statement)}"
            if self._connection.closed:
                raise UnreadableError(told) from error
            self._run("ROLLBACK TO SAVEPOINT reading")
            raise UnreadableError(told) from error
        self._run("RELEASE SAVEPOINT reading")

    def _run(self, statement: str) -> None:
        try:
            self._connection.execute(statement, prepare=False)
        except psycopg.Error as error:
            raise UnreadableError(str(error)) from error

    def stamp(self) -> str:
        """Return what PostgreSQL has counted of each table, and the file it lies in."""
        return str(self.value(_STAMP))

    def version(self) -> tuple[int, str]:
        """Return the schema's version and the fingerprint of the key."""
        for row in self.rows("SELECT version, fingerprint FROM vault", {}):
            return int(row[0]), str(row[1])
        return 0, ""

    def spans(self, table: AnyTable, rows: int = CHUNK) -> list[RowSpan]:
        """Return spans in the order in which the rows lie in each partition."""
        if table.key.assigned:
            return self.spans_by_key(table, rows)
        spans = []
        for relation, _, pages, counted in self._relations(table.name):
            # Forty rows to a page, if nobody has counted them.
            step = max(1, rows * pages // counted if counted else rows // 40)
            for first in range(0, max(pages, 1), step):
                last = first + step >= pages
                high = None if last else f"({first + step},0)"
                spans.append(RowSpan(relation, "ctid", f"({first},0)", high))
        return spans

    def _relations(self, name: str) -> list[Row]:
        return list(self.rows(_RELATIONS, {"name": name}))

    def file_tasks(self, schema: Schema) -> list[tuple[str, ...]]:
        """Return every index and table, with amcheck's schema if it is installed."""
        amcheck = str(self.value(_AMCHECK) or "")
        names = [table.name for table in schema.tables.values()]
        relations = [
            str(relation[0])
            for name in (*names, *APART)
            for relation in self._relations(name)
        ]
        # What overflows from a row is read by its index: amcheck reads all of that.
        asked = {"relations": relations, "overflow": bool(amcheck)}
        indexes = self.rows(_INDEXES, asked)
        tasks = [("index", amcheck, *map(str, index)) for index in indexes]
        return [*tasks, *[("heap", amcheck, name) for name in relations]]

    def check_file(
        self, schema: Schema, task: tuple[str, ...]
    ) -> Iterator[Discrepancy]:
        """Yield what is wrong with an index or with a table's pages."""
        kind, amcheck, *rest = task
        try:
            if kind == "heap":
                yield from self._heap(amcheck, rest[0])
            else:
                yield from self._index(amcheck, *rest)
        except UnreadableError as error:
            name = rest[0]
            yield Discrepancy(phase="file", message=f"{name} 损坏：{error}")

    def _heap(self, amcheck: str, name: str) -> Iterator[Discrepancy]:
        if not amcheck:
            return
        statement = (
            f"SELECT blkno, msg FROM {amcheck}.verify_heapam(to_regclass(%(name)s))"
        )
        for block, message in self.rows(statement, {"name": name}):
            told = f"{name} 第 {block} 页损坏：{message}"
            yield Discrepancy(phase="file", message=told)

    def _index(
        self, amcheck: str, index: str, relation: str, columns: str, predicate: str
    ) -> Iterator[Discrepancy]:
        if amcheck:
            call = f"{amcheck}.bt_index_check(to_regclass(%(name)s), true)"
            for _ in self.rows(f"SELECT {call}", {"name": index}):
                pass
            return
        # Every row of the table is found where the index has it, and nowhere else.
        for plan in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"):
            self._run(f"SET LOCAL enable_{plan} = off")
        first, *_ = columns.split(",")
        same = " AND ".join(
            f"found.{column} IS NOT DISTINCT FROM stored.{column}"
            if column != first
            else f"found.{column} = stored.{column}"
            for column in columns.split(",")
        )
        # The rows by their places, each sought by the index.
        statement = (
            f"SELECT count(*) FROM (SELECT ctid, * FROM {relation} "
            f"WHERE ctid >= '(0,0)' AND ({predicate})) AS stored "
            f"WHERE NOT EXISTS (SELECT FROM {relation} AS found "
            f"WHERE {same} AND found.ctid = stored.ctid)"
        )
        missing = self.value(statement)
        if missing:
            told = f"索引 {index} 与表 {relation} 不符：{missing} 行查不到"
            yield Discrepancy(phase="file", message=told)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
