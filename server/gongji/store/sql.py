"""SQL text made from the tables' descriptions; values always travel as parameters."""

# ruff: noqa: S608 - every name in these statements comes from a table description, none from a caller

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import msgspec

from gongji.codes import SHANGHAI
from gongji.facts import Listing
from gongji.store.table import DOCUMENT, Column, Row, SqlType, SqlValue, Table, micros

Statement = tuple[str, list[SqlValue]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one database writes what all of them can say."""

    mark: str
    """Where a value goes."""

    types: Mapping[SqlType, str]
    compact: str
    """Follows a table of small rows that are asked by key and changed in place."""

    filtering: Callable[[Column], str]
    """A column as no index serves it."""

    by_year: bool = False
    """Whether large tables lie apart by year."""


SQLITE: Final = Dialect(
    "?", {"TEXT": "TEXT", "INTEGER": "INTEGER", "BLOB": "BLOB"}, " WITHOUT ROWID", lambda column: f"+{column.name}"
)

# Text by its bytes: the same order on every machine, and an index that outlives an upgrade of the system's library.
POSTGRES: Final = Dialect(
    "%s",
    {"TEXT": 'TEXT COLLATE "C"', "INTEGER": "BIGINT", "BLOB": "BYTEA"},
    " WITH (fillfactor = 75)",
    lambda column: f"{column.name} + 0" if column.type == "INTEGER" else f"{column.name} || ''",
    by_year=True,
)


def create(table: Table[Any], dialect: Dialect = SQLITE) -> Iterator[str]:
    """The statements that make a table and its indexes; one that lies apart by year holds no year yet."""
    apart = bool(table.by_year) and dialect.by_year
    columns = [_definition(c, None if apart else table.key, dialect) for c in table.columns]
    if apart:
        columns.append(f"PRIMARY KEY ({_identity(table)})")
    after = f" PARTITION BY RANGE ({table.by_year})" if apart else dialect.compact if table.compact else ""
    yield f"CREATE TABLE {table.name} ({', '.join(columns)}){after}"
    for index in table.indexes:
        names = (*index, table.key.name)
        held = f" WHERE {index[-1]} IS NOT NULL" if table.column(index[-1]).seldom else ""
        yield f"CREATE INDEX {table.name}_by_{'_'.join(index)} ON {table.name} ({', '.join(names)}){held}"


def bounds_of(year: int) -> tuple[int, int]:
    """The first instant of a year in Shanghai and that of the next, as they lie in a column."""
    return micros(datetime(year, 1, 1, tzinfo=SHANGHAI)), micros(datetime(year + 1, 1, 1, tzinfo=SHANGHAI))


def _identity(table: Table[Any]) -> str:
    """What a row is known by where the table lies apart by year: PostgreSQL wants the instant in it."""
    return ", ".join(filter(None, (table.key.name, table.by_year)))


def _definition(column: Column, key: Column | None, dialect: Dialect) -> str:
    parts = [column.name, dialect.types[column.type]]
    if column is key:
        parts.append("PRIMARY KEY")
    if not column.null:
        parts.append("NOT NULL")
    if column.floor:
        parts.append(f"CHECK ({column.name} >= 0)")
    return " ".join(parts)


def select(table: Table[Any], index: str, count: int) -> str:
    """Rows whose index (or key, "") has one of `count` values, all as one JSON text: see `Rows`.

    One row a step would give the interpreter away, and wait for it again, at every record. ValueError where a `Need`
    may not name the index.
    """
    row = " || ',' || ".join(_in_json(table.column(name)) for name in table.read)
    found = f"SELECT CAST(group_concat('[' || {row} || ']') AS BLOB) FROM {table.name}"
    return f"{found} WHERE {_needed(table, index)} IN ({', '.join('?' * count)})"


def _in_json(column: Column) -> str:
    if column.type != "BLOB":
        return f"json_quote({column.name})"
    if column.name == DOCUMENT:  # JSON as it is
        return f"CAST({column.name} AS TEXT)"
    return f"'\"' || hex({column.name}) || '\"'"


class Rows:
    """Reads the rows of one table back from what `select` found."""

    def __init__(self, table: Table[Any]) -> None:
        columns = [table.column(name) for name in table.read]
        whole = tuple[tuple(_IN_JSON[c.name if c.name == DOCUMENT else c.type] for c in columns)]  # type: ignore[misc, valid-type]
        self._decode = msgspec.json.Decoder(list[whole]).decode  # type: ignore[valid-type] # made at run time
        self._bytes: list[tuple[int, Callable[[Any], bytes]]] = [
            (i, bytes if c.name == DOCUMENT else bytes.fromhex) for i, c in enumerate(columns) if c.type == "BLOB"
        ]

    def __call__(self, found: bytes) -> list[Row]:
        """The values of each row, as the database holds them."""
        rows = self._decode(b"[" + found + b"]")
        return [self._with_bytes(row) for row in rows] if self._bytes else rows

    def _with_bytes(self, row: Row) -> Row:
        values = list(row)
        for i, of in self._bytes:
            values[i] = of(values[i])
        return values


_IN_JSON: Final[Mapping[str, Any]] = {
    "TEXT": str | None,
    "INTEGER": int | None,
    "BLOB": str,
    DOCUMENT: msgspec.Raw,
}


def select_any(table: Table[Any], index: str, *, lock: bool) -> str:
    """The same for any count, the values one array; locked rows are locked in the order of their keys."""
    order = f" ORDER BY {table.key.name} FOR UPDATE" if lock else ""
    return f"SELECT {', '.join(table.read)} FROM {table.name} WHERE {_needed(table, index)} = ANY(%s){order}"


def _needed(table: Table[Any], index: str) -> str:
    """The column an index is for. ValueError where a `Need` may not name it."""
    if index and index not in table.needed():
        msg = f"{table.name} 不能按 {index} 预取; 可用: {', '.join(table.needed()) or '仅主键'}"
        raise ValueError(msg)
    return table.column(index).name


def upsert(table: Table[Any], count: int = 1) -> str:
    """Writes so many rows; into an append-only table a known key is an error."""
    row = f"({', '.join('?' * len(table.columns))})"
    insert = f"{_insert(table)} VALUES {', '.join([row] * count)}"
    return insert if table.append_only else insert + _replacing(table, table.key.name)


def insert_all(table: Table[Any]) -> str:
    """Writes many rows, the columns arrays; a known key is an error."""
    types = (POSTGRES.types[column.type].partition(" ")[0] for column in table.columns)
    arrays = ", ".join(f"%s::{name}[]" for name in types)
    return f"{_insert(table)} SELECT * FROM unnest({arrays})"


def upsert_all(table: Table[Any]) -> str:
    """The same; a row takes the place of the one with its key, unless the table is append-only."""
    return insert_all(table) if table.append_only else insert_all(table) + _replacing(table, _identity(table))


def _insert(table: Table[Any]) -> str:
    return f"INSERT INTO {table.name} ({', '.join(c.name for c in table.columns)})"


def _replacing(table: Table[Any], known_by: str) -> str:
    others = ", ".join(f"{c.name} = excluded.{c.name}" for c in table.columns[1:])
    return f" ON CONFLICT ({known_by}) DO UPDATE SET {others}"


def page(table: Table[Any], listing: Listing[Any], dialect: Dialect = SQLITE) -> Statement:
    """The page a listing asks for. ValueError where no index serves it or it names no column."""
    order = table.column(listing.order).name
    _refuse_scan(table, listing, order)
    terms = tuple(dict.fromkeys((order, table.key.name)))
    clauses, values, mark = [], list[SqlValue](), dialect.mark
    for names, comparison in ((listing.equals, "="), (listing.at_least, ">="), (listing.below, "<")):
        for name, value in names.items():
            column = table.column(name)
            # A bound beside the order must not tempt the planner to another index and a sort: it stays a filter.
            filtering = comparison != "=" and column.name != order
            clauses.append(f"{dialect.filtering(column) if filtering else column.name} {comparison} {mark}")
            values.append(_value(value))
    if table.column(order).null:
        clauses.append(f"{order} IS NOT NULL")
    if listing.after is not None:
        seen = listing.after[-len(terms) :]
        clauses.append(f"({', '.join(terms)}) {'<' if listing.descending else '>'} ({', '.join([mark] * len(terms))})")
        values.extend(seen)
    where = f" WHERE {' AND '.join(clauses)}" if clauses else ""
    by = ", ".join(f"{term} DESC" if listing.descending else term for term in terms)
    values.append(listing.limit)
    return f"SELECT {', '.join(table.read)} FROM {table.name}{where} ORDER BY {by} LIMIT {mark}", values


def _refuse_scan(table: Table[Any], listing: Listing[Any], order: str) -> None:
    """A listing is served from the key's order or from an index that starts with what it fixes or sorts by."""
    # An index that ends with a seldom column holds few records, and serves only those in its order.
    serving = [i for i in table.indexes if order == i[-1] or not table.column(i[-1]).seldom]
    leading = {index[0] for index in serving}
    if order != table.key.name and order not in leading and not leading & set(listing.equals):
        msg = f"没有索引可用于按 {order} 列出 {table.name}, 条件: {', '.join(listing.equals) or '无'}"
        raise ValueError(msg)


def _value(value: str | int | date) -> SqlValue:
    """A day as its text, an instant as its microseconds, anything else as it is."""
    if isinstance(value, datetime):
        return micros(value)
    return value.isoformat() if isinstance(value, date) else value
