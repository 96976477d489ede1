"""What is stored, one table a kind of record; every engine builds on these tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Final, TypeVar

from gongji.audit.checkpoint import StoredCheckpoint
from gongji.audit.commitment import RowForm
from gongji.audit.leaf import Leaf, LogWriter
from gongji.audit.tree import Tile
from gongji.model.access import LostAccesses, PersonAccess
from gongji.model.account import Account, BroughtForward, Credit, Entry, Premium
from gongji.model.binding import Binding
from gongji.model.claim import Claim, Invoice
from gongji.model.commands import Adopted, RequestRecord
from gongji.model.decided import KeptRules
from gongji.model.evidence import SpentToken
from gongji.model.filing import Filing
from gongji.model.guessing import Guesses
from gongji.model.people import Institution
from gongji.model.revisions import InstitutionRevision
from gongji.model.settlement import (
    Accumulator,
    MeterReading,
    SettledDay,
    SettledMessage,
    Settlement,
)
from gongji.model.staging import (
    AppliedImport,
    StagedInstitution,
    StagedSet,
    Turn,
    Unmerged,
)
from gongji.model.started import Started
from gongji.model.statement import IssuedStatement
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.store.engine import Lookup
from gongji.store.keys.counting import SealCount
from gongji.store.personal import SECRET, partly_sealed, person_tables
from gongji.store.seal import Vault
from gongji.store.sealing import Sealer
from gongji.store.table import (
    DOCUMENT,
    AnyTable,
    FormsOf,
    RecordTable,
    document_table,
    flat_table,
    moment,
    number,
    text,
)

T = TypeVar("T")

VERSION: Final = 3
"""Version of the schema: a newer database is refused, an older one brought forward."""


class Schema:
    """Every table by kind; knows how records are found (`model.facts.Keys`)."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.sealer = Sealer(vault)
        tables = (*person_tables(vault), *_TABLES)
        self.tables: Mapping[type, AnyTable] = {
            table.kind: partly_sealed(table, self.sealer) for table in tables
        }
        self.forms: Mapping[type, RowForm] = {
            kind: table.form for kind, table in self.tables.items() if not table.log
        }
        # hot path: asked of every record that is fetched or written.
        self._keys = {}
        self._indexes = {}
        self._at_rest = _at_rest(self.tables)
        for kind, table in self.tables.items():
            self._keys[kind] = table.key.of
            self._indexes[kind] = tuple(table.need_indexes().items())

    def table(self, kind: type[T]) -> RecordTable[T]:
        """Return the table of a kind. KeyError if nothing of that kind is stored."""
        return self.tables[kind]

    def stored(self, lookup: Lookup) -> Sequence[str]:
        """Return the values of a lookup as the database may hold them."""
        kind, index, values = lookup
        # hot path: of one index only they are others.
        forms = self._at_rest.get((kind, index))
        if forms is None:
            return values
        return [form for value in values for form in forms(value)]

    def has_forms(self, lookups: Iterable[Lookup]) -> bool:
        """Return whether the database may hold a value of them in another form."""
        return any((kind, index) in self._at_rest for kind, index, _ in lookups)

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


def _at_rest(tables: Mapping[type, AnyTable]) -> Mapping[tuple[type, str], FormsOf]:
    """Return the columns whose values may be stored in several forms."""
    return {
        (kind, column.name): column.at_rest
        for kind, table in tables.items()
        for column in table.columns
        if column.at_rest is not None
    }


_KEY: Final = attrgetter("key")
"""The key a record puts together from several of its fields."""

_TABLES: Final[tuple[AnyTable, ...]] = (
    # Written first: of two servers that execute one request, the second meets the first
    # here and nowhere else.
    flat_table(
        RequestRecord,
        "request",
        names={"key": "request_id"},
        but=SECRET[RequestRecord],
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
        MeterReading,
        "meter_reading",
        non_negative=("fen",),
        clustered=True,
        personal=("meter_id", "person_no"),
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
        personal=("ledger_account", "reference"),
    ),
    flat_table(
        SettledDay,
        "settled_day",
        key=text("settled_day_id", _KEY),
        indexes=(("pooling_area", "day"),),
        clustered=True,
    ),
    flat_table(
        SettledMessage,
        "settled_message",
        append_only=True,
        clustered=True,
        # A caller's own words, whatever it puts there.
        personal=("message_id",),
    ),
    flat_table(
        Credit,
        "credit",
        non_negative=("fen", "owed_fen"),
        clustered=True,
        sparse=("owed_fen",),
        personal=("credit_id", "person_no"),
        but=SECRET[Credit],
    ),
    flat_table(
        BroughtForward,
        "brought_forward",
        key=text("brought_forward_id", _KEY),
        indexes=(("person_no",),),
        clustered=True,
        personal=("brought_forward_id", "person_no", "batch"),
    ),
    # Keyed by member and year: one premium of a year stands, whoever pays it.
    document_table(
        Premium,
        "premium",
        text("member_year", _KEY),
        personal=("member_year", DOCUMENT),
    ),
    flat_table(
        IssuedStatement,
        "statement",
        indexes=(("person_no", "issued_at"),),
        append_only=True,
        clustered=True,
        personal=("person_no",),
        but=SECRET[IssuedStatement],
    ),
    document_table(
        WalletAccount,
        "wallet",
        text("person_no"),
        personal=("person_no", DOCUMENT),
    ),
    document_table(
        WalletTransfer,
        "wallet_transfer",
        text("transfer_id"),
        text("sender"),
        text("receiver"),
        moment("sent_at"),
        # Of the transfers that are held alone: when they go back.
        moment("due_at", sparse=True),
        indexes=(("sender", "sent_at"), ("receiver", "sent_at"), ("due_at",)),
        personal=("sender", "receiver", DOCUMENT),
    ),
    document_table(
        Filing,
        "filing",
        text("filing_no"),
        text("person_no"),
        moment("filed_at"),
        indexes=(("person_no", "filed_at"),),
        personal=("person_no", DOCUMENT),
    ),
    document_table(
        Claim,
        "claim",
        text("claim_id"),
        text("patient", attrgetter("bill.patient")),
        number("state", lambda c: int(c.state)),
        moment("submitted_at"),
        indexes=(("patient", "submitted_at"), ("state", "submitted_at")),
        personal=("patient", DOCUMENT),
    ),
    flat_table(Invoice, "invoice", clustered=True, personal=("invoice_id",)),
    flat_table(SpentToken, "spent_token", append_only=True, clustered=True),
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
    flat_table(SealCount, "seal_count", outlives_reset=True),
    flat_table(Started, "started", append_only=True, outlives_reset=True),
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
    flat_table(
        StoredCheckpoint,
        "checkpoint",
        indexes=(("size",), ("through",)),
        append_only=True,
        log=True,
    ),
    flat_table(Tile, "tile", log=True),
)
