"""SQLite's statements for reading and writing sets of rows."""

# ruff: noqa: S608 - names come from a table description, never from a caller

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from gongji.store.sql import insert_into, on_conflict_update, searched
from gongji.store.table import DOCUMENT, AnyTable, Column, Row, SqlType


def select(
    table: AnyTable,
    index: str,
    count: int,
) -> str:
    """Return the SELECT of rows whose index ("" the key) has one of `count` values.

    All rows are one JSON text, which a `RowDecoder` reads. ValueError if a `Need` may
    not name the index.
    """
    # hot path: sqlite3 gives the interpreter away, and waits for it again, at every
    # row it steps to.
    columns = [table.column(name) for name in table.read]
    row = " || ',' || ".join(map(_as_json, columns))
    rows = f"CAST(group_concat('[' || {row} || ']') AS BLOB)"
    condition = searched(table, index)
    marks = ", ".join("?" * count)
    return f"SELECT {rows} FROM {table.name} WHERE {condition} IN ({marks})"


def _as_json(column: Column) -> str:
    if column.type != "BLOB":
        return f"json_quote({column.name})"
    if column.name == DOCUMENT:  # JSON already
        return f"CAST({column.name} AS TEXT)"
    return f"'\"' || hex({column.name}) || '\"'"


class RowDecoder:
    """Reads the rows of one table back from the result of `select`."""

    def __init__(self, table: AnyTable) -> None:
        types: list[Any] = []
        # The positions of binary columns, with what makes bytes of their JSON.
        self._bytes: list[tuple[int, Callable[[Any], bytes]]] = []
        for position, name in enumerate(table.read):
            column = table.column(name)
            if name == DOCUMENT:
                types.append(msgspec.Raw)
                self._bytes.append((position, bytes))
                continue
            types.append(_JSON_TYPES[column.type])
            if column.type == "BLOB":
                self._bytes.append((position, bytes.fromhex))
        row = tuple[tuple(types)]  # type: ignore[misc, valid-type]  # made at run time
        decoder = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]  # as above
        self._decode = decoder.decode

    def __call__(self, result: bytes) -> list[Row]:
        """Return the values of each row, as the database holds them."""
        rows: list[Row] = self._decode(b"[" + result + b"]")
        if not self._bytes:
            return rows
        return [self._with_bytes(row) for row in rows]

    def _with_bytes(self, row: Row) -> Row:
        values = list(row)
        for position, to_bytes in self._bytes:
            values[position] = to_bytes(values[position])
        return values


_JSON_TYPES: Final[Mapping[SqlType, Any]] = {
    "TEXT": str | None,
    "INTEGER": int | None,
    "BLOB": str,
}


def insert(table: AnyTable, count: int = 1) -> str:
    """Return the INSERT of `count` rows; a stored key is an error."""
    marks = ", ".join("?" * len(table.columns))
    rows = ", ".join([f"({marks})"] * count)
    return f"{insert_into(table)} VALUES {rows}"


def upsert(table: AnyTable, count: int = 1) -> str:
    """Return the same, each row in place of the one of its key unless append-only."""
    if table.append_only:
        return insert(table, count)
    return insert(table, count) + on_conflict_update(table, table.key.name)
