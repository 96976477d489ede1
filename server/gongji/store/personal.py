"""What is sealed of each kind of record, and the tables of persons.

Of a person and a binding all is sealed that is not named as clear here: a field that is
added later is sealed unless somebody says why not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec

from gongji.model.account import Credit, Premium
from gongji.model.binding import Binding
from gongji.model.claim import Claim
from gongji.model.commands import RequestRecord
from gongji.model.filing import Filing
from gongji.model.people import Certificate, Person
from gongji.model.registry import PersonRow
from gongji.model.revisions import PersonRevision
from gongji.model.settlement import Settlement
from gongji.model.staging import StagedPerson
from gongji.model.statement import IssuedStatement
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.rules.codes import FilingKind
from gongji.store.seal import Vault
from gongji.store.sealing import Halves, Sealer, SecretFields, blanks_but, owner_of
from gongji.store.table import (
    DOCUMENT,
    AnyTable,
    Column,
    RecordTable,
    Row,
    instant,
    micros,
    moment,
    number,
    text,
)

T = TypeVar("T")

_KEY: Final = attrgetter("key")
"""The key a record puts together from several of its fields."""

SEALED: Final = "sealed"

COMMITMENTS: Final = "commitments"

_PERSON: Final = blanks_but(
    Person,
    # The number is the key of every table; the others say nothing of the person.
    clear=("person_no", "revision", "known_from", "import_id", "erased"),
    required={
        "certificate": Certificate("", ""),
        "name": "",
        "phone": "",
        "first_place": "",
    },
)

SECRET: Final[Mapping[type, Mapping[str, Any]]] = {
    RequestRecord: {"answer": b"", "refusal": b""},
    Binding: blanks_but(
        Binding,
        # The two numbers are keys, and what rules and listings go by.
        clear=(
            *("binding_id", "holder", "member", "purposes", "channel", "state"),
            *("submitted_at", "review_due_at", "review_due_provisional"),
            *("expires_at", "active_at", "closed_at", "rules", "decided_by"),
        ),
        required={"relation": ""},
    ),
    Settlement: {"bill.filing_no": "", "reversed_why": ""},
    Credit: {"taken_back_why": "", "corrected_why": None},
    Premium: {"refunded_why": "", "former": ()},
    IssuedStatement: {"content": b"", "key": b""},
    WalletAccount: {"phone": ""},
    WalletTransfer: {"relation": ""},
    Claim: {"bill.filing_no": "", "items": (), "materials": (), "history": ()},
    Filing: blanks_but(
        Filing,
        # Where, why and until when somebody is treated elsewhere says much of him.
        clear=("filing_no", "person_no", "area_code", "filed_at", "rule", "decided_by"),
        required={
            "kind": FilingKind.LONG_TERM,
            "areas": (),
            "since": date.min,
            "until": None,
        },
    ),
}
"""The sealed fields of each kind, with what stands in clear in their place."""

PROVED_AGAIN: Final[frozenset[type]] = frozenset({Settlement})
"""Kinds whose former rows are proved from the present one (`rpc.services.packet`)."""


def partly_sealed(table: RecordTable[T], sealer: Sealer) -> RecordTable[T]:
    """Return a table whose records are sealed in part if `SECRET` says so.

    A flat one must have no columns of the sealed fields.
    """
    blanks = SECRET.get(table.kind)
    if blanks is None:
        return table
    secrets = _secret_fields(sealer, table, blanks)
    key_of = table.key.of

    def part(record: T) -> Halves[T]:
        return secrets.halves(str(key_of(record)), record)

    def record(row: Row) -> T:
        return secrets.whole(row[0], table.record(row[1:-1]), row[-1])

    columns = [
        replace(_DOCUMENT, personal=column.personal)
        if column.name == DOCUMENT
        else column
        for column in table.columns
    ]
    return replace(
        table,
        columns=(*columns, replace(_SEALED, null=True), _COMMITMENTS),
        read=(table.key.name, *table.read, SEALED),
        record=record,
        part=part,
    )


def _secret_fields(
    sealer: Sealer, table: RecordTable[T], blanks: Mapping[str, Any]
) -> SecretFields[T]:
    lasting = table.kind in PROVED_AGAIN
    return SecretFields(sealer, table.name, table.kind, blanks, lasting=lasting)


def _clear_half(halves: Halves[Any]) -> bytes:
    return msgspec.json.encode(halves.clear)


_DOCUMENT: Final = Column(DOCUMENT, "BLOB", _clear_half, personal=True, parted=True)


_SEALED: Final = Column(
    SEALED, "BLOB", attrgetter(SEALED), uncommitted=True, parted=True
)

_COMMITMENTS: Final = Column(
    COMMITMENTS, "BLOB", attrgetter("commitments"), null=True, parted=True
)

_ALWAYS_SEALED: Final = (_SEALED, _COMMITMENTS)


def _cert(vault: Vault, of: Callable[[Any], Certificate]) -> Column:
    """Return the column of the keyed hash by which a certificate is found."""

    def value(record: Any) -> str:
        return vault.lookup(of(record))

    return Column("cert", "TEXT", value, uncommitted=True, at_rest=vault.stored_lookups)


def person_tables(vault: Vault) -> tuple[AnyTable, ...]:
    """Return the tables of persons, their former revisions and staged rows."""
    sealer = Sealer(vault)
    return _persons(vault, sealer), _revisions(sealer), _staged(vault, sealer)


def _persons(vault: Vault, sealer: Sealer) -> RecordTable[Person]:
    """Persons: found by number or by the keyed hash of the certificate."""
    secrets = SecretFields(sealer, "person", Person, _PERSON, always=True)
    decode = msgspec.json.Decoder(Person).decode

    def part(person: Person) -> Halves[Person]:
        return secrets.halves(person.person_no, person)

    def read(row: Row) -> Person:
        person_no, clear, secret = row
        return secrets.whole(person_no, decode(clear), secret)

    columns = (
        text("person_no", personal=True),
        _cert(vault, attrgetter("certificate")),
        _DOCUMENT,
        _SEALED,
        moment("known_from", sparse=True),
        _COMMITMENTS,
    )
    return RecordTable(
        Person,
        "person",
        columns,
        read=("person_no", DOCUMENT, SEALED),
        record=read,
        indexes=(("cert",), ("known_from",)),
        part=part,
    )


def _revisions(sealer: Sealer) -> RecordTable[PersonRevision]:
    """Former revisions of persons, found by the person's number."""
    secrets = SecretFields(sealer, "person_revision", Person, _PERSON, always=True)
    decode = msgspec.json.Decoder(Person).decode

    def part(revision: PersonRevision) -> Halves[Person]:
        # Sealed for this revision: no other can be put in its place.
        return secrets.halves(revision.key, revision.record)

    def read(row: Row) -> PersonRevision:
        key, known_until, clear, secret = row
        person = secrets.whole(key, decode(clear), secret)
        return PersonRevision(person, instant(known_until))

    columns = (
        text("revision_id", _KEY, personal=True),
        text("owner", personal=True),
        moment("known_from", "record.known_from", sparse=True),
        Column("known_until", "INTEGER", lambda revision: micros(revision.known_until)),
        _DOCUMENT,
        *_ALWAYS_SEALED,
    )
    return RecordTable(
        PersonRevision,
        "person_revision",
        columns,
        read=("revision_id", "known_until", DOCUMENT, SEALED),
        record=read,
        # Written over once: by an erasure.
        indexes=(("owner",), ("known_from",)),
        part=part,
    )


def _staged(vault: Vault, sealer: Sealer) -> RecordTable[StagedPerson]:
    """Persons' rows of imports that are not merged yet, sealed whole."""
    decode = msgspec.json.Decoder(PersonRow).decode
    name = "staged_person"

    def part(staged: StagedPerson) -> Halves[None]:
        fields = msgspec.structs.asdict(staged.row)
        return Halves(None, *sealer.seal(owner_of(name, staged.key), fields))

    def read(row: Row) -> StagedPerson:
        key, order, base, secret = row
        said = decode(sealer.open(owner_of(name, key), secret))
        set_id = key.removesuffix(f"/{said.person_no}")
        return StagedPerson(set_id=set_id, number=order, base=base, row=said)

    return RecordTable(
        StagedPerson,
        name,
        (
            text("staged_id", _KEY, personal=True),
            _cert(vault, attrgetter("row.certificate")),
            number("number"),
            number("base"),
            *_ALWAYS_SEALED,
        ),
        read=("staged_id", "number", "base", SEALED),
        record=read,
        indexes=(("cert",),),
        part=part,
    )
