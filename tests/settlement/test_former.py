"""A purse as it was at an instant, by its entries alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from gongji.account.ledger import purse_account
from gongji.model.account import Entry
from gongji.model.settlement import Settlement
from gongji.rules.codes import AccountUse, Payer
from gongji.settlement.former import PurseHistory
from msgspec.structs import replace

from tests.scaffold.people import NOW
from tests.scaffold.world import NewWorld, World
from tests.settlement.recomputing import DAY, kept, recomputed

MOMENT = timedelta(microseconds=1)


def entry(version: int, fen: int, balance_fen: int, day: int) -> Entry:
    """Return an entry of P1's purse, so many days from now."""
    return Entry(
        transaction_id=f"T{version}",
        position=0,
        ledger_account=purse_account("P1"),
        fen=fen,
        at=NOW + day * DAY,
        kind=None,
        balance_after_fen=balance_fen,
        version_after=version,
    )


HISTORY = PurseHistory(
    [
        entry(3, 50, 50, 2),
        entry(1, 100, 100, 1),
        entry(2, -100, 0, 2),
        entry(4, 9, 59, 3),
    ],
)
"""Filled, then emptied and filled again at one instant, then filled up."""


@pytest.mark.parametrize(
    ("at", "before", "empty"),
    [
        (DAY - MOMENT, None, True),
        (DAY, None, True),
        (DAY + MOMENT, (100, 1), False),
        (2 * DAY, (100, 1), True),
        (2 * DAY + MOMENT, (50, 3), False),
        (3 * DAY, (50, 3), False),
        (4 * DAY, (59, 4), False),
    ],
)
def test_at_an_instant(
    at: timedelta, before: tuple[int, int] | None, *, empty: bool
) -> None:
    """What was entered at that very instant may have come before or after."""
    assert (before, empty) == (HISTORY.before(NOW + at), HISTORY.was_empty(NOW + at))


def in_cash(done: Settlement) -> Settlement:
    """Return a settlement as if the patient's purse had had nothing."""
    fen = {Payer.OWN_PURSE: -done.own_fen, Payer.CASH: done.own_fen}
    lines = [
        replace(line, fen=line.fen + fen.get(line.payer, 0), inputs=dict(line.inputs))
        for line in done.lines
    ]
    for line in lines:
        if line.payer is Payer.OWN_PURSE:
            line.inputs["available"] = 0
        if line.payer is Payer.CASH:
            line.inputs["own_purse"] = 0
    cash = done.cash_fen + done.own_fen
    return replace(done, own_fen=0, cash_fen=cash, movements=(), lines=tuple(lines))


def opened(world: World) -> None:
    """Enter what P1 has, the day before."""
    world.add(replace(entry(1, 50_00, 50_00, 0), at=world.now - DAY))


@pytest.mark.parametrize("had", [True, False])
def test_cash_in_place_of_a_purse(family: NewWorld, *, had: bool) -> None:
    """Nobody pays in cash what the entries say that his purse had."""
    world = kept(family())
    if had:
        opened(world)
    bill = world.visit("P1", 200_00, account_use=AccountUse.OWN)
    done = world.settle(bill)
    (own,) = [one for one in world.all(Entry) if one.version_after == 2]
    del world.records[Entry, own.key]
    world.add(in_cash(done))
    as_then = recomputed(world, done.settlement_id).as_then
    assert as_then.equal != had
