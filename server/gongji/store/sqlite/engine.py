"""The embedded database: SQLite in WAL mode."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeVar

from gongji.model.commands import Listing
from gongji.model.facts import Need
from gongji.store import sql
from gongji.store.engine import ConstraintViolated, EngineDown, Lookup
from gongji.store.schema import Schema
from gongji.store.sqlite.sql import RowDecoder, select, upsert
from gongji.store.table import RecordTable

T = TypeVar("T")

_CHUNK: Final = 512
"""Most values of one IN, most rows of one INSERT: below the limit of variables, and few
shapes to keep prepared."""

_Shape = tuple[tuple[type, str, int], ...]
"""What a statement asks for: kinds, their indexes, how many values of each."""

_BUSY_SECONDS: Final = 5
"""How long another process may hold the database before a batch is refused."""


class _Translating:
    """SQLite's errors in the engine's words. A class: a generator would cost a tenth of
    the shortest statement."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, sqlite3.IntegrityError):
            raise ConstraintViolated(str(error)) from error
        if isinstance(
            error,
            (sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.NotSupportedError),
        ):
            return
        if isinstance(error, sqlite3.DatabaseError):
            raise EngineDown(str(error)) from error


_TRANSLATED: Final = _Translating()


class SqliteEngine:
    """One connection; see `committer.Engine`."""

    def __init__(
        self,
        path: Path,
        schema: Schema,
        *,
        read_only: bool = False,
        durable: bool = True,
    ) -> None:
        self._schema = schema
        self._read_only = read_only
        uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
        # Opened by one thread and used by another, never by two at once.
        self.connection = sqlite3.connect(
            uri,
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        if not read_only:
            self._pragmas(
                "journal_mode = WAL",
                f"synchronous = {'FULL' if durable else 'OFF'}",
                "foreign_keys = ON",
            )
            # 64 MB of log between checkpoints: pages written again and again in between
            # are copied once.
            self._pragmas("wal_autocheckpoint = 16000")
        self._pragmas("cache_size = -65536", "temp_store = MEMORY")
        self._selects: dict[_Shape, str] = {}
        self._upserts: dict[tuple[type, int], str] = {}
        self._rows = {kind: RowDecoder(table) for kind, table in schema.tables.items()}

    def begin(self) -> None:
        """A read-only connection gets a snapshot; a writing one keeps every other
        writer out until it ends."""
        self._run("BEGIN" if self._read_only else "BEGIN IMMEDIATE")

    def stage(self, need: Need) -> int:
        """Nothing waits: the whole database is this transaction's."""
        return 0

    def fetch(self, asked: Sequence[Lookup]) -> list[list[Any]]:
        """The records found for each of these, by one statement: each step of one gives
        the interpreter away."""
        found: list[list[Any]] = [[] for _ in asked]
        for start in range(0, max([len(values) for _, _, values in asked]), _CHUNK):
            some = [_padded(values[start : start + _CHUNK]) for _, _, values in asked]
            shape = tuple(
                [
                    (kind, index, len(chunk))
                    for (kind, index, _), chunk in zip(asked, some, strict=True)
                ]
            )
            with _TRANSLATED:
                texts = self.connection.execute(
                    self._select(shape), list(chain.from_iterable(some))
                ).fetchone()
            for records, (kind, _, _), text in zip(found, asked, texts, strict=True):
                if text is not None:
                    records.extend(
                        map(self._schema.table(kind).record, self._rows[kind](text))
                    )
        return found

    def _select(self, shape: _Shape) -> str:
        statement = self._selects.get(shape)
        if statement is None:
            each = [
                select(self._schema.table(kind), index, count)
                for kind, index, count in shape
            ]
            statement = self._selects[shape] = f"SELECT ({'), ('.join(each)})"
        return statement

    def page(self, listing: Listing[T]) -> list[T]:
        """One page of a listing."""
        table = self._schema.table(listing.kind)
        statement, values = sql.page(table, listing)
        with _TRANSLATED:
            return [
                table.record(row) for row in self.connection.execute(statement, values)
            ]

    def upsert(self, kind: type, records: Sequence[Any]) -> None:
        """Writes records, each in place of the one with its key."""
        table: RecordTable[Any] = self._schema.table(kind)
        rows = list(zip(*table.columns_of(records), strict=True))
        with _TRANSLATED:
            while rows:
                count = min(1 << (len(rows).bit_length() - 1), _CHUNK)
                self.connection.execute(
                    self._upsert(table, count), list(chain.from_iterable(rows[:count]))
                )
                rows = rows[count:]

    def _upsert(self, table: RecordTable[Any], count: int) -> str:
        statement = self._upserts.get((table.kind, count))
        if statement is None:
            statement = self._upserts[table.kind, count] = upsert(table, count)
        return statement

    def commit(self) -> None:
        """Makes it durable."""
        self._run("COMMIT")

    def rollback(self) -> None:
        """Forgets it; where SQLite already has, there is nothing left to do."""
        with suppress(sqlite3.Error):
            if self.connection.in_transaction:
                self.connection.rollback()

    def reset(self) -> None:
        """Empties every table. EngineDown."""
        self.begin()
        try:
            for table in self._schema.tables.values():
                self._run(f"DELETE FROM {table.name}")  # noqa: S608 - a name of the schema's
            self.commit()
        except BaseException:
            self.rollback()
            raise

    def close(self) -> None:
        """Ends the connection; an open transaction is forgotten."""
        self.connection.close()

    def _run(self, statement: str) -> None:
        with _TRANSLATED:
            self.connection.execute(statement)

    def _pragmas(self, *pragmas: str) -> None:
        for pragma in pragmas:
            self.connection.execute(f"PRAGMA {pragma}")


def _padded(values: Sequence[str]) -> Sequence[str]:
    """Values with the last repeated up to a power of two: few shapes of statement, so
    that each is prepared once."""
    count = len(values)
    if count & (count - 1) == 0:  # a power of two, or nothing at all
        return values
    return [*values, *[values[-1]] * ((1 << count.bit_length()) - count)]
