"""Whole columns as PostgreSQL's binary arrays: one type each, so that a statement is prepared once, nulls or not."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
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


def as_array(column: Column, values: Sequence[Any]) -> Texts | Numbers | Bytes:
    """A column's values under its type."""
    return _ARRAYS[column.type](values)


_ARRAYS: Final[dict[str, Callable[[Sequence[Any]], Texts | Numbers | Bytes]]] = {
    "TEXT": Texts,
    "INTEGER": Numbers,
    "BLOB": Bytes,
}


def register(connection: Connection[Any]) -> None:
    """Lets a connection send these columns."""
    connection.adapters.register_dumper(Texts, _TextsDumper)
    connection.adapters.register_dumper(Numbers, _NumbersDumper)
    connection.adapters.register_dumper(Bytes, _BytesDumper)


def _array(element: int, values: Sequence[object], parts: list[bytes]) -> bytes:
    return _head(1, int(None in values), element, len(values), 1) + b"".join(parts)


def _sized(value: bytes | None) -> bytes:
    return _NULL if value is None else _length(len(value)) + value


class _TextsDumper(Dumper):
    format = Format.BINARY
    oid = 1009

    def dump(self, obj: Texts) -> bytes:
        """The array text[]."""
        return _array(25, obj, [_sized(None if v is None else v.encode()) for v in obj])


class _NumbersDumper(Dumper):
    format = Format.BINARY
    oid = 1016

    def dump(self, obj: Numbers) -> bytes:
        """The array bigint[]. OverflowError where a number does not fit, as SQLite has it."""
        try:
            return _array(20, obj, [_NULL if v is None else _number(8, v) for v in obj])
        except struct.error as error:
            msg = "数值超出 64 位整数"
            raise OverflowError(msg) from error


class _BytesDumper(Dumper):
    format = Format.BINARY
    oid = 1001

    def dump(self, obj: Bytes) -> bytes:
        """The array bytea[]."""
        return _array(17, obj, [_sized(v) for v in obj])
