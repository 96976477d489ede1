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

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from gongji.audit.hashing import Hasher, base64

Value = str | int | bytes | None

_encode = msgspec.json.Encoder().encode


class RowForm(Struct, frozen=True):
    """How a table's rows are told: positions of columns, each with its name."""

    table: str
    clear: tuple[tuple[int, str], ...]
    hidden: tuple[tuple[int, str], ...]


class Commitments:
    """Texts and hashes of rows under the salt of one leaf."""

    def __init__(self, hasher: Hasher, salt: bytes) -> None:
        self._hasher = hasher
        self._salt = salt
        # A leaf names one person in several rows.
        self._of: dict[Value, str] = {}

    def of(self, value: str | int | bytes) -> str:
        """Return the commitment of a value."""
        known = self._of.get(value)
        if known is None:
            known = commitment(self._hasher, self.opener(value), value)
            self._of[value] = known
        return known

    def opener(self, value: str | int | bytes) -> bytes:
        """Return what shows, beside a value, that its commitment is of it."""
        return self._hasher(self._salt + _bytes_of(value))

    def text(self, form: RowForm, row: Sequence[Any]) -> bytes:
        """Return the text of a row, its values in the order of the table's columns."""
        # hot path: for each of ten rows of a settlement.
        content: dict[str, Any] = {"table": form.table}
        content["row"] = clear = {}
        for position, name in form.clear:
            value = row[position]
            if value is not None:
                clear[name] = value
        hidden = self._hidden(form, row)
        if hidden:
            content["hidden"] = hidden
        return _encode(content)

    def _hidden(self, form: RowForm, row: Sequence[Any]) -> Mapping[str, str]:
        hidden = {}
        for position, name in form.hidden:
            value = row[position]
            if value is not None:
                hidden[name] = self.of(value)
        return hidden

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
    if isinstance(value, bytes):
        return value
    return str(value).encode()
