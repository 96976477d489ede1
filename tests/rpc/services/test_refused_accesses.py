"""A call that a record refuses tells of it: an access to everybody whose record it is."""

from __future__ import annotations

import asyncio
from typing import Any, Final, NamedTuple

import pytest
from gongji.model.access import PersonAccess
from gongji.model.commands import Listing
from gongji.rpc import recording
from gongji.v1 import binding_pb2, settlement_pb2

from tests.rpc.services.acting import consent, outcome, subject
from tests.scaffold.service import Service

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


@pytest.mark.parametrize("by", ["settlement_id", "settle_request_id"])
@pytest.mark.parametrize("tried", OF_SETTLEMENTS.values(), ids=OF_SETTLEMENTS)
async def test_of_a_settlement(guarded: Service, tried: Tried, by: str) -> None:
    """A reversal is refused since there was one before, by whichever id it is named."""
    bill = guarded.bill(patient=guarded.ref("W"))
    settle = settlement_pb2.SettleRequest(request_id=guarded.new_id(), bill=bill)
    settled = await outcome(guarded.settlements.Settle, settle, tried.caller)
    ids = {
        "settlement_id": settled.settlement.settlement_id,
        "settle_request_id": settle.request_id,
    }
    reverse = settlement_pb2.ReverseRequest(
        request_id=guarded.new_id(), settlement_id=ids["settlement_id"]
    )
    await outcome(guarded.settlements.Reverse, reverse, tried.caller)
    await refused_of(guarded, tried, **{by: ids[by]})


@pytest.mark.parametrize("tried", OF_BINDINGS.values(), ids=OF_BINDINGS)
async def test_of_a_binding(guarded: Service, tried: Tried) -> None:
    """A binding that stands otherwise refuses what is done to it."""
    await refused_of(guarded, tried)
