"""What was taken back because its bill would be refused comes back with the fact."""

from __future__ import annotations

import pytest
from gongji.model.refusals import AlreadyReversed, NothingToResettle
from gongji.model.settlement import Settlement
from gongji.rules.codes import AccountUse

from tests.claim import claiming
from tests.claim.test_claim import WAYS, cash_bill, town, use
from tests.scaffold.people import NOW
from tests.scaffold.world import NewWorld, World
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
