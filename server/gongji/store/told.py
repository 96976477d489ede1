"""A row as a leaf of the log tells it, with what shows that its commitments are true."""

from __future__ import annotations

from msgspec import Struct

from gongji.audit.commitment import Commitments
from gongji.audit.hashing import Hasher
from gongji.audit.leaf import Leaf, hashes_of, private_of
from gongji.store.schema import Schema
from gongji.store.table import Row


class ShownValue(Struct, frozen=True):
    """A value a row's text commits to, and its opener (`audit.commitment`)."""

    column: str
    value: bytes
    opener: bytes


class ToldRow(Struct, frozen=True):
    """A row's text, the values behind its commitments, its place in its leaf."""

    leaf: Leaf
    position: int
    text: bytes
    values: tuple[ShownValue, ...]


def told(
    schema: Schema, hasher: Hasher, leaf: Leaf, kind: type, row: Row
) -> ToldRow | None:
    """Return a row as its leaf tells it; None if the leaf tells of another."""
    form = schema.forms[kind]
    private = private_of(leaf)
    key = form.table, row[0]
    if key not in private.keys:
        return None
    commitments = Commitments(hasher, private.salt)
    text = commitments.text(form, row)
    position = private.keys.index(key)
    if list(hashes_of(leaf))[position] != hasher(text):
        return None
    values = []
    for place, name in form.hidden:
        value = row[place]
        if value is not None:
            content = value if isinstance(value, bytes) else str(value).encode()
            values.append(ShownValue(name, content, commitments.opener(value)))
    return ToldRow(leaf, position, text, tuple(values))
