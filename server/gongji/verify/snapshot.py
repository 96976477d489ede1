"""A database as it stands at one instant, read without being written to.

Every reading process has a connection of its own and sees the same: PostgreSQL hands a
snapshot on; of SQLite all begin anew until nothing was written in between.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final

from msgspec import Struct

from gongji.store import sql
from gongji.store.databases import database_at
from gongji.store.found import path_of
from gongji.store.keys.source import KeyFileError
from gongji.store.keys.table import READ, stored_keys
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.table import AnyTable, Row
from gongji.verify.finding import Discrepancy

CHUNK: Final = 4000
"""Rows that one task reads, unless there are very many."""

_MOST_CHUNK: Final = 20_000

_TASKS: Final = 1000
"""Tasks of a table that are enough: the files between two stages are so many."""


def chunk_of(rows: int) -> int:
    """Return how many rows one task reads of a table of so many."""
    return min(max(CHUNK, rows // _TASKS), _MOST_CHUNK)


class RowSpan(Struct, frozen=True):
    """Rows of a relation from one place up to another, without an end if it is None."""

    relation: str
    column: str
    low: str | int | None = None
    high: str | int | None = None


class UnreadableError(Exception):
    """The database cannot be read there; the message is its own."""


_FROM: Final = re.compile(r"\b(?:FROM|JOIN) (\w+)")


def reading(statement: str) -> str:
    """Return in words what a statement reads, "" if nothing by name."""
    found = _FROM.findall(statement)
    return f"（读取 {'、'.join(found)} 时）" if found else ""


class DatabaseView(ABC):
    """One connection; every method raises UnreadableError."""

    dialect: ClassVar[sql.Dialect]

    @property
    @abstractmethod
    def shared(self) -> str:
        """Return what another connection begins at to see the same."""

    @abstractmethod
    def rows(self, statement: str, values: Mapping[str, Any]) -> Iterator[Row]:
        """Yield the rows of a query; a parameter is written `:name` by `mark`."""

    @abstractmethod
    def mark(self, name: str) -> str:
        """Return the place of a parameter."""

    @abstractmethod
    def among(self, values: Sequence[str]) -> tuple[str, Any]:
        """Return what follows a column that has one of `:values`, and the parameter."""

    @abstractmethod
    def spans(self, table: AnyTable, rows: int = CHUNK) -> list[RowSpan]:
        """Return spans that hold all of a table, each of about so many rows."""

    @abstractmethod
    def file_tasks(self, schema: Schema) -> list[tuple[str, ...]]:
        """Return what is to be looked at of the file itself."""

    @abstractmethod
    def check_file(
        self, schema: Schema, task: tuple[str, ...]
    ) -> Iterator[Discrepancy]:
        """Yield what is wrong with the file, of one of its tasks."""

    @abstractmethod
    def stamp(self) -> str:
        """Return what changes as a rule if anybody writes, whether the log says so or not."""

    @abstractmethod
    def version(self) -> tuple[int, str]:
        """Return the schema's version and the fingerprint of the key."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    def value(self, statement: str) -> Any:
        """Return the value of a query that has one, None if there is no row."""
        found = list(self.rows(statement, {}))
        return found[0][0] if found else None

    def count(self, table: AnyTable) -> int:
        """Return how many rows a table has."""
        return int(self.value(f"SELECT count(*) FROM {table.name}"))  # noqa: S608 - the schema's name

    def read(self, table: AnyTable, span: RowSpan) -> Iterator[Row]:
        """Yield the rows of a span, each with the values of the table's columns."""
        names = ", ".join([column.name for column in table.columns])
        place = span.column
        low = f"{place} >= {self.mark('low')}" if span.low is not None else ""
        high = f"{place} < {self.mark('high')}" if span.high is not None else ""
        where = " AND ".join(filter(None, (low, high)))
        condition = f" WHERE {where}" if where else ""
        # A row's place in the heap is no order that leaves are read in.
        order = "" if place in _PHYSICAL else f" ORDER BY {place}"
        statement = f"SELECT {names} FROM {span.relation}{condition}{order}"  # noqa: S608 - the schema's names
        yield from self.rows(statement, {"low": span.low, "high": span.high})

    def find(self, table: AnyTable, index: str, values: Sequence[str]) -> Iterator[Row]:
        """Yield what a table's records are read from, of those an index finds."""
        names = ", ".join(table.read)
        condition, value = self.among(values)
        found = sql.searched(table, index)
        statement = f"SELECT {names} FROM {table.name} WHERE {found} {condition}"  # noqa: S608 - the schema's names
        yield from self.rows(statement, {"values": value})

    def last_leaf(self) -> str:
        """Return the last leaf, "" if there is none."""
        return str(self.value("SELECT max(leaf_id) FROM leaf") or "")

    def page(self, table: AnyTable, after: str, below: str, most: int) -> Iterator[Row]:
        """Yield rows by their keys, those between two, at most so many."""
        key = table.key.name
        names = ", ".join([column.name for column in table.columns])
        statement = (
            f"SELECT {names} FROM {table.name} "  # noqa: S608 - the schema's names
            f"WHERE {key} > {self.mark('after')} AND {key} < {self.mark('below')} "
            f"ORDER BY {key} LIMIT {most}"
        )
        yield from self.rows(statement, {"after": after, "below": below})

    def keys(self, table: AnyTable) -> Iterator[Any]:
        """Yield the key of every row."""
        statement = f"SELECT {table.key.name} FROM {table.name}"  # noqa: S608 - the schema's names
        for row in self.rows(statement, {}):
            yield row[0]

    def all_rows(self, table: AnyTable) -> Iterator[Row]:
        """Yield all rows of a table."""
        for span in self.spans(table):
            yield from self.read(table, span)

    def spans_by_key(self, table: AnyTable, rows: int = CHUNK) -> list[RowSpan]:
        """Return spans of so many rows each, by the key."""
        key = table.key.name
        bounds: list[str | None] = [None]
        after = ""
        statement = (
            f"SELECT {key} FROM {table.name} WHERE {key} > {self.mark('after')} "  # noqa: S608 - the schema's names
            f"ORDER BY {key} LIMIT 1 OFFSET {rows - 1}"
        )
        with suppress(UnreadableError):
            while found := list(self.rows(statement, {"after": after})):
                # What is no text sorts behind all texts: the last span has it.
                if not isinstance(found[0][0], str) or found[0][0] <= after:
                    break
                after = found[0][0]
                bounds.append(after)
        ends = [*bounds[1:], None]
        return [
            RowSpan(table.name, key, low, high)
            for low, high in zip(bounds, ends, strict=True)
        ]


_PHYSICAL: Final = ("rowid", "ctid")


def open_snapshot(address: str, at: str = "") -> DatabaseView:
    """Open a database at an instant, by default now.

    ValueError, OSError or UnreadableError if it cannot be opened.
    """
    # ruff: noqa: PLC0415 - psycopg is an extra
    if database_at(address).shared:
        from gongji.verify.postgres import PostgresView

        return PostgresView(address, at)
    from gongji.verify.sqlite import SqliteView

    return SqliteView(Path(path_of(address)))


def load_keys(snapshot: DatabaseView, vault: Vault) -> None:
    """Have a vault go on with the keys of a database. KeyFileError; UnreadableError."""
    rows = list(snapshot.rows(READ, {}))
    try:
        vault.load(stored_keys(rows))
    except KeyFileError:
        raise
    except (TypeError, ValueError, LookupError) as fault:
        # Of a value that is of another type.
        msg = "表 vault 或 vault_key 的内容不能读取：值的类型不符"
        raise UnreadableError(msg) from fault
