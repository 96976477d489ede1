"""Who sees a bill, what of it, and the balances of the purses that paid it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest
from gongji.model.account import Account
from gongji.v1 import settlement_pb2

from tests.rpc.services.acting import metadata, outcome, reason, subject
from tests.scaffold.claims import claim_of, decision_of, review_of
from tests.scaffold.people import NOW
from tests.scaffold.service import Service

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)


async def settled(service: Service, patient: str, fen: int = 30_000) -> str:
    """Return the id of a bill of somebody's, settled by the hospital."""
    request = settlement_pb2.SettleRequest(
        request_id=service.new_id(),
        bill=service.bill(fen, patient=service.ref(patient)),
    )
    reply = await service.settlements.Settle(request, metadata=metadata("hospital"))
    return reply.settlement.settlement_id


BILLS: Final = {
    "W": {"H": False, "W": True, "C": False, "S": False},
    "C": {"H": True, "W": True, "C": True, "S": False},
}
"""Who sees the bill of a wife, and of a child, if H's purse pays for both."""


@pytest.mark.parametrize("patient", BILLS)
async def test_a_bill_is_its_patients(guarded: Service, patient: str) -> None:
    """A bill is seen by the patient and a child's guardians, not by whose purse paid."""
    request = settlement_pb2.GetSettlementRequest(
        settlement_id=await settled(guarded, patient)
    )
    call = guarded.settlements.GetSettlement
    seen = {
        acting: not await reason(call, request, packed=subject(acting))
        for acting in BILLS[patient]
    }
    assert BILLS[patient] == seen


async def test_a_holder_sees_the_charge_and_not_the_bill(guarded: Service) -> None:
    """A holder sees when, where and how much of his purse went, and nothing of the bill."""
    settlement_id = await settled(guarded, "W")
    request = settlement_pb2.ListSettlementsRequest(holder=guarded.ref("H"))
    call = guarded.settlements.ListSettlements
    (row,) = (await outcome(call, request, packed=subject("H"))).rows
    assert [
        "settlement_id",
        "settled_at",
        "service_day",
        "institution_code",
        "institution_name",
        "patient",
        "charged_fen",
    ] == [field.name for field, _ in row.ListFields()]
    assert settlement_id == row.settlement_id


PURSES: Final = {
    ("hospital", ""): {"C"},
    ("app", "C"): {"C"},
    # His own purse paid.
    ("app", "H"): {"C", "H"},
    ("app", "W"): {"C"},
    ("operator", ""): {"C", "H"},
    ("auditor", ""): {"C", "H"},
}
"""Of whose purses each learns the balance from a child's bill, which two purses paid."""


@pytest.mark.parametrize(("caller", "acting"), PURSES)
async def test_a_balance_is_its_holders(
    guarded: Service, caller: str, acting: str
) -> None:
    """What is left in a purse its holder sees; of a patient's own purse also whoever sees
    the bill; operators and auditors see all."""
    await guarded.write(Account("C", 10_00, 1))
    request = settlement_pb2.GetSettlementRequest(
        settlement_id=await settled(guarded, "C")
    )
    packed = subject(acting) if acting else None
    call = guarded.settlements.GetSettlement
    reply = await outcome(call, request, caller, packed)
    moved = {m.purse: bool(m.version_after) for m in reply.settlement.movements}
    assert {"C", "H"} == set(moved)
    assert PURSES[caller, acting] == {purse for purse, told in moved.items() if told}


@pytest.mark.parametrize("caller", ["hospital", "operator"])
async def test_a_hospital_learns_of_no_other_visits(
    guarded: Service, caller: str
) -> None:
    """What a reversal would leave split otherwise is shown to operators whole, to a
    hospital of its own bills only."""
    elsewhere = guarded.world.hospital(2, code="H34110000009")
    await guarded.write(elsewhere)
    first = await settled(guarded, "W", 100_000)
    other = guarded.bill(
        100_000, patient=guarded.ref("W"), institution_code=elsewhere.code
    )
    guarded.clock.set(NOW + timedelta(hours=1))
    await guarded.settlements.Settle(
        settlement_pb2.SettleRequest(request_id=guarded.new_id(), bill=other),
        metadata=metadata("operator"),
    )
    reply = await outcome(guarded.settlements.Reverse, preview(guarded, first), caller)
    assert (1 if caller == "operator" else 0) == len(reply.affected)


def preview(service: Service, settlement_id: str) -> settlement_pb2.ReverseRequest:
    """Return the request what the reversal of a bill of W's would do."""
    return settlement_pb2.ReverseRequest(
        request_id=service.new_id(),
        settlement_id=settlement_id,
        patient=service.ref("W"),
        validate_only=True,
    )


@pytest.mark.parametrize("caller", ["hospital", "operator"])
async def test_a_hospital_learns_of_no_claims(guarded: Service, caller: str) -> None:
    """Nor is a claim of a bill of its own shown to a hospital, which did not settle it."""
    first = await settled(guarded, "W", 100_000)
    guarded.clock.set(NOW + timedelta(hours=1))
    office, claims = metadata("operator"), guarded.claims
    submitted = await claims.SubmitClaim(claim_of("W", "1"), metadata=office)
    claim_id = submitted.claim.claim_id
    await claims.ReviewClaim(review_of(claim_id), metadata=office)
    await claims.DecideClaim(decision_of(claim_id), metadata=office)
    reply = await outcome(guarded.settlements.Reverse, preview(guarded, first), caller)
    assert (1 if caller == "operator" else 0) == len(reply.affected)
