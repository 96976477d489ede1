"""SQL text made from the tables' descriptions; values always travel as parameters."""

# ruff: noqa: S608 - every name in these statements comes from a table description, none from a caller

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from gongji.facts import Listing
from gongji.store.table import Column, SqlValue, Table, micros

Statement = tuple[str, list[SqlValue]]


def create(table: Table[Any]) -> Iterator[str]:
    """The statements that make a table and its indexes."""
    columns = ", ".join(_definition(c, table.key) for c in table.columns)
    yield f"CREATE TABLE {table.name} ({columns}){' WITHOUT ROWID' if table.compact else ''}"
    for index in table.indexes:
        names = (*index, table.key.name)
        yield f"CREATE INDEX {table.name}_by_{'_'.join(index)} ON {table.name} ({', '.join(names)})"


def _definition(column: Column, key: Column) -> str:
    parts = [column.name, column.type]
    if column is key:
        parts.append("PRIMARY KEY")
    if not column.null:
        parts.append("NOT NULL")
    if column.floor:
        parts.append(f"CHECK ({column.name} >= 0)")
    return " ".join(parts)


def select(table: Table[Any], index: str, count: int) -> str:
    """Records whose index (or key, "") has one of `count` values. ValueError where a `Need` may not name it."""
    if index and index not in table.needed():
        msg = f"{table.name} 不能按 {index} 预取; 可用: {', '.join(table.needed()) or '仅主键'}"
        raise ValueError(msg)
    marks = ", ".join("?" * count)
    return f"SELECT {', '.join(table.read)} FROM {table.name} WHERE {table.column(index).name} IN ({marks})"


def upsert(table: Table[Any]) -> str:
    """Writes one row; into an append-only table a known key is an error."""
    names = [c.name for c in table.columns]
    insert = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    if table.append_only:
        return insert
    others = ", ".join(f"{n} = excluded.{n}" for n in names[1:])
    return f"{insert} ON CONFLICT ({table.key.name}) DO UPDATE SET {others}"


def page(table: Table[Any], listing: Listing[Any]) -> Statement:
    """The page a listing asks for. ValueError where no index serves it or it names no column."""
    order = table.column(listing.order).name
    _refuse_scan(table, listing, order)
    terms = tuple(dict.fromkeys((order, table.key.name)))
    clauses, values = [], list[SqlValue]()
    for names, comparison in ((listing.equals, "="), (listing.at_least, ">="), (listing.below, "<")):
        for name, value in names.items():
            column = table.column(name).name
            # A bound beside the order must not tempt the planner to another index and a sort: + keeps it a filter.
            filtering = comparison != "=" and column != order
            clauses.append(f"{'+' if filtering else ''}{column} {comparison} ?")
            values.append(_value(value))
    if table.column(order).null:
        clauses.append(f"{order} IS NOT NULL")
    if listing.after is not None:
        seen = listing.after[-len(terms) :]
        clauses.append(f"({', '.join(terms)}) {'<' if listing.descending else '>'} ({', '.join('?' * len(terms))})")
        values.extend(seen)
    where = f" WHERE {' AND '.join(clauses)}" if clauses else ""
    by = ", ".join(f"{term} DESC" if listing.descending else term for term in terms)
    values.append(listing.limit)
    return f"SELECT {', '.join(table.read)} FROM {table.name}{where} ORDER BY {by} LIMIT ?", values


def _refuse_scan(table: Table[Any], listing: Listing[Any], order: str) -> None:
    """A listing is served from the key's order or from an index that starts with what it fixes or sorts by."""
    leading = {index[0] for index in table.indexes}
    if order != table.key.name and order not in leading and not leading & set(listing.equals):
        msg = f"没有索引可用于按 {order} 列出 {table.name}, 条件: {', '.join(listing.equals) or '无'}"
        raise ValueError(msg)


def _value(value: str | int | date) -> SqlValue:
    """A day as its text, an instant as its microseconds, anything else as it is."""
    if isinstance(value, datetime):
        return micros(value)
    return value.isoformat() if isinstance(value, date) else value
