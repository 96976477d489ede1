"""SQLite's statements for reading and writing sets of rows."""

# ruff: noqa: S608 - names come from a table description, never from a caller

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from gongji.store.sql import index_column, insert_into, on_conflict_update
from gongji.store.table import DOCUMENT, Column, RecordTable, Row


def select(table: RecordTable[Any], index: str, count: int) -> str:
    """Return the SELECT of rows whose index ("" the key) has one of `count` values.

    All rows are one JSON text, which a `RowDecoder` reads. ValueError if a `Need` may
    not name the index.
    """
    # hot path: sqlite3 gives the interpreter away, and waits for it again, at every
    # row it steps to.
    columns = [_as_json(table.column(name)) for name in table.read]
    row = " || ',' || ".join(columns)
    rows = f"CAST(group_concat('[' || {row} || ']') AS BLOB)"
    marks = ", ".join("?" * count)
    return f"SELECT {rows} FROM {table.name} WHERE {index_column(table, index)} IN ({marks})"


def _as_json(column: Column) -> str:
    if column.type != "BLOB":
        return f"json_quote({column.name})"
    if column.name == DOCUMENT:  # JSON already
        return f"CAST({column.name} AS TEXT)"
    return f"'\"' || hex({column.name}) || '\"'"


class RowDecoder:
    """Reads the rows of one table back from the result of `select`."""

    def __init__(self, table: RecordTable[Any]) -> None:
        columns = [table.column(name) for name in table.read]
        types = [_JSON_TYPES[c.name if c.name == DOCUMENT else c.type] for c in columns]
        row = tuple[tuple(types)]  # type: ignore[misc, valid-type]  # made at run time
        self._decode = msgspec.json.Decoder(list[row]).decode  # type: ignore[valid-type]  # as above
        self._bytes: list[tuple[int, Callable[[Any], bytes]]] = [
            (position, bytes if column.name == DOCUMENT else bytes.fromhex)
            for position, column in enumerate(columns)
            if column.type == "BLOB"
        ]

    def __call__(self, result: bytes) -> list[Row]:
        """Return the values of each row, as the database holds them."""
        rows = self._decode(b"[" + result + b"]")
        return [self._with_bytes(row) for row in rows] if self._bytes else rows

    def _with_bytes(self, row: Row) -> Row:
        values = list(row)
        for position, to_bytes in self._bytes:
            values[position] = to_bytes(values[position])
        return values


_JSON_TYPES: Final[Mapping[str, Any]] = {
    "TEXT": str | None,
    "INTEGER": int | None,
    "BLOB": str,
    DOCUMENT: msgspec.Raw,
}


def upsert(table: RecordTable[Any], count: int = 1) -> str:
    """Return the INSERT of `count` rows, each in place of the one of its key.

    Into an append-only table a stored key is an error.
    """
    row = f"({', '.join('?' * len(table.columns))})"
    insert = f"{insert_into(table)} VALUES {', '.join([row] * count)}"
    if table.append_only:
        return insert
    return insert + on_conflict_update(table, table.key.name)
