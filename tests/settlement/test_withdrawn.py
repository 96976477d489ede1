"""What was taken back because its bill would be refused comes back with the fact."""

from __future__ import annotations

import pytest
from gongji.model.people import Person
from gongji.model.refusals import AlreadyReversed, MalformedField, NothingToResettle
from gongji.model.settlement import Settlement
from gongji.rules.codes import AccountUse
from gongji.settlement.resettle import Returned
from msgspec.structs import replace

from tests.claim import claiming
from tests.claim.test_claim import WAYS, cash_bill, town, use
from tests.scaffold.people import ANQING, CHUZHOU, NOW
from tests.scaffold.world import NewWorld, World
from tests.settlement.recomputing import correct, recomputed
from tests.settlement.test_resettle import DAY, again, differing, paid, tell, used


def settled_and_withdrawn(world: World) -> tuple[str, str]:
    """Settle two bills, then take both back: the patient is told to have died before."""
    first = world.settle(world.visit("P1", 1000_00, account_use=AccountUse.CITY_ORDER))
    second = world.settle(world.visit("P1", 100_00))
    world.now += DAY
    tell(world, "P1", died_on=NOW.date() - DAY)
    again(world, first, later=True)
    world.now += DAY
    return first.settlement_id, second.settlement_id


def test_it_comes_back_with_the_fact(family: NewWorld) -> None:
    """If the fact that refused the bills is taken back, they can be settled again, with
    the money of the first time, and nothing is refunded twice."""
    world, untouched = family(), family()
    ids = settled_and_withdrawn(world)
    withdrawn = [world.record(Settlement, number) for number in ids]
    firsts = [untouched.settle(settlement.bill) for settlement in withdrawn]
    tell(world, "P1", died_on=None)
    assert list(ids) == differing(world)
    restored = again(world, withdrawn[0], later=True).settlements
    assert [(True, ())] * 2 == [(one.restored, one.refunds) for one in restored]
    assert [paid(first) for first in firsts] == [paid(one.after) for one in restored]
    assert (untouched.balances(), used(untouched)) == (world.balances(), used(world))
    assert [] == differing(world)


def test_it_stays_away_while_the_fact_stands(family: NewWorld) -> None:
    """While the bill would still be refused there is nothing to settle again."""
    world = family()
    first, _ = settled_and_withdrawn(world)
    with pytest.raises(NothingToResettle):
        again(world, world.record(Settlement, first))


def test_what_was_only_reversed_stays_reversed(family: NewWorld) -> None:
    """A settlement its hospital took back is no consequence of any fact."""
    world = family()
    done = world.settle(world.visit("P1", 100_00))
    world.reverse(done.settlement_id)
    with pytest.raises(AlreadyReversed):
        again(world, done)


@pytest.mark.parametrize("then", WAYS)
@pytest.mark.parametrize("first", ["settle", "pay"])
def test_an_invoice_used_since_is_not_paid_again(
    new_world: NewWorld, first: str, then: str
) -> None:
    """What was withdrawn stays away once its invoice was settled or claimed again, also
    if that was undone since; with its own invoice alone it comes back."""
    world = town(new_world)
    settlement_id = use(world, "1", first)
    withdraw(world, settlement_id)
    assert [settlement_id] == differing(world)
    used_id = use(world, "1", then)
    assert [] == resettled(world, settlement_id)
    undo = claiming.withdraw if then == "claim" else World.reverse
    undo(world, used_id)
    assert [] == resettled(world, settlement_id)


@pytest.mark.parametrize("since", ["", "2"])
@pytest.mark.parametrize("then", ["settle", "pay"])
@pytest.mark.parametrize("first", ["settle", "pay"])
def test_a_bill_brought_again_without_its_number(
    new_world: NewWorld, first: str, then: str, since: str
) -> None:
    """What has no invoice number stays away once a like bill was brought since; one that
    was there before, and one told apart by both numbers, are other bills."""
    world = town(new_world)
    use(world, "9", "settle")
    settlement_id = use(world, "", first)
    withdraw(world, settlement_id)
    assert [settlement_id] == differing(world)
    use(world, since, then)
    assert [] == resettled(world, settlement_id)


def test_numbers_tell_what_was_brought_since_apart(new_world: NewWorld) -> None:
    """A bill of its own number comes back, though a like one of another was settled."""
    world = town(new_world)
    settlement_id = use(world, "1", "settle")
    withdraw(world, settlement_id)
    use(world, "2", "pay")
    (restored,) = again(world, world.record(Settlement, settlement_id)).settlements
    assert settlement_id == restored.before.settlement_id


def test_a_bill_returned_in_part_and_brought_again(new_world: NewWorld) -> None:
    """What was withdrawn with a part returned stays away once the whole bill was brought
    again, or what was left of it."""
    for out_of_catalogue_fen in (100_00, 40_00):
        world = town(new_world)
        bill = cash_bill(world, out_of_catalogue_fen=100_00)
        done = world.settle(bill)
        world.now += DAY
        part = Returned(out_of_catalogue_fen=60_00)
        (less,) = again(world, done, returned=part).settlements
        assert less.after is not None
        withdraw(world, less.after.settlement_id)
        assert [less.after.settlement_id] == differing(world)
        total_fen = 2000_00 + out_of_catalogue_fen
        parts = {"total_fen": total_fen, "out_of_catalogue_fen": out_of_catalogue_fen}
        world.settle(replace(bill, **parts))
        assert [] == resettled(world, less.after.settlement_id)


def test_a_bill_brought_at_the_instant_of_the_withdrawal(new_world: NewWorld) -> None:
    """A batch has one instant: a like bill of that very instant was brought again; what
    was itself settled and withdrawn then was not."""
    world = town(new_world)
    done = world.settle(cash_bill(world))
    tell(world, "P1", died_on=NOW.date() - DAY)
    again(world, done)
    tell(world, "P1", died_on=None)
    assert [done.settlement_id] == differing(world)
    world.settle(cash_bill(world))
    assert [] == resettled(world, done.settlement_id)


def test_what_its_sender_said_is_not_judged_again(new_world: NewWorld) -> None:
    """Who stated the insured place as it was registered then is not refused for a move
    that is told later: the settlement is not withdrawn, nor found to be otherwise."""
    world = new_world()
    world.hospital(5)
    world.person("P1", place=ANQING)
    bill = cash_bill(world, filing_no=world.filed("P1"))
    done = world.settle(replace(bill, insured_place=ANQING))
    world.now += DAY
    correct(world, Person, "P1", first_place=CHUZHOU)
    with pytest.raises(MalformedField):
        world.settle(done.bill)
    assert recomputed(world, done.settlement_id).as_now.refusal is None
    (moved,) = again(world, done).settlements
    assert moved.after is not None
    assert CHUZHOU == moved.after.area_code


def resettled(world: World, settlement_id: str) -> list[str]:
    """Return what differs, after it has come to nothing to settle one again."""
    with pytest.raises(NothingToResettle):
        again(world, world.record(Settlement, settlement_id))
    return [one for one in differing(world) if one == settlement_id]


def withdraw(world: World, settlement_id: str) -> None:
    """Take a settlement back for a fact that is then taken back itself."""
    world.now += DAY
    tell(world, "P1", died_on=NOW.date() - DAY)
    again(world, world.record(Settlement, settlement_id))
    world.now += DAY
    tell(world, "P1", died_on=None)


def test_one_of_two_withdrawn_comes_back(new_world: NewWorld) -> None:
    """Of two settlements of one invoice, both withdrawn, the last one comes back."""
    world = town(new_world)
    ids = []
    for _ in range(2):
        ids.append(world.settle(cash_bill(world, invoice_no="1")).settlement_id)
        withdraw(world, ids[-1])
    first, last = [world.record(Settlement, number) for number in ids]
    (restored,) = again(world, first, later=True).settlements
    assert last.settlement_id == restored.before.settlement_id
    assert [] == differing(world)
