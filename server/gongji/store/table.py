"""How a kind of record lies in a table: its key, its columns, how to write it and how
to read it back."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

from gongji.rules.codes import SHANGHAI

T = TypeVar("T")

SqlType = Literal["TEXT", "INTEGER", "BLOB"]

SqlValue = str | int | bytes | None

Row = Sequence[Any]

DOCUMENT: Final = "doc"
"""The column of a record, or of most of it, as JSON."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_MICROSECOND: Final = timedelta(microseconds=1)


@lru_cache(maxsize=64)
def micros(instant: datetime) -> int:
    """An instant as it lies in a column: microseconds since 1970-01-01 UTC. TypeError
    where it is naive.

    All records of one batch bear one instant: it is computed once.
    """
    return (instant - _EPOCH) // _MICROSECOND


def instant(value: int) -> datetime:
    """The instant, in Shanghai, of a column's microseconds."""
    return (_EPOCH + timedelta(microseconds=value)).astimezone(SHANGHAI)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its type, its value of a record; `non_negative` forbids values below 0.

    Few rows have a value in a `sparse` column: an index that ends with it holds only those.
    """

    name: str
    type: SqlType
    of: Callable[[Any], SqlValue]
    null: bool = False
    non_negative: bool = False
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class RecordTable(Generic[T]):
    """One kind of record at rest; the first column is its key.

    `read` names the columns `record` builds a record from. `indexes` list columns; the
    key always ends them. A `Need` may name a text column that leads an index. Records
    of an append-only table are never changed.
    """

    kind: type[T]
    name: str
    columns: tuple[Column, ...]
    read: tuple[str, ...]
    record: Callable[[Row], T]
    indexes: tuple[tuple[str, ...], ...] = ()
    append_only: bool = False
    clustered: bool = False
    """Small rows kept in the key's own tree: one page less for each that is written."""
    by_year: str = ""
    """The instant, never changed, by whose year a large table lies apart where the
    database can (`pghome`)."""

    @property
    def key(self) -> Column:
        """The key's column."""
        return self.columns[0]

    def row(self, record: T) -> tuple[SqlValue, ...]:
        """A record as a row, one value a column."""
        return tuple([column.of(record) for column in self.columns])

    def columns_of(self, records: Sequence[T]) -> list[list[SqlValue]]:
        """Many records at once, the values of one column after those of another: no
        loop of ours over every value."""
        return [list(map(column.of, records)) for column in self.columns]

    def column(self, name: str) -> Column:
        """A column by name, "" for the key. ValueError where there is none."""
        for column in self.columns:
            if column.name == (name or self.key.name):
                return column
        msg = f"{self.name} 没有名为 {name} 的列"
        raise ValueError(msg)

    def needed(self) -> Mapping[str, Callable[[T], SqlValue]]:
        """The columns a `Need` may name, with their value of a record."""
        leading = {index[0] for index in self.indexes}
        return {
            c.name: c.of for c in self.columns if c.name in leading and c.type == "TEXT"
        }


def text(name: str, of: Callable[[Any], SqlValue] | None = None) -> Column:
    """A text column, by default the attribute of that name."""
    return Column(name, "TEXT", of or attrgetter(name))


def number(name: str, of: Callable[[Any], SqlValue] | None = None) -> Column:
    """A number column, by default the attribute of that name."""
    return Column(name, "INTEGER", of or attrgetter(name))


def moment(name: str, attribute: str = "", *, sparse: bool = False) -> Column:
    """A column of an instant that may be absent, or most often is."""
    of = attrgetter(attribute or name)

    def value(record: Any) -> int | None:
        at: datetime | None = of(record)
        return None if at is None else micros(at)

    return Column(name, "INTEGER", value, null=True, sparse=sparse)


def document(
    kind: type[T],
    name: str,
    *columns: Column,
    indexes: Iterable[tuple[str, ...]] = (),
    append_only: bool = False,
    by_year: str = "",
) -> RecordTable[T]:
    """A table of nested records: the columns to find them by, and the whole record as JSON."""
    decode = msgspec.json.Decoder(kind).decode
    doc = Column(DOCUMENT, "BLOB", msgspec.json.encode)
    return RecordTable(
        kind,
        name,
        (*columns, doc),
        (DOCUMENT,),
        lambda row: decode(row[0]),
        tuple(indexes),
        append_only=append_only,
        by_year=by_year,
    )


def plain(
    kind: type[T],
    name: str,
    *,
    key: Column | None = None,
    non_negative: Iterable[str] = (),
    names: Mapping[str, str] | None = None,
    indexes: Iterable[tuple[str, ...]] = (),
    append_only: bool = False,
    clustered: bool = False,
    by_year: str = "",
    sparse: Iterable[str] = (),
) -> RecordTable[T]:
    """A table of flat records: one column a field; `key` leads where the key is put
    together from several fields.

    A 0 in a `sparse` field lies as NULL: an index that ends with it holds only the others.
    """
    hints = typing.get_type_hints(kind)
    names = names or {}
    attributes = [f.name for f in msgspec.structs.fields(kind)]  # type: ignore[arg-type]  # every kind of record is a Struct
    codecs = {
        a: _codec(hints[a]) if a not in set(sparse) else _SPARSE for a in attributes
    }
    columns = [
        Column(
            names.get(a, a),
            c.type,
            _through(a, c),
            c.null,
            non_negative=a in set(non_negative),
            sparse=c is _SPARSE,
        )
        for a, c in codecs.items()
    ]
    reads = [(a, c.read) for a, c in codecs.items() if c.read]

    def record(row: Row) -> T:
        values = dict(zip(attributes, row, strict=True))
        for attribute, read in reads:
            if (value := values[attribute]) is not None:
                values[attribute] = read(value)
        for attribute in blank:
            if values[attribute] is None:
                values[attribute] = 0
        return kind(**values)

    blank = tuple(sparse)

    return RecordTable(
        kind,
        name,
        (key, *columns) if key is not None else tuple(columns),
        tuple(c.name for c in columns),
        record,
        tuple(indexes),
        append_only=append_only,
        clustered=clustered,
        by_year=by_year,
    )


@dataclass(frozen=True, slots=True)
class _Codec:
    """How a field's type lies in a column; None writes or reads it as it is."""

    type: SqlType
    write: Callable[[Any], SqlValue] | None = None
    read: Callable[[Any], Any] | None = None
    null: bool = False


def _codec(hint: Any) -> _Codec:
    """The codec of a field's type. TypeError where a flat record may not have such a field."""
    if isinstance(hint, types.UnionType):
        (inner,) = [a for a in typing.get_args(hint) if a is not types.NoneType]
        some = _codec(inner)
        return _Codec(some.type, some.write, some.read, null=True)
    if (flat := _FLAT.get(hint)) is not None:
        return flat
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return _Codec("INTEGER", int, hint)
    if typing.get_origin(hint) is not None:
        return _Codec("BLOB", msgspec.json.encode, msgspec.json.Decoder(hint).decode)
    msg = f"列不支持类型 {hint}"
    raise TypeError(msg)


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


def _through(attribute: str, codec: _Codec) -> Callable[[Any], SqlValue]:
    """The value of an attribute as its codec writes it."""
    of: Callable[[Any], Any] = attrgetter(attribute)
    if (write := codec.write) is None:
        return of

    def value(record: Any) -> SqlValue:
        found = of(record)
        return None if found is None else write(found)

    return value if codec.null else lambda record: write(of(record))
