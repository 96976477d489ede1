"""Resettle over the wire: what late facts change is made good, over both databases."""

from __future__ import annotations

import pytest
from gongji.v1 import consequence_pb2 as pb
from gongji.v1 import (
    settlement_pb2,
)

from tests.rpc.services.telling import (
    AT_WORK,
    PAUSED_IN_SEPTEMBER,
    RETIRED_IN_JULY,
    credit_of_september,
    credits_told,
    paid,
    pay_premium,
    resettle,
    tell,
    told,
    unbound_since,
)
from tests.rpc.services.test_premium import PREMIUMS
from tests.scaffold.service import Service, replayed

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)


async def test_both_ids_lead_to_what_stands(service: Service) -> None:
    """A hospital that knows the first id, or the message, takes back what stands."""
    first = (await service.settle(msgid="M1")).settlement
    await tell(service, 1, RETIRED_IN_JULY)
    (again,) = (await resettle(service, settlement_id=first.settlement_id)).settlements
    answered = await service.settle(msgid="M1")
    assert answered.settlement.settlement_id == again.after.settlement_id
    assert answered.receipt.replayed
    reply = await service.reverse(settlement_id=first.settlement_id)
    assert reply.settlement.settlement_id == again.after.settlement_id
    stands = await service.settlement(again.after.settlement_id)
    assert stands.HasField("reversed_at")
    refused = await service.not_reversed(settle_request_id=first.request_id)
    assert refused.reason == "ALREADY_REVERSED"


async def test_a_part_is_returned(service: Service) -> None:
    """A part of a bill returned: the whole goes back and the rest is charged on the day
    of the refund, to the same purses, also after an unbinding; its month's statement
    shows both."""
    done = await unbound_since(service)
    what = {"settlement_id": done.settlement_id, "returned": {"in_scope_fen": 900_00}}
    (again,) = (await resettle(service, **what)).settlements
    assert (again.after.bill.total_fen, again.after.returned_fen) == (100_00, 900_00)
    assert 0 < again.after.aid_fen <= done.aid_fen
    request = settlement_pb2.ListSettlementsRequest(
        patient=service.ref("P1"), month="2025-10"
    )
    rows = (await service.settlements.ListSettlements(request)).rows
    assert {(r.settlement_id, r.refund, r.total_fen, r.replaces) for r in rows} == {
        (done.settlement_id, True, -1000_00, ""),
        (again.after.settlement_id, False, 100_00, done.settlement_id),
    }


async def test_settled_again_once(service: Service) -> None:
    """The same request again gets the first answer, whatever was settled again; with
    other content it is refused."""
    await service.give("P1", 50_00)
    done = (await service.settle(fen=1000_00)).settlement
    fen = await credit_of_september(service)
    await tell(service, 1, PAUSED_IN_SEPTEMBER)
    for what in (
        {"settlement_id": done.settlement_id},
        {"credit": pb.CreditOfMonth(person=service.ref("P1"), month="2025-09")},
    ):
        request = pb.ResettleRequest(request_id=service.new_id(), **what)
        first, again = [await service.consequences.Resettle(request) for _ in range(2)]
        assert [False, True] == replayed(first, again)
        again.receipt.replayed = False
        assert first == again
        request.why = "另一个理由"
        refused = await service.refused(service.consequences.Resettle, request)
        assert refused.reason == "REQUEST_ID_REUSED"
    assert fen > 0


async def test_made_good(service: Service) -> None:
    """Settled again it stands as told, each names the other, and nothing is left."""
    done = (await service.settle(fen=2000_00)).settlement
    import_id = await tell(service, 1, RETIRED_IN_JULY)
    (late,) = await told(service, import_id=import_id)
    what = {"settlement_id": done.settlement_id, "later": True}
    shown = await resettle(service, validate_only=True, **what)
    assert not shown.HasField("receipt")
    (again,) = (await resettle(service, **what)).settlements
    assert (again.before.replaced_by, again.after.replaces) == (
        again.after.settlement_id,
        done.settlement_id,
    )
    assert again.after.first_settled_at == done.settled_at
    (as_shown,) = shown.settlements
    assert paid(again.after) == paid(late.settlement) == paid(as_shown.after)
    for scope in ({"import_id": import_id}, {"since": done.settled_at}):
        assert [] == await told(service, **scope)


async def test_nothing_to_settle_again(service: Service) -> None:
    """What nothing has changed is not settled again."""
    done = (await service.settle()).settlement
    request = pb.ResettleRequest(
        request_id=service.new_id(), settlement_id=done.settlement_id
    )
    refused = await service.refused(service.consequences.Resettle, request)
    assert refused.reason == "NOTHING_TO_RESETTLE"


@pytest.mark.parametrize(
    "service", [PREMIUMS], indirect=True, ids=["a city with premiums"]
)
async def test_premium_paid_by_one_who_was_paused(service: Service) -> None:
    """A premium whose payer was paused that day is told with the unmet condition, and
    comes back to the purse."""
    premium_id = await pay_premium(service)
    import_id = await tell(service, 2, PAUSED_IN_SEPTEMBER)
    (late, *_) = await told(service, import_id=import_id)
    assert (late.premium_id, late.holder, late.fen) == (
        premium_id,
        "P2",
        400_00,
    )
    assert late.conditions[0].rule.hook == "holder_terms"
    of_year = {
        "premium_id": late.premium_id,
        "member": service.ref("P3"),
        "year": "2026",
    }
    reply = await resettle(service, premium=of_year)
    assert reply.premium.movement.fen == 400_00
    assert (await service.account("P2")).balance_fen == 1000_00
    left = await told(service, import_id=import_id)
    assert not [one for one in left if isinstance(one, pb.PremiumConsequence)]


async def test_credit_up_and_down(service: Service) -> None:
    """A credit of a person who was not insured that month after all is told with what is
    spent of it, and what the purse holds is taken out; told back, it is due again."""
    fen = await credit_of_september(service)
    spent = (await service.settle(fen=40_00)).settlement.account_fen
    of_month = {"person": service.ref("P1"), "month": "2025-09"}
    for enrolments, owed in ((PAUSED_IN_SEPTEMBER, spent), (AT_WORK, 0)):
        import_id = await tell(service, 1, enrolments)
        (credit,) = await credits_told(service, import_id)
        due = 0 if owed else fen
        now = (credit.credited_fen, credit.due_fen, credit.owed_fen)
        assert (fen - due, due, owed) == now
        again = (await resettle(service, credit=of_month)).credit
        assert (again.due_fen, again.owed_fen) == (due, owed)
        assert (await service.account("P1")).balance_fen == max(0, due - spent)
        assert [] == await credits_told(service, import_id)
