"""The catalog of a PostgreSQL database: its tables in one schema, its version and key.

The large tables are partitioned by the year of an instant (RANGE partitions, years of
Shanghai): `settlement_2026` with its indexes is as large in ten years as in the first,
and a year can be archived whole. `settlement_rest` takes any other instant, so that
nothing ever fails for want of a year. PostgreSQL wants that instant in the primary key,
so the key of a settlement or entry is unique within its year only; that none is written
twice is held by `request`, one table with every request id for ever: the ids of
settlements and entries derive from it and are written in its transaction.
"""

# ruff: noqa: S608 - names come from a table description, never from a caller

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from time import sleep
from typing import Any, Final

import psycopg

from gongji.store import sql
from gongji.store.engine import EngineDown
from gongji.store.keys.table import StoredKeys, read
from gongji.store.migrations import SchemaError
from gongji.store.postgres.connection import LOCK_TIMEOUT, translated
from gongji.store.schema import Schema

_START_LOCK: Final = 0x676F6E676A69
"""Advisory lock of servers that start at once: "gongji" in ASCII."""

FIRST_YEAR: Final = 2022
"""The year of the first rules: nothing is settled before."""

YEARS_AHEAD: Final = 2
"""Years made before they come: a server that never stops for so long needs no hand."""

_BRIEFLY_MS: Final = 100
"""How long a lock on a table is waited for at a time, in milliseconds."""

_TRIES: Final = 300
"""How often: a minute and a half in all."""

_PARTITIONS: Final = """
SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid
WHERE inhparent = to_regclass(%s)
"""

_FREE: Final = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM {part}) THEN
    LOCK TABLE {part};
    IF NOT EXISTS (SELECT FROM {part}) THEN TRUNCATE {part}; END IF;
  END IF;
END $$
"""

_THIS_YEAR: Final = "SELECT extract(year FROM now() AT TIME ZONE 'Asia/Shanghai')::int"


class PostgresCatalog:
    """The tables of a database; see `migrations.Catalog`.

    Partitions are made for the database's year, unless another is given.
    """

    dialect = sql.POSTGRES

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        schema: Schema,
        year: int | None = None,
    ) -> None:
        self._connection = connection
        self._year = year
        self._tables = [table.name for table in schema.tables.values()]
        # Name and column of each partitioned table.
        self._partitioned = [
            (table.name, table.partition_by)
            for table in schema.tables.values()
            if table.partition_by
        ]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open a transaction that keeps other servers' starts out."""
        with self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [_START_LOCK])
            yield

    @contextmanager
    def briefly(self) -> Iterator[None]:
        """Open a transaction of its own beside those of others. EngineError."""
        with translated(), self._connection.transaction():
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Open one when all have ended that have read the epoch of the keys. EngineError."""
        with self.briefly():
            # Whoever comes later waits behind it, and not for long.
            self.execute("SET LOCAL lock_timeout = '300ms'")
            self.execute("LOCK TABLE vault IN ACCESS EXCLUSIVE MODE")
            yield

    def version(self) -> int | None:
        """Return the version in the table beside the others."""
        if self._has("vault"):
            try:
                return int(self._value("SELECT version FROM vault"))
            except (psycopg.errors.UndefinedColumn, TypeError) as error:
                raise _of_another_program("vault") from error
        for table in self._tables:
            # Whoever has made it since has made them all, in one transaction.
            if self._has(table):
                if self._has("vault"):
                    return self.version()
                raise _of_another_program(table)
        return None

    def fingerprint(self) -> str:
        """Return the key's fingerprint."""
        return str(self._value("SELECT fingerprint FROM vault"))

    def keys(self) -> StoredKeys:
        """Return the data keys."""
        return read(self._connection)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run a statement."""
        self._connection.execute(statement, values or None)

    def rows(
        self, statement: str, values: Sequence[Any] = ()
    ) -> Iterable[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self._connection.execute(statement, values or None)

    def execute_patiently(self, statement: str) -> None:
        """Run a statement beside servers at work. EngineDown if it finds no moment.

        Whoever waits for a lock on a table has everybody wait behind himself: it is
        waited for briefly, again and again.
        """
        self.execute(f"SET lock_timeout = '{_BRIEFLY_MS}ms'")
        try:
            for _ in range(_TRIES):
                with suppress(psycopg.errors.LockNotAvailable):
                    self.execute(statement)
                    return
                sleep(2 * _BRIEFLY_MS / 1000)
        finally:
            self.execute(LOCK_TIMEOUT)
        raise EngineDown(f"{_TRIES} 次都没有等到锁：{statement}")

    def record(self, version: int, fingerprint: str) -> None:
        """Store version and fingerprint."""
        self.execute(
            "CREATE TABLE IF NOT EXISTS vault "
            "(version INTEGER NOT NULL, fingerprint TEXT NOT NULL, "
            "epoch BIGINT NOT NULL DEFAULT 1)"
        )
        # In place: the epoch of the keys stays.
        values = [version, fingerprint]
        changed = self._connection.execute(
            "UPDATE vault SET version = %s, fingerprint = %s", values
        )
        if not changed.rowcount:
            self.execute(
                "INSERT INTO vault (version, fingerprint) VALUES (%s, %s)", values
            )

    def add_partitions(self, *, moving: bool) -> None:
        """Make the missing years up to `YEARS_AHEAD`.

        Without `moving` other servers are at work: what does not come at once, for a
        lock, a right or rows that would have to move, is left to the next start or to a
        migration; until then the rest takes its rows.
        """
        this_year = self._year or self._value(_THIS_YEAR)
        years = range(FIRST_YEAR, this_year + YEARS_AHEAD + 1)
        for table, instant in self._partitioned:
            partitions = self._partitions(table)
            new_years = [y for y in years if f"{table}_{y}" not in partitions]
            if f"{table}_rest" not in partitions:
                self.execute(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")
            if moving:
                self._add_years(table, instant, new_years)
            elif new_years and self._is_empty(f"{table}_rest"):
                with suppress(psycopg.Error), self._connection.transaction():
                    self.execute("SET LOCAL lock_timeout = '500ms'")
                    self._add_years(table, instant, new_years)

    def free_years(self, table: str, before: int) -> None:
        """Empty the files of a table's years before one that hold nothing any more.

        A year stays attached: to detach it beside servers waits for every transaction
        of the table, and it would be made again at the next start.
        """
        for year in range(FIRST_YEAR, before):
            part = f"{table}_{year}"
            if self._has(part):
                self.execute_patiently(_FREE.format(part=part))

    def _add_years(
        self,
        table: str,
        instant: str,
        years: Iterable[int],
    ) -> None:
        """Make years of a table, and move into them what the rest holds of them."""
        for year in years:
            part = f"{table}_{year}"
            first, after = sql.year_bounds(year)
            within = f"{instant} >= {first} AND {instant} < {after}"
            moved = f"DELETE FROM {table}_rest WHERE {within} RETURNING *"
            # ATTACH leaves the table to readers and writers, where PARTITION OF would
            # lock it. Both lock the rest while they see that it holds nothing of that
            # year: nothing at all, as a rule.
            self.execute(f"CREATE TABLE {part} (LIKE {table} INCLUDING ALL)")
            self.execute(f"LOCK TABLE {table}_rest")
            self.execute(
                f"WITH moved AS ({moved}) INSERT INTO {part} SELECT * FROM moved"
            )
            self.execute(
                f"ALTER TABLE {table} ATTACH PARTITION {part} "
                f"FOR VALUES FROM ({first}) TO ({after})"
            )

    def _partitions(self, table: str) -> set[str]:
        rows = self._connection.execute(_PARTITIONS, [table])
        return {name for (name,) in rows}

    def _is_empty(self, table: str) -> bool:
        return not self._value(f"SELECT EXISTS (SELECT FROM {table})")

    def _has(self, table: str) -> bool:
        return bool(self._value("SELECT to_regclass(%s) IS NOT NULL", table))

    def _value(self, statement: str, *values: object) -> Any:
        row = self._connection.execute(statement, values).fetchone()
        return row[0]  # type: ignore[index]  # TypeError if there is no row


def _of_another_program(table: str) -> SchemaError:
    return SchemaError(
        f"该数据库中已有其他程序的表 {table}，不是 gongji 的：请另建一个数据库"
    )
