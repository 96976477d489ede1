"""Seal what a database of before version 3 holds in clear, once, as it is brought forward."""

# ruff: noqa: S608 - names come from a table description, never from a caller

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from gongji.model.account import Credit, Premium
from gongji.model.binding import Binding
from gongji.model.commands import RequestRecord
from gongji.model.people import Person
from gongji.model.settlement import Settlement
from gongji.store.schema import Schema
from gongji.store.sealing import owner_of
from gongji.store.sql import Dialect
from gongji.store.table import DOCUMENT, AnyTable

_PAGE: Final = 1000

_DOCUMENTS: Final[Sequence[type]] = (Binding, Settlement, Premium)

_FORMER_COLUMNS: Final[Mapping[type, Sequence[str]]] = {
    RequestRecord: ("answer", "refusal"),
    Credit: ("taken_back_why",),
}
"""What lay in columns of its own, which are dropped."""


class FormerDatabase(Protocol):
    """A database whose statements run in one transaction."""

    dialect: Dialect

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run a statement."""

    def rows(
        self, statement: str, values: Sequence[Any] = ()
    ) -> Iterable[tuple[Any, ...]]:
        """Return the rows of a query."""


def seal_former(
    schema: Schema,
) -> Iterator[str | Callable[[FormerDatabase], None]]:
    """Yield what seals that which lies in clear, and drops the columns it lay in.

    SealBrokenError as it is done.
    """
    yield partial(_seal_rows, schema)
    for kind, columns in _FORMER_COLUMNS.items():
        for column in columns:
            yield f"ALTER TABLE {schema.table(kind).name} DROP COLUMN {column}"


def _seal_rows(schema: Schema, database: FormerDatabase) -> None:
    person = schema.table(Person)
    _seal_records(database, person, (DOCUMENT, "sealed"), _former_person(schema))
    for kind in _DOCUMENTS:
        table: AnyTable = schema.table(kind)
        _seal_records(database, table, (DOCUMENT,), _former_document(kind))
    for kind, columns in _FORMER_COLUMNS.items():
        _seal_columns(database, schema, kind, columns)


_Former = Callable[[str, Sequence[bytes]], Any]
"""Returns the record that some columns of before hold."""


def _former_person(schema: Schema) -> _Former:
    decode = msgspec.json.Decoder(Person).decode

    def former(person_no: str, halves: Sequence[bytes]) -> Person:
        clear, sealed = halves
        secret = schema.vault.unseal(person_no, sealed)
        # Two objects without the braces between them are one.
        return decode(clear[:-1] + b"," + secret[1:])

    return former


def _former_document(kind: type) -> _Former:
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
    return lambda _, columns: decoder.decode(columns[0])


def _seal_records(
    database: FormerDatabase, table: AnyTable, columns: Sequence[str], former: _Former
) -> None:
    """Write the halves of each record that has something to be sealed."""
    names = [column.name for column in table.columns]
    written = (DOCUMENT, "sealed", "commitments")
    for key, *values in _pages(database, table, columns):
        row = dict(zip(names, table.row(former(key, values)), strict=True))
        if row["sealed"] is not None:
            _update(database, table, key, {name: row[name] for name in written})


def _seal_columns(
    database: FormerDatabase, schema: Schema, kind: type, columns: Sequence[str]
) -> None:
    table: AnyTable = schema.table(kind)
    for key, *values in _pages(database, table, columns):
        said = {c: value for c, value in zip(columns, values, strict=True) if value}
        if said:
            halves = schema.sealer.seal(owner_of(table.name, key), said)
            sealed = dict(zip(("sealed", "commitments"), halves, strict=True))
            _update(database, table, key, sealed)


def _update(
    database: FormerDatabase, table: AnyTable, key: str, values: Mapping[str, Any]
) -> None:
    mark = database.dialect.mark
    assignments = ", ".join([f"{name} = {mark}" for name in values])
    database.execute(
        f"UPDATE {table.name} SET {assignments} WHERE {table.key.name} = {mark}",
        [*values.values(), key],
    )


def _pages(
    database: FormerDatabase, table: AnyTable, columns: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """Yield key and columns of every row, a page at a time."""
    key, mark = table.key.name, database.dialect.mark
    statement = (
        f"SELECT {key}, {', '.join(columns)} FROM {table.name} WHERE {key} > {mark} "
        f"ORDER BY {key} LIMIT {_PAGE}"
    )
    after = ""
    while rows := list(database.rows(statement, [after])):
        yield from rows
        after = rows[-1][0]
