"""What may be the same bill as a claim's is looked at before that is paid."""

from __future__ import annotations

import pytest
from gongji.model.claim_refusals import ClaimMayRepeat
from gongji.settlement.resettle import Returned

from tests.claim import claiming
from tests.claim.test_claim import cash_bill, town
from tests.scaffold.world import NewWorld
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


def test_some_numbers_tell_nothing_apart(new_world: NewWorld) -> None:
    """A claim of which one invoice has no number is looked at, whichever comes first."""
    world = town(new_world)
    settled = world.settle(cash_bill(world, invoice_no="1"))
    some = claiming.submit(world, cash_bill(world), "2", "")
    assert (settled.settlement_id,) == some.similar
    assert (some.claim_id,) == claiming.submit(world, cash_bill(world), "3").similar
