"""SQL text made from the tables' descriptions; values always travel as parameters."""

# ruff: noqa: S608 - names come from a table description, never from a caller

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any, Final

from gongji.model.commands import Listing
from gongji.rules.codes import SHANGHAI
from gongji.store.table import AnyTable, Column, Index, SqlType, SqlValue, micros

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

    sequences: bool = False
    """Whether an assigned key is a number of a sequence's."""


def _unindexed_in_postgres(column: Column) -> str:
    if column.type == "INTEGER":
        return f"{column.name} + 0"
    return f"{column.name} || ''"


SQLITE: Final = Dialect(
    mark="?",
    types={
        "TEXT": "TEXT",
        "INTEGER": "INTEGER",
        "BLOB": "BLOB",
    },
    clustered=" WITHOUT ROWID",
    unindexed=lambda column: f"+{column.name}",
)

POSTGRES: Final = Dialect(
    mark="%s",
    types={
        # Text by its bytes: the same order on every machine, and an index that outlives
        # an upgrade of the system's library.
        "TEXT": 'TEXT COLLATE "C"',
        "INTEGER": "BIGINT",
        "BLOB": "BYTEA",
    },
    # Room in each page: a row that grows or changes stays in it.
    clustered=" WITH (fillfactor = 75)",
    unindexed=_unindexed_in_postgres,
    partitions=True,
    sequences=True,
)


def create(table: AnyTable, dialect: Dialect = SQLITE) -> Iterator[str]:
    """Yield the statements that make a table and its indexes.

    A partitioned table has no partition yet.
    """
    partitioned = bool(table.partition_by) and dialect.partitions
    key = None if partitioned else table.key
    definitions = [_definition(column, key, dialect) for column in table.columns]
    options = dialect.clustered if table.clustered else ""
    if table.key.assigned and dialect.sequences:
        yield f"CREATE SEQUENCE {table.key.name}"
    if partitioned:
        definitions.append(f"PRIMARY KEY ({primary_key(table)})")
        options = f" PARTITION BY RANGE ({table.partition_by})"
    body = ", ".join(definitions)
    yield f"CREATE TABLE {table.name} ({body}){options}"
    for index in table.indexes:
        yield _create_index(table, index)


def _definition(
    column: Column,
    key: Column | None,
    dialect: Dialect,
) -> str:
    parts = [column.name, dialect.types[column.type]]
    if column is key:
        parts.append("PRIMARY KEY")
    if not column.null:
        parts.append("NOT NULL")
    if column.assigned and dialect.sequences:
        # As the row is written: whoever wrote what this transaction writes over has
        # its number already.
        parts.append(f"DEFAULT lpad(nextval('{column.name}')::text, 16, '0')")
    if column.non_negative:
        parts.append(f"CHECK ({column.name} >= 0)")
    return " ".join(parts)


def _create_index(table: AnyTable, index: Index) -> str:
    name = f"{table.name}_by_{'_'.join(index)}"
    columns = ", ".join((*index, table.key.name))
    statement = f"CREATE INDEX {name} ON {table.name} ({columns})"
    last = table.column(index[-1])
    if last.sparse:
        return f"{statement} WHERE {last.name} IS NOT NULL"
    return statement


def year_bounds(year: int) -> tuple[int, int]:
    """Return the first microsecond of a year in Shanghai, and of the next year."""
    first = datetime(year, 1, 1, tzinfo=SHANGHAI)
    after = datetime(year + 1, 1, 1, tzinfo=SHANGHAI)
    return micros(first), micros(after)


def primary_key(table: AnyTable) -> str:
    """Return the columns of a table's primary key in a database that partitions."""
    if not table.partition_by:
        return table.key.name
    # PostgreSQL wants the column that names the partition among them.
    return f"{table.key.name}, {table.partition_by}"


def searched(table: AnyTable, index: str) -> str:
    """Return a condition up to the values it seeks: of an index, "" the key.

    ValueError if a `Need` may not name it.
    """
    indexes = table.need_indexes()
    if index and index not in indexes:
        choices = ", ".join(indexes) or "仅主键"
        msg = f"{table.name} 不能按 {index} 预取；可用：{choices}"
        raise ValueError(msg)
    column = table.column(index)
    lasts = [table.column(found[-1]) for found in table.indexes if found[0] == index]
    if not all(last.sparse for last in lasts) or not lasts:
        return column.name
    # Only an index of few rows begins with it: no database uses that unless it is told
    # that no other row is meant, and reads the whole table instead.
    return f"{lasts[0].name} IS NOT NULL AND {column.name}"


def insert_into(table: AnyTable, columns: Sequence[Column] = ()) -> str:
    """Return the beginning of an INSERT of rows, by default of whole ones."""
    names = [column.name for column in columns or table.columns]
    return f"INSERT INTO {table.name} ({', '.join(names)})"


def on_conflict_update(table: AnyTable, key: str) -> str:
    """Return the end of an INSERT that replaces the row of the same key."""
    names = [column.name for column in table.columns[1:]]
    assignments = [f"{name} = excluded.{name}" for name in names]
    update = ", ".join(assignments)
    return f" ON CONFLICT ({key}) DO UPDATE SET {update}"


def page(
    table: AnyTable,
    listing: Listing[Any],
    dialect: Dialect = SQLITE,
) -> Statement:
    """Return the SELECT of a listing's page: what records are read from, and their places.

    ValueError if no index serves it or it names no column.
    """
    order = table.column(listing.order)
    _refuse_scan(table, listing, order)
    key = table.key
    sort = [key.name] if order is key else [order.name, key.name]
    conditions = list(_comparisons(table, listing, order, dialect))
    if order.null:
        conditions.append((f"{order.name} IS NOT NULL", []))
    if listing.after is not None:
        conditions.append(_behind(listing, sort, dialect.mark))
    where, values = _where(conditions)
    select = f"SELECT {_placed(table, order)} FROM {table.name}{where}"
    order_by = _order_by(sort, descending=listing.descending)
    values.append(listing.limit)
    return f"{select}{order_by} LIMIT {dialect.mark}", values


def _placed(table: AnyTable, order: Column) -> str:
    return ", ".join([*table.read, order.name, table.key.name])


def _order_by(names: Sequence[str], *, descending: bool) -> str:
    direction = " DESC" if descending else ""
    return " ORDER BY " + ", ".join([f"{name}{direction}" for name in names])


def _where(conditions: Sequence[Statement]) -> Statement:
    if not conditions:
        return "", []
    texts = [text for text, _ in conditions]
    values = [values for _, values in conditions]
    return " WHERE " + " AND ".join(texts), list(chain.from_iterable(values))


def _comparisons(
    table: AnyTable,
    listing: Listing[Any],
    order: Column,
    dialect: Dialect,
) -> Iterator[Statement]:
    """What a listing narrows: one comparison each, with its parameter."""
    comparisons = (
        ("=", listing.equals),
        (">=", listing.at_least),
        ("<", listing.below),
    )
    mark = dialect.mark
    for comparison, bounds in comparisons:
        for name, value in bounds.items():
            column = table.column(name)
            operand = column.name
            # A bound beside the order must not tempt the planner to another index and
            # a sort: it stays a filter.
            if comparison != "=" and column is not order:
                operand = dialect.unindexed(column)
            yield f"{operand} {comparison} {mark}", [_parameter(value)]


def _behind(
    listing: Listing[Any],
    sort: Sequence[str],
    mark: str,
) -> Statement:
    """Continues behind the record of `after`, in the order of these columns."""
    columns = ", ".join(sort)
    comparison = "<" if listing.descending else ">"
    marks = ", ".join([mark] * len(sort))
    # A listing in the key's order has the key alone to continue behind.
    place = (listing.after or ())[-len(sort) :]
    return f"({columns}) {comparison} ({marks})", list(place)


def _refuse_scan(
    table: AnyTable,
    listing: Listing[Any],
    order: Column,
) -> None:
    """Refuse a listing that neither sorts by nor fixes what an index begins with."""
    if order is table.key:
        return
    leading = set()
    for index in table.indexes:
        last = index[-1]
        # An index that ends with a sparse column holds few records, and serves only
        # those listings that sort by it.
        if last == order.name or not table.column(last).sparse:
            leading.add(index[0])
    if order.name in leading or leading & set(listing.equals):
        return
    conditions = ", ".join(listing.equals) or "无"
    msg = f"没有索引可用于按 {order.name} 列出 {table.name}，条件：{conditions}"
    raise ValueError(msg)


def _parameter(value: str | int | date) -> SqlValue:
    """A day as its text, an instant as its microseconds, anything else as it is."""
    # A datetime is a date, too: it comes first.
    if isinstance(value, datetime):
        return micros(value)
    if isinstance(value, date):
        return value.isoformat()
    return value
