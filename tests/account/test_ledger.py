"""Balanced entries: what a settlement and a reversal post, and nothing else."""

from __future__ import annotations

from datetime import datetime

import pytest
from gongji.account import ledger
from gongji.account.ledger import Inconsistent, Posting
from gongji.model.account import Account, Entry, PurseMovement
from gongji.rules.codes import SHANGHAI, AccountUse, EntryKind
from gongji.settlement.reverse import Reverse
from gongji.settlement.settle import Settle
from hypothesis import given
from hypothesis import strategies as st

from tests.scaffold.world import NewWorld, World

NOW = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)
Posted = tuple[str, int, EntryKind | None, int, int]


@pytest.fixture
def family(new_world: NewWorld) -> World:
    """P1 with 100 yuan, helped by P2 with 30; the year's deductible behind P1."""
    world = new_world()
    world.person("P1")
    world.person("P2")
    world.add(Account("P1", 100_00, 3), Account("P2", 30_00, 7))
    world.bind("P2", "P1", world.now)
    world.hospital(8)
    world.settle(world.visit("P1", 800_00))
    return world


CHARGED: list[Posted] = [
    ("fund:3411:310", -240_00, None, 0, 0),
    ("cash", -40_00, None, 0, 0),
    ("purse:P1", -100_00, EntryKind.OWN_CHARGE, 0, 4),
    ("purse:P2", -30_00, EntryKind.AID_CHARGE, 0, 8),
    ("institution:H34110000008", 410_00, None, 0, 0),
]

RETURNED: list[Posted] = [
    ("fund:3411:310", 240_00, None, 0, 0),
    ("cash", 40_00, None, 0, 0),
    ("purse:P1", 100_00, EntryKind.REFUND, 100_00, 5),
    ("purse:P2", 30_00, EntryKind.REFUND, 30_00, 9),
    ("institution:H34110000008", -410_00, None, 0, 0),
]


def test_settlement_and_reversal_mirror_each_other(family: World) -> None:
    """Fund, purses and cash are charged what the institution receives, and back again."""
    bill = family.visit(
        "P1", 400_00, above_limit_fen=10_00, account_use=AccountUse.CITY_ORDER
    )
    settle = Settle(family.request(), bill, family.cities)
    settled = family.decide(settle)
    family.add(*settled.records)
    name = settled.answer.settlement_id
    reverse = Reverse(family.request("Reverse"), name, "", "", family.cities)
    reversed_ = family.decide(reverse)
    assert CHARGED == _posted(settled.records)
    assert RETURNED == _posted(reversed_.writes)
    entries = _entries(settled.records + reversed_.writes)
    assert {name} == {entry.reference for entry in entries}


def test_nothing_is_posted_of_nothing(family: World) -> None:
    """A payer who pays nothing has no entry, and an untouched purse no new version."""
    bill = family.visit("P1", 0, out_of_catalogue_fen=1)
    settled = family.decide(Settle(family.request(), bill, family.cities))
    expected: list[Posted] = [
        ("cash", -1, None, 0, 0),
        ("institution:H34110000008", 1, None, 0, 0),
    ]
    assert expected == _posted(settled.records)
    account = Account("P1", 5, 2)
    movement = PurseMovement("P1", 0, 5, 2)
    assert (account, movement) == ledger.moved(account, 0)


def test_no_purse_falls_below_nothing() -> None:
    """A purse may be emptied, never overdrawn."""
    assert Account("P1", 0, 2) == ledger.moved(Account("P1", 5, 1), -5)[0]
    with pytest.raises(Inconsistent, match="P1"):
        ledger.moved(Account("P1", 5, 1), -6)


@given(st.lists(st.integers(-1000, 1000)))
def test_what_does_not_balance_is_not_posted(amounts: list[int]) -> None:
    """Postings become entries if and only if they add up to 0."""
    postings = [Posting("cash", fen) for fen in amounts]
    try:
        entries = ledger.balanced("T1", postings, NOW, "T1")
    except Inconsistent:
        assert sum(amounts) != 0
    else:
        assert 0 == sum(e.fen for e in entries) == sum(amounts)
        assert [fen for fen in amounts if fen] == [e.fen for e in entries]


@given(st.text(min_size=1))
def test_a_purse_tells_whose_it_is(person_no: str) -> None:
    """The account of a purse leads back to its person, any other account to nobody."""
    purse = ledger.purse_account(person_no)
    others = (ledger.CASH, ledger.owed_account(person_no), f"x{purse}")
    assert person_no == ledger.person_of_purse(purse)
    assert {""} == set(map(ledger.person_of_purse, others))


def _entries(records: tuple[object, ...]) -> list[Entry]:
    return [r for r in records if isinstance(r, Entry)]


def _posted(records: tuple[object, ...]) -> list[Posted]:
    return [
        (e.ledger_account, e.fen, e.kind, e.balance_after_fen, e.version_after)
        for e in _entries(records)
    ]
