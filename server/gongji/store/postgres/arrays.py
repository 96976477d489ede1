"""Whole columns as PostgreSQL's binary arrays: one type each, so that a statement is
prepared once, nulls or not."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat
from typing import Any, Final

from psycopg import Connection
from psycopg.adapt import Dumper
from psycopg.pq import Format

from gongji.store.table import Column

_NULL: Final = struct.pack("!i", -1)

_length = struct.Struct("!i").pack

_number = struct.Struct("!iq").pack

_head = struct.Struct("!iiiii").pack


class Texts(list[str | None]):
    """A column of text."""


class Numbers(list[int | None]):
    """A column of bigint."""


class Bytes(list[bytes | None]):
    """A column of bytea."""


def as_array(column: Column, values: Iterable[Any]) -> Texts | Numbers | Bytes:
    """A column's values under its type."""
    return _ARRAYS[column.type](values)


_ARRAYS: Final[dict[str, Callable[[Iterable[Any]], Texts | Numbers | Bytes]]] = {
    "TEXT": Texts,
    "INTEGER": Numbers,
    "BLOB": Bytes,
}


def register(connection: Connection[Any]) -> None:
    """Lets a connection send these columns."""
    connection.adapters.register_dumper(Texts, _TextsDumper)
    connection.adapters.register_dumper(Numbers, _NumbersDumper)
    connection.adapters.register_dumper(Bytes, _BytesDumper)


# Where no value is null, which is nearly everywhere, a column becomes its array without
# a step of ours a value.


def _array(
    element: int, values: Sequence[Any], parts: Iterable[bytes], *, nulls: bool
) -> bytes:
    return _head(1, nulls, element, len(values), 1) + b"".join(parts)


def _sized(values: Sequence[bytes]) -> Iterable[bytes]:
    return chain.from_iterable(zip(map(_length, map(len, values)), values, strict=True))


def _sized_or_null(values: Iterable[bytes | None]) -> Iterable[bytes]:
    return [_NULL if value is None else _length(len(value)) + value for value in values]


class _TextsDumper(Dumper):
    format = Format.BINARY
    oid = 1009

    def dump(self, obj: Texts) -> bytes:
        """The array text[]."""
        if None in obj:
            return _array(
                25,
                obj,
                _sized_or_null(v if v is None else v.encode() for v in obj),
                nulls=True,
            )
        return _array(25, obj, _sized(list(map(str.encode, obj))), nulls=False)  # type: ignore[arg-type] # none is None


class _NumbersDumper(Dumper):
    format = Format.BINARY
    oid = 1016

    def dump(self, obj: Numbers) -> bytes:
        """The array bigint[]. OverflowError where a number does not fit, as SQLite has it."""
        try:
            if None in obj:
                return _array(
                    20,
                    obj,
                    [_NULL if v is None else _number(8, v) for v in obj],
                    nulls=True,
                )
            return _array(20, obj, map(_number, repeat(8), obj), nulls=False)
        except struct.error as error:
            msg = "数值超出 64 位整数"
            raise OverflowError(msg) from error


class _BytesDumper(Dumper):
    format = Format.BINARY
    oid = 1001

    def dump(self, obj: Bytes) -> bytes:
        """The array bytea[]."""
        if None in obj:
            return _array(17, obj, _sized_or_null(obj), nulls=True)
        return _array(17, obj, _sized(obj), nulls=False)  # type: ignore[arg-type] # none is None
