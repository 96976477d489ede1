"""SQL text made from the tables' descriptions; values always travel as parameters."""

# ruff: noqa: S608 - names come from a table description, never from a caller

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from gongji.model.commands import Listing
from gongji.rules.codes import SHANGHAI
from gongji.store.table import Column, RecordTable, SqlType, SqlValue, micros

Statement = tuple[str, list[SqlValue]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one database writes what all of them can say."""

    mark: str
    """Where a value goes."""

    types: Mapping[SqlType, str]
    clustered: str
    """Follows a table of small rows that are asked by key and changed in place."""

    filtering: Callable[[Column], str]
    """A column as no index serves it."""

    by_year: bool = False
    """Whether large tables lie apart by year."""


SQLITE: Final = Dialect(
    "?",
    {"TEXT": "TEXT", "INTEGER": "INTEGER", "BLOB": "BLOB"},
    " WITHOUT ROWID",
    lambda column: f"+{column.name}",
)

# Text by its bytes: the same order on every machine, and an index that outlives an
# upgrade of the system's library.
POSTGRES: Final = Dialect(
    "%s",
    {"TEXT": 'TEXT COLLATE "C"', "INTEGER": "BIGINT", "BLOB": "BYTEA"},
    " WITH (fillfactor = 75)",
    lambda column: (
        f"{column.name} + 0" if column.type == "INTEGER" else f"{column.name} || ''"
    ),
    by_year=True,
)


def create(table: RecordTable[Any], dialect: Dialect = SQLITE) -> Iterator[str]:
    """The statements that make a table and its indexes; one that lies apart by year
    holds no year yet."""
    apart = bool(table.by_year) and dialect.by_year
    columns = [
        _definition(c, None if apart else table.key, dialect) for c in table.columns
    ]
    if apart:
        columns.append(f"PRIMARY KEY ({_identity(table)})")
    after = (
        f" PARTITION BY RANGE ({table.by_year})"
        if apart
        else dialect.clustered
        if table.clustered
        else ""
    )
    yield f"CREATE TABLE {table.name} ({', '.join(columns)}){after}"
    for index in table.indexes:
        names = (*index, table.key.name)
        held = (
            f" WHERE {index[-1]} IS NOT NULL" if table.column(index[-1]).sparse else ""
        )
        yield (
            f"CREATE INDEX {table.name}_by_{'_'.join(index)} ON {table.name} "
            f"({', '.join(names)}){held}"
        )


def bounds_of(year: int) -> tuple[int, int]:
    """The first instant of a year in Shanghai and that of the next, as they lie in a column."""
    return micros(datetime(year, 1, 1, tzinfo=SHANGHAI)), micros(
        datetime(year + 1, 1, 1, tzinfo=SHANGHAI)
    )


def _identity(table: RecordTable[Any]) -> str:
    """What a row is known by where the table lies apart by year: PostgreSQL wants the
    instant in it."""
    return ", ".join(filter(None, (table.key.name, table.by_year)))


def _definition(column: Column, key: Column | None, dialect: Dialect) -> str:
    parts = [column.name, dialect.types[column.type]]
    if column is key:
        parts.append("PRIMARY KEY")
    if not column.null:
        parts.append("NOT NULL")
    if column.non_negative:
        parts.append(f"CHECK ({column.name} >= 0)")
    return " ".join(parts)


def _needed(table: RecordTable[Any], index: str) -> str:
    """The column an index is for. ValueError where a `Need` may not name it."""
    if index and index not in table.needed():
        msg = f"{table.name} 不能按 {index} 预取; 可用: {', '.join(table.needed()) or '仅主键'}"
        raise ValueError(msg)
    return table.column(index).name


def _insert(table: RecordTable[Any]) -> str:
    return f"INSERT INTO {table.name} ({', '.join(c.name for c in table.columns)})"


def _replacing(table: RecordTable[Any], known_by: str) -> str:
    others = ", ".join(f"{c.name} = excluded.{c.name}" for c in table.columns[1:])
    return f" ON CONFLICT ({known_by}) DO UPDATE SET {others}"


def page(
    table: RecordTable[Any], listing: Listing[Any], dialect: Dialect = SQLITE
) -> Statement:
    """The page a listing asks for. ValueError where no index serves it or it names no column."""
    order = table.column(listing.order).name
    _refuse_scan(table, listing, order)
    terms = tuple(dict.fromkeys((order, table.key.name)))
    clauses, values, mark = [], list[SqlValue](), dialect.mark
    for names, comparison in (
        (listing.equals, "="),
        (listing.at_least, ">="),
        (listing.below, "<"),
    ):
        for name, value in names.items():
            column = table.column(name)
            # A bound beside the order must not tempt the planner to another index and a
            # sort: it stays a filter.
            filtering = comparison != "=" and column.name != order
            clauses.append(
                f"{dialect.filtering(column) if filtering else column.name} {comparison} {mark}"
            )
            values.append(_value(value))
    if table.column(order).null:
        clauses.append(f"{order} IS NOT NULL")
    if listing.after is not None:
        seen = listing.after[-len(terms) :]
        clauses.append(
            f"({', '.join(terms)}) {'<' if listing.descending else '>'} "
            f"({', '.join([mark] * len(terms))})"
        )
        values.extend(seen)
    where = f" WHERE {' AND '.join(clauses)}" if clauses else ""
    by = ", ".join(f"{term} DESC" if listing.descending else term for term in terms)
    values.append(listing.limit)
    return (
        f"SELECT {', '.join(table.read)} FROM {table.name}{where} ORDER BY {by} LIMIT {mark}",
        values,
    )


def _refuse_scan(table: RecordTable[Any], listing: Listing[Any], order: str) -> None:
    """A listing is served from the key's order or from an index that starts with what
    it fixes or sorts by."""
    # An index that ends with a sparse column holds few records, and serves only those in its order.
    serving = [
        i for i in table.indexes if order == i[-1] or not table.column(i[-1]).sparse
    ]
    leading = {index[0] for index in serving}
    if (
        order != table.key.name
        and order not in leading
        and not leading & set(listing.equals)
    ):
        msg = (
            f"没有索引可用于按 {order} 列出 {table.name}, 条件: "
            f"{', '.join(listing.equals) or '无'}"
        )
        raise ValueError(msg)


def _value(value: str | int | date) -> SqlValue:
    """A day as its text, an instant as its microseconds, anything else as it is."""
    if isinstance(value, datetime):
        return micros(value)
    return value.isoformat() if isinstance(value, date) else value
