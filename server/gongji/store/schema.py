"""What is stored, one table a kind of record; every engine builds on these tables."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec

from gongji.audit.commitment import RowForm
from gongji.audit.leaf import Leaf, LogWriter
from gongji.model.access import LostAccesses, PersonAccess
from gongji.model.account import Account, BroughtForward, Credit, Entry, Premium
from gongji.model.binding import Binding
from gongji.model.commands import Adopted, RequestRecord
from gongji.model.decided import KeptRules
from gongji.model.guessing import Guesses
from gongji.model.people import Institution, Person
from gongji.model.registry import PersonRow
from gongji.model.revisions import InstitutionRevision, PersonRevision
from gongji.model.settlement import Accumulator, SettledDay, SettledMessage, Settlement
from gongji.model.staging import (
    AppliedImport,
    StagedInstitution,
    StagedPerson,
    StagedSet,
    Turn,
    Unmerged,
)
from gongji.store.seal import Vault
from gongji.store.table import (
    DOCUMENT,
    AnyTable,
    Column,
    RecordTable,
    Row,
    document_table,
    flat_table,
    instant,
    micros,
    moment,
    number,
    text,
)

T = TypeVar("T")

VERSION: Final = 3
"""Version of the schema: a newer database is refused, an older one brought forward."""

_SEALED: Final = ("certificate", "name", "phone", "born_on")
"""Fields of a person that are never written in clear."""


class Schema:
    """Every table by kind; knows how records are found (`model.facts.Keys`)."""

    def __init__(self, vault: Vault) -> None:
        persons: tuple[AnyTable, ...] = (
            _persons(vault),
            _person_revisions(vault),
            _staged_persons(vault),
        )
        self.tables: Mapping[type, AnyTable] = {
            table.kind: table for table in (*persons, *_TABLES)
        }
        self.forms: Mapping[type, RowForm] = {
            kind: table.form for kind, table in self.tables.items() if not table.log
        }
        # hot path: asked of every record that is fetched or written.
        self._keys = {}
        self._indexes = {}
        for kind, table in self.tables.items():
            self._keys[kind] = table.key.of
            self._indexes[kind] = tuple(table.need_indexes().items())

    def table(self, kind: type[T]) -> RecordTable[T]:
        """Return the table of a kind. KeyError if nothing of that kind is stored."""
        return self.tables[kind]

    @property
    def forgotten(self) -> list[AnyTable]:
        """Return the tables that a reset empties."""
        return [t for t in self.tables.values() if not t.outlives_reset]

    def key_of(self, record: object) -> str:
        """Return a record's key."""
        return self._keys[type(record)](record)  # type: ignore[return-value]  # a text

    def indexes_of(self, record: object) -> Mapping[str, str]:
        """Return a record's value in each index a `Need` may name."""
        indexes = self._indexes[type(record)]
        return {name: of(record) for name, of in indexes}  # type: ignore[misc]  # texts


def _persons(vault: Vault) -> RecordTable[Person]:
    """Persons: found by number or by the keyed hash of the certificate."""
    codec = _PersonCodec(vault)

    def sealed(person: Person) -> bytes:
        return codec.sealed(person.person_no, person)

    def cert(person: Person) -> str:
        return vault.lookup(person.certificate)

    def read(row: Row) -> Person:
        person_no, clear, secret = row
        return codec.person(person_no, clear, secret)

    columns = (
        text("person_no", personal=True),
        Column("cert", "TEXT", cert, uncommitted=True),
        Column(DOCUMENT, "BLOB", codec.clear, personal=True),
        Column("sealed", "BLOB", sealed, uncommitted=True),
        moment("known_from", sparse=True),
    )
    return RecordTable(
        Person,
        "person",
        columns,
        read=("person_no", DOCUMENT, "sealed"),
        record=read,
        indexes=(("cert",), ("known_from",)),
    )


def _person_revisions(vault: Vault) -> RecordTable[PersonRevision]:
    """Former revisions of persons, found by the person's number."""
    codec = _PersonCodec(vault)

    def clear(revision: PersonRevision) -> bytes:
        return codec.clear(revision.record)

    def sealed(revision: PersonRevision) -> bytes:
        # Sealed for this revision: no other can be put in its place.
        return codec.sealed(revision.key, revision.record)

    def read(row: Row) -> PersonRevision:
        key, known_until, clear, secret = row
        return PersonRevision(codec.person(key, clear, secret), instant(known_until))

    columns = (
        text("revision_id", _KEY, personal=True),
        text("owner", personal=True),
        moment("known_from", "record.known_from", sparse=True),
        Column("known_until", "INTEGER", lambda revision: micros(revision.known_until)),
        Column(DOCUMENT, "BLOB", clear, personal=True),
        Column("sealed", "BLOB", sealed, uncommitted=True),
    )
    return RecordTable(
        PersonRevision,
        "person_revision",
        columns,
        read=("revision_id", "known_until", DOCUMENT, "sealed"),
        record=read,
        # Written over once: by an erasure.
        indexes=(("owner",), ("known_from",)),
    )


def _staged_persons(vault: Vault) -> RecordTable[StagedPerson]:
    """Persons' rows of imports that are not merged yet, sealed whole."""
    decode = msgspec.json.Decoder(PersonRow).decode

    def sealed(staged: StagedPerson) -> bytes:
        return vault.seal(staged.key, msgspec.json.encode(staged.row))

    def cert(staged: StagedPerson) -> str:
        return vault.lookup(staged.row.certificate)

    def read(row: Row) -> StagedPerson:
        key, number, base, secret = row
        said = decode(vault.unseal(key, secret))
        set_id = key.removesuffix(f"/{said.person_no}")
        return StagedPerson(set_id=set_id, number=number, base=base, row=said)

    columns = (
        text("staged_id", _KEY, personal=True),
        Column("cert", "TEXT", cert, uncommitted=True),
        number("number"),
        number("base"),
        Column("sealed", "BLOB", sealed, uncommitted=True),
    )
    return RecordTable(
        StagedPerson,
        "staged_person",
        columns,
        read=("staged_id", "number", "base", "sealed"),
        record=read,
        indexes=(("cert",),),
    )


class _PersonCodec:
    """A person in two halves, one in clear and one sealed, each a JSON object."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._decode = msgspec.json.Decoder(Person).decode

    def clear(self, person: Person) -> bytes:
        """Return everything but the sealed fields."""
        fields: dict[str, Any] = msgspec.to_builtins(person)
        for name in _SEALED:
            # What has its default is not there.
            fields.pop(name, None)
        return msgspec.json.encode(fields)

    def sealed(self, owner: str, person: Person) -> bytes:
        """Return the sealed fields, for this owner alone."""
        fields = {name: getattr(person, name) for name in _SEALED}
        return self._vault.seal(owner, msgspec.json.encode(fields))

    def person(self, owner: str, clear: bytes, sealed: bytes) -> Person:
        """Return the person of two halves."""
        # Two objects without the braces between them are one: no half is decoded alone.
        secret = self._vault.unseal(owner, sealed)
        return self._decode(clear[:-1] + b"," + secret[1:])


_KEY: Final = attrgetter("key")
"""The key a record puts together from several of its fields."""

_TABLES: Final[tuple[AnyTable, ...]] = (
    # Written first: of two servers that execute one request, the second meets the first
    # here and nowhere else.
    flat_table(
        RequestRecord,
        "request",
        names={"key": "request_id"},
        personal=("answer", "refusal"),
    ),
    document_table(
        Institution,
        "institution",
        text("code"),
        last=(moment("known_from", sparse=True),),
        indexes=(("known_from",),),
    ),
    document_table(
        InstitutionRevision,
        "institution_revision",
        text("revision_id", _KEY),
        text("owner"),
        moment("known_from", "record.known_from", sparse=True),
        indexes=(("owner",), ("known_from",)),
        append_only=True,
    ),
    document_table(StagedInstitution, "staged_institution", text("staged_id", _KEY)),
    flat_table(StagedSet, "staged_set"),
    flat_table(Unmerged, "unmerged"),
    flat_table(Turn, "turn"),
    flat_table(AppliedImport, "applied_import", indexes=(("registry", "number"),)),
    document_table(
        Binding,
        "binding",
        text("binding_id"),
        text("holder"),
        text("member"),
        number("state", lambda b: int(b.state)),
        moment("submitted_at"),
        moment("due_at", "review_due_at"),
        moment("expires_at"),
        indexes=(
            ("holder", "submitted_at"),
            ("member", "submitted_at"),
            ("state", "submitted_at"),
            ("state", "due_at"),
            ("state", "expires_at"),
        ),
        personal=("holder", "member", DOCUMENT),
    ),
    document_table(
        Settlement,
        "settlement",
        text("settlement_id"),
        text("patient", attrgetter("bill.patient")),
        text("institution", attrgetter("bill.institution_code")),
        moment("settled_at"),
        moment("reversed_at", sparse=True),
        indexes=(
            ("patient", "settled_at"),
            ("patient", "reversed_at"),
            ("institution", "settled_at"),
            ("institution", "reversed_at"),
        ),
        partition_by="settled_at",
        personal=("patient", DOCUMENT),
    ),
    flat_table(
        Account,
        "account",
        non_negative=("balance_fen", "version"),
        clustered=True,
        personal=("person_no",),
    ),
    flat_table(
        Accumulator,
        "accumulator",
        key=text("accumulator_id", _KEY),
        non_negative=("deductible_used_fen", "fund_paid_fen"),
        clustered=True,
        personal=("accumulator_id", "person_no"),
    ),
    flat_table(
        Entry,
        "entry",
        key=text("entry_id", _KEY),
        non_negative=("balance_after_fen",),
        names={"version_after": "version"},
        # Only entries of purses have a version, and only they are asked for: the others
        # are in no index.
        sparse=("version_after",),
        indexes=(("ledger_account", "version"),),
        append_only=True,
        clustered=True,
        partition_by="at",
        personal=("ledger_account",),
    ),
    flat_table(
        SettledDay,
        "settled_day",
        key=text("settled_day_id", _KEY),
        indexes=(("pooling_area", "day"),),
        clustered=True,
    ),
    flat_table(SettledMessage, "settled_message", append_only=True, clustered=True),
    flat_table(
        Credit,
        "credit",
        non_negative=("fen", "owed_fen"),
        clustered=True,
        sparse=("owed_fen",),
        personal=("person_no",),
    ),
    flat_table(
        BroughtForward,
        "brought_forward",
        key=text("brought_forward_id", _KEY),
        indexes=(("person_no",),),
        clustered=True,
        personal=("brought_forward_id", "person_no"),
    ),
    # Keyed by member and year: one premium of a year stands, whoever pays it.
    document_table(
        Premium,
        "premium",
        text("member_year", _KEY),
        personal=("member_year", DOCUMENT),
    ),
    flat_table(Guesses, "guesses", clustered=True, personal=("guesses_id",)),
    flat_table(
        Adopted,
        "adoption",
        key=text("adoption_id", _KEY),
        clustered=True,
    ),
    # Keys ascend with time, so that rows are appended.
    flat_table(
        PersonAccess,
        "access",
        indexes=(("person_no", "at"),),
        clustered=True,
        partition_by="at",
        personal=("person_no", "subject"),
    ),
    flat_table(LostAccesses, "lost_accesses"),
    flat_table(KeptRules, "rules", append_only=True, outlives_reset=True),
    # Written last: when a leaf is given its place all rows it speaks of are locked.
    flat_table(
        Leaf,
        "leaf",
        indexes=(("at",),),
        append_only=True,
        partition_by="at",
        assigned=True,
        log=True,
    ),
    flat_table(LogWriter, "log_writer", clustered=True, log=True),
)
