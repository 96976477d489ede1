"""Leaves for rows that were stored before the log: the log begins with all of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from gongji.audit.hashing import Hasher
from gongji.store.keys.counting import SealCount
from gongji.store.leaves import LeafLog, LeafOrigin, LogEngine
from gongji.store.personal import SEALED
from gongji.store.schema import Schema
from gongji.store.sql import Dialect
from gongji.store.table import AnyTable, Row, instant

WHAT: Final = "Genesis"
"""What a leaf of such rows is called."""

PAGE: Final = 1000
"""Rows of one leaf."""


def begin_log(
    engine: LogEngine,
    schema: Schema,
    log: LeafLog,
    now: datetime,
    *origins: LeafOrigin,
) -> None:
    """Write leaves for every row there is, in the transaction that is open. EngineError.

    First one for each of what was done, which has no rows.
    """
    batch = log.begin(now)
    for origin in origins:
        batch.add(origin, ())
    seals = 0
    for kind in schema.forms:
        table: AnyTable = schema.table(kind)
        for rows in stored_rows(engine.connection, engine.dialect, table):
            batch.add_rows(WHAT, kind, rows)
            seals += _seals_in(table, rows)
    if seals:
        count = SealCount.of(schema.vault.ring.sealing, batch.writer.writer, seals)
        engine.insert(SealCount, [count], batch.rows([count]))
        batch.add(LeafOrigin(WHAT), [count])
    batch.append_to(engine)
    log.committed(batch)


def _seals_in(table: AnyTable, rows: list[Row]) -> int:
    """Return how many of a table's rows hold a seal."""
    names = [column.name for column in table.columns]
    if SEALED not in names:
        return 0
    at = names.index(SEALED)
    return sum([row[at] is not None for row in rows])


def note(
    engine: LogEngine, schema: Schema, hasher: Hasher, now: datetime, origin: LeafOrigin
) -> None:
    """Write the leaf of something that has no rows, in the transaction that is open.

    It is of a writer of its own, and not of before what is on record. EngineError.
    """
    statement = "SELECT max(at) FROM log_writer"
    ((latest,),) = engine.connection.execute(statement).fetchall()
    log = LeafLog(schema, hasher)
    batch = log.begin(max(now, instant(latest or 0)))
    batch.add(origin, ())
    batch.append_to(engine)
    log.committed(batch)


def stored_rows(
    connection: Any, dialect: Dialect, table: AnyTable, after: str = ""
) -> Iterator[list[Row]]:
    """Yield all rows of a table, by key, a page at a time.

    `connection` is a driver's; each row has the values of the table's columns.
    """
    names = ", ".join([column.name for column in table.columns])
    key = table.key.name
    statement = (
        f"SELECT {names} FROM {table.name} WHERE {key} > {dialect.mark} "  # noqa: S608 - the schema's names
        f"ORDER BY {key} LIMIT {PAGE}"
    )
    while rows := connection.execute(statement, (after,)).fetchall():
        yield rows
        after = rows[-1][0]


def stored_row(
    connection: Any, dialect: Dialect, table: AnyTable, key: str
) -> Row | None:
    """Return the row of a key, a value for each of the table's columns; None without it."""
    names = ", ".join([column.name for column in table.columns])
    statement = (
        f"SELECT {names} FROM {table.name} WHERE {table.key.name} = {dialect.mark}"  # noqa: S608 - the schema's names
    )
    row: Row | None = connection.execute(statement, (key,)).fetchone()
    return row
