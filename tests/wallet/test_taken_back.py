"""What a wallet paid comes back to it, and is decided again as it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from gongji.model.account import Account
from gongji.model.people import Person
from gongji.model.refusals import NothingToResettle
from gongji.model.settlement import Settlement
from gongji.model.wallet import WalletAccount
from gongji.rules.codes import EntryKind, Payer
from gongji.settlement.resettle import Resettle, Resettled, Returned
from msgspec.structs import replace as changed

from tests.evaluator import faults
from tests.scaffold.people import NOW
from tests.scaffold.world import NewWorld, World
from tests.settlement.recomputing import correct, kept, recomputed
from tests.wallet.paying import (
    CITY_ORDER,
    DAY,
    MINUTE,
    OWN,
    Before,
    balanced,
    elsewhere,
    fill,
    in_wallet,
    line_of,
    no_wallet,
    out_of_catalogue,
    populated,
)


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return populated(new_world())


# --- what is taken back ---------------------------------------------------------------


def test_what_it_paid_comes_back(world: World) -> None:
    """A reversal returns to the wallet what the wallet paid, whatever became of it since."""
    populated(world, own=30_00, held=25_00)
    done = world.settle(out_of_catalogue(world, 70_00, account_use=OWN))
    elsewhere(world)
    fill(world, 7_00)
    refunds = world.reverse(done.settlement_id).refunds
    assert [(False, 30_00), (True, 25_00)] == [(m.wallet, m.fen) for m in refunds]
    assert 32_00 == in_wallet(world)
    assert 30_00 == world.record(Account, "P").balance_fen
    assert ("wallet:P", 25_00, EntryKind.WALLET_REFUND) in world.posted()
    assert balanced(world)


def test_a_part_returned_comes_back_to_the_wallet(world: World) -> None:
    """Of a bill of which a part is returned the wallet, asked last, has its money first."""
    populated(world, own=30_00, held=25_00)
    done = world.settle(out_of_catalogue(world, 50_00, account_use=OWN))
    assert 20_00 == done.wallet_fen
    world.now += DAY
    again = resettled(world, done, Returned(out_of_catalogue_fen=15_00))
    [one] = again.settlements
    assert one.after is not None
    assert (30_00, 5_00, 0) == (
        one.after.own_fen,
        one.after.wallet_fen,
        one.after.cash_fen,
    )
    assert 20_00 == in_wallet(world)
    assert balanced(world)
    assert recomputed(world, one.after.settlement_id).as_now.equal


def resettled(
    world: World, settlement: Settlement, returned: Returned | None = None
) -> Resettled:
    return world.do(
        Resettle(
            request=world.request("Resettle"),
            settlement_id=settlement.settlement_id,
            later=False,
            returned=returned,
            why="退费",
            cities=world.cities,
        )
    )


def test_settled_again_a_wallet_pays_no_more_than_it_held_then(world: World) -> None:
    """What came into the wallet later pays no bill of before."""
    populated(world, own=30_00, held=25_00)
    bill = out_of_catalogue(world, 90_00, account_use=OWN)
    done = world.settle(bill)
    world.now += DAY
    fill(world, 100_00)
    # That P was not insured is told too late, and wrongly.
    enrolments = world.record(Person, "P").enrolments
    correct(world, Person, "P", enrolments=())
    [one] = resettled(world, done).settlements
    assert one.after is None
    correct(world, Person, "P", enrolments=enrolments)
    [again] = resettled(world, done).settlements
    assert again.after is not None
    assert (30_00, 25_00) == (again.after.own_fen, again.after.wallet_fen)
    assert 100_00 == in_wallet(world)
    assert balanced(world)


Late = tuple[Settlement, Callable[[], object]]
"""A bill of which the wallet paid nothing, and what tells the fact by which it may."""


def asked_for_nothing(world: World, held: int) -> Late:
    """P's account pays all that the fund leaves of a retired person's bill."""
    populated(world, own=1680_00, held=held)
    at_work = world.record(Person, "P").enrolments
    retired = tuple(changed(one, psn_type="12") for one in at_work)
    correct(world, Person, "P", enrolments=retired)
    bill = world.visit("P", 3000_00, account_use=OWN, use_wallet=True)
    done = world.settle(bill)
    assert (1680_00, 0) == (done.own_fen, line_of(done).inputs["needed"])
    return done, lambda: correct(world, Person, "P", enrolments=at_work)


def told_to_be_dead(world: World, held: int) -> Late:
    """P is told to have died, which is not so."""
    populated(world, held=held)
    correct(world, Person, "P", died_on=NOW.date() - DAY)
    done = world.settle(out_of_catalogue(world, 70_00, service_day=NOW.date() - DAY))
    assert "死亡" in line_of(done).in_words
    return done, lambda: correct(world, Person, "P", died_on=None)


@pytest.mark.parametrize("held", [0, 10_00])
@pytest.mark.parametrize("bill", [asked_for_nothing, told_to_be_dead])
def test_what_paid_nothing_pays_with_the_money_of_then(
    world: World, bill: Callable[[World, int], Late], held: int
) -> None:
    """A wallet that was asked for nothing, or could not pay, pays a bill that is decided
    otherwise later with what it held then: what came into it since stays in it."""
    done, tell = bill(world, held)
    world.now += DAY
    tell()
    world.now += 2 * DAY
    fill(world, 300_00)
    if held or bill is asked_for_nothing:
        [one] = resettled(world, done).settlements
        assert one.after is not None
        assert held == one.after.wallet_fen
    else:
        with pytest.raises(NothingToResettle):
            resettled(world, done)
    assert 300_00 == in_wallet(world)
    assert balanced(world)


# --- decided again --------------------------------------------------------------------


def paid_before(world: World) -> tuple[World, Settlement]:
    """Return a world whose rules are kept, and a bill of which a wallet paid 20 yuan."""
    kept(populated(world, own=30_00, held=25_00))
    return world, world.settle(out_of_catalogue(world, 50_00, account_use=OWN))


def test_decided_again_it_is_what_it_was(world: World) -> None:
    """Whatever became of the wallet since: its place, its money, its owner's purse."""
    world, done = paid_before(world)
    elsewhere(world)
    fill(world, 100_00)
    world.now += MINUTE
    world.settle(out_of_catalogue(world, 10_00))
    again = recomputed(world, done.settlement_id)
    assert again.as_then.equal
    assert again.as_now.equal


@pytest.mark.parametrize("before", [no_wallet, elsewhere])
def test_denied_it_is_denied_again(world: World, before: Before) -> None:
    """A wallet opened, or used here, only later pays nothing of a bill of before."""
    kept(populated(world, held=25_00))
    stored = world.record(WalletAccount, "P")
    before(world)
    done = world.settle(out_of_catalogue(world, 50_00))
    world.add(stored)
    again = recomputed(world, done.settlement_id)
    assert again.as_then.equal
    assert again.as_now.equal
    with pytest.raises(Exception, match="相同"):
        resettled(world, done)


def test_another_amount_is_found(world: World) -> None:
    """Who changes what a wallet paid is found out: by the ledger, not by the line."""
    world, done = paid_before(world)
    line = line_of(done)
    less = {**line.inputs, "available": 5_00}
    forged = [
        changed(one, fen=5_00, inputs=less)
        if one is line
        else changed(one, fen=15_00)
        if one.payer is Payer.CASH
        else one
        for one in done.lines
    ]
    world.add(changed(done, lines=tuple(forged), wallet_fen=5_00, cash_fen=15_00))
    then = recomputed(world, done.settlement_id).as_then
    assert {"wallet_fen", "cash_fen", "lines"} <= set(then.different)


def test_its_lines_are_recomputed_without_the_program(world: World) -> None:
    """What a wallet paid follows from the inputs of the lines alone."""
    populated(world, own=30_00, aid=20_00, held=25_00)
    done = world.settle(out_of_catalogue(world, 70_00, account_use=CITY_ORDER))
    assert 25_00 == done.wallet_fen
    assert [] == list(faults(done.lines, 70_00))
