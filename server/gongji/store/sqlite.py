"""The embedded database: SQLite in WAL mode, one connection that writes and one that reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from gongji.codes import pooling_area
from gongji.facts import Adopted, Answer, Command, Decision, Facts, Listing, Need, Query, Remembered
from gongji.model import Certificate, Person, Settlement
from gongji.store import sql
from gongji.store.committer import Committer, EngineDown, Gatherer, Job, Violated, unavailable
from gongji.store.migrations import migrate
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.writer import QUEUE, Alone, Writer

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


class SqliteStore:
    """Everything remembered, in one file; see `store.Store`. Made by `store.open_store`.

    Reads run in the event loop's thread, since they take microseconds: one loop at a time may use a store.
    """

    def __init__(
        self, path: Path, vault: Vault, clock: Callable[[], datetime], *, durable: bool = True, queue: int = QUEUE
    ) -> None:
        self._vault = vault
        self._clock = clock
        self._schema = Schema(vault)
        self._writing = SqliteEngine(path, self._schema, durable=durable)
        try:
            migrate(self._writing.connection, self._schema, vault.fingerprint)
            self._reading = SqliteEngine(path, self._schema, read_only=True)
        except BaseException:
            self._writing.close()
            raise
        committer = Committer(self._writing, self._schema, clock, vault.digest)
        self._writer = Writer(committer.run, queue=queue)
        self._writer.start()

    async def commit(self, command: Command[R]) -> Answer[R]:
        """Executes a command once, durably, or answers it as it was answered the first time."""
        answer: Answer[R] = await self._writer.submit(Job(command, command.request))
        return answer

    async def apply(self, query: Query[R]) -> R:
        """Executes a query and writes what it decides, without a request id."""
        answer: Answer[R] = await self._writer.submit(Job(query))
        return answer.value

    async def ask(self, query: Query[R]) -> R:
        """What a query would answer now, over one snapshot; nothing is written."""
        with _available(), self._snapshot():
            return Gatherer(Facts(self._clock(), self._schema), self._reading).decide(query).answer

    async def get(self, kind: type[T], key: str) -> T | None:
        """The record of that key."""
        with _available():
            return next(iter(self._reading.fetch(kind, "", [key])), None)

    async def page(self, listing: Listing[T]) -> list[T]:
        """One page of a listing. ValueError where no index serves it."""
        with _available():
            return self._reading.page(listing)

    def place(self, record: object, order: str = "") -> tuple[str | int, str]:
        """Where a record stands in a listing's order: its value there and its key."""
        table = self._schema.table(type(record))
        return cast("str | int", table.column(order).of(record)), self._schema.key_of(record)

    async def recall(self, request_id: str) -> Remembered | None:
        """The row of a request id."""
        return await self.get(Remembered, request_id)

    async def remember(self, remembered: Remembered) -> None:
        """Keeps the row of a request that was executed in several parts."""
        await self.apply(_Write(remembered))

    async def person_no_of(self, certificate: Certificate) -> str | None:
        """The number of the person with that certificate; the lowest where several have it."""
        with _available():
            persons = self._reading.fetch(Person, "cert", [self._vault.lookup(certificate)])
        return min((person.person_no for person in persons), default=None)

    def lookup(self, certificate: Certificate) -> str:
        """The keyed hash under which persons of that certificate are found: the value of `Need(Person, "cert", …)`."""
        return self._vault.lookup(certificate)

    def digest(self, value: object) -> str:
        """Keyed hash (hex) of a value's content."""
        return self._vault.digest(value)

    async def adopted(self) -> list[Adopted]:
        """Every candidate revision an operator has adopted, by area code and name."""
        return await self.page(Listing(kind=Adopted, limit=10_000))

    async def adopt(self, adopted: Adopted) -> None:
        """Records an adoption, in place of an earlier one of the same candidate."""
        await self.apply(_Write(adopted))

    async def settled_since(self, area_code: str, day: date) -> bool:
        """Whether a bill of that pooling area with a service day from `day` on was ever settled, reversed or not."""
        area = {"pooling_area": pooling_area(area_code)}
        later = Listing(kind=Settlement, equals=area, at_least={"service_day": day}, order="service_day", limit=1)
        return bool(await self.page(later))

    async def reset(self) -> None:
        """Forgets everything, request ids included; after what was submitted before, before what is submitted later."""
        with _available():
            await self._writer.submit(Alone(self._writing.reset))

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


@contextmanager
def _available() -> Iterator[None]:
    """The engine's inability in the callers' words."""
    try:
        yield
    except EngineDown as down:
        raise unavailable(down) from down


@dataclass(frozen=True, slots=True)
class _Write:
    """A query that writes one record as it is."""

    record: object

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Nothing."""
        del facts
        return ()

    def decide(self, facts: Facts) -> Decision[None]:
        """The record."""
        del facts
        return Decision(None, (self.record,))
