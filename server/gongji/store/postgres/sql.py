"""PostgreSQL's statements for reading and writing sets of rows.

Values travel as arrays: a statement is the same, and prepared once, for any count.
"""

# ruff: noqa: S608 - names come from a table description, never from a caller

from __future__ import annotations

from gongji.store.sql import (
    POSTGRES,
    insert_into,
    on_conflict_update,
    primary_key,
    searched,
)
from gongji.store.table import AnyTable


def select_any(
    table: AnyTable,
    index: str,
    *,
    lock: bool,
) -> str:
    """Return the SELECT of rows whose index ("" the key) has one of an array's values."""
    # Rows are locked in the order of their keys: two transactions cannot wait for each
    # other.
    order = f" ORDER BY {table.key.name} FOR UPDATE" if lock else ""
    columns = ", ".join(table.read)
    condition = searched(table, index)
    return f"SELECT {columns} FROM {table.name} WHERE {condition} = ANY(%s){order}"


def delete_any(table: AnyTable) -> str:
    """Return the DELETE of rows whose key is one of an array's values."""
    return f"DELETE FROM {table.name} WHERE {table.key.name} = ANY(%s)"


def insert_all(table: AnyTable) -> str:
    """Return the INSERT of many rows, an array a column; a stored key is an error."""
    columns = [column for column in table.columns if not column.assigned]
    types = [POSTGRES.types[column.type] for column in columns]
    # An array's type has no collation.
    names = [declared.partition(" ")[0] for declared in types]
    arrays = ", ".join([f"%s::{name}[]" for name in names])
    return f"{insert_into(table, columns)} SELECT * FROM unnest({arrays})"


def upsert_all(table: AnyTable) -> str:
    """Return the same, each row in place of the one of its key unless append-only."""
    insert = insert_all(table)
    if table.append_only:
        return insert
    return insert + on_conflict_update(table, primary_key(table))
