"""Where the tables live in PostgreSQL: one schema of one database, its version and key
kept beside them.

The large tables lie apart by the year of an instant (RANGE partitions, years of
Shanghai): `settlement_2026` with its indexes is as large in ten years as in the first,
and a year can be archived whole. `settlement_rest` takes any other instant, so that
nothing ever fails for want of a year. PostgreSQL wants that instant in the primary key,
so the key of a settlement or entry is unique within its year only; that none is written
twice is held by `request`, one table with every request id for ever: the ids of
settlements and entries derive from it and are written in its transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg

from gongji.store import sql
from gongji.store.migrations import SchemaError
from gongji.store.schema import Schema

_START_LOCK: Final = 0x676F6E676A69
"""Advisory lock of servers that start at once."""

FIRST_YEAR: Final = 2022
"""The year of the first rules: nothing is settled before."""

AHEAD: Final = 2
"""Years made before they come: a server that never stops for so long needs no hand."""


class PostgresCatalog:
    """See `migrations.Home`; the year is the database's, unless given."""

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
        self._apart = [
            (table.name, table.by_year)
            for table in schema.tables.values()
            if table.by_year
        ]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keeps other servers' starts out."""
        with self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [_START_LOCK])
            yield

    def version(self) -> int | None:
        """From the table beside the others."""
        if self._is_there("vault"):
            try:
                (version,) = self._one("SELECT version FROM vault")
            except (psycopg.errors.UndefinedColumn, TypeError) as error:
                raise _others("vault") from error
            return int(version)
        for table in self._tables:
            if self._is_there(table):
                raise _others(table)
        return None

    def fingerprint(self) -> str:
        """Of the key."""
        (found,) = self._one("SELECT fingerprint FROM vault")
        return str(found)

    def execute(self, statement: str) -> None:
        """Runs a statement."""
        self._connection.execute(statement)

    def record(self, version: int, fingerprint: str) -> None:
        """Keeps version and fingerprint."""
        self.execute(
            "CREATE TABLE IF NOT EXISTS vault (version INTEGER NOT NULL, fingerprint TEXT NOT NULL)"
        )
        self.execute("DELETE FROM vault")
        self._connection.execute(
            "INSERT INTO vault VALUES (%s, %s)", [version, fingerprint]
        )

    def add_partitions(self, *, moving: bool) -> None:
        """Makes the years that are lacking up to `AHEAD`, each in its place for good.

        Without `moving` other servers are at work: what does not come at once, for a
        lock, a right or rows that would have to move, is left to the next start or to a
        migration; until then the rest takes its rows.
        """
        this_year = (
            self._year
            or self._one(
                "SELECT extract(year FROM now() AT TIME ZONE 'Asia/Shanghai')::int"
            )[0]
        )
        for table, instant in self._apart:
            parts = self._parts(table)
            missing = [
                y
                for y in range(FIRST_YEAR, this_year + AHEAD + 1)
                if f"{table}_{y}" not in parts
            ]
            if f"{table}_rest" not in parts:
                self.execute(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")
            if moving:
                self._make(table, instant, missing)
            elif (
                missing
                and not self._one(f"SELECT EXISTS (SELECT FROM {table}_rest)")[0]  # noqa: S608 - the schema's
            ):
                with suppress(psycopg.Error), self._connection.transaction():
                    self.execute("SET LOCAL lock_timeout = '500ms'")
                    self._make(table, instant, missing)

    def _make(self, table: str, instant: str, years: list[int]) -> None:
        """Makes years of a table, and moves into them what the rest holds of them.

        ATTACH leaves the table to readers and writers, where PARTITION OF would lock
        it. Both lock the rest while they see that it holds nothing of that year:
        nothing at all, as a rule.
        """
        for year in years:
            part, first, after = f"{table}_{year}", *sql.bounds_of(year)
            within = f"{instant} >= {first} AND {instant} < {after}"
            self.execute(f"CREATE TABLE {part} (LIKE {table} INCLUDING ALL)")
            self.execute(f"LOCK TABLE {table}_rest")
            moved = f"DELETE FROM {table}_rest WHERE {within} RETURNING *"  # noqa: S608 - as above
            self.execute(
                f"WITH moved AS ({moved}) INSERT INTO {part} SELECT * FROM moved"  # noqa: S608 - as above
            )
            self.execute(
                f"ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM "
                f"({first}) TO ({after})"
            )

    def _parts(self, table: str) -> set[str]:
        found = (
            "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE "
            "inhparent = to_regclass(%s)"
        )
        return {name for (name,) in self._connection.execute(found, [table])}

    def _is_there(self, table: str) -> bool:
        return bool(self._one("SELECT to_regclass(%s) IS NOT NULL", table)[0])

    def _one(self, statement: str, *values: object) -> Any:
        return self._connection.execute(statement, values).fetchone()


def _others(table: str) -> SchemaError:
    return SchemaError(
        f"该数据库中已有其他程序的表 {table}, 不是 gongji 的: 请另建一个数据库"
    )
