"""The catalog of a SQLite file: its schema's version and its key's fingerprint."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gongji.store import sql
from gongji.store.keys.table import StoredKeys, read
from gongji.store.migrations import SchemaError
from gongji.store.sqlite.engine import TRANSLATED


class SqliteCatalog:
    """The tables of a file; see `migrations.Catalog`."""

    dialect = sql.SQLITE

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open a transaction that keeps every other writer out."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise

    @contextmanager
    def briefly(self) -> Iterator[None]:
        """Open a transaction of its own. EngineDown."""
        with TRANSLATED, self.transaction():
            yield

    # All that write do so one after the other.
    alone = briefly

    def version(self) -> int | None:
        """Return the version in the file's header."""
        version = self._value("PRAGMA user_version")
        tables = self._value("SELECT count(*) FROM sqlite_master")
        if version == 0 and tables:
            msg = "该文件是其他程序的 SQLite 数据库，不是 gongji 的"
            raise SchemaError(msg)
        return int(version) or None

    def fingerprint(self) -> str:
        """Return the key's fingerprint."""
        return str(self._value("SELECT fingerprint FROM vault"))

    def keys(self) -> StoredKeys:
        """Return the data keys."""
        return read(self._connection)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run a statement."""
        self._connection.execute(statement, values)

    def rows(
        self, statement: str, values: Sequence[Any] = ()
    ) -> Iterable[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self._connection.execute(statement, values)

    def execute_patiently(self, statement: str) -> None:
        """Run a statement: no server is there beside."""
        self.execute(statement)

    def record(self, version: int, fingerprint: str) -> None:
        """Store version and fingerprint."""
        self.execute(
            "CREATE TABLE IF NOT EXISTS vault "
            "(fingerprint TEXT NOT NULL, epoch INTEGER NOT NULL DEFAULT 1)"
        )
        # In place: the epoch of the keys stays.
        if not self._connection.execute(
            "UPDATE vault SET fingerprint = ?", (fingerprint,)
        ).rowcount:
            self.execute("INSERT INTO vault (fingerprint) VALUES (?)", (fingerprint,))
        self.execute(f"PRAGMA user_version = {version}")

    def add_partitions(self, *, moving: bool) -> None:
        """Do nothing: no table is partitioned."""

    def free_years(self, table: str, before: int) -> None:
        """Do nothing: what is free is used again."""

    def _value(self, statement: str) -> Any:
        return self._connection.execute(statement).fetchone()[0]


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say SQLite's errors while a file is opened in Chinese. SchemaError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        msg = f"{path} 无法作为 gongji 的数据库打开：{error}"
        raise SchemaError(msg) from error
