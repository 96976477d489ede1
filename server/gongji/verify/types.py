"""Values of a row against the types of its columns."""

from __future__ import annotations

from typing import Final

from gongji.store.table import AnyTable, Row

_TYPES: Final = {"TEXT": str, "INTEGER": int, "BLOB": bytes}


def wrong_type(table: AnyTable, row: Row) -> str:
    """Return the first column whose value is not of its type, "" if there is none."""
    # SQLite keeps what it is given, whatever the column.
    for column, value in zip(table.columns, row, strict=True):
        if value is None:
            if not column.null:
                return column.name
        elif type(value) is not _TYPES[column.type]:
            return column.name
    return ""
