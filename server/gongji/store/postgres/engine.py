"""One connection to PostgreSQL: set-wise statements, rows locked in one order,
everything written in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from itertools import compress
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from gongji.model.account import Account, Credit, Premium
from gongji.model.binding import Binding
from gongji.model.commands import Listing, RequestRecord
from gongji.model.facts import Need
from gongji.model.people import Person
from gongji.model.settlement import Accumulator, Settlement
from gongji.store import sql
from gongji.store.engine import (
    CommitUncertain,
    ConstraintViolated,
    EngineDown,
    EngineError,
    Lookup,
    WriteConflict,
)
from gongji.store.postgres.arrays import Numbers, Texts, as_array, register
from gongji.store.postgres.sql import insert_all, select_any, upsert_all
from gongji.store.schema import Schema
from gongji.store.table import RecordTable

T = TypeVar("T")

_Asking = tuple[str, Sequence[Any]]
"""A statement and its values."""

LOCKED: Final[Mapping[type, int]] = {
    # Absent ones cost nothing; two runs of one import meet at its row (`claims`).
    RequestRecord: 0,
    Settlement: 1,
    Premium: 2,
    Credit: 2,
    Accumulator: 2,
    Account: 2,
}
"""Kinds whose rows are locked when they are read by key, with their stage: a settlement
says which purses follow."""

AFTER_LOCKS: Final = 3
"""Stage of lists of those kinds: read when nobody can add to them any more."""

GUARDED: Final = (Person, Binding)
"""Kinds read by every settlement and seldom written: read without locks, by who writes
them read again at the end."""

_LATCHES: Final = 512
"""Advisory locks the guarded values share: few enough for the server's lock table
whatever an import brings."""

_LATCH_CLASS: Final = 0x676F6E67
"""Keeps our advisory locks apart from others' in the same database."""

_DEFAULTS: Final = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "application_name": "gongji",
}

# A batch of 64 must not hash-join a whole table, a page must come from its index in
# order, a plan made once must do. Who waits for a lock or has been forgotten by its
# process holds up everybody else: both end. A settlement's document is just long enough
# to be compressed: a tenth of the server's time with pglz, little with lz4.
_WRITING: Final = """
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
SET enable_bitmapscan = off; SET enable_sort = off; SET plan_cache_mode = force_generic_plan; SET jit = off;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
SELECT set_config(name, 'lz4', false) FROM pg_settings
 WHERE name = 'default_toast_compression' AND source = 'default' AND 'lz4' = ANY(enumvals);
SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '30s'; SET client_min_messages = error
"""


@contextmanager
def translated() -> Iterator[None]:
    """PostgreSQL's errors in the engine's words."""
    try:
        yield
    except (errors.SerializationFailure, errors.DeadlockDetected) as error:
        raise WriteConflict(str(error)) from error
    except errors.NumericValueOutOfRange as error:
        raise OverflowError(str(error)) from error
    except psycopg.IntegrityError as error:
        raise ConstraintViolated(str(error)) from error
    except errors.InFailedSqlTransaction as error:
        raise EngineError(str(error)) from error
    except (psycopg.DataError, psycopg.ProgrammingError, psycopg.NotSupportedError):
        raise
    except psycopg.Error as error:
        raise EngineDown(str(error)) from error


class PostgresEngine:
    """One connection, made when it is needed and again when it was lost; see `committer.Engine`."""

    def __init__(self, url: str, schema: Schema, *, read_only: bool = False) -> None:
        self._url = url
        self._schema = schema
        self._connection: psycopg.Connection[TupleRow] | None = None
        self._begin = (
            "BEGIN ISOLATION LEVEL "
            f"{'REPEATABLE READ, READ ONLY' if read_only else 'READ COMMITTED'}"
        )
        self._read_only = read_only
        self._selects: dict[tuple[type, str], str] = {}
        self._open = self._begun = False
        self._asked: list[tuple[type, str, Texts, list[TupleRow]]] = []
        self._absent: set[tuple[type, str]] = set()
        self._waiting: list[tuple[type, Sequence[Any]]] = []

    @property
    def connection(self) -> psycopg.Connection[TupleRow]:
        """The connection. EngineDown where none can be had."""
        if self._connection is None or self._connection.closed:
            if self._begun:
                raise EngineDown("连接在事务中断开")
            with translated():
                defaults = {
                    k: v
                    for k, v in _DEFAULTS.items()
                    if k not in conninfo_to_dict(self._url)
                }
                self._connection = made = psycopg.connect(
                    self._url,
                    autocommit=True,
                    prepare_threshold=0,
                    **defaults,  # type: ignore[arg-type] # typed as its own
                )
                made.prepared_max = 500
                register(made)
                made.execute(_WRITING, prepare=False)
        return self._connection

    def begin(self) -> None:
        """Starts a transaction, sent with what is fetched first; a connection then
        found lost is made again."""
        self._forget()
        self._open = True

    def stage(self, need: Need) -> int:
        """What is not locked first, then rows to lock, then lists that these locks keep
        as they are."""
        stage = LOCKED.get(need.kind, 0)
        return AFTER_LOCKS if stage and need.index else stage

    def fetch(self, asked: Sequence[Lookup]) -> list[list[Any]]:
        """The records found for each of these, in their order, in one round trip."""
        # No text here holds a NUL, so nothing is found under one.
        texts = [
            Texts(sorted(v for v in values if "\0" not in v)) for _, _, values in asked
        ]
        statements = [
            (self._select(kind, index), [text])
            for (kind, index, _), text in zip(asked, texts, strict=True)
        ]
        found = []
        fetch = self._first if self._open and not self._begun else self._all_rows
        for one, text, rows in zip(asked, texts, fetch(statements), strict=True):
            records: list[Any] = [
                self._schema.table(one[0]).record(row) for row in rows
            ]
            if self._open and not self._read_only:
                self._note(one, text, rows, records)
            found.append(records)
        return found

    def _note(
        self, asked: Lookup, text: Texts, rows: list[TupleRow], records: list[Any]
    ) -> None:
        """What a decision rests on: rows that may not have changed when it is written,
        keys under which nothing was."""
        kind, index, values = asked
        if kind in GUARDED:
            self._asked.append((kind, index, text, rows))
        if not index:
            found = {self._schema.key_of(record) for record in records}
            self._absent.update((kind, key) for key in values if key not in found)

    def _select(self, kind: type, index: str) -> str:
        statement = self._selects.get((kind, index))
        if statement is None:
            lock = not index and kind in LOCKED and not self._read_only
            statement = self._selects[kind, index] = select_any(
                self._schema.table(kind), index, lock=lock
            )
        return statement

    def page(self, listing: Listing[T]) -> list[T]:
        """One page of a listing."""
        table = self._schema.table(listing.kind)
        statement, values = sql.page(table, listing, sql.POSTGRES)
        try:
            rows = self._rows(statement, values)
        except EngineDown:
            self.close()
            rows = self._rows(statement, values)
        return [table.record(row) for row in rows]

    def upsert(self, kind: type, records: Sequence[Any]) -> None:
        """Writes records, each in place of the one with its key: within a transaction
        when it commits."""
        self._waiting.append((kind, records))
        if not self._open:
            self._send([])

    def commit(self) -> None:
        """Writes and makes it durable, in one round trip."""
        if not self._begun:
            self._first([])
        self._guard()
        if (
            self._send(["COMMIT"]) != "COMMIT"
        ):  # of a failed transaction it is a quiet ROLLBACK
            raise EngineError("事务在提交前已经失败")
        self._open = self._begun = False

    def rollback(self) -> None:
        """Forgets it; where the connection is lost, so is the transaction."""
        self._forget()
        if (connection := self._connection) is not None:
            with suppress(psycopg.Error):
                connection.rollback()
            if connection.info.transaction_status != TransactionStatus.IDLE:
                connection.close()

    def reset(self) -> None:
        """Empties every table. EngineDown."""
        # Statements sent together are one transaction; unlike TRUNCATE none of them
        # waits for readers.
        self._run(
            "; ".join(
                f"DELETE FROM {table.name}"  # noqa: S608 - names of the schema's
                for table in self._schema.tables.values()
            )
        )

    def close(self) -> None:
        """Ends the connection; an open transaction is forgotten."""
        if self._connection is not None:
            self._connection.close()

    def _forget(self) -> None:
        self._open = self._begun = False
        self._asked, self._absent, self._waiting = [], set(), []

    def _run(self, statement: str) -> None:
        connection = self.connection
        with translated():
            connection.execute(statement, prepare=False)

    def _first(self, statements: Sequence[_Asking]) -> list[list[TupleRow]]:
        """The transaction's beginning and these; over a new connection where the old
        one turns out to be lost."""
        try:
            found = self._all_rows(statements, self._begin)
        except EngineDown:
            if not (self._connection and self._connection.closed):
                raise
            found = self._all_rows(statements, self._begin)
        self._begun = True
        return found

    def _all_rows(
        self, statements: Sequence[_Asking], before: str = ""
    ) -> list[list[TupleRow]]:
        """What each of these finds, in one round trip."""
        if len(statements) == 1 and not before:
            return [self._rows(*statements[0])]
        connection = self.connection
        with translated(), connection.pipeline():
            if before:
                connection.execute(before, prepare=False)
            cursors = [
                connection.cursor(binary=True).execute(*statement)
                for statement in statements
            ]
            return [cursor.fetchall() for cursor in cursors]

    def _rows(self, statement: str, values: Sequence[Any]) -> list[TupleRow]:
        connection = self.connection
        with translated():
            return connection.cursor(binary=True).execute(statement, values).fetchall()

    def _send(self, then: Iterable[str]) -> str | None:
        """All that waits, then these statements: what was said to the last. CommitUncertain
        where it is not known."""
        waiting, self._waiting = self._waiting, []
        connection = self.connection
        try:
            with translated(), connection.pipeline():
                cursor = connection.cursor()
                # The server writes one kind of record while the next is made ready here.
                for kind, records in waiting:
                    for statement, columns in self._writes(kind, records):
                        cursor.execute(statement, columns)
                for statement in then:
                    cursor.execute(statement, prepare=False)
        except ConstraintViolated as violated:
            raise self._met(violated, waiting) from violated
        except EngineDown as down:
            if connection.info.transaction_status != TransactionStatus.INERROR:
                raise CommitUncertain(str(down)) from down
            raise
        return cursor.statusmessage

    def _writes(
        self, kind: type, records: Sequence[Any]
    ) -> Iterator[tuple[str, list[Any]]]:
        """What was found absent must still be; anything else takes its row's place."""
        table: RecordTable[Any] = self._schema.table(kind)
        columns = table.columns_of(records)
        new = [(kind, key) in self._absent for key in columns[0]]
        if any(new):
            yield (
                insert_all(table),
                [
                    as_array(c, compress(of, new))
                    for c, of in zip(table.columns, columns, strict=True)
                ],
            )
        if not all(new):
            old = [not one for one in new]
            yield (
                upsert_all(table),
                [
                    as_array(c, compress(of, old))
                    for c, of in zip(table.columns, columns, strict=True)
                ],
            )

    def _met(
        self,
        violated: ConstraintViolated,
        waiting: Iterable[tuple[type, Sequence[Any]]],
    ) -> EngineError:
        """A row that was absent and is there now was written by another process;
        anything else is a defect."""
        cause = violated.__cause__
        if isinstance(cause, errors.UniqueViolation):
            for kind, records in waiting:
                # Of a table that lies apart by year, the part is named: settlement_2026.
                if f"{cause.diag.table_name}_".startswith(
                    f"{self._schema.table(kind).name}_"
                ) and any(
                    (kind, self._schema.key_of(record)) in self._absent
                    for record in records
                ):
                    return WriteConflict(str(violated))
        return violated

    def _guard(self) -> None:
        """Where guarded records are written, everybody who does so takes turns over
        what he read. Conflict."""
        written = [
            record
            for kind, records in self._waiting
            if kind in GUARDED
            for record in records
        ]
        if not written:
            return
        latches = {
            _latch(kind, index, str(value))
            for kind, index, values, _ in self._asked
            for value in values
        }
        for record in written:
            latches.add(_latch(type(record), "", self._schema.key_of(record)))
            latches |= {
                _latch(type(record), *pair)
                for pair in self._schema.indexes_of(record).items()
            }
        self._rows(
            "SELECT count(pg_advisory_xact_lock(%s, latch)) FROM unnest(%s::int[]) AS latch",
            [_LATCH_CLASS, Numbers(sorted(latches))],
        )
        for kind, index, values, before in self._asked:
            if set(before) != set(self._rows(self._select(kind, index), [values])):
                raise WriteConflict(f"{kind.__name__} 在决定期间已被另一进程改动")


def _latch(kind: type, index: str, value: str) -> int:
    """The latch of a value; every process computes the same."""
    name = f"{kind.__name__}/{index}/{value}".encode()
    return int.from_bytes(blake2b(name, digest_size=4).digest()) % _LATCHES
