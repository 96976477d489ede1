"""Changes of what is stored, of rows and columns that chance picks."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from tests.verify.stored import Edit, Row, StoredColumn, StoredTable

UNRECORDED: Final = ("vault", "vault_key", "upgrade")
"""Tables of which no leaf speaks: what they hold follows from the data keys."""

EMPTY: Final[Mapping[str, str]] = {
    "upgrade": "a row stands there only between two releases, while one is expanded",
    "meter_reading": "no shipped city has a meter beside those of the accumulator",
    "spent_token": "only an issuer of tokens has one spent, and this database had none",
}
"""Tables without a row in a database at rest."""


class Change(Struct, frozen=True):
    """What was changed, in words and as edits."""

    kind: str
    edits: tuple[Edit, ...]

    @property
    def undone(self) -> list[Edit]:
        """Return what takes it back."""
        return [edit.undone for edit in self.edits]

    @property
    def apart(self) -> bool:
        """Return whether it is of records alone, which are checked one by one."""
        log = {"leaf", "log_writer", "checkpoint", "tile", "started"}
        return not {edit.table for edit in self.edits} & {*log, *UNRECORDED}

    @property
    def rows(self) -> set[tuple[str, Any]]:
        """Return table and key of every row."""
        found = {(one.table, one.before[0]) for one in self.edits if one.before}
        return found | {(one.table, one.after[0]) for one in self.edits if one.after}

    def in_words(self, tables: Mapping[str, StoredTable]) -> str:
        """Return what was changed, for whoever has to find out why it was missed."""
        return f"{self.kind}: " + "; ".join(
            [_in_words(tables[edit.table], edit) for edit in self.edits[:3]]
        )


def _in_words(table: StoredTable, edit: Edit) -> str:
    if edit.before is None or edit.after is None:
        there = edit.before or edit.after or ()
        what = "removed" if edit.before else "added"
        return f"{table.name} {table.key_of(there)} {what}"
    values = zip(table.columns, edit.before, edit.after, strict=True)
    changed = [f"{c.name}: {a!r:.60} > {b!r:.60}" for c, a, b in values if a != b]
    return f"{table.name} {table.key_of(edit.before)} {', '.join(changed)}"


class NotThisTimeError(Exception):
    """Chance has picked what this kind cannot be done with."""


Rows = Mapping[str, Sequence[Row]]


Kind = Callable[["Changer"], list[Edit]]
"""Makes one change of a kind. NotThisTimeError."""


class Changer:
    """Picks kinds, tables, rows and columns from a seed."""

    def __init__(
        self,
        tables: Mapping[str, StoredTable],
        rows: Rows,
        kinds: Mapping[str, Kind],
        seed: int,
        earlier: Rows | None = None,
    ) -> None:
        self.tables = tables
        self.rows = rows
        self.chance = random.Random(seed)  # noqa: S311 - a seed, to be tried again
        self._full = [name for name in tables if rows[name]]
        self._kinds = [*kinds.items()]
        self._turn = 0
        self.older = list(_older(tables, rows, earlier or {}))

    def changes(self) -> Iterator[Change]:
        """Yield changes for ever, of each kind and each table in turn."""
        while True:
            kind, make = self._kinds[self._turn % len(self._kinds)]
            self._turn += 1
            try:
                edits = make(self)
            except NotThisTimeError:
                continue
            # Two rows that are alike but for their keys are the same when swapped.
            before = {(edit.table, edit.before) for edit in edits}
            if before != {(edit.table, edit.after) for edit in edits}:
                yield Change(kind, tuple(edits))

    # --- what is picked ----------------------------------------------------------------

    def empty_table(self) -> StoredTable:
        """Return a table that has none."""
        return self.tables[self.chance.choice(list(EMPTY))]

    def table(self) -> StoredTable:
        """Return a table that has rows."""
        return self.tables[self.chance.choice(self._full)]

    def row(self, table: str) -> Row:
        """Return a row. NotThisTimeError."""
        if not self.rows[table]:
            raise NotThisTimeError
        return self.chance.choice(self.rows[table])

    def two_rows(self, table: str) -> tuple[Row, Row]:
        """Return two rows. NotThisTimeError."""
        if len(self.rows[table]) < 2:
            raise NotThisTimeError
        first, second = self.chance.sample(self.rows[table], 2)
        return first, second

    def column(self, table: StoredTable) -> StoredColumn:
        """Return a column: none is left out."""
        return self.chance.choice(table.columns)


def _older(
    tables: Mapping[str, StoredTable], rows: Rows, earlier: Rows
) -> Iterator[Edit]:
    """Yield each row of now beside what it was earlier, if it has changed."""
    for name, before in earlier.items():
        known = {tables[name].key_of(row): row for row in before}
        for row in rows[name]:
            then = known.get(tables[name].key_of(row), row)
            if then != row and tables[name].key:
                yield Edit(name, row, then)


def with_value(table: StoredTable, row: Row, column: str, value: Any) -> Row:
    """Return a row with another value in a column."""
    position = table.position(column)
    return (*row[:position], value, *row[position + 1 :])
