"""Changes as they stand in a database, and whether a sentence names what was changed."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from tests.verify.changer import UNRECORDED, Change, Changer
from tests.verify.stored import REFUSED, Row, StoredDatabase


def made(database: StoredDatabase, changer: Changer) -> Generator[Change]:
    """Yield changes as they stand in the database; each is taken back."""
    for change in changer.changes():
        try:
            database.edit(change.edits)
        except REFUSED:
            continue
        try:
            yield change
        finally:
            database.edit(change.undone)


def named(database: StoredDatabase, change: Change, told: Sequence[str]) -> bool:
    """Whether a sentence says which row it was."""
    rows = [
        (edit.table, row)
        for edit in change.edits
        for row in (edit.before, edit.after)
        if row is not None
    ]
    return any(
        name in sentence
        for table, row in rows
        for name in names(database, table, row)
        for sentence in told
    )


def names(database: StoredDatabase, name: str, row: Row) -> list[str]:
    """Return how a sentence may name a row."""
    table = database.tables[name]
    if name == "leaf":
        writer, number = row[table.position("writer")], row[table.position("number")]
        return [f"日志叶 {row[0]}", str(row[0]), f"写入方 {writer} 的第 {number} 号叶"]
    if name == "checkpoint":
        nth = int(row[0]) if str(row[0]).isdigit() else row[0]
        return [f"检查点 {row[0]}", f"第 {nth} 个检查点"]
    if name in UNRECORDED:
        return [f"表 {name}"]
    return [f"表 {name}，键 {table.shown(row)}"]
