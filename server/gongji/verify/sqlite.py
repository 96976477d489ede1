"""A SQLite file as it stands, and what the file says of itself."""

# ruff: noqa: S608 - names come from a table description, never from a caller

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from gongji.store import sql
from gongji.store.migrations import make_or_check
from gongji.store.schema import Schema
from gongji.store.sqlite.catalog import SqliteCatalog
from gongji.store.table import AnyTable, Row
from gongji.verify.finding import Discrepancy
from gongji.verify.snapshot import (
    CHUNK,
    DatabaseView,
    RowSpan,
    UnreadableError,
    reading,
)

_STATE: Final = "SELECT coalesce(max(leaf_id), '') FROM leaf"

_OBJECTS: Final = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"


_MOST: Final = 100


def _text(content: bytes) -> str | bytes:
    """Return a text, or its bytes if it is none: no row then has what it should."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


class SqliteView(DatabaseView):
    """One connection to a file; see `DatabaseView`."""

    dialect = sql.SQLITE

    def __init__(self, path: Path) -> None:
        if not path.exists():
            msg = f"{path} 没有数据库"
            raise FileNotFoundError(msg)
        self._path = path
        uri = f"{path.absolute().as_uri()}?mode=ro"
        self._connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        self._connection.text_factory = _text
        self._run("PRAGMA temp_store = FILE")
        self._run("PRAGMA query_only = ON")
        self._run("BEGIN")
        self._shared = str(self.value(_STATE))

    @property
    def shared(self) -> str:
        """Return the last leaf: whatever is written leaves one."""
        return self._shared

    def mark(self, name: str) -> str:
        """Return the place of a parameter."""
        return f":{name}"

    def among(self, values: Sequence[str]) -> tuple[str, Any]:
        """Return what follows a column that has one of `:values`, and the parameter."""
        return "IN (SELECT value FROM json_each(:values))", json.dumps(values)

    def rows(self, statement: str, values: Mapping[str, Any]) -> Iterator[Row]:
        """Yield the rows of a query."""
        try:
            yield from self._connection.execute(statement, values)
        # SQLite passes on in its own messages how an object is defined.
        except UnicodeDecodeError as error:
            msg = f"数据库对象的定义不是 UTF-8：被改动{reading(statement)}"
            raise UnreadableError(msg) from error
        except (sqlite3.DatabaseError, OverflowError) as error:
            raise UnreadableError(f"{error}{reading(statement)}") from error

    def _run(self, statement: str) -> None:
        for _ in self.rows(statement, {}):
            pass

    def stamp(self) -> str:
        """Return size and time of the file and of what is not yet written into it."""
        stamps = []
        for path in (self._path, self._path.with_name(f"{self._path.name}-wal")):
            with suppress(FileNotFoundError):
                found = path.stat()
                # A log that is empty comes and goes with whoever reads.
                if found.st_size:
                    stamps.append(f"{found.st_size}/{found.st_mtime_ns}")
        return " ".join(stamps)

    def version(self) -> tuple[int, str]:
        """Return the schema's version and the fingerprint of the key."""
        try:
            version = SqliteCatalog(self._connection).version() or 0
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise UnreadableError(str(error)) from error
        return version, str(self.value("SELECT fingerprint FROM vault"))

    def spans(self, table: AnyTable, rows: int = CHUNK) -> list[RowSpan]:
        """Return spans in the order in which the rows lie in the file."""
        if table.clustered or table.key.assigned:
            return self.spans_by_key(table, rows)
        try:
            least = self.value(f"SELECT min(rowid) FROM {table.name}")
            most = self.value(f"SELECT max(rowid) FROM {table.name}")
        except UnreadableError:
            return [RowSpan(table.name, "rowid")]
        # A row whose number is far away would make spans without end.
        if least is None or (most - least) // rows > 2 + self.count(table):
            return [RowSpan(table.name, "rowid")]
        lows = [None, *range(least + rows, most + 1, rows)]
        highs = [*lows[1:], None]
        return [
            RowSpan(table.name, "rowid", low, high)
            for low, high in zip(lows, highs, strict=True)
        ]

    def file_tasks(self, schema: Schema) -> list[tuple[str, ...]]:
        """Return the file as a whole, and its tables' definitions."""
        return [("pages",), ("tables",)]

    def check_file(
        self, schema: Schema, task: tuple[str, ...]
    ) -> Iterator[Discrepancy]:
        """Yield what is wrong with pages and indexes, or with definitions."""
        if task[0] == "pages":
            yield from self._pages()
        else:
            yield from self._tables(schema)

    def _pages(self) -> Iterator[Discrepancy]:
        whole = self._integrity(str(_MOST))
        if not whole:
            return
        # SQLite tells the number of a tree: asked for one table it is that table's.
        tables = self._tables_in()
        found = [(name, told) for name in tables for told in self._integrity(name)]
        for name, told in found:
            message = f"数据库文件损坏：{told}"
            yield Discrepancy(phase="file", table=name, message=message)
        for told in () if found else whole:
            message = f"数据库文件损坏（数据库对象的定义，或空闲的页）：{told}"
            yield Discrepancy(phase="file", message=message)

    def _tables_in(self) -> list[str]:
        """Return the names of the tables, [] if they cannot be read."""
        statement = "SELECT name FROM sqlite_master WHERE type = 'table'"
        try:
            return [str(name) for (name,) in self.rows(statement, {})]
        except UnreadableError:
            return []

    def _integrity(self, what: str) -> list[str]:
        """Return what SQLite finds wrong with a table, or anywhere given a number."""
        try:
            rows = self.rows(f"PRAGMA integrity_check({what})", {})
            return [str(row[0]) for row in rows if row[0] != "ok"]
        except UnreadableError as error:
            return [str(error)]

    def _tables(self, schema: Schema) -> Iterator[Discrepancy]:
        """Yield every object that is not as the schema makes it."""
        expected = _made(schema)
        found = _objects(self.rows(_OBJECTS, {}))
        for name in {**expected, **found}:
            if found.get(name) == expected.get(name) or name == "sqlite_stat1":
                continue
            message = (
                "不是本程序建的"
                if name not in expected
                else "的定义不在"
                if name not in found
                else "的定义被改动"
            )
            yield Discrepancy(phase="file", message=f"数据库对象 {name} {message}")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _made(schema: Schema) -> Mapping[str, str]:
    """Return the objects of a new database, by name."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
        make_or_check(SqliteCatalog(new), schema)
        return _objects(new.execute(_OBJECTS))


def _objects(rows: Iterable[Row]) -> Mapping[str, str]:
    return {str(name): _one_line(str(text)) for name, text in rows}


def _one_line(statement: str) -> str:
    return " ".join(statement.split()).replace("( ", "(").replace(" )", ")")
