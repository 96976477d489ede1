"""The tables of a SQLite file: made, checked, brought forward."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from gongji.store import sql
from gongji.store.migrations import SchemaError


class SqliteCatalog:
    """A file: the version lies in its header; see `Home`."""

    dialect = sql.SQLITE

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keeps every other writer out."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise

    def version(self) -> int | None:
        """From the file's header."""
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        (tables,) = self._connection.execute(
            "SELECT count(*) FROM sqlite_master"
        ).fetchone()
        if version == 0 and tables:
            msg = "该文件是其他程序的 SQLite 数据库, 不是 gongji 的"
            raise SchemaError(msg)
        return int(version) or None

    def fingerprint(self) -> str:
        """Of the key."""
        (found,) = self._connection.execute("SELECT fingerprint FROM vault").fetchone()
        return str(found)

    def execute(self, statement: str) -> None:
        """Runs a statement."""
        self._connection.execute(statement)

    def record(self, version: int, fingerprint: str) -> None:
        """Keeps version and fingerprint."""
        self.execute("CREATE TABLE IF NOT EXISTS vault (fingerprint TEXT NOT NULL)")
        self.execute("DELETE FROM vault")
        self._connection.execute(
            "INSERT INTO vault (fingerprint) VALUES (?)", (fingerprint,)
        )
        self.execute(f"PRAGMA user_version = {version}")

    def add_partitions(self, *, moving: bool) -> None:
        """Every table is one."""
