"""The engine over PostgreSQL: rows locked in one order, all written in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from gongji.model.commands import Listing, Placed
from gongji.model.facts import Need
from gongji.store import sql
from gongji.store.engine import (
    CommitUncertain,
    ConstraintViolated,
    EngineDown,
    EngineError,
    Held,
    Lookup,
    Rows,
    WriteConflict,
)
from gongji.store.postgres.arrays import Numbers, Texts, chosen_arrays, sorted_texts
from gongji.store.postgres.connection import LOCK_TIMEOUT_S, connect, translated
from gongji.store.postgres.locks import (
    AFTER_LOCKS,
    DURABLE,
    GUARDED,
    LATCH,
    LATCH_CLASS,
    LATEST,
    LOCKED,
    TOUCH,
    GuardedRead,
    latches_of,
)
from gongji.store.postgres.pending import PendingWrite, writes_of
from gongji.store.postgres.sql import delete_any, insert_all, select_any, upsert_all
from gongji.store.postgres.waits import Holders
from gongji.store.schema import Schema
from gongji.store.table import AnyTable

T = TypeVar("T")

_Query = tuple[str, Sequence[Any]]
"""A statement and its parameters."""

_Rows = list[TupleRow]


class PostgresEngine:
    """One connection, made when it is needed and again if it was lost; see `Engine`."""

    dialect = sql.POSTGRES

    def __init__(
        self,
        url: str,
        schema: Schema,
        *,
        read_only: bool = False,
    ) -> None:
        self._url = url
        self._schema = schema
        self._connection: psycopg.Connection[TupleRow] | None = None
        isolation = "REPEATABLE READ, READ ONLY" if read_only else "READ COMMITTED"
        self._begin = f"BEGIN ISOLATION LEVEL {isolation}"
        self._read_only = read_only
        self._lock_timeout_s = LOCK_TIMEOUT_S
        self._selects: dict[tuple[type, str], str] = {}
        self._forget()

    def _forget(self) -> None:
        """Start without a transaction."""
        self._open = False
        # Whether its BEGIN has been sent.
        self._begun = False
        self._guarded_reads: list[GuardedRead] = []
        # Keys read under which nothing was stored.
        self._absent: set[tuple[type, str]] = set()
        # What is to be written and deleted, in that order.
        self._pending: list[PendingWrite | _Query] = []
        self._latest = 0
        self._is_current = False

    @property
    def connection(self) -> psycopg.Connection[TupleRow]:
        """The connection, opened if there is none. EngineDown."""
        if self._connection is None or self._connection.closed:
            if self._begun:
                raise EngineDown("连接在事务中断开")
            self._connection = connect(self._url, self._lock_timeout_s)
        return self._connection

    def wait_at_most(self, seconds: float) -> None:
        """Wait so long for somebody else's lock from now on, then raise Held."""
        self._lock_timeout_s = seconds
        self.close()  # a session keeps its own

    def begin(self) -> None:
        """Start a transaction; its BEGIN goes with the first fetch."""
        self._forget()
        self._open = True
        self._is_current = False

    def stage(self, need: Need) -> int:
        """Return 0 for what is not locked, then rows to lock, then lists behind locks."""
        if need.index and need.kind in LOCKED:
            return AFTER_LOCKS
        return LOCKED.get(need.kind, 0)

    def fetch(self, lookups: Sequence[Lookup]) -> list[list[Any]]:
        """Return the records of each lookup, in one round trip."""
        texts = [sorted_texts(self._schema.stored(lookup)) for lookup in lookups]
        queries = [
            (self._select(kind, index), [text])
            for (kind, index, _), text in zip(lookups, texts, strict=True)
        ]
        row_sets = self._found_in_time(lookups, queries)
        if row_sets is None:
            return self.fetch(lookups)
        results = []
        for lookup, text, rows in zip(lookups, texts, row_sets, strict=True):
            table: AnyTable = self._schema.table(lookup[0])
            records = [table.record(row) for row in rows]
            self._note(lookup, text, rows, records)
            results.append(records)
        return results

    def _found_in_time(
        self, lookups: Sequence[Lookup], queries: Sequence[_Query]
    ) -> list[_Rows] | None:
        """Return the rows of each query; None if their values have newer forms. Held."""
        has_forms = self._schema.has_forms(lookups)
        try:
            row_sets, newer = self._found(queries, keeping_up=has_forms)
        except Held as held:
            raise self._held(lookups, ()) from held
        return None if newer and has_forms else row_sets

    def _held(self, lookups: Sequence[Lookup], written: Iterable[type]) -> Held:
        """Return who holds what could not be read or written in time; roll back."""
        self.rollback()
        holders = Holders(self.connection, self._schema, self._lock_timeout_s)
        return holders.held(lookups, written, locking=not self._read_only)

    def _found(
        self, queries: Sequence[_Query], *, keeping_up: bool = False
    ) -> tuple[list[_Rows], bool]:
        """Return the rows of each query, and whether there are newer keys, now learnt.

        The latest instant on record is noted.
        """
        if not keeping_up and (not self._open or self._read_only):
            return self._asked(queries), False
        # Behind the locks: whoever held them has written its instant.
        *row_sets, ((latest, epoch),) = self._asked([*queries, (LATEST, [])])
        self._latest, self._is_current = latest, True
        return row_sets, self._schema.vault.keep_up(epoch)

    def _asked(self, queries: Sequence[_Query]) -> list[_Rows]:
        if self._open and not self._begun:
            return self._first(queries)
        return self._all_rows(queries)

    def _note(
        self, lookup: Lookup, text: Texts, rows: _Rows, records: Iterable[Any]
    ) -> None:
        """Note what a decision rests on: guarded rows, and keys that are absent."""
        if self._read_only or not self._open:
            return
        kind, index, values = lookup
        if kind in GUARDED:
            self._guarded_reads.append(GuardedRead(lookup, text, rows))
        if not index:
            stored = {self._schema.key_of(record) for record in records}
            absent = [key for key in values if key not in stored]
            self._absent.update((kind, key) for key in absent)

    def _select(self, kind: type, index: str) -> str:
        statement = self._selects.get((kind, index))
        if statement is None:
            table: AnyTable = self._schema.table(kind)
            lock = not index and kind in LOCKED and not self._read_only
            statement = select_any(table, index, lock=lock)
            self._selects[kind, index] = statement
        return statement

    def page(self, listing: Listing[T]) -> list[Placed[T]]:
        """Return one page of a listing. ValueError if no index serves it."""
        table = self._schema.table(listing.kind)
        rows = self.rows(*sql.page(table, listing, sql.POSTGRES))
        return [(table.record(row[:-2]), (row[-2], row[-1])) for row in rows]

    def rows(self, statement: str, values: Sequence[Any]) -> _Rows:
        """Return the rows of a query, outside a transaction. EngineDown."""
        try:
            return self._rows(statement, values)
        except EngineDown:
            # A connection that was lost while nothing was asked shows only now.
            self.close()
            return self._rows(statement, values)

    def latest(self) -> int:
        """Return the latest instant on record as of the last fetch, in microseconds."""
        return self._latest

    def latest_is_current(self) -> bool:
        """Return whether that was fetched within this transaction."""
        return self._is_current

    def upsert(
        self, kind: type, records: Sequence[Any], rows: Rows | None = None
    ) -> None:
        """Write records: within a transaction when it commits."""
        self._write(kind, records, rows, new=False)

    def insert(
        self, kind: type, records: Sequence[Any], rows: Rows | None = None
    ) -> None:
        """Write records that are new: within a transaction when it commits."""
        self._write(kind, records, rows, new=True)

    def _write(
        self, kind: type, records: Sequence[Any], rows: Rows | None, *, new: bool
    ) -> None:
        if rows is None:
            rows = list(map(self._schema.table(kind).row, records))
        self._pending.append(PendingWrite(kind, records, rows, new))
        if not self._open:
            self._send([])

    def delete(self, kind: type, keys: Sequence[str]) -> None:
        """Remove the records of these keys when the transaction commits."""
        table: AnyTable = self._schema.table(kind)
        self._pending.append((delete_any(table), [Texts(sorted(keys))]))

    def commit(self) -> None:
        """Write everything and make it durable, in one round trip."""
        if not self._begun and self._found([])[1]:
            raise WriteConflict("密钥在写入之前已经更换")
        written = [write.kind for write in writes_of(self._pending)]
        # What is answered from the record may be no further yet than on this disk.
        then = ["COMMIT"] if self._pending else [DURABLE, "COMMIT"]
        try:
            self._guard()
            status = self._send(then)
        except Held as held:
            raise self._held((), written) from held
        # COMMIT of a failed transaction is a quiet ROLLBACK.
        if status != "COMMIT":
            raise EngineError("事务在提交前已经失败")
        self._open = self._begun = False

    def rollback(self) -> None:
        """Forget the transaction; a lost connection has lost it already."""
        self._forget()
        if (connection := self._connection) is not None:
            with suppress(psycopg.Error):
                connection.rollback()
            if connection.info.transaction_status != TransactionStatus.IDLE:
                connection.close()

    def reset(self) -> None:
        """Empty every table that does not outlive it. EngineDown."""
        tables = self._schema.forgotten
        # Statements sent together are one transaction; unlike TRUNCATE none of them
        # waits for readers.
        deletes = [f"DELETE FROM {table.name}" for table in tables]  # noqa: S608 - our names
        self._run("; ".join(deletes))

    def touch(self) -> None:
        """Commit durably what changes nothing. EngineError."""
        self._run(TOUCH)

    def close(self) -> None:
        """Close the connection; an open transaction is forgotten."""
        if self._connection is not None:
            self._connection.close()

    def _run(self, statement: str) -> None:
        with translated():
            self.connection.execute(statement, prepare=False)

    def _first(self, queries: Sequence[_Query]) -> list[_Rows]:
        """Begin the transaction with these queries, again if the connection was lost."""
        try:
            results = self._all_rows(queries, self._begin)
        except EngineDown:
            # Nothing of the transaction was sent before: it may begin once more.
            if not (self._connection and self._connection.closed):
                raise
            results = self._all_rows(queries, self._begin)
        self._begun = True
        return results

    def _all_rows(self, queries: Sequence[_Query], before: str = "") -> list[_Rows]:
        """Return the rows of each query, in one round trip."""
        # A pipeline costs more than it saves if there is one query.
        if len(queries) == 1 and not before:
            return [self._rows(*queries[0])]
        connection = self.connection
        with translated(), connection.pipeline():
            if before:
                connection.execute(before, prepare=False)
            cursors = []
            for statement, values in queries:
                cursor = connection.cursor(binary=True)
                cursor.execute(statement, values)
                cursors.append(cursor)
            return [cursor.fetchall() for cursor in cursors]

    def _rows(self, statement: str, values: Sequence[Any]) -> _Rows:
        connection = self.connection
        with translated():
            cursor = connection.cursor(binary=True)
            cursor.execute(statement, values)
            return cursor.fetchall()

    def _send(self, then: Iterable[str]) -> str | None:
        """Write what is pending, then run statements; return the last one's status.

        CommitUncertain if the connection was lost before it came.
        """
        pending, self._pending = self._pending, []
        connection = self.connection
        try:
            with translated(), connection.pipeline():
                cursor = connection.cursor()
                # The server writes one kind of record while the next is made ready here.
                for one in pending:
                    writes = (
                        self._writes(one) if isinstance(one, PendingWrite) else [one]
                    )
                    for statement, values in writes:
                        cursor.execute(statement, values)
                for statement in then:
                    cursor.execute(statement, prepare=False)
        except ConstraintViolated as violated:
            raise self._as_conflict(violated, writes_of(pending)) from violated
        except EngineDown as down:
            # INERROR: the server has answered, and rolls back.
            if connection.info.transaction_status != TransactionStatus.INERROR:
                raise CommitUncertain(str(down)) from down
            raise
        return cursor.statusmessage

    def _writes(self, write: PendingWrite) -> Iterator[_Query]:
        """Insert what is new, or was absent and must still be; upsert anything else."""
        table: AnyTable = self._schema.table(write.kind)
        columns = list(zip(*write.rows, strict=True))
        absent = [write.new or (write.kind, key) in self._absent for key in columns[0]]
        if any(absent):
            yield insert_all(table), chosen_arrays(table, columns, absent)
        if not all(absent):
            stored = [not flag for flag in absent]
            yield upsert_all(table), chosen_arrays(table, columns, stored)

    def _as_conflict(
        self, violated: ConstraintViolated, pending: Iterable[PendingWrite]
    ) -> EngineError:
        """Return a conflict if another process wrote what was absent, else the defect."""
        cause = violated.__cause__
        if not isinstance(cause, errors.UniqueViolation):
            return violated
        # Of a partitioned table the partition is named: settlement_2026.
        refused = f"{cause.diag.table_name}_"
        for kind, _, rows, _ in pending:
            table: AnyTable = self._schema.table(kind)
            if not refused.startswith(f"{table.name}_"):
                continue
            if any((kind, row[0]) in self._absent for row in rows):
                return WriteConflict(str(violated))
        return violated

    def _guard(self) -> None:
        """Take turns with everybody who writes guarded records. WriteConflict.

        Whoever writes any holds the latches of what was read and is written, and then
        finds what was read unchanged.
        """
        writes = writes_of(self._pending)
        written = [write.records for write in writes if write.kind in GUARDED]
        if not written:
            return
        read = [guarded.lookup for guarded in self._guarded_reads]
        latches = latches_of(read, chain.from_iterable(written), self._schema)
        self._rows(LATCH, [LATCH_CLASS, Numbers(latches)])
        for (kind, index, _), stored, before in self._guarded_reads:
            statement = self._select(kind, index)
            now = self._rows(statement, [stored])
            if set(before) != set(now):
                raise WriteConflict(f"{kind.__name__} 在决定期间已被另一进程改动")
