"""A row as a leaf of the log tells it, with what shows that its commitments are true."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from msgspec import Struct

from gongji.audit.commitment import Commitments, RowForm
from gongji.audit.hashing import Hasher
from gongji.audit.leaf import Leaf, hashes_of, private_of
from gongji.model.commands import Listing, RecordPlace
from gongji.model.settlement import Settlement
from gongji.store.base import Store
from gongji.store.engine import StoreEngine
from gongji.store.genesis import stored_row
from gongji.store.personal import SEALED
from gongji.store.released import released_row
from gongji.store.schema import Schema
from gongji.store.sealing import owner_of
from gongji.store.table import AnyTable, Row

_TOGETHER: Final = 500
"""Rows of one statement."""


class ToldText(Struct, frozen=True):
    """The text of a row, and the position of its hash in its leaf."""

    position: int
    text: bytes


class ShownValue(Struct, frozen=True):
    """A value a row's text commits to, and its opener (`audit.commitment`)."""

    column: str
    value: bytes
    opener: bytes


class ToldRow(Struct, frozen=True):
    """A row's text, the values behind its commitments, its place in its leaf.

    `sealed` has what the row holds sealed, by field, each value as JSON.
    """

    leaf: Leaf
    position: int
    text: bytes
    values: tuple[ShownValue, ...]
    sealed: tuple[ShownValue, ...]


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
    values = tuple(_hidden(form, row, commitments))
    return ToldRow(leaf, position, text, values, tuple(_sealed(schema, kind, row)))


def _hidden(form: RowForm, row: Row, commitments: Commitments) -> Iterator[ShownValue]:
    for place, name in form.hidden:
        value = row[place]
        if value is not None:
            content = value if isinstance(value, bytes) else str(value).encode()
            yield ShownValue(name, content, commitments.opener(value))


def _sealed(schema: Schema, kind: type, row: Row) -> Iterator[ShownValue]:
    table: AnyTable = schema.table(kind)
    names = [column.name for column in table.columns]
    seal = row[names.index(SEALED)] if SEALED in names else None
    if seal:
        owner = owner_of(table.name, str(row[0]))
        for name, (value, opener) in schema.sealer.openers(owner, seal).items():
            yield ShownValue(name, value, opener)


async def texts_of(store: Store, leaves: Sequence[Leaf]) -> list[list[ToldText]]:
    """Return for each leaf the texts of its rows that are still told by it.

    A row that was written over is told by a later leaf. One that is never changed is told
    in any case, so that whoever hashes it finds that it was. StoreUnavailable.
    """
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for leaf in leaves:
        for table, key, *removed in private_of(leaf).keys:
            if not removed:
                wanted[table].add(key)
    found = await store.read(partial(_rows, store.schema, wanted))
    told_by = _Texts(store.schema, store.hasher, found)
    return [list(told_by.of(leaf)) for leaf in leaves]


class _Texts:
    """Texts of rows as they are stored now, each by table and key."""

    def __init__(
        self, schema: Schema, hasher: Hasher, rows: Mapping[tuple[str, str], Row]
    ) -> None:
        self._hasher = hasher
        self._rows = rows
        self._forms = {form.table: form for form in schema.forms.values()}
        tables = schema.tables.values()
        self._unchanging = {table.name for table in tables if table.append_only}

    def of(self, leaf: Leaf) -> Iterator[ToldText]:
        """Yield the texts a leaf tells."""
        private = private_of(leaf)
        salted = Commitments(self._hasher, private.salt)
        said = zip(private.keys, hashes_of(leaf), strict=True)
        for position, ((table, key, *removed), digest) in enumerate(said):
            if removed:
                yield ToldText(position, salted.removal(table, removed[0]))
                continue
            row = self._rows.get((table, key))
            if row is None:
                continue
            text = salted.text(self._forms[table], row)
            if table in self._unchanging or self._hasher(text) == digest:
                yield ToldText(position, text)


def _rows(
    schema: Schema, wanted: Mapping[str, Collection[str]], engine: StoreEngine
) -> dict[tuple[str, str], Row]:
    """Return rows by table and key, without what the log does not commit to."""
    found = {}
    for table in schema.tables.values():
        columns = [
            "NULL" if column.uncommitted else column.name for column in table.columns
        ]
        every = sorted(wanted.get(table.name, ()))
        for start in range(0, len(every), _TOGETHER):
            keys = every[start : start + _TOGETHER]
            marks = ", ".join([engine.dialect.mark] * len(keys))
            statement = (
                f"SELECT {', '.join(columns)} FROM {table.name} "  # noqa: S608 - the schema's names
                f"WHERE {table.key.name} IN ({marks})"
            )
            for row in engine.rows(statement, keys):
                found[table.name, row[0]] = row
    return found


async def find_told(
    store: Store, record: Any, at: datetime, *, as_stored: bool
) -> ToldRow | None:
    """Return a record's row as the log tells it that was written at an instant.

    The row is read as it is stored, or else made of the record again. One of before the
    log is told by a leaf of its beginning. None if no leaf tells of that row.
    """
    kind = type(record)
    table: AnyTable = store.schema.table(kind)
    row: Row | None = table.row(record)
    if as_stored:
        row = await store.read(partial(_stored, table, store.key_of(record)))
    if row is None:
        return None
    begun = await store.page(Listing(kind=Leaf, order="at", limit=1))
    if not begun or begun[0].at <= at:
        return await _told_at(store, kind, row, at)
    found = await _told_at(store, kind, row, begun[0].at)
    if found is None and isinstance(record, Settlement):
        released = released_row(table, record)
        found = await _told_at(store, kind, released, begun[0].at)
    return found


async def _told_at(store: Store, kind: type, row: Row, at: datetime) -> ToldRow | None:
    """Return a row as a leaf of an instant tells it, None if none does."""
    after: RecordPlace | None = None
    while True:
        page = await store.placed(_leaves_at(at, after))
        for leaf, _ in page:
            # At one instant a row may be written more than once.
            found = told(store.schema, store.hasher, leaf, kind, row)
            if found is not None:
                return found
        if not page:
            return None
        _, after = page[-1]


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
