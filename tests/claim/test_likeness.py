"""What may be the same bill as a claim's is looked at before that is paid."""

from __future__ import annotations

from typing import Any

import pytest
from gongji.model.claim import Claim
from gongji.model.claim_refusals import BillMayRepeat, ClaimMayRepeat
from gongji.model.settlement import Settlement
from gongji.settlement.resettle import Returned
from gongji.settlement.settle import QuoteOnce

from tests.claim import claiming
from tests.claim.test_claim import cash_bill, town, use
from tests.scaffold.world import NewWorld, World
from tests.settlement.test_resettle import again


def test_likeness(new_world: NewWorld) -> None:
    """Without numbers the same patient, place, day and amount is looked at before it is paid."""
    world = town(new_world)
    settled = world.settle(cash_bill(world))
    world.settle(cash_bill(world, 1999_00))
    claim = claiming.submit(world, cash_bill(world))
    assert (settled.settlement_id,) == claim.similar
    claiming.review(world, claim.claim_id)
    with pytest.raises(ClaimMayRepeat) as refused:
        world.do(claiming.decision(world, claim.claim_id))
    assert settled.settlement_id == refused.value.metadata["similar"]
    world.do(claiming.decision(world, claim.claim_id, similar_checked=True))
    again = claiming.submit(world, cash_bill(world))
    assert (settled.settlement_id, claim.claim_id) == again.similar


def test_settled_while_claimed(new_world: NewWorld) -> None:
    """What was settled after the claim was handed in is met when it is decided."""
    world = town(new_world)
    claim = claiming.submit(world, cash_bill(world))
    assert () == claim.similar
    claiming.review(world, claim.claim_id)
    world.settle(cash_bill(world))
    with pytest.raises(ClaimMayRepeat):
        world.do(claiming.decision(world, claim.claim_id))


@pytest.mark.parametrize("number", ["", "1"])
def test_settled_after_a_paid_claim(new_world: NewWorld, number: str) -> None:
    """A bill without a number is not settled once a claim paid a like one, until that is
    taken back; one with a number of its own is, and so is any other bill."""
    world = town(new_world)
    paid_by = use(world, number, "pay")
    (claim,) = world.all(Claim)
    for refused in (settling, quoting):
        with pytest.raises(BillMayRepeat) as caught:
            refused(world)
        assert claim.claim_id == caught.value.metadata["similar"]
    settling(world, invoice_no="2")
    settling(world, 1999_00)
    world.reverse(paid_by)
    settling(world)


def settling(world: World, fen: int = 2000_00, **changes: Any) -> None:
    world.settle(cash_bill(world, fen, **changes))


def quoting(world: World) -> None:
    world.decide(QuoteOnce(cash_bill(world), world.cities))


def test_an_open_claim_stops_no_settlement(new_world: NewWorld) -> None:
    """What is claimed and not paid is settled: whoever decides the claim meets that."""
    world = town(new_world)
    claiming.submit(world, cash_bill(world))
    assert cash_bill(world) == world.settle(cash_bill(world)).bill


def test_numbers_tell_bills_apart(new_world: NewWorld) -> None:
    """Two bills of one day and amount with numbers of their own are two bills."""
    world = town(new_world)
    world.settle(cash_bill(world, invoice_no="1"))
    claiming.submit(world, cash_bill(world), "2")
    assert () == claiming.submit(world, cash_bill(world), "3").similar


@pytest.mark.parametrize("total_fen", [2000_00, 1500_00])
def test_returned_in_part(new_world: NewWorld, total_fen: int) -> None:
    """A bill of which a part was returned is met by what it came to before, and after."""
    world = town(new_world)
    settled = world.settle(cash_bill(world, 2000_00))
    returned = Returned(in_scope_fen=500_00)
    (done,) = again(world, settled, returned=returned).settlements
    assert done.after is not None
    claim = claiming.submit(world, cash_bill(world, total_fen))
    assert (done.after.settlement_id,) == claim.similar


@pytest.mark.parametrize("total_fen", [2000_00, 1500_00])
def test_a_paid_claim_returned_in_part(new_world: NewWorld, total_fen: int) -> None:
    """So is a paid claim of which a part was returned, claimed again or settled."""
    world = town(new_world)
    paid_by = world.record(Settlement, use(world, "", "pay"))
    (claim,) = world.all(Claim)
    again(world, paid_by, returned=Returned(in_scope_fen=500_00))
    assert (claim.claim_id,) == claiming.submit(
        world, cash_bill(world, total_fen)
    ).similar
    with pytest.raises(BillMayRepeat):
        settling(world, total_fen)
    settling(world, 1999_00)


def test_some_numbers_tell_nothing_apart(new_world: NewWorld) -> None:
    """A claim of which one invoice has no number is looked at, whichever comes first."""
    world = town(new_world)
    settled = world.settle(cash_bill(world, invoice_no="1"))
    some = claiming.submit(world, cash_bill(world), "2", "")
    assert (settled.settlement_id,) == some.similar
    assert (some.claim_id,) == claiming.submit(world, cash_bill(world), "3").similar
