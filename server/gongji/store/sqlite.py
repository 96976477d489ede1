"""The embedded database: SQLite in WAL mode, one connection that writes and one that reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from gongji.facts import Facts, Listing, Need, Query
from gongji.model import Certificate, Person
from gongji.store import sql
from gongji.store.committer import EngineDown, Gatherer, Violated
from gongji.store.migrations import SqliteHome, make_or_check
from gongji.store.remembering import RememberingStore, available
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.writer import QUEUE

R = TypeVar("R")
T = TypeVar("T")

_CHUNK: Final = 512
"""Most values of one IN; below every build's limit of variables, and few enough shapes for the statement cache."""

_BUSY_SECONDS: Final = 5
"""How long another process may hold the database before a batch is refused."""


@contextmanager
def _translated() -> Iterator[None]:
    """SQLite's errors in the engine's words."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise Violated(str(error)) from error
    except (sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.NotSupportedError):
        raise
    except sqlite3.DatabaseError as error:
        raise EngineDown(str(error)) from error


class SqliteEngine:
    """One connection; see `committer.Engine`."""

    def __init__(self, path: Path, schema: Schema, *, read_only: bool = False, durable: bool = True) -> None:
        self._schema = schema
        self._read_only = read_only
        uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
        # Opened by one thread and used by another, never by two at once.
        self.connection = sqlite3.connect(
            uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        if not read_only:
            self._pragmas("journal_mode = WAL", f"synchronous = {'FULL' if durable else 'OFF'}", "foreign_keys = ON")
            # 16 MB of log between checkpoints: a quarter more commits a second than with SQLite's 4.
            self._pragmas("wal_autocheckpoint = 4000")
        self._pragmas("cache_size = -65536", "temp_store = MEMORY")
        self._selects: dict[tuple[type, str, int], str] = {}
        self._upserts = {kind: sql.upsert(table) for kind, table in schema.tables.items()}

    def begin(self) -> None:
        """A read-only connection gets a snapshot; a writing one keeps every other writer out until it ends."""
        self._run("BEGIN" if self._read_only else "BEGIN IMMEDIATE")

    def stage(self, need: Need) -> int:
        """Nothing waits: the whole database is this transaction's."""
        return 0

    def fetch(self, kind: type[T], index: str, values: Sequence[str]) -> list[T]:
        """The records of a kind whose index ("" the key) has one of these values."""
        record = self._schema.table(kind).record
        found: list[T] = []
        with _translated():
            for start in range(0, len(values), _CHUNK):
                chunk = _padded(values[start : start + _CHUNK])
                found.extend(map(record, self.connection.execute(self._select(kind, index, len(chunk)), chunk)))
        return found

    def _select(self, kind: type, index: str, count: int) -> str:
        statement = self._selects.get((kind, index, count))
        if statement is None:
            statement = self._selects[kind, index, count] = sql.select(self._schema.table(kind), index, count)
        return statement

    def page(self, listing: Listing[T]) -> list[T]:
        """One page of a listing."""
        table = self._schema.table(listing.kind)
        statement, values = sql.page(table, listing)
        with _translated():
            return [table.record(row) for row in self.connection.execute(statement, values)]

    def upsert(self, kind: type, records: Sequence[Any]) -> None:
        """Writes records, each in place of the one with its key."""
        rows = [self._schema.table(kind).row(record) for record in records]
        with _translated():
            self.connection.executemany(self._upserts[kind], rows)

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
        with _translated():
            self.connection.execute(statement)

    def _pragmas(self, *pragmas: str) -> None:
        for pragma in pragmas:
            self.connection.execute(f"PRAGMA {pragma}")


def _padded(values: Sequence[str]) -> list[str]:
    """Values with the last repeated up to a power of two: few shapes of statement, so that each is prepared once."""
    size = 1 << (len(values) - 1).bit_length()
    return [*values, *[values[-1]] * (size - len(values))]


class SqliteStore(RememberingStore):
    """Everything remembered, in one file; see `store.Store`. Made by `store.open_store`.

    Reads run in the event loop's thread, since they take microseconds: one loop at a time may use a store.
    """

    def __init__(
        self, path: Path, vault: Vault, clock: Callable[[], datetime], *, durable: bool = True, queue: int = QUEUE
    ) -> None:
        schema = Schema(vault)
        self._writing = SqliteEngine(path, schema, durable=durable)
        try:
            make_or_check(SqliteHome(self._writing.connection), schema, vault.fingerprint)
            self._reading = SqliteEngine(path, schema, read_only=True)
        except BaseException:
            self._writing.close()
            raise
        super().__init__(self._writing, schema, vault, clock, queue)

    async def ask(self, query: Query[R]) -> R:
        """What a query would answer now, over one snapshot; nothing is written."""
        with available(), self._snapshot():
            return Gatherer(Facts(self._clock(), self._schema), self._reading).decide(query).answer

    async def get(self, kind: type[T], key: str) -> T | None:
        """The record of that key."""
        with available():
            return next(iter(self._reading.fetch(kind, "", [key])), None)

    async def page(self, listing: Listing[T]) -> list[T]:
        """One page of a listing. ValueError where no index serves it."""
        with available():
            return self._reading.page(listing)

    async def person_no_of(self, certificate: Certificate) -> str | None:
        """The number of the person with that certificate; the lowest where several have it."""
        with available():
            persons = self._reading.fetch(Person, "cert", [self._vault.lookup(certificate)])
        return min((person.person_no for person in persons), default=None)

    async def close(self) -> None:
        """Finishes what waits and closes the file."""
        await self._writer.close()
        self._reading.close()
        self._writing.close()

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        self._reading.begin()
        try:
            yield
        finally:
            self._reading.rollback()
