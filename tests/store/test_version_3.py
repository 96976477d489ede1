"""What version 3 makes of the balances and messages a database of before holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from gongji.client.imports import DEFAULT_BATCH
from gongji.model.account import BroughtForward, Entry
from gongji.model.commands import Listing, RequestRecord
from gongji.model.settlement import SettledMessage, Settlement
from gongji.rules.codes import SHANGHAI, EntryKind
from gongji.store.migrations import Migration, bring_forward
from gongji.store.schema import VERSION, Schema
from gongji.store.seal import Vault
from msgspec.structs import replace

from tests.store.conftest import AnyEngine, engine_at, load_dump, settled
from tests.store.pages import page_records
from tests.store.test_migrations import INSTANTS, of_year, write_as_version_1


@pytest.fixture
def empty(engine_url: str, schema: Schema) -> Iterator[AnyEngine]:
    """A database in which nothing is yet."""
    engine = engine_at(engine_url, schema)
    yield engine
    engine.close()


END_OF_2025 = datetime(2025, 12, 31, 23, 59, 59, 999999, SHANGHAI)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=SHANGHAI)
BROUGHT = [
    # As the dump has them, with what is added to it below.
    BroughtForward(
        "P1", 2025, DEFAULT_BATCH, 3000_07, "CEASQSMAAAAAAAAAAAAAAAAAAAM", END_OF_2025
    ),
    BroughtForward("P1", 2026, DEFAULT_BATCH, 5, "CB", NEW_YEAR),
    BroughtForward(
        "P2",
        2025,
        DEFAULT_BATCH,
        30_00,
        "CEASQSMAAAAAAAAAAAAAAAAAAAQ",
        datetime(2025, 9, 30, 10, 4, tzinfo=SHANGHAI),
    ),
]


def brought_entry(transaction_id: str, at: datetime, fen: int, version: int) -> Entry:
    """What came into P1's purse from another system."""
    return Entry(
        transaction_id=transaction_id,
        position=1,
        ledger_account="purse:P1",
        fen=fen,
        at=at,
        kind=EntryKind.BROUGHT_FORWARD,
        version_after=version,
        reference=transaction_id,
    )


def test_balances_of_before_are_one_batch_a_year(
    empty: AnyEngine,
    schema: Schema,
    vault: Vault,
) -> None:
    """What was brought forward to a purse in one year is the batch of a file that names
    none: the file sent again books nothing."""
    load_dump(empty, "version_2")
    entries = [
        brought_entry("CA", END_OF_2025, 7, 100),
        brought_entry("CB", NEW_YEAR, 5, 101),
    ]
    write_as_version_1(empty, schema, entries)
    bring_forward(of_year(empty, schema), schema, vault.fingerprint)
    assert BROUGHT == page_records(empty, Listing(kind=BroughtForward))


def from_message(number: int, msgid: str, at: datetime) -> Settlement:
    """A settlement of a message of its institution."""
    settlement = settled(number, at)
    return replace(settlement, bill=replace(settlement.bill, msgid=msgid))


MESSAGES = [
    from_message(1, "M'1\\", INSTANTS[3]),
    from_message(2, "M'1\\", INSTANTS[2]),
    from_message(3, "M'1\\", INSTANTS[4]),
    from_message(4, "报文", INSTANTS[2]),
    from_message(5, "", INSTANTS[2]),
    from_message(6, "", INSTANTS[3]),
]
"""One settled three times, one once, and two bills that no message brought."""


def test_a_message_settled_twice_before_stays_and_is_told(
    empty: AnyEngine,
    schema: Schema,
    vault: Vault,
) -> None:
    """Of each message the first settlement answers; the others stay and are listed."""
    load_dump(empty, "version_1")
    home = of_year(empty, schema)
    home.record(1, vault.fingerprint)
    write_as_version_1(empty, schema, MESSAGES)
    row = RequestRecord("r2", "clinic-1", "Settle", {}, INSTANTS[2])
    write_as_version_1(empty, schema, [row])
    migration = bring_forward(home, schema, vault.fingerprint)
    once, twice = (SettledMessage.former_key_of(MESSAGES[n].bill) for n in (3, 0))
    assert ((twice, "S2", "S1"), (twice, "S2", "S3")) == migration.repeated
    # Whose it is its request says, if that was kept.
    stored = [SettledMessage(twice, "S2", "clinic-1"), SettledMessage(once, "S4", "")]
    assert stored == page_records(empty, Listing(kind=SettledMessage))
    again = bring_forward(home, schema, vault.fingerprint)
    assert Migration(VERSION, VERSION) == again
