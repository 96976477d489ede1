"""Laws of the tables: what is written is read back the same, nothing personal lies in clear."""

from __future__ import annotations

import typing
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gongji.audit.checkpoint import StoredCheckpoint
from gongji.audit.leaf import Leaf, LogWriter
from gongji.audit.tree import Tile
from gongji.model.access import LostAccesses, PersonAccess
from gongji.model.account import (
    Account,
    BroughtForward,
    Credit,
    Entry,
    Premium,
)
from gongji.model.binding import (
    Binding,
)
from gongji.model.claim import Claim, Invoice
from gongji.model.commands import Adopted, RequestRecord
from gongji.model.decided import DecidedBy, KeptRules, RuleRef
from gongji.model.evidence import SpentToken
from gongji.model.filing import Filing
from gongji.model.guessing import Guesses
from gongji.model.people import (
    Institution,
    Person,
)
from gongji.model.revisions import InstitutionRevision, PersonRevision
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
    StagedPerson,
    StagedSet,
    Turn,
    Unmerged,
)
from gongji.model.started import Started
from gongji.model.statement import IssuedStatement
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.rules.codes import (
    SHANGHAI,
    Scheme,
)
from gongji.store.engine import ConstraintViolated
from gongji.store.keys.counting import SealCount
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.table import RecordTable, flat_table, instant, micros
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.store.conftest import AnyEngine, fetched
from tests.store.personal_records import SECRETS

LOG = (Leaf, LogWriter, StoredCheckpoint, Tile)
"""Kinds of the log, which does not speak of itself."""

KINDS = (
    Person,
    PersonRevision,
    Institution,
    InstitutionRevision,
    StagedPerson,
    StagedInstitution,
    StagedSet,
    Unmerged,
    Turn,
    AppliedImport,
    Binding,
    Settlement,
    SettledDay,
    SettledMessage,
    Account,
    Accumulator,
    MeterReading,
    Entry,
    Credit,
    BroughtForward,
    Premium,
    RequestRecord,
    Adopted,
    KeptRules,
    SealCount,
    Started,
    PersonAccess,
    LostAccesses,
    Guesses,
    IssuedStatement,
    WalletAccount,
    WalletTransfer,
    Filing,
    Claim,
    Invoice,
    SpentToken,
)

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
FEN = st.integers(0, 2**63 - 1)
FIRST, LAST = datetime(1980, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001 - see below
INSTANTS = st.datetimes(FIRST, LAST).map(lambda d: d.replace(tzinfo=SHANGHAI, fold=0))

st.register_type_strategy(str, TEXT)
st.register_type_strategy(int, FEN)
st.register_type_strategy(datetime, INSTANTS)


def whole(kind: type) -> st.SearchStrategy[Any]:
    """Records with every field drawn, those with defaults too."""
    if not issubclass(kind, msgspec.Struct):
        return st.from_type(kind)
    hints = typing.get_type_hints(kind)
    return st.builds(
        kind, **{f.name: _drawn(hints[f.name]) for f in msgspec.structs.fields(kind)}
    )


def _drawn(hint: Any) -> st.SearchStrategy[Any]:
    arguments = [a for a in typing.get_args(hint) if a is not Ellipsis]
    origin = typing.get_origin(hint)
    if origin in {dict, Mapping}:
        return st.dictionaries(_drawn(arguments[0]), _drawn(arguments[1]), max_size=2)
    if origin in {tuple, frozenset}:
        return st.lists(_drawn(arguments[0]), max_size=2).map(origin)
    if arguments and type(None) in arguments:
        return st.none() | _drawn(next(a for a in arguments if a is not type(None)))
    return st.from_type(hint) if arguments else whole(hint)


@pytest.mark.sampled(12)
@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_written_is_read_back(
    schema: Schema,
    kind: type,
    data: st.DataObject,
) -> None:
    """A record of any kind comes back from its row as it was, whatever is in it."""
    table = schema.tables[kind]
    record = data.draw(whole(kind))
    row = dict(zip((c.name for c in table.columns), table.row(record), strict=True))
    restored = table.record([row[name] for name in table.read])
    assert record == restored
    assert schema.key_of(record) == schema.key_of(restored)


def test_every_kind_has_a_table(schema: Schema) -> None:
    """What the service remembers is these kinds, and each has a table of its own."""
    assert {*KINDS, *LOG} == set(schema.tables)
    assert {*KINDS} == set(schema.forms)
    assert len(KINDS) + len(LOG) == len({t.name for t in schema.tables.values()})


def test_keys_are_those_of_the_plan(
    schema: Schema, clock: Callable[[], datetime]
) -> None:
    """A key put together from several fields names them all."""
    cases: list[tuple[object, str]] = [
        (Accumulator("P1", Scheme.EMPLOYEE, "3411", 2025), "P1/310/3411/2025"),
        (
            MeterReading.of("P1/310/3411/2025-07-01/paid.year7", 5),
            "P1/310/3411/2025-07-01/paid.year7",
        ),
        (
            Entry(
                transaction_id="S1",
                position=2,
                ledger_account="cash",
                fen=1,
                at=clock(),
                kind=None,
            ),
            "S1/002",
        ),
        (Adopted("341100", "V2", date(2025, 1, 1), clock()), "341100/V2"),
        (Account("P1"), "P1"),
    ]
    assert [key for _, key in cases] == [schema.key_of(record) for record, _ in cases]


@given(at=INSTANTS)
def test_instants_keep_their_microsecond(at: datetime) -> None:
    """An instant survives its column exactly, and comes back in Shanghai time."""
    assert at == instant(micros(at))
    assert micros(at) == micros(at.astimezone(UTC))
    assert SHANGHAI is instant(micros(at)).tzinfo


def test_a_flat_record_may_not_have_nested_fields() -> None:
    """A field no column can hold is found when the program starts, not when it writes."""

    class Odd(msgspec.Struct):
        key: str
        impedance: complex

    with pytest.raises(TypeError, match="complex"):
        flat_table(Odd, "odd")


@pytest.mark.parametrize(
    "record",
    [
        Account("P1", -1, 1),
        Accumulator("P1", Scheme.EMPLOYEE, "3411", 2025, -1, 0),
        Accumulator("P1", Scheme.EMPLOYEE, "3411", 2025, 0, -1),
        MeterReading.of("P1/310/3411/2025-07-01/paid.year7", -1),
        Credit(
            "P1/2025-09",
            "P1",
            "2025-09",
            -1,
            "premium:3411",
            datetime(2025, 9, 1, tzinfo=SHANGHAI),
        ),
    ],
    ids=["purse", "deductible used", "fund paid", "meter", "credit"],
)
def test_floors_are_held_by_the_database_too(engine: AnyEngine, record: object) -> None:
    """No purse, accumulator, meter or credit can be stored below 0, whatever decided so."""
    with pytest.raises(ConstraintViolated):
        engine.upsert(type(record), [record])


def test_entries_are_never_changed(
    engine: AnyEngine, clock: Callable[[], datetime]
) -> None:
    """Writing a second entry under a key is an error."""
    entry = Entry(
        transaction_id="S1",
        position=0,
        ledger_account="cash",
        fen=1,
        at=clock(),
        kind=None,
    )
    engine.upsert(Entry, [entry])
    with pytest.raises(ConstraintViolated):
        engine.upsert(Entry, [entry])


def test_a_premium_may_be_refunded(
    engine: AnyEngine, clock: Callable[[], datetime]
) -> None:
    """A member's year is one row, whoever pays: paid, refunded, paid by another."""
    premium = Premium(
        premium_id="PA",
        holder="P1",
        member="P2",
        year=2026,
        fen=400_00,
        paid_at=clock(),
        rules=(RuleRef("uses", date(2022, 7, 1), ("C68",)),),
        decided_by=DecidedBy("341100", "x", "0", "0"),
    )
    refunded = replace(premium, refunded_at=clock(), refunded_why="金额有误")
    for record in (premium, refunded, replace(premium, premium_id="PB", holder="P3")):
        engine.upsert(Premium, [record])
        assert [record] == fetched(engine, Premium, "", ["P2/2026"])


def test_a_credit_may_be_taken_back(
    engine: AnyEngine, clock: Callable[[], datetime]
) -> None:
    """A month's credit is one row: given, taken back, given again."""
    credit = Credit("P1/2025-09", "P1", "2025-09", 1, "premium:3411", clock())
    for record in (
        credit,
        replace(credit, taken_back_at=clock(), taken_back_why="重复登记"),
        credit,
    ):
        engine.upsert(Credit, [record])
        assert [record] == fetched(engine, Credit, "", ["P1/2025-09"])


def forms(secret: str) -> list[bytes]:
    """A text as it may lie in a file."""
    raw = secret.encode()
    return [raw, raw.hex().encode(), b64encode(raw).rstrip(b"=")]


@pytest.mark.parametrize(("record", "secrets"), SECRETS.values(), ids=SECRETS)
def test_nothing_personal_lies_in_clear(
    engine: AnyEngine,
    schema: Schema,
    record: Any,
    secrets: Sequence[str],
    tmp_path: Path,
) -> None:
    """Neither a file, nor its log, nor any column contains what says something of a person
    beyond the number, nor what somebody typed about him; it is read back all the same."""
    # Three letters are found by chance in what is random.
    assert min(len(secret.encode()) for secret in secrets) >= len("123456")
    kind = type(record)
    table: RecordTable[Any] = schema.table(kind)
    engine.begin()
    engine.upsert(kind, [record])
    engine.commit()
    raw = b"".join(p.read_bytes() for p in (tmp_path / "var").glob("gongji.db*"))
    everything = f"SELECT * FROM {table.name}"  # noqa: S608 - the schema's names
    for value in engine.connection.execute(everything).fetchone():
        raw += value if isinstance(value, bytes) else str(value).encode()
    assert [] == [form for secret in secrets for form in forms(secret) if form in raw]
    assert [record] == fetched(engine, kind, "", [schema.key_of(record)])


def test_a_person_is_found_by_certificate(
    engine: AnyEngine, person: Person, vault: Vault
) -> None:
    """The keyed hash of the certificate leads to the person."""
    engine.upsert(Person, [person])
    lookup = vault.lookup(person.certificate)
    assert [person] == fetched(engine, Person, "cert", [lookup])


def test_a_sealed_person_cannot_be_passed_off_as_another(
    engine: AnyEngine, person: Person
) -> None:
    """A seal moved to another row of the table does not open."""
    engine.upsert(Person, [person, replace(person, person_no="P2")])
    engine.connection.execute(
        "UPDATE person SET sealed = (SELECT sealed FROM person WHERE person_no = 'P1') "
        "WHERE person_no = 'P2'"
    )
    with pytest.raises(ValueError, match="P2"):
        fetched(engine, Person, "", ["P2"])
