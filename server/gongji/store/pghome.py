"""Where the tables live in PostgreSQL: one schema of one database, its version and key kept beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from gongji.store import sql
from gongji.store.migrations import SchemaError
from gongji.store.schema import Schema

_START_LOCK: Final = 0x676F6E676A69
"""Advisory lock of servers that start at once."""


class PostgresHome:
    """See `migrations.Home`."""

    dialect = sql.POSTGRES

    def __init__(self, connection: psycopg.Connection[Any], schema: Schema) -> None:
        self._connection = connection
        self._tables = [table.name for table in schema.tables.values()]

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
        self.execute("CREATE TABLE IF NOT EXISTS vault (version INTEGER NOT NULL, fingerprint TEXT NOT NULL)")
        self.execute("DELETE FROM vault")
        self._connection.execute("INSERT INTO vault VALUES (%s, %s)", [version, fingerprint])

    def _is_there(self, table: str) -> bool:
        return bool(self._one("SELECT to_regclass(%s) IS NOT NULL", table)[0])

    def _one(self, statement: str, *values: object) -> Any:
        return self._connection.execute(statement, values).fetchone()


def _others(table: str) -> SchemaError:
    return SchemaError(f"该数据库中已有其他程序的表 {table}, 不是 gongji 的: 请另建一个数据库")
