"""A call that a record refuses tells of it: an access to everybody whose record it is."""

from __future__ import annotations

import asyncio
from typing import Any, Final, NamedTuple

import pytest
from gongji.model.access import PersonAccess
from gongji.model.commands import Listing
from gongji.rpc import recording
from gongji.v1 import binding_pb2, settlement_pb2

from tests.rpc.services.acting import consent, metadata, outcome, subject
from tests.scaffold.service import HOSPITAL, Service

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)


class Tried(NamedTuple):
    """A call, by whom and for whom, and whose record refuses it."""

    stub: str
    request: Any
    fields: dict[str, Any]
    caller: str
    for_whom: str
    people: str


_REVERSE: Final = ("settlements", settlement_pb2.ReverseRequest)

_WAITING: Final[dict[str, Any]] = {"binding_id": "A-H-W"}

_REVIEW: Final = (
    "bindings",
    binding_pb2.ReviewBindingRequest,
    {**_WAITING, "reviewer": "R", "verdict": 1},
)

_TRIED: Final[dict[str, Any]] = {"validate_only": True}

OF_SETTLEMENTS: Final = {
    "by its hospital": Tried(*_REVERSE, {}, "hospital", "", "W"),
    "by the operator": Tried(*_REVERSE, {}, "operator", "", "W"),
    "tried only": Tried(*_REVERSE, _TRIED, "hospital", "", "W"),
}

OF_BINDINGS: Final = {
    "a consent": Tried(
        "bindings",
        binding_pb2.RecordConsentRequest,
        {"binding_id": "B-H-W", "consent": consent()},
        "app",
        "W",
        "HW",
    ),
    "a review": Tried(*_REVIEW, "reviewer", "", "HW"),
    "a review by the operator": Tried(*_REVIEW, "operator", "", "HW"),
    "an unbinding": Tried(
        "bindings",
        binding_pb2.UnbindRequest,
        {**_WAITING, "channel": "window"},
        "counter",
        "W",
        "HW",
    ),
}


async def refused_of(service: Service, tried: Tried, **named: str) -> None:
    """Make the call, which is refused, and look whose accesses it leaves."""
    request = tried.request(request_id=service.new_id(), **named, **tried.fields)
    method = type(request).__name__.removesuffix("Request")
    call = getattr(getattr(service, tried.stub), method)
    packed = subject(tried.for_whom) if tried.for_whom else None
    refusal = await outcome(call, request, tried.caller, packed)
    assert "FAILED_PRECONDITION" == refusal.code.name
    await asyncio.sleep(recording.WAIT_S + 0.2)
    for person_no in tried.people:
        listing = Listing(
            kind=PersonAccess, equals={"person_no": person_no}, order="at"
        )
        rows = await service.store.page(listing)
        found = [row for row in rows if row.request_id == request.request_id]
        assert [(tried.caller, method)] == [(row.caller, row.method) for row in found]


async def settled_by(service: Service, caller: str) -> tuple[str, str]:
    """Settle a bill of W; return the ids of the settlement and of its request."""
    bill = service.bill(patient=service.ref("W"))
    request = settlement_pb2.SettleRequest(request_id=service.new_id(), bill=bill)
    reply = await outcome(service.settlements.Settle, request, caller)
    return reply.settlement.settlement_id, request.request_id


@pytest.mark.parametrize("by", ["settlement_id", "settle_request_id"])
@pytest.mark.parametrize("tried", OF_SETTLEMENTS.values(), ids=OF_SETTLEMENTS)
async def test_of_a_settlement(guarded: Service, tried: Tried, by: str) -> None:
    """A reversal is refused since there was one before, by whichever id it is named."""
    settlement_id, request_id = await settled_by(guarded, tried.caller)
    ids = {"settlement_id": settlement_id, "settle_request_id": request_id}
    reverse = settlement_pb2.ReverseRequest(
        request_id=guarded.new_id(), settlement_id=settlement_id
    )
    await outcome(guarded.settlements.Reverse, reverse, tried.caller)
    await refused_of(guarded, tried, **{by: ids[by]})


async def test_of_a_row_of_a_reconciliation(guarded: Service) -> None:
    """A reversal that only the hospital has tells of the settlement, whoever it names as
    the patient; whom it names only is not told of."""
    settlement_id, _ = await settled_by(guarded, "hospital")
    header = settlement_pb2.ReconcileHeader(
        institution_code=HOSPITAL, from_day="2025-09-01", to_day="2025-09-02"
    )
    row = settlement_pb2.ReconcileRow(
        settlement_id=settlement_id, patient="S", total_fen=-1, refund=True
    )
    kind = settlement_pb2.ReconcileDetailsRequest
    call = guarded.settlements.ReconcileDetails(
        iter([kind(header=header), kind(row=row)]), metadata=metadata("hospital")
    )
    assert [settlement_pb2.DIFFERENCE_KIND_REVERSED_ONLY_THERE] == [
        difference.kind async for difference in call
    ]
    await asyncio.sleep(recording.WAIT_S + 0.2)
    rows = await guarded.store.page(Listing(kind=PersonAccess, limit=1000))
    told = {row.person_no for row in rows if row.method == "ReconcileDetails"}
    assert {"W"} == told


@pytest.mark.parametrize("tried", OF_BINDINGS.values(), ids=OF_BINDINGS)
async def test_of_a_binding(guarded: Service, tried: Tried) -> None:
    """A binding that stands otherwise refuses what is done to it."""
    await refused_of(guarded, tried)
