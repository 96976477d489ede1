"""A database as whoever owns the machine sees it: rows by table, whatever wrote them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final, Protocol

import psycopg
from gongji.store.found import path_of
from gongji.store.keys.table import WrappedKey
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.verify.finding import masked
from msgspec import Struct

Row = tuple[Any, ...]


class StoredColumn(Struct, frozen=True):
    """A column: its type, and whether it may be empty."""

    name: str
    type: str
    null: bool = False


class StoredTable(Struct, frozen=True):
    """A table: its columns, those of its primary key, and whether its key is shown whole."""

    name: str
    columns: tuple[StoredColumn, ...]
    key: tuple[str, ...]
    personal: bool = False

    def position(self, column: str) -> int:
        """Return where a column stands."""
        return [one.name for one in self.columns].index(column)

    def key_of(self, row: Row) -> Row:
        """Return the values of the primary key."""
        return tuple([row[self.position(name)] for name in self.key])

    def shown(self, row: Row) -> str:
        """Return how a finding names the row."""
        if not self.key:
            return ""
        if self.name == "vault_key":
            return f"{row[0]}/{row[1]}"
        return masked(row[0]) if self.personal else str(row[0])


class Edit(Struct, frozen=True):
    """A row of a table before and after; None where there is none."""

    table: str
    before: Row | None
    after: Row | None

    @property
    def undone(self) -> Edit:
        """Return what takes it back."""
        return Edit(self.table, self.after, self.before)


_INTEGER: Final = "INTEGER"


def _apart(*, postgres: bool) -> Iterator[StoredTable]:
    """Yield the tables that are not of records."""
    version = [StoredColumn("version", _INTEGER)] if postgres else []
    fingerprint = StoredColumn("fingerprint", "TEXT")
    epoch = StoredColumn("epoch", _INTEGER)
    yield StoredTable("vault", (*version, fingerprint, epoch), ())
    yield StoredTable("upgrade", (StoredColumn("contract_from", _INTEGER),), ())
    types = {"purpose": "TEXT", "suite": "TEXT", "wrapped": "BLOB"}
    names = {"current": "is_current"}
    columns = [
        StoredColumn(names.get(n, n), types.get(n, _INTEGER), n == "valid_until")
        for n in WrappedKey._fields
    ]
    yield StoredTable("vault_key", tuple(columns), ("purpose", "number"))


def tables(*, postgres: bool) -> Mapping[str, StoredTable]:
    """Return every table by name."""
    found = {table.name: table for table in _apart(postgres=postgres)}
    for table in Schema(Vault.ephemeral()).tables.values():
        columns = [StoredColumn(c.name, c.type, c.null) for c in table.columns]
        parted = [table.partition_by] if postgres and table.partition_by else []
        key = (table.key.name, *parted)
        found[table.name] = StoredTable(
            table.name, tuple(columns), key, table.key.personal
        )
    return found


class AnyConnection(Protocol):
    """What both drivers have."""

    def execute(self, statement: Any, values: Sequence[Any] = ()) -> Any:
        """Run a statement."""


class StoredDatabase:
    """Reads every row, and writes what it is told: no constraint of ours is asked."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.postgres = not address.startswith("sqlite")
        self.tables = tables(postgres=self.postgres)
        self._mark = "%s" if self.postgres else "?"

    @contextmanager
    def _open(self) -> Iterator[AnyConnection]:
        if self.postgres:
            with psycopg.connect(self.address) as connection:
                yield connection
            return
        with closing(sqlite3.connect(path_of(self.address))) as file:
            # A test's file: nobody cuts its power.
            file.execute("PRAGMA synchronous = OFF")
            yield file
            file.commit()

    def names(self) -> set[str]:
        """Return the tables that the database itself knows."""
        statement = (
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND "
            "relnamespace = to_regnamespace(current_schema()) AND NOT relispartition"
            if self.postgres
            else "SELECT name FROM sqlite_master WHERE type = 'table'"
        )
        with self._open() as connection:
            return {row[0] for row in connection.execute(statement)}

    def rows(self) -> dict[str, list[Row]]:
        """Return all rows of all tables, in the order of their keys."""
        with self._open() as connection:
            return {
                name: self._rows(connection, table)
                for name, table in self.tables.items()
            }

    def _rows(self, connection: AnyConnection, table: StoredTable) -> list[Row]:
        names = ", ".join([column.name for column in table.columns])
        found = connection.execute(f"SELECT {names} FROM {table.name}")  # noqa: S608 - ours
        return sorted([tuple(row) for row in found], key=repr)

    def edit(self, edits: Iterable[Edit]) -> None:
        """Make edits, all or none. sqlite3.Error; psycopg.Error."""
        edits = list(edits)
        with self._open() as connection:
            for one in edits:
                if one.before is not None:
                    self._remove(connection, self.tables[one.table], one.before)
            for one in edits:
                if one.after is not None:
                    self._put(connection, self.tables[one.table], one.after)

    def _remove(self, connection: AnyConnection, table: StoredTable, row: Row) -> None:
        names = table.key or tuple([column.name for column in table.columns])
        where = " AND ".join([f"{name} = {self._mark}" for name in names])
        values = [row[table.position(name)] for name in names]
        place = "ctid" if self.postgres else "rowid"
        if not table.key:
            # Of several alike one.
            rows = f"SELECT {place} FROM {table.name} WHERE {where} LIMIT 1"  # noqa: S608 - ours
            where = f"{place} IN ({rows})"
        connection.execute(f"DELETE FROM {table.name} WHERE {where}", values)  # noqa: S608 - ours

    def _put(self, connection: AnyConnection, table: StoredTable, row: Row) -> None:
        names = ", ".join([column.name for column in table.columns])
        marks = ", ".join([self._mark] * len(table.columns))
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - ours
        connection.execute(statement, row)


REFUSED: Final = (sqlite3.Error, psycopg.Error)
"""A database that does not take a change."""

Make = Callable[[], list[Edit]]
