"""A row as a leaf of the log tells it, with what shows that its commitments are true."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from msgspec import Struct

from gongji.audit.commitment import Commitments
from gongji.audit.hashing import Hasher
from gongji.audit.leaf import Leaf, hashes_of, private_of
from gongji.model.commands import Listing, RecordPlace
from gongji.store.base import Store
from gongji.store.engine import StoreEngine
from gongji.store.genesis import stored_row
from gongji.store.schema import Schema
from gongji.store.table import AnyTable, Row


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


async def find_told(
    store: Store, record: Any, at: datetime, *, as_stored: bool
) -> ToldRow | None:
    """Return a record's row as the log tells it that was written at an instant.

    The row is read as it is stored, or else made of the record again. None if no leaf of
    that instant tells of that row.
    """
    kind = type(record)
    table: AnyTable = store.schema.table(kind)
    row: Row | None = table.row(record)
    if as_stored:
        row = await store.read(partial(_stored, table, store.key_of(record)))
    after: RecordPlace | None = None
    while row is not None:
        page = await store.placed(_leaves_at(at, after))
        for leaf, _ in page:
            # At one instant a row may be written more than once.
            found = told(store.schema, store.hasher, leaf, kind, row)
            if found is not None:
                return found
        if not page:
            break
        _, after = page[-1]
    return None


def _stored(table: AnyTable, key: str, engine: StoreEngine) -> Row | None:
    return stored_row(engine.connection, engine.dialect, table, key)


def _leaves_at(at: datetime, after: RecordPlace | None) -> Listing[Leaf]:
    return Listing(
        kind=Leaf,
        at_least={"at": at},
        below={"at": at + timedelta(microseconds=1)},
        order="at",
        after=after,
    )
