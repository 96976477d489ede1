"""Whole columns as PostgreSQL's binary arrays."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, compress, repeat
from typing import Any, Final

from psycopg import Connection
from psycopg.adapt import Dumper
from psycopg.pq import Format

from gongji.store.table import AnyTable, Column

_NULL: Final = struct.pack("!i", -1)

_length = struct.Struct("!i").pack

_number = struct.Struct("!iq").pack

_head = struct.Struct("!iiiii").pack


# A class for each type, also of a column that holds nothing but nulls: a statement is
# prepared once.
class Texts(list[str | None]):
    """A column of text."""


class Numbers(list[int | None]):
    """A column of bigint."""


class Bytes(list[bytes | None]):
    """A column of bytea."""


def sorted_texts(values: Iterable[str]) -> Texts:
    """Return what may be found of some values, in one order."""
    # No text in the database holds a NUL, and PostgreSQL takes none: nothing is found
    # under one.
    storable = [value for value in values if "\0" not in value]
    return Texts(sorted(storable))


def as_array(column: Column, values: Iterable[Any]) -> Texts | Numbers | Bytes:
    """Return a column's values under its type."""
    return _ARRAYS[column.type](values)


def chosen_arrays(
    table: AnyTable,
    columns: Sequence[Sequence[Any]],
    chosen: Sequence[bool],
) -> list[Any]:
    """Return the chosen rows of each column, but for one that the database assigns."""
    return [
        as_array(column, compress(values, chosen))
        for column, values in zip(table.columns, columns, strict=True)
        if not column.assigned
    ]


_ARRAYS: Final[dict[str, Callable[[Iterable[Any]], Texts | Numbers | Bytes]]] = {
    "TEXT": Texts,
    "INTEGER": Numbers,
    "BLOB": Bytes,
}


def register(connection: Connection[Any]) -> None:
    """Let a connection send these columns."""
    connection.adapters.register_dumper(Texts, _TextsDumper)
    connection.adapters.register_dumper(Numbers, _NumbersDumper)
    connection.adapters.register_dumper(Bytes, _BytesDumper)


def _array(
    element: int,
    values: Sequence[Any],
    parts: Iterable[bytes],
    *,
    nulls: bool,
) -> bytes:
    """An array of one dimension from 1; `element` is the oid of its type."""
    head = _head(1, nulls, element, len(values), 1)
    return head + b"".join(parts)


def _sized(values: Sequence[bytes]) -> Iterable[bytes]:
    # hot path: nearly no column holds a null, and then none of our steps runs a value.
    lengths = map(_length, map(len, values))
    return chain.from_iterable(zip(lengths, values, strict=True))


def _sized_or_null(values: Iterable[bytes | None]) -> Iterable[bytes]:
    for value in values:
        if value is None:
            yield _NULL
        else:
            yield _length(len(value))
            yield value


class _TextsDumper(Dumper):
    format = Format.BINARY
    oid = 1009

    def dump(self, obj: Texts) -> bytes:
        """Return the array text[]."""
        if None in obj:
            nullable = [value if value is None else value.encode() for value in obj]
            return _array(25, obj, _sized_or_null(nullable), nulls=True)
        encoded = list(map(str.encode, obj))  # type: ignore[arg-type]  # no null
        return _array(25, obj, _sized(encoded), nulls=False)


class _NumbersDumper(Dumper):
    format = Format.BINARY
    oid = 1016

    def dump(self, obj: Numbers) -> bytes:
        """Return the array bigint[]. OverflowError if a number does not fit."""
        try:
            if None in obj:
                parts = [_NULL if value is None else _number(8, value) for value in obj]
                return _array(20, obj, parts, nulls=True)
            return _array(20, obj, map(_number, repeat(8), obj), nulls=False)
        except struct.error as error:  # as SQLite refuses it
            msg = "数值超出 64 位整数"
            raise OverflowError(msg) from error


class _BytesDumper(Dumper):
    format = Format.BINARY
    oid = 1001

    def dump(self, obj: Bytes) -> bytes:
        """Return the array bytea[]."""
        if None in obj:
            return _array(17, obj, _sized_or_null(obj), nulls=True)
        return _array(17, obj, _sized(obj), nulls=False)  # type: ignore[arg-type]  # no null
