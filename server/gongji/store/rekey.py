"""Give a database new keys while it is served (换密钥): old and new side by side.

1. New data keys, all wrapped by the new master: one transaction, which begins when every
   transaction has ended that knows the old ones only. From then on the old keys make
   nothing more.
2. Row by row, what the old keys made is made again by the new ones. Nothing of it is
   committed to by the log.
3. What the old keys have sealed and hashed is gone, and so are they.

The first step and the last leave a leaf in the log.

Stopped at any point it is resumed by doing it again: the database says how far it came.
"""

# ruff: noqa: S608 - names come from a table description, never from a caller

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from gongji.store.engine import EngineError
from gongji.store.keys import table as key_table
from gongji.store.keys.counting import SealCount
from gongji.store.keys.ring import (
    DIGEST,
    LOOKUP,
    MATCH,
    SEAL,
    new_keys,
)
from gongji.store.keys.source import Master
from gongji.store.keys.table import StoredKeys, WrappedKey
from gongji.store.leaves import LeafLog, LeafOrigin, LogEngine
from gongji.store.schema import Schema
from gongji.store.sealing import owner_of
from gongji.store.sql import Dialect
from gongji.store.table import AnyTable, instant

R = TypeVar("R")

PAGE: Final = 100
"""Rows of one transaction: so many wait for it at most."""

_TRIES: Final = 120

_PAUSE_S: Final = 0.5
"""Between two tries to have a moment in which nobody else is at it."""

_SEALED: Final = "sealed"


class KeptKeys(Protocol):
    """A database whose keys are to be changed. EngineError."""

    dialect: Dialect

    def keys(self) -> StoredKeys:
        """Return the data keys."""

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run a statement."""

    def rows(
        self, statement: str, values: Sequence[Any] = ()
    ) -> Iterable[tuple[Any, ...]]:
        """Return the rows of a query."""

    def briefly(self) -> AbstractContextManager[None]:
        """Open a transaction of its own beside those of others."""

    def alone(self) -> AbstractContextManager[None]:
        """Open one when all have ended that have read which keys there are."""


class Rekeying:
    """The change of one database's keys. KeyFileError, SealBrokenError, EngineError."""

    def __init__(self, database: KeptKeys, engine: LogEngine, schema: Schema) -> None:
        self._database = database
        self._engine = engine
        self._schema = schema
        self._vault = schema.vault
        self._tables = [
            table
            for table in schema.tables.values()
            if any(column.name == _SEALED for column in table.columns)
        ]

    def begin(
        self, next_master: Callable[[Master], Master], valid_until: int | None = None
    ) -> bool:
        """Make new keys current, wrapped by the master that follows the present one.

        Return whether this was done, False if a change is under way already, which
        goes on and needs no other. `valid_until` is in microseconds.
        """
        return _patiently(partial(self._begin, next_master, valid_until))

    def _begin(
        self, next_master: Callable[[Master], Master], valid_until: int | None
    ) -> bool:
        with self._database.alone():
            stored = self._database.keys()
            self._vault.load(stored)
            if under_change(stored):
                return False
            self._vault.master = next_master(self._vault.master)
            self._write([*self._rewrapped(stored), *self._new(stored, valid_until)])
            self._tell_log("BeginRekey")
        self._vault.load(self._database.keys())
        return True

    def _rewrapped(self, stored: StoredKeys) -> Iterator[WrappedKey]:
        """Yield the keys there are, only the one that compares still current."""
        clear = {(k.purpose, k.number): k for k in self._vault.ring.keys}
        for row in stored.keys:
            key = clear[row.purpose, row.number]
            current = int(row.purpose == MATCH)
            yield self._vault.wrap(row._replace(current=current), key.key)

    def _new(self, stored: StoredKeys, valid_until: int | None) -> Iterator[WrappedKey]:
        number = 1 + max(row.number for row in stored.keys)
        now = time.time_ns() // 1000
        keys = new_keys(self._vault.suite)
        for purpose in (SEAL, LOOKUP, DIGEST):
            suite = self._vault.suite.name
            row = WrappedKey(purpose, number, suite, 1, b"", now, valid_until)
            yield self._vault.wrap(row, keys[purpose])

    def _write(self, keys: Iterable[WrappedKey]) -> None:
        key_table.write(self._database, keys)
        mark = self._database.dialect.mark
        self._database.execute(
            f"UPDATE vault SET fingerprint = {mark}, epoch = epoch + 1",
            [self._vault.fingerprint],
        )

    def _tell_log(self, what: str, seals: int = 0) -> None:
        """Leave a leaf that says which keys are in use from now on, and what was sealed."""
        stored = self._database.keys()
        current = [key.name for key in stored.keys if key.current]
        log = LeafLog(self._schema, self._vault.hasher)
        batch = log.begin(self._now())
        number, writer = self._vault.ring.sealing, batch.writer.writer
        counts = [SealCount.of(number, writer, seals)] if seals else []
        if counts:
            self._engine.insert(SealCount, counts, batch.rows(counts))
        about = {"master": stored.fingerprint, "keys": " ".join(current)}
        batch.add(LeafOrigin(what, about=about), counts)
        batch.append_to(self._engine)
        log.committed(batch)

    def _now(self) -> datetime:
        """Return the machine's time, or the latest instant on record if that is later."""
        ((latest,),) = self._database.rows("SELECT max(at) FROM log_writer")
        return instant(max(latest or 0, time.time_ns() // 1000))

    def remaining(self) -> int:
        """Return how many rows hold what an old key made."""
        return self._count(self._old(), self._vault.ring.header)

    def _count(self, condition: str, *values: object) -> int:
        count = 0
        for table in self._tables:
            statement = f"SELECT count(*) FROM {table.name} WHERE {condition}"
            ((rows,),) = self._database.rows(statement, values)
            count += rows
        return count

    def _old(self) -> str:
        mark = self._database.dialect.mark
        return f"{_SEALED} IS NOT NULL AND substr({_SEALED}, 1, 5) <> {mark}"

    def run(self, told: Callable[[int], None]) -> None:
        """Make again what old keys made; `told` is called with the rows of each page."""
        for table in self._tables:
            keys = [""]
            while keys:
                keys = _patiently(partial(self._page, table, keys[-1]))
                told(len(keys))

    def _page(self, table: AnyTable, after: str) -> list[str]:
        """Change a page of rows behind a key; return their keys."""
        key, mark = table.key.name, self._database.dialect.mark
        statement = (
            f"SELECT {key}, {_SEALED}, {', '.join(table.read)} FROM {table.name} "
            f"WHERE {key} > {mark} AND {self._old()} ORDER BY {key} LIMIT {PAGE}"
        )
        values = [after, self._vault.ring.header]
        with self._database.briefly():
            rows = list(self._database.rows(statement, values))
            for row in rows:
                self._change(table, *row)
        return [row[0] for row in rows]

    def _change(self, table: AnyTable, key: str, sealed: bytes, *read: Any) -> None:
        owner = owner_of(table.name, key)
        clear = self._vault.unseal(owner, sealed)
        changed: dict[str, Any] = {_SEALED: self._vault.seal(owner, clear)}
        for column in table.columns:
            if column.at_rest is not None:
                value = str(column.of(table.record(read)))
                changed[column.name] = column.at_rest(value)[0]
        mark = self._database.dialect.mark
        assignments = ", ".join([f"{name} = {mark}" for name in changed])
        # Whoever has written the row meanwhile did so by the new keys.
        self._database.execute(
            f"UPDATE {table.name} SET {assignments} "
            f"WHERE {table.key.name} = {mark} AND {_SEALED} = {mark}",
            [*changed.values(), key, sealed],
        )

    def finish(self) -> None:
        """Remove the old keys that have nothing left; the digests' stay with them."""
        if self.remaining():
            msg = "还有旧密钥密封的行，请再运行一次 gongji rekey"
            raise ValueError(msg)
        _patiently(self._finish)

    def _finish(self) -> None:
        # Of runs before this one nobody has counted what they sealed.
        sealed = self._count(f"{_SEALED} IS NOT NULL")
        with self._database.alone():
            self._database.execute(
                "DELETE FROM vault_key WHERE is_current = 0 "
                f"AND purpose IN ('{SEAL}', '{LOOKUP}')"
            )
            self._database.execute("UPDATE vault SET epoch = epoch + 1")
            self._tell_log("FinishRekey", sealed)


def under_change(stored: StoredKeys) -> bool:
    """Return whether old keys are still needed to read what is stored."""
    return any(not key.current for key in stored.keys if key.purpose in {SEAL, LOOKUP})


def _patiently(run: Callable[[], R]) -> R:
    """Return what `run` returns, tried again while others are in its way. EngineError."""
    for _ in range(_TRIES):
        try:
            return run()
        except EngineError as error:
            refused = error
            time.sleep(_PAUSE_S)
    raise refused
