"""How a kind of record lies in a table: key, columns, how to write it and read it back."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec

from gongji.audit.commitment import RowForm
from gongji.rules.codes import SHANGHAI

T = TypeVar("T")

SqlType = Literal["TEXT", "INTEGER", "BLOB"]

SqlValue = str | int | bytes | None

Row = Sequence[Any]

Index = tuple[str, ...]
"""The columns of an index, without the key that ends it."""

ValueOf = Callable[[Any], SqlValue]
"""A column's value of a record."""

FormsOf = Callable[[str], Sequence[str]]
"""Gives the forms in which a value may be stored."""

DOCUMENT: Final = "doc"
"""The column of a record, or of most of it, as JSON."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_MICROSECOND: Final = timedelta(microseconds=1)


# All records of one batch bear one instant: it is computed once.
@lru_cache(maxsize=64)
def micros(instant: datetime) -> int:
    """Return an instant as microseconds since 1970-01-01 UTC. TypeError if it is naive."""
    return (instant - _EPOCH) // _MICROSECOND


def instant(value: int) -> datetime:
    """Return the instant, in Shanghai, of a column's microseconds."""
    return (_EPOCH + timedelta(microseconds=value)).astimezone(SHANGHAI)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    `of` gives its value of a record, `non_negative` forbids values below 0. Few rows
    have a value in a `sparse` column: an index that ends with it holds only those.

    The log commits to a `personal` column so that nobody without the leaf's salt can try
    values, and not at all to an `uncommitted` one: a seal or keyed hash, which a change
    of keys rewrites. An `assigned` key is given by the database as rows are written, and
    ascends as the transactions did that wrote over one another's rows. `of` of a `parted`
    column takes the record's halves; of the forms `at_rest` gives the first is written.
    """

    name: str
    type: SqlType
    of: ValueOf
    null: bool = False
    non_negative: bool = False
    sparse: bool = False
    personal: bool = False
    uncommitted: bool = False
    assigned: bool = False
    parted: bool = False
    at_rest: FormsOf | None = None

    def stored(self, record: Any) -> SqlValue:
        """Return its value of a record in the form in which it is written."""
        value = self.of(record)
        return value if self.at_rest is None else self.at_rest(str(value))[0]


@dataclass(frozen=True, slots=True)
class RecordTable(Generic[T]):
    """One kind of record at rest; the first column is its key."""

    kind: type[T]
    name: str
    columns: tuple[Column, ...]

    read: tuple[str, ...]
    """The columns `record` builds a record from."""

    record: Callable[[Row], T]

    indexes: tuple[Index, ...] = ()
    """Columns of each index; the key always ends them."""

    append_only: bool = False
    """Whether a record is never changed."""

    clustered: bool = False
    """Whether its small rows lie in the key's own tree: one page less for each write."""

    partition_by: str = ""
    """The column, of an instant that never changes, by whose year a large table is
    partitioned if the database can."""

    outlives_reset: bool = False
    """Whether a reset leaves it: what a running server has written once and relies on."""

    log: bool = False
    """Whether it belongs to the log, which does not commit to itself."""

    part: Callable[[T], Any] | None = None
    """Parts a record into halves, of which one is sealed: once for each row."""

    @property
    def key(self) -> Column:
        """The key's column."""
        return self.columns[0]

    def row(self, record: T) -> tuple[SqlValue, ...]:
        """Return a record as a row, one value a column."""
        if self.part is None:
            return tuple([column.of(record) for column in self.columns])
        halves = self.part(record)
        values = []
        for column in self.columns:
            # hot path: of one table one column is stored otherwise than found.
            value_of = column.of if column.at_rest is None else column.stored
            values.append(value_of(halves if column.parted else record))
        return tuple(values)

    @property
    def form(self) -> RowForm:
        """Return how the log tells a row."""
        places = list(enumerate(self.columns))
        clear = [
            (position, column.name)
            for position, column in places
            if not (column.personal or column.uncommitted)
        ]
        hidden = [
            (position, column.name) for position, column in places if column.personal
        ]
        return RowForm(self.name, clear, hidden)

    def column(self, name: str) -> Column:
        """Return a column by name, "" for the key. ValueError if it has none of that name."""
        for column in self.columns:
            if column.name == (name or self.key.name):
                return column
        msg = f"{self.name} 没有名为 {name} 的列"
        raise ValueError(msg)

    def need_indexes(self) -> Mapping[str, ValueOf]:
        """Return the columns a `Need` may name: text columns that lead an index."""
        leading = {index[0] for index in self.indexes}
        texts = (column for column in self.columns if column.type == "TEXT")
        return {column.name: column.of for column in texts if column.name in leading}


AnyTable: TypeAlias = RecordTable[Any]


def text(name: str, of: ValueOf | None = None, *, personal: bool = False) -> Column:
    """Return a text column, by default of the attribute of that name."""
    return Column(name, "TEXT", of or attrgetter(name), personal=personal)


def number(name: str, of: ValueOf | None = None) -> Column:
    """Return a number column, by default of the attribute of that name."""
    return Column(name, "INTEGER", of or attrgetter(name))


def moment(
    name: str,
    attribute: str = "",
    *,
    sparse: bool = False,
) -> Column:
    """Return a column of an instant that may be absent."""
    of = attrgetter(attribute or name)

    def value(record: Any) -> int | None:
        at: datetime | None = of(record)
        return None if at is None else micros(at)

    return Column(
        name,
        "INTEGER",
        value,
        null=True,
        sparse=sparse,
    )


def document_table(
    kind: type[T],
    name: str,
    *columns: Column,
    last: Iterable[Column] = (),
    indexes: Iterable[Index] = (),
    append_only: bool = False,
    partition_by: str = "",
    personal: Collection[str] = (),
) -> RecordTable[T]:
    """Return a table of nested records: columns to find them by, the record as JSON.

    `last` are columns a later version of the schema has added.
    """
    decode = msgspec.json.Decoder(kind).decode
    doc = Column(DOCUMENT, "BLOB", msgspec.json.encode)
    return RecordTable(
        kind,
        name,
        columns=_marked((*columns, doc, *last), personal),
        read=(DOCUMENT,),
        record=lambda row: decode(row[0]),
        indexes=tuple(indexes),
        append_only=append_only,
        partition_by=partition_by,
    )


def flat_table(
    kind: type[T],
    name: str,
    *,
    key: Column | None = None,
    non_negative: Iterable[str] = (),
    names: Mapping[str, str] | None = None,
    indexes: Iterable[Index] = (),
    append_only: bool = False,
    clustered: bool = False,
    partition_by: str = "",
    sparse: Collection[str] = (),
    outlives_reset: bool = False,
    personal: Collection[str] = (),
    assigned: bool = False,
    log: bool = False,
    but: Collection[str] = (),
) -> RecordTable[T]:
    """Return a table of flat records: one column a field, `but` for some with a default.

    `key` leads if the key is put together from several fields. A 0 in a `sparse` field
    is stored as NULL: an index that ends with it holds only the other rows.
    """
    codecs = _codecs_of(kind, sparse, but)
    columns = _flat_columns(codecs, names or {}, set(non_negative))
    if assigned:
        columns = (replace(columns[0], assigned=True), *columns[1:])
    return RecordTable(
        kind,
        name,
        columns=_marked(columns if key is None else (key, *columns), personal),
        read=tuple(column.name for column in columns),
        record=_from_row(kind, codecs),
        indexes=tuple(indexes),
        append_only=append_only,
        clustered=clustered,
        partition_by=partition_by,
        outlives_reset=outlives_reset,
        log=log,
    )


def _flat_columns(
    codecs: Mapping[str, _Codec], names: Mapping[str, str], floored: Collection[str]
) -> tuple[Column, ...]:
    """Return one column a field; `names` are those that differ from the field's."""
    return tuple(
        Column(
            names.get(attribute, attribute),
            codec.type,
            _through(attribute, codec),
            null=codec.null,
            non_negative=attribute in floored,
            sparse=codec is _SPARSE,
        )
        for attribute, codec in codecs.items()
    )


def _marked(columns: Sequence[Column], personal: Collection[str]) -> tuple[Column, ...]:
    """Return columns, those of these names personal."""
    unknown = set(personal) - {column.name for column in columns}
    if unknown:
        msg = f"没有列 {unknown}"
        raise ValueError(msg)
    return tuple(
        [
            replace(column, personal=column.personal or column.name in personal)
            for column in columns
        ]
    )


@dataclass(frozen=True, slots=True)
class _Codec:
    """How a field's type lies in a column; None writes or reads it as it is."""

    type: SqlType
    write: Callable[[Any], SqlValue] | None = None
    read: Callable[[Any], Any] | None = None
    null: bool = False


_SPARSE: Final = _Codec("INTEGER", lambda value: value or None, null=True)
"""A number that is 0 in most records."""

_FLAT: Final[Mapping[Any, _Codec]] = {
    str: _Codec("TEXT"),
    int: _Codec("INTEGER"),
    bytes: _Codec("BLOB"),
    bool: _Codec("INTEGER", int, bool),
    date: _Codec("TEXT", date.isoformat, date.fromisoformat),
    datetime: _Codec("INTEGER", micros, instant),
}


def _codecs_of(
    kind: type, sparse: Collection[str], but: Collection[str]
) -> Mapping[str, _Codec]:
    """The codec of each field of a kind of record, in their order, but for some."""
    hints = typing.get_type_hints(kind)
    codecs = {}
    for field in msgspec.structs.fields(kind):
        name = field.name
        if name in but:
            continue
        codecs[name] = _SPARSE if name in sparse else _codec(hints[name])
    return codecs


def _codec(hint: Any) -> _Codec:
    """The codec of a field's type. TypeError if a flat record may not have such a field."""
    if isinstance(hint, types.UnionType):
        (inner,) = set(typing.get_args(hint)) - {types.NoneType}
        return replace(_codec(inner), null=True)
    if (flat := _FLAT.get(hint)) is not None:
        return flat
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return _Codec("INTEGER", int, hint)
    if typing.get_origin(hint) is not None:
        decoder = msgspec.json.Decoder(hint)
        return _Codec("BLOB", msgspec.json.encode, decoder.decode)
    msg = f"列不支持类型 {hint}"
    raise TypeError(msg)


def _through(attribute: str, codec: _Codec) -> ValueOf:
    """The value of an attribute as its codec writes it."""
    of: ValueOf = attrgetter(attribute)
    write = codec.write
    if write is None:
        return of

    def nullable(record: Any) -> SqlValue:
        content = of(record)
        return None if content is None else write(content)

    def value(record: Any) -> SqlValue:
        return write(of(record))

    return nullable if codec.null else value


def _from_row(kind: type[T], codecs: Mapping[str, _Codec]) -> Callable[[Row], T]:
    """Builds a record from the values of its columns."""
    attributes = tuple(codecs)
    reads = []
    sparse = []
    for attribute, codec in codecs.items():
        if codec.read is not None:
            reads.append((attribute, codec.read))
        if codec is _SPARSE:
            sparse.append(attribute)

    # hot path: called for every row that is read.
    def record(row: Row) -> T:
        values = dict(zip(attributes, row, strict=True))
        for attribute, read in reads:
            if (value := values[attribute]) is not None:
                values[attribute] = read(value)
        for attribute in sparse:
            if values[attribute] is None:
                values[attribute] = 0
        return kind(**values)

    return record
