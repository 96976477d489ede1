"""What is remembered, one table a kind of record; every engine builds its tables and
statements from here."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec

from gongji.model.account import Account, Credit, Entry, Premium
from gongji.model.binding import Binding
from gongji.model.commands import Adopted, RequestRecord
from gongji.model.people import Institution, Person
from gongji.model.settlement import Accumulator, SettledDay, Settlement
from gongji.store.seal import Vault
from gongji.store.table import (
    DOCUMENT,
    Column,
    RecordTable,
    Row,
    document,
    moment,
    number,
    plain,
    text,
)

T = TypeVar("T")

VERSION: Final = 2
"""Version of the schema below; a database of a newer one is refused, of an older one
brought forward."""

_SEALED: Final = ("certificate", "name", "phone")
"""Fields of a person that are never written in clear."""


class Schema:
    """Every table by kind; knows how records are found (`facts.Keys`)."""

    def __init__(self, vault: Vault) -> None:
        self.tables: Mapping[type, RecordTable[Any]] = {
            table.kind: table for table in (_persons(vault), *_TABLES)
        }
        self._keys = {kind: table.key.of for kind, table in self.tables.items()}
        self._indexes = {
            kind: tuple(table.needed().items()) for kind, table in self.tables.items()
        }

    def table(self, kind: type[T]) -> RecordTable[T]:
        """The table of a kind. KeyError where nothing of that kind is remembered."""
        return self.tables[kind]

    def key_of(self, record: object) -> str:
        """The record's key."""
        return self._keys[type(record)](record)  # type: ignore[return-value]  # keys are text columns

    def indexes_of(self, record: object) -> Mapping[str, str]:
        """The record's value in each index a `Need` may name."""
        return {name: of(record) for name, of in self._indexes[type(record)]}  # type: ignore[misc]  # text columns


def _persons(vault: Vault) -> RecordTable[Person]:
    """Persons: found by number or by the keyed hash of the certificate; certificate,
    name and phone sealed."""
    decode = msgspec.json.Decoder(Person).decode

    def clear(person: Person) -> bytes:
        return msgspec.json.encode(
            {k: v for k, v in msgspec.to_builtins(person).items() if k not in _SEALED}
        )

    def sealed(person: Person) -> bytes:
        return vault.seal(
            person.person_no,
            msgspec.json.encode({name: getattr(person, name) for name in _SEALED}),
        )

    def record(row: Row) -> Person:
        # The two halves are JSON objects of one person; joined they are the whole.
        person_no, half, other = row
        return decode(half[:-1] + b"," + vault.unseal(person_no, other)[1:])

    columns = (
        text("person_no"),
        text("cert", lambda p: vault.lookup(p.certificate)),
        Column(DOCUMENT, "BLOB", clear),
        Column("sealed", "BLOB", sealed),
    )
    return RecordTable(
        Person,
        "person",
        columns,
        ("person_no", DOCUMENT, "sealed"),
        record,
        (("cert",),),
    )


_KEY: Final = attrgetter("key")
"""The key a record puts together from several of its fields."""

_TABLES: Final[tuple[RecordTable[Any], ...]] = (
    # Written first: of two servers that execute one request, the second meets the first
    # here and nowhere else.
    plain(RequestRecord, "request"),
    document(Institution, "institution", text("code")),
    document(
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
    ),
    document(
        Settlement,
        "settlement",
        text("settlement_id"),
        text("patient", attrgetter("bill.patient")),
        text("institution", attrgetter("bill.institution_code")),
        moment("settled_at"),
        moment("reversed_at", sparse=True),
        indexes=(
            ("patient", "settled_at"),
            ("institution", "settled_at"),
            ("institution", "reversed_at"),
        ),
        by_year="settled_at",
    ),
    plain(Account, "account", non_negative=("balance_fen", "version"), clustered=True),
    plain(
        Accumulator,
        "accumulator",
        key=text("accumulator_id", _KEY),
        non_negative=("deductible_used_fen", "fund_paid_fen"),
        clustered=True,
    ),
    plain(
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
        by_year="at",
    ),
    plain(
        SettledDay,
        "settled_day",
        key=text("settled_day_id", _KEY),
        indexes=(("pooling_area", "day"),),
        clustered=True,
    ),
    plain(Credit, "credit", non_negative=("fen",), clustered=True),
    # Keyed by member and year: not even a defect could have one premium paid twice.
    document(
        Premium,
        "premium",
        text("member_year", _KEY),
        append_only=True,
    ),
    plain(
        Adopted,
        "adoption",
        key=text("adoption_id", _KEY),
        clustered=True,
    ),
)
