"""The engine over SQLite: one file in WAL mode."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from gongji.model.commands import Listing, Placed
from gongji.model.facts import Need
from gongji.store import sql
from gongji.store.engine import ConstraintViolated, EngineDown, Held, Lookup, Rows
from gongji.store.keys.table import EPOCH
from gongji.store.schema import Schema
from gongji.store.sqlite.holder import holder_of
from gongji.store.sqlite.sql import RowDecoder, insert, select, upsert
from gongji.store.table import AnyTable

T = TypeVar("T")

_CHUNK: Final = 512
"""Most values of one IN, most rows of one INSERT: below SQLite's limit of variables, and
few shapes to keep prepared."""

_Shape = tuple[tuple[type, str, int], ...]
"""The lookups of one statement: kinds, their indexes, how many values of each."""

_Verb: TypeAlias = Callable[[AnyTable, int], str]
"""Makes the statement that writes so many rows of a table."""

_BUSY_S: Final = 5
"""How long another process is waited for, in seconds, until `wait_for_nobody`."""

_LATEST: Final = f"SELECT max(at), {EPOCH} FROM log_writer"  # noqa: S608 - our own

_EPOCH: Final = f"SELECT {EPOCH}"


_PREPARED_STATEMENTS: Final = 512
"""More than there are shapes in use: none is prepared a second time."""


# hot path: a class, for a generator would cost a tenth of the shortest statement.
class _Translating:
    """Raises SQLite's errors as EngineError; a fault of the program stays as it is."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: object,
        error: BaseException | None,
        trace: object,
    ) -> None:
        if isinstance(error, sqlite3.IntegrityError):
            raise ConstraintViolated(str(error)) from error
        if isinstance(error, _FAULTS):
            return
        if isinstance(error, sqlite3.DatabaseError):
            reason = reason_of(error)
            if reason == "locked":
                raise Held(str(error), whole=True) from error
            raise EngineDown(str(error), reason) from error


def reason_of(error: sqlite3.Error) -> str:
    """Return why SQLite cannot serve: one of the engines' `REASONS`."""
    # The low byte: what follows says more than is told.
    code = getattr(error, "sqlite_errorcode", None) or 0
    return _REASONS.get(code & 0xFF, "unavailable")


_REASONS: Final = {
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_NOMEM: "out_of_memory",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_PERM: "read_only",
    sqlite3.SQLITE_IOERR: "io_error",
    sqlite3.SQLITE_CANTOPEN: "io_error",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
    sqlite3.SQLITE_FULL: "disk_full",
}


_FAULTS: Final = (
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    sqlite3.NotSupportedError,
)
"""Errors of SQLite's that no database that is well would cure."""

TRANSLATED: Final = _Translating()


class SqliteEngine:
    """One connection; see `Engine`."""

    dialect = sql.SQLITE

    def __init__(
        self,
        path: Path,
        schema: Schema,
        *,
        read_only: bool = False,
        durable: bool = True,
    ) -> None:
        self._path = path
        self._schema = schema
        self._read_only = read_only
        mode = "ro" if read_only else "rw"
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        # Opened by one thread and used by another, never by two at once.
        self.connection = sqlite3.connect(
            uri,
            uri=True,
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_PREPARED_STATEMENTS,
        )
        if not read_only:
            synchronous = "FULL" if durable else "OFF"
            # Readers go on while a batch is written; FULL: what is answered is on disk.
            self._pragmas("journal_mode = WAL", f"synchronous = {synchronous}")
            self._pragmas("foreign_keys = ON")
            # 64 MB of log between checkpoints: pages written again and again in between
            # are copied once.
            # Nothing reaches the file before the commit, which others may wait for.
            self._pragmas("wal_autocheckpoint = 16000", "cache_spill = OFF")
        self._pragmas("cache_size = -65536", "temp_store = MEMORY")
        self._selects: dict[_Shape, str] = {}
        self._writes: dict[tuple[_Verb, type, int], str] = {}
        self._rows = {kind: RowDecoder(table) for kind, table in schema.tables.items()}

    def wait_for_nobody(self) -> None:
        """Raise Held at once from now on if another process has the database."""
        self._pragmas("busy_timeout = 0")

    def begin(self) -> None:
        """Take a snapshot; a writing connection keeps every other writer out.

        Held names who writes.
        """
        if self._read_only:
            self._run("BEGIN")
            return
        try:
            self._run("BEGIN IMMEDIATE")
        except Held as held:
            who = holder_of(self._path)
            raise Held("数据库文件被占用", whole=True, who=who) from held

    def stage(self, need: Need) -> int:
        """Return 0: the whole database is this transaction's."""
        return 0

    def fetch(self, lookups: Sequence[Lookup]) -> list[list[Any]]:
        """Return the records of each lookup, by one statement."""
        if self._schema.has_forms(lookups):
            lookups = self._in_stored_form(lookups)
        # hot path: one statement, for each step of one gives the interpreter away.
        most = max([len(values) for _, _, values in lookups])
        if most <= _CHUNK:
            return self._fetch_chunk(lookups)
        results: list[list[Any]] = [[] for _ in lookups]
        for start in range(0, most, _CHUNK):
            chunk = [
                (kind, index, values[start : start + _CHUNK])
                for kind, index, values in lookups
            ]
            for result, records in zip(results, self._fetch_chunk(chunk), strict=True):
                result.extend(records)
        return results

    def _in_stored_form(self, lookups: Sequence[Lookup]) -> list[Lookup]:
        """Return lookups with the values that are stored, by the keys of this snapshot."""
        with TRANSLATED:
            (epoch,) = self.connection.execute(_EPOCH).fetchone()
        schema = self._schema
        schema.vault.keep_up(epoch)
        return [(*lookup[:2], schema.stored(lookup)) for lookup in lookups]

    def _fetch_chunk(self, lookups: Sequence[Lookup]) -> list[list[Any]]:
        """Return the records of each lookup; none names more than `_CHUNK` values."""
        shape = []
        parameters: list[str] = []
        for kind, index, values in lookups:
            padded = _padded(values)
            shape.append((kind, index, len(padded)))
            parameters += padded
        with TRANSLATED:
            statement = self._select(tuple(shape))
            cursor = self.connection.execute(statement, parameters)
            texts = cursor.fetchone()
        return [
            self._records(kind, text)
            for (kind, _, _), text in zip(lookups, texts, strict=True)
        ]

    def _records(self, kind: type, text: bytes | None) -> list[Any]:
        if text is None:
            return []
        table: AnyTable = self._schema.table(kind)
        rows = self._rows[kind](text)
        return list(map(table.record, rows))

    def _select(self, shape: _Shape) -> str:
        statement = self._selects.get(shape)
        if statement is None:
            selects = [
                select(self._schema.table(kind), index, count)
                for kind, index, count in shape
            ]
            columns = "), (".join(selects)
            statement = self._selects[shape] = f"SELECT ({columns})"
        return statement

    def page(self, listing: Listing[T]) -> list[Placed[T]]:
        """Return one page of a listing. ValueError if no index serves it."""
        table = self._schema.table(listing.kind)
        statement, values = sql.page(table, listing)
        with TRANSLATED:
            rows = self.connection.execute(statement, values)
            return [(table.record(row[:-2]), (row[-2], row[-1])) for row in rows]

    def rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Return the rows of a query. EngineDown."""
        with TRANSLATED:
            return self.connection.execute(statement, values).fetchall()

    def latest(self) -> int:
        """Return the latest instant on record, 0 if there is none, in microseconds."""
        with TRANSLATED:
            at, epoch = self.connection.execute(_LATEST).fetchone()
        # What is sealed from now on is sealed by keys that are still in use.
        self._schema.vault.keep_up(epoch)
        return at or 0

    def latest_is_current(self) -> bool:
        """Return that it is: it is asked for each time."""
        return True

    def upsert(
        self, kind: type, records: Sequence[Any], rows: Rows | None = None
    ) -> None:
        """Write records, each in place of the one with its key."""
        self._write(upsert, kind, records, rows)

    def insert(
        self, kind: type, records: Sequence[Any], rows: Rows | None = None
    ) -> None:
        """Write records that are new. ConstraintViolated."""
        self._write(insert, kind, records, rows)

    def _write(
        self, verb: _Verb, kind: type, records: Sequence[Any], rows: Rows | None
    ) -> None:
        table: AnyTable = self._schema.table(kind)
        if rows is None:
            rows = list(map(table.row, records))
        with TRANSLATED:
            if table.key.assigned:
                rows = self._assigned(table, rows)
            while rows:
                # The largest power of two: few shapes of statement, each prepared once.
                power = len(rows).bit_length() - 1
                count = min(1 << power, _CHUNK)
                statement = self._writing(verb, table, count)
                parameters = list(chain.from_iterable(rows[:count]))
                self.connection.execute(statement, parameters)
                rows = rows[count:]

    def _assigned(self, table: AnyTable, rows: Rows) -> Rows:
        """Return rows with keys that follow the last one stored."""
        key = table.key.name
        last = f"SELECT max({key}) FROM {table.name}"  # noqa: S608 - the schema's names
        (text,) = self.connection.execute(last).fetchone()
        first = int(text or 0) + 1
        return [(f"{first + i:016d}", *row[1:]) for i, row in enumerate(rows)]

    def _writing(self, verb: _Verb, table: AnyTable, count: int) -> str:
        statement = self._writes.get((verb, table.kind, count))
        if statement is None:
            statement = verb(table, count)
            self._writes[verb, table.kind, count] = statement
        return statement

    def delete(self, kind: type, keys: Sequence[str]) -> None:
        """Remove the records of these keys."""
        table: AnyTable = self._schema.table(kind)
        statement = f"DELETE FROM {table.name} WHERE {table.key.name} = ?"  # noqa: S608 - the schema's names
        with TRANSLATED:
            self.connection.executemany(statement, [(key,) for key in keys])

    def commit(self) -> None:
        """Make the transaction durable."""
        self._run("COMMIT")

    def rollback(self) -> None:
        """Forget the transaction; SQLite has already, after some errors."""
        with suppress(sqlite3.Error):
            if self.connection.in_transaction:
                self.connection.rollback()

    def reset(self) -> None:
        """Empty every table that does not outlive it. EngineDown."""
        self.begin()
        try:
            for table in self._schema.forgotten:
                self._run(f"DELETE FROM {table.name}")  # noqa: S608 - a name of the schema's
            self.commit()
        except BaseException:
            self.rollback()
            raise

    def touch(self) -> None:
        """Commit durably what changes nothing: the file's own version. EngineDown."""
        self.begin()
        try:
            (version,) = self.connection.execute("PRAGMA user_version").fetchone()
            self._run(f"PRAGMA user_version = {version}")
            self.commit()
        except BaseException:
            self.rollback()
            raise

    def close(self) -> None:
        """Close the connection; an open transaction is forgotten."""
        self.connection.close()

    def _run(self, statement: str) -> None:
        with TRANSLATED:
            self.connection.execute(statement)

    def _pragmas(self, *pragmas: str) -> None:
        for pragma in pragmas:
            self.connection.execute(f"PRAGMA {pragma}")


def _padded(values: Sequence[str]) -> Sequence[str]:
    """Values with the last repeated up to a power of two: few shapes of statement."""
    count = len(values)
    if count & (count - 1) == 0:  # a power of two, or nothing at all
        return values
    missing = (1 << count.bit_length()) - count
    last = values[-1]
    return [*values, *[last] * missing]
