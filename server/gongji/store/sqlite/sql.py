"""SQLite's statements for reading and writing sets of rows."""

# ruff: noqa: S608 - names come from a table description, never from a caller

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from gongji.store.sql import _insert, _needed, _replacing
from gongji.store.table import DOCUMENT, Column, RecordTable, Row


def select(table: RecordTable[Any], index: str, count: int) -> str:
    """Rows whose index (or key, "") has one of `count` values, all as one JSON text: see `RowDecoder`.

    One row a step would give the interpreter away, and wait for it again, at every
    record. ValueError where a `Need` may not name the index.
    """
    row = " || ',' || ".join(_in_json(table.column(name)) for name in table.read)
    found = f"SELECT CAST(group_concat('[' || {row} || ']') AS BLOB) FROM {table.name}"
    return f"{found} WHERE {_needed(table, index)} IN ({', '.join('?' * count)})"


def _in_json(column: Column) -> str:
    if column.type != "BLOB":
        return f"json_quote({column.name})"
    if column.name == DOCUMENT:  # JSON as it is
        return f"CAST({column.name} AS TEXT)"
    return f"'\"' || hex({column.name}) || '\"'"


class RowDecoder:
    """Reads the rows of one table back from what `select` found."""

    def __init__(self, table: RecordTable[Any]) -> None:
        columns = [table.column(name) for name in table.read]
        types = [_IN_JSON[c.name if c.name == DOCUMENT else c.type] for c in columns]
        whole = tuple[tuple(types)]  # type: ignore[misc, valid-type]
        self._decode = msgspec.json.Decoder(list[whole]).decode  # type: ignore[valid-type] # made at run time
        self._bytes: list[tuple[int, Callable[[Any], bytes]]] = [
            (i, bytes if c.name == DOCUMENT else bytes.fromhex)
            for i, c in enumerate(columns)
            if c.type == "BLOB"
        ]

    def __call__(self, found: bytes) -> list[Row]:
        """The values of each row, as the database holds them."""
        rows = self._decode(b"[" + found + b"]")
        return [self._with_bytes(row) for row in rows] if self._bytes else rows

    def _with_bytes(self, row: Row) -> Row:
        values = list(row)
        for i, of in self._bytes:
            values[i] = of(values[i])
        return values


_IN_JSON: Final[Mapping[str, Any]] = {
    "TEXT": str | None,
    "INTEGER": int | None,
    "BLOB": str,
    DOCUMENT: msgspec.Raw,
}


def upsert(table: RecordTable[Any], count: int = 1) -> str:
    """Writes so many rows; into an append-only table a known key is an error."""
    row = f"({', '.join('?' * len(table.columns))})"
    insert = f"{_insert(table)} VALUES {', '.join([row] * count)}"
    return insert if table.append_only else insert + _replacing(table, table.key.name)
