"""PostgreSQL's statements for reading and writing sets of rows."""

# ruff: noqa: S608 - names come from a table description, never from a caller

from __future__ import annotations

from typing import Any

from gongji.store.sql import POSTGRES, _identity, _insert, _needed, _replacing
from gongji.store.table import RecordTable


def select_any(table: RecordTable[Any], index: str, *, lock: bool) -> str:
    """The same for any count, the values one array; locked rows are locked in the order
    of their keys."""
    order = f" ORDER BY {table.key.name} FOR UPDATE" if lock else ""
    return (
        f"SELECT {', '.join(table.read)} FROM {table.name} WHERE "
        f"{_needed(table, index)} = ANY(%s){order}"
    )


def insert_all(table: RecordTable[Any]) -> str:
    """Writes many rows, the columns arrays; a known key is an error."""
    types = (POSTGRES.types[column.type].partition(" ")[0] for column in table.columns)
    arrays = ", ".join(f"%s::{name}[]" for name in types)
    return f"{_insert(table)} SELECT * FROM unnest({arrays})"


def upsert_all(table: RecordTable[Any]) -> str:
    """The same; a row takes the place of the one with its key, unless the table is append-only."""
    return (
        insert_all(table)
        if table.append_only
        else insert_all(table) + _replacing(table, _identity(table))
    )
