"""The leaves of a transaction: one for each job that writes, made as it is decided."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from gongji.audit.commitment import Commitments
from gongji.audit.hashing import Hasher, base64
from gongji.audit.leaf import Leaf, LeafBody, LeafPrivate, LogWriter
from gongji.model.commands import Request, RequestRecord
from gongji.model.decided import DecidedBy
from gongji.model.facts import Need
from gongji.model.settlement import Settlement
from gongji.store.engine import Rows
from gongji.store.schema import Schema
from gongji.store.sql import Dialect
from gongji.store.table import Row, micros

_SALT_BYTES: Final = 16

SILENT: Final = timedelta(hours=12)
"""A writer that was silent for longer goes on as another: it may be taken for gone."""

_encode = msgspec.json.Encoder(order="deterministic").encode

_plain = msgspec.json.Encoder().encode


class LeafEngine(Protocol):
    """What of an engine leaves need."""

    def insert(
        self, kind: type, records: Sequence[Any], rows: Rows | None = None
    ) -> None:
        """Write records that are new."""

    def upsert(
        self, kind: type, records: Sequence[Any], rows: Rows | None = None
    ) -> None:
        """Write records, each in place of the one with its key."""


class LogEngine(LeafEngine, Protocol):
    """What of an engine the beginning of a log needs."""

    dialect: Dialect

    @property
    def connection(self) -> Any:
        """The driver's own connection."""


class LeafOrigin(Struct, frozen=True):
    """Where a leaf comes from: a gRPC method or the service's own job, and its request.

    `answer` may say by which rules, too; `known` are the revisions of the registry it
    was decided over, by number or code, and `about` what else is to be known of a job.
    """

    what: str
    request: Request | None = None
    answer: Any = None
    known: Mapping[str, int] = {}
    about: Mapping[str, str] = {}


class LeafLog:
    """One writer's leaves, numbered without a gap over its transactions."""

    def __init__(self, schema: Schema, hasher: Hasher) -> None:
        self._schema = schema
        self._hasher = hasher
        self.tell: Callable[[Leaf], None] = lambda _: None
        """Told the last leaf of each transaction that stands."""
        self._owner = self
        self.written = 0
        """Leaves of this process, whatever writer it was."""
        self.restart()

    def beside(self) -> LeafLog:
        """Return a log for another connection of this process, told and counted here."""
        other = LeafLog(self._schema, self._hasher)
        other._owner = self
        return other

    def restart(self) -> None:
        """Go on as another writer: what this one wrote last is not known."""
        self._writer = secrets.token_hex(8)
        self._number = 0
        self._at: datetime | None = None

    @property
    def last(self) -> LogWriter | None:
        """Return where this writer stands, None if it has written nothing."""
        if self._at is None:
            return None
        return LogWriter(self._writer, self._number, self._at)

    def begin(self, at: datetime) -> LeafBatch:
        """Return the leaves, none yet, of a transaction at an instant."""
        if self._at is not None and at - self._at > SILENT:
            self.restart()
        return LeafBatch(
            self._schema, self._hasher, LogWriter(self._writer, self._number, at)
        )

    def committed(self, batch: LeafBatch) -> None:
        """Count the leaves of a transaction that stands."""
        self._owner.written += len(batch.leaves)
        if batch.leaves:
            self._number, self._at = batch.writer.number, batch.writer.at
            self._owner.tell(batch.leaves[-1])


class LeafBatch:
    """The leaves of one transaction, and the rows they commit to."""

    def __init__(self, schema: Schema, hasher: Hasher, writer: LogWriter) -> None:
        self._schema = schema
        self._hasher = hasher
        self._before = writer
        self.leaves: list[Leaf] = []
        # By identity: a seal looks different each time, and the row that is hashed must
        # be the row that is written. The records live as long as the batch.
        self._rows: dict[int, tuple[Any, Row]] = {}

    @property
    def writer(self) -> LogWriter:
        """Return the writer as it stands after these leaves."""
        before = self._before
        return LogWriter(before.writer, before.number + len(self.leaves), before.at)

    def advance(self, at: datetime) -> None:
        """Let the leaves that follow be of a later instant."""
        if at != self._before.at:
            self._before = msgspec.structs.replace(self._before, at=at)

    def row(self, record: Any) -> Row:
        """Return the row of a record, made once."""
        known = self._rows.get(id(record))
        if known is None:
            row = self._schema.table(type(record)).row(record)
            self._rows[id(record)] = known = record, row
        return known[1]

    def rows(self, records: Iterable[Any]) -> list[Row]:
        """Return the row of each record."""
        # hot path: the rows of all jobs have been made for their leaves.
        known = self._rows
        return [
            known[id(record)][1] if id(record) in known else self.row(record)
            for record in records
        ]

    def append_to(self, engine: LeafEngine) -> None:
        """Write the leaves, and where the writer stands. EngineError."""
        if self.leaves:
            engine.insert(Leaf, self.leaves)
            engine.upsert(LogWriter, [self.writer])

    def add(
        self, origin: LeafOrigin, records: Sequence[Any], removed: Iterable[Need] = ()
    ) -> None:
        """Add the leaf of a job that writes records, and removes some."""
        # hot path: once for each call that writes.
        commitments = Commitments(self._hasher, secrets.token_bytes(_SALT_BYTES))
        forms = self._schema.forms
        hashes = []
        keys: list[tuple[str, ...]] = []
        for record in records:
            form = forms[type(record)]
            row = self.row(record)
            hashes.append(commitments.hash(form, row))
            keys.append((form.table, row[0]))
        for need in removed:
            table = forms[need.kind].table
            hashes.append(commitments.removed(table, need.value))
            keys.append((table, "", need.value))
        self._append(origin, records, commitments, b"".join(hashes), tuple(keys))

    def add_rows(self, what: str, kind: type, rows: Sequence[Row]) -> None:
        """Add one leaf of rows of a kind that are stored already."""
        commitments = Commitments(self._hasher, secrets.token_bytes(_SALT_BYTES))
        form = self._schema.forms[kind]
        hashes = b"".join([commitments.hash(form, row) for row in rows])
        keys = tuple([(form.table, row[0]) for row in rows])
        self._append(LeafOrigin(what), (), commitments, hashes, keys)

    def _append(
        self,
        origin: LeafOrigin,
        records: Sequence[Any],
        commitments: Commitments,
        hashes: bytes,
        keys: tuple[tuple[str, ...], ...],
    ) -> None:
        """Add a leaf of these rows, by their hashes and keys."""
        before, request = self._before, origin.request
        number = before.number + len(self.leaves) + 1
        subject = request.subject if request else ""
        private = _plain(LeafPrivate(commitments.salt, keys, subject))
        begun = LeafBody(
            before.writer,
            number,
            micros(before.at),
            origin.what,
            base64(self._hasher(hashes)),
            base64(self._hasher(private)),
            about=origin.about,
        )
        body = self._said(begun, origin, records, commitments)
        self.leaves.append(
            Leaf("", begun.writer, number, before.at, _plain(body), hashes, private)
        )

    def _said(
        self,
        begun: LeafBody,
        origin: LeafOrigin,
        records: Sequence[Any],
        commitments: Commitments,
    ) -> LeafBody:
        """Return a leaf's body with what it says of a request."""
        request, known = origin.request, origin.known or known_of(records)
        if request is None:
            return begun
        accesses = request.accesses
        return msgspec.structs.replace(
            begun,
            caller=request.caller,
            kind=accesses.who[1] if accesses else "",
            subject=commitments.of(request.subject) if request.subject else "",
            request=self._request(request, records),
            decided_by=_decided_by((*records, origin.answer)),
            known={commitments.of(key): revision for key, revision in known.items()},
        )

    def _request(self, request: Request, records: Iterable[Any]) -> str:
        """Return the hash of a request's key and of what it asked, as its row has it."""
        for record in records:
            if type(record) is RequestRecord and record.key == request.key:
                content = _encode((record.key, record.digests))
                return base64(self._hasher(content))
        return ""


def _decided_by(records: Iterable[Any]) -> tuple[DecidedBy, ...]:
    """Return by which rules the records were decided, each once."""
    found: dict[DecidedBy, None] = {}
    for record in records:
        decided_by = getattr(record, "decided_by", None)
        if decided_by is not None:
            found[decided_by] = None
    return tuple(found)


def known_of(records: Iterable[Any]) -> Mapping[str, int]:
    """Return the revisions of the registry that a settlement was decided over."""
    for record in records:
        if type(record) is Settlement:
            return record.known
    return {}
