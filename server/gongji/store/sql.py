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
"""A statement and its parameters."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one database writes what all of them can say."""

    mark: str
    """The place of a parameter."""

    types: Mapping[SqlType, str]

    clustered: str
    """Follows a table of small rows that are found by key and changed in place."""

    unindexed: Callable[[Column], str]
    """A column as an expression that no index serves."""

    partitions: bool = False
    """Whether large tables are partitioned by year."""


SQLITE: Final = Dialect(
    "?",
    {"TEXT": "TEXT", "INTEGER": "INTEGER", "BLOB": "BLOB"},
    " WITHOUT ROWID",
    lambda column: f"+{column.name}",
)

POSTGRES: Final = Dialect(
    "%s",
    # Text by its bytes: the same order on every machine, and an index that outlives an
    # upgrade of the system's library.
    {"TEXT": 'TEXT COLLATE "C"', "INTEGER": "BIGINT", "BLOB": "BYTEA"},
    " WITH (fillfactor = 75)",
    lambda column: (
        f"{column.name} + 0" if column.type == "INTEGER" else f"{column.name} || ''"
    ),
    partitions=True,
)


def create(table: RecordTable[Any], dialect: Dialect = SQLITE) -> Iterator[str]:
    """Yield the statements that make a table and its indexes.

    A partitioned table has no partition yet.
    """
    partitioned = bool(table.partition_by) and dialect.partitions
    key = None if partitioned else table.key
    columns = [_definition(column, key, dialect) for column in table.columns]
    options = dialect.clustered if table.clustered else ""
    if partitioned:
        columns.append(f"PRIMARY KEY ({primary_key(table)})")
        options = f" PARTITION BY RANGE ({table.partition_by})"
    yield f"CREATE TABLE {table.name} ({', '.join(columns)}){options}"
    for index in table.indexes:
        yield _create_index(table, index)


def _definition(column: Column, key: Column | None, dialect: Dialect) -> str:
    parts = [column.name, dialect.types[column.type]]
    if column is key:
        parts.append("PRIMARY KEY")
    if not column.null:
        parts.append("NOT NULL")
    if column.non_negative:
        parts.append(f"CHECK ({column.name} >= 0)")
    return " ".join(parts)


def _create_index(table: RecordTable[Any], index: tuple[str, ...]) -> str:
    name = f"{table.name}_by_{'_'.join(index)}"
    columns = ", ".join((*index, table.key.name))
    last = table.column(index[-1])
    where = f" WHERE {last.name} IS NOT NULL" if last.sparse else ""
    return f"CREATE INDEX {name} ON {table.name} ({columns}){where}"


def year_bounds(year: int) -> tuple[int, int]:
    """Return the first microsecond of a year in Shanghai, and of the next year."""
    first = datetime(year, 1, 1, tzinfo=SHANGHAI)
    after = datetime(year + 1, 1, 1, tzinfo=SHANGHAI)
    return micros(first), micros(after)


def primary_key(table: RecordTable[Any]) -> str:
    """Return the columns of a partitioned table's primary key."""
    # PostgreSQL wants the column that names the partition among them.
    return ", ".join(filter(None, (table.key.name, table.partition_by)))


def index_column(table: RecordTable[Any], index: str) -> str:
    """Return the column of an index, "" the key. ValueError if a `Need` may not name it."""
    indexes = table.need_indexes()
    if index and index not in indexes:
        choices = ", ".join(indexes) or "仅主键"
        msg = f"{table.name} 不能按 {index} 预取; 可用: {choices}"
        raise ValueError(msg)
    return table.column(index).name


def insert_into(table: RecordTable[Any]) -> str:
    """Return the beginning of an INSERT of whole rows."""
    return f"INSERT INTO {table.name} ({', '.join(c.name for c in table.columns)})"


def on_conflict_update(table: RecordTable[Any], key: str) -> str:
    """Return the end of an INSERT that replaces the row of the same key."""
    columns = [column.name for column in table.columns[1:]]
    assignments = ", ".join(f"{name} = excluded.{name}" for name in columns)
    return f" ON CONFLICT ({key}) DO UPDATE SET {assignments}"


def page(
    table: RecordTable[Any], listing: Listing[Any], dialect: Dialect = SQLITE
) -> Statement:
    """Return the SELECT of a listing's page.

    ValueError if no index serves it or it names no column.
    """
    order = table.column(listing.order)
    _refuse_scan(table, listing, order.name)
    mark, conditions, values = dialect.mark, list[str](), list[SqlValue]()
    for column, comparison, value in _comparisons(table, listing):
        # A bound beside the order must not tempt the planner to another index and a
        # sort: it stays a filter.
        filtering = comparison != "=" and column is not order
        operand = dialect.unindexed(column) if filtering else column.name
        conditions.append(f"{operand} {comparison} {mark}")
        values.append(_parameter(value))
    if order.null:
        conditions.append(f"{order.name} IS NOT NULL")
    sort = tuple(dict.fromkeys((order.name, table.key.name)))
    if listing.after is not None:
        beyond = "<" if listing.descending else ">"
        marks = ", ".join([mark] * len(sort))
        conditions.append(f"({', '.join(sort)}) {beyond} ({marks})")
        # A listing in the key's order has the key alone to continue behind.
        values.extend(listing.after[-len(sort) :])
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    direction = " DESC" if listing.descending else ""
    order_by = ", ".join(f"{name}{direction}" for name in sort)
    select = f"SELECT {', '.join(table.read)} FROM {table.name}"
    values.append(listing.limit)
    return f"{select}{where} ORDER BY {order_by} LIMIT {mark}", values


def _comparisons(
    table: RecordTable[Any], listing: Listing[Any]
) -> Iterator[tuple[Column, str, str | int | date]]:
    """What a listing narrows: column, comparison, value."""
    for name, equal in listing.equals.items():
        yield table.column(name), "=", equal
    for name, least in listing.at_least.items():
        yield table.column(name), ">=", least
    for name, bound in listing.below.items():
        yield table.column(name), "<", bound


def _refuse_scan(table: RecordTable[Any], listing: Listing[Any], order: str) -> None:
    """Refuse a listing that neither sorts by nor fixes what an index begins with."""
    # An index that ends with a sparse column holds few records, and serves only those
    # listings that sort by it.
    leading = {
        index[0]
        for index in table.indexes
        if order == index[-1] or not table.column(index[-1]).sparse
    }
    if order == table.key.name or order in leading or leading & set(listing.equals):
        return
    msg = (
        f"没有索引可用于按 {order} 列出 {table.name}, 条件: "
        f"{', '.join(listing.equals) or '无'}"
    )
    raise ValueError(msg)


def _parameter(value: str | int | date) -> SqlValue:
    """A day as its text, an instant as its microseconds, anything else as it is."""
    # A datetime is a date, too: it comes first.
    if isinstance(value, datetime):
        return micros(value)
    return value.isoformat() if isinstance(value, date) else value
