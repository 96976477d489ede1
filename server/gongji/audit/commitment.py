"""The text of a row that the log commits to, and its hash.

The text is JSON: `{"table":…,"row":{column: value},"hidden":{column: commitment}}`. A
column without a value is not there, so that a column added later changes no text of
before. `row` holds what says nothing about anybody. `hidden` holds base64 of
hash(opener ‖ value) for each personal column, where the opener is hash(salt ‖ value) and
the salt that of the leaf. Whoever has the log alone cannot try values; whoever is shown
a value with its opener can check it and learns nothing of the others. Columns that a
change of keys rewrites are in neither: a column beside them commits to what they hold.

A removed row has the text `{"table":…,"hidden":{"removed": commitment of its key}}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Struct

from gongji.audit.hashing import Hasher, base64

Value = str | int | bytes | None

Place = tuple[int, str]
"""Where a column's value stands in a row, and its name."""

_encode = msgspec.json.Encoder().encode


class RowForm:
    """How a table's rows are told: positions of columns, each with its name."""

    def __init__(
        self, table: str, clear: Sequence[Place], hidden: Sequence[Place]
    ) -> None:
        self.table = table
        self.clear = tuple(clear)
        self.hidden = tuple(hidden)
        self._clear_at = [position for position, _ in clear]

    def text_of(self, row: Sequence[Any], hidden: Sequence[str | None]) -> bytes:
        """Return the text of a row; `hidden` has what stands for each hidden column."""
        text, clear_of, hidden_of = self._records
        clear = clear_of(*[row[position] for position in self._clear_at])
        return _encode(text(clear, hidden_of(*hidden) if any(hidden) else None))

    @cached_property
    def _records(self) -> tuple[type[Struct], type[Struct], type[Struct]]:
        """Return records of the text, and of the columns that stand in it."""
        # hot path: such records encode four times as fast as mappings. Made when the
        # first row is told: a process that starts need not wait for those of all tables.
        text = msgspec.defstruct(
            "RowText",
            [("row", Any), ("hidden", Any, None)],
            tag_field="table",
            tag=self.table,
            omit_defaults=True,
        )
        return text, _columns(self.clear), _columns(self.hidden)


def _columns(places: Sequence[Place]) -> type[Struct]:
    """Return a record of columns that is told without those that have no value."""
    fields = [(name, Any, None) for _, name in places]
    return msgspec.defstruct("Columns", fields, omit_defaults=True)


class Commitments:
    """Texts and hashes of rows under the salt of one leaf."""

    def __init__(self, hasher: Hasher, salt: bytes) -> None:
        self._hasher = hasher
        self.salt = salt
        # A leaf names one person in several rows.
        self._of: dict[Value, str] = {}

    def of(self, value: str | int | bytes) -> str:
        """Return the commitment of a value."""
        # hot path: for each of ten values of a settlement; `commitment` in one step.
        known = self._of.get(value)
        if known is None:
            content = value if isinstance(value, bytes) else str(value).encode()
            hasher = self._hasher
            known = base64(hasher(hasher(self.salt + content) + content))
            self._of[value] = known
        return known

    def opener(self, value: str | int | bytes) -> bytes:
        """Return what shows, beside a value, that its commitment is of it."""
        return self._hasher(self.salt + _bytes_of(value))

    def text(self, form: RowForm, row: Sequence[Any]) -> bytes:
        """Return the text of a row, its values in the order of the table's columns."""
        # hot path: for each of ten rows of a settlement.
        known = self._of
        hidden: list[str | None] = []
        for position, _ in form.hidden:
            value = row[position]
            told = None if value is None else known.get(value) or self.of(value)
            hidden.append(told)
        return form.text_of(row, hidden)

    def hash(self, form: RowForm, row: Sequence[Any]) -> bytes:
        """Return the hash of a row's text."""
        return self._hasher(self.text(form, row))

    def removal(self, table: str, key: str) -> bytes:
        """Return the text of a row that was removed."""
        return _encode({"table": table, "hidden": {"removed": self.of(key)}})

    def removed(self, table: str, key: str) -> bytes:
        """Return the hash of that text."""
        return self._hasher(self.removal(table, key))


def commitment(hasher: Hasher, opener: bytes, value: str | int | bytes) -> str:
    """Return the commitment of a value with this opener."""
    return base64(hasher(opener + _bytes_of(value)))


def _bytes_of(value: str | int | bytes) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
