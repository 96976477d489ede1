"""Who is told what: each kind of event, to its parties, institutions and cities only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import grpc
import pytest
from gongji.model.binding import BindingEvent
from gongji.registry.kinds import PERSONS
from gongji.rpc.services.stream import BATCH
from gongji.rpc.services.upkeep import Upkeep
from gongji.rules.codes import BindingState
from gongji.v1 import binding_pb2, consequence_pb2, settlement_pb2, types_pb2
from gongji.v1 import event_pb2 as pb
from msgspec.structs import replace

from tests.rpc.services.acting import another_process, consent, metadata, subject
from tests.rpc.services.telling import resettle
from tests.rpc.services.test_event import row, said, waiting
from tests.rpc.services.test_premium import PREMIUMS, family, premium, refunding
from tests.scaffold.people import ANQING, CHUZHOU
from tests.scaffold.service import HOSPITAL, RefusedCall, Service

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)


async def told(
    service: Service, cursor: str = "", sent: Any = (), **asked: Any
) -> tuple[str, list[pb.Event]]:
    """Return what is told by now behind a cursor, and the cursor behind that."""
    request = pb.WatchRequest(cursor=cursor, until_now=True, **asked)
    messages = [one async for one in service.events.Watch(request, metadata=sent)]
    events = [one.event for one in messages if one.HasField("event")]
    return messages[-1].cursor, events


@pytest.mark.parametrize("service", [PREMIUMS], indirect=True)
async def test_premiums_are_told_to_both(service: Service) -> None:
    """Whoever pays and whose premium it is are told that it was paid, and refunded."""
    await family(service)
    cursor, _ = await told(service)
    paid = await service.accounts.PayPremium(premium(service))
    service.clock.set(service.clock() + timedelta(minutes=1))
    await service.accounts.RefundPremium(refunding(service, paid.premium_id))
    expected = [
        ("PREMIUM_PAID", paid.premium_id),
        ("PREMIUM_REFUNDED", paid.premium_id),
    ]
    for person_no in ("P1", "R"):
        _, events = await told(service, cursor, persons=[service.ref(person_no)])
        assert expected == [said(event) for event in events]
        assert [400_00, 400_00] == [event.premium.fen for event in events]
    _, events = await told(service, cursor, persons=[service.ref("P3")])
    assert [] == events


async def test_a_giver_is_told_what_it_paid_and_no_more(house: Service) -> None:
    """A holder hears what its purse paid for another, and had back."""
    await house.give("P2", 70_00)
    await house.bind("P2", "P1")
    cursor, _ = await told(house)
    done = (await house.settle(fen=2000_00)).settlement
    await house.reverse(settlement_id=done.settlement_id)
    _, events = await told(house, cursor, persons=[house.ref("P2")])
    expected = [("SETTLED", "P2", 70_00), ("REVERSED", "P2", -70_00)]
    assert expected == [
        (said(event)[0], event.settlement.purse, event.settlement.charged_fen)
        for event in events
    ]
    _, events = await told(house, cursor, persons=[house.ref("P1")])
    assert ["", ""] == [event.settlement.purse for event in events]


async def test_what_is_settled_again_names_what_it_replaces(house: Service) -> None:
    """Of a partial refund the settlement that stands is told, and what it replaces."""
    cursor, _ = await told(house)
    first = (await house.settle(fen=1000_00)).settlement
    house.clock.set(house.clock() + timedelta(minutes=1))
    part = consequence_pb2.ReturnedParts(in_scope_fen=400_00)
    reply = await resettle(house, settlement_id=first.settlement_id, returned=part)
    (again,) = reply.settlements
    _, events = await told(house, cursor, persons=[house.ref("P1")])
    assert [
        ("SETTLED", first.settlement_id),
        ("RESETTLED", again.after.settlement_id),
    ] == [said(event) for event in events]
    assert first.settlement_id == events[-1].settlement.replaces


async def test_a_large_import_is_told_once_it_is_merged(house: Service) -> None:
    """What an import in chunks changes is told of the instant at which it was applied."""
    await house.bind("P1", "P2")
    await house.bind("P3", "P2")
    cursor, _ = await told(house)
    house.clock.set(house.clock() + timedelta(minutes=1))
    rows = [house.person(n, person_no=f"R{n}") for n in range(3, 3 + 2 * BATCH)]
    paused = row(house, types_pb2.ENROLMENT_STATUS_PAUSED)
    await house.import_persons([*rows, paused])
    await Upkeep(house.store).merged(PERSONS)
    _, events = await told(house, cursor)
    assert {"BINDING_SUSPENDED"} == {said(event)[0] for event in events}
    assert {"P1", "P3"} == {event.binding.holder for event in events}


async def test_a_consent_is_told(house: Service) -> None:
    """A consent moves an application on; who applied hears of it."""
    state = BindingState.AWAITING_CONSENT
    submitted = BindingEvent(house.clock(), None, state, "test", "window", "")
    applied = replace(waiting(house), state=state, history=(submitted,))
    await house.write(applied)
    cursor, _ = await told(house)
    request = binding_pb2.RecordConsentRequest(
        request_id=house.new_id(),
        binding_id="B1",
        consent=consent(binding_pb2.CONSENT_METHOD_PHONE_CODE, house.clock()),
    )
    reply = await house.bindings.RecordConsent(request)
    _, (event,) = await told(house, cursor, persons=[house.ref("P1")])
    assert ("BINDING_CONSENTED", "B1") == said(event)
    assert reply.binding.state == event.binding.to_state
    assert binding_pb2.BINDING_STATE_AWAITING_CONSENT == event.binding.from_state


async def unbound(service: Service) -> None:
    """End the binding of H and W, as H asks at a channel."""
    request = binding_pb2.UnbindRequest(
        request_id=service.new_id(), binding_id="B-H-W", channel="window"
    )
    await service.bindings.Unbind(request, metadata=app("H"))


async def test_a_channel_hears_for_whom_it_acts(guarded: Service) -> None:
    """Of the bindings of the person it acts for, of no others'."""
    cursors = {
        person_no: (await told(guarded, sent=app(person_no)))[0]
        for person_no in ("H", "W", "S")
    }
    await unbound(guarded)
    heard = {}
    for person_no, cursor in cursors.items():
        _, events = await told(guarded, cursor, app(person_no))
        heard[person_no] = [said(event) for event in events]
    ended = [("BINDING_ENDED", "B-H-W")]
    assert {"H": ended, "W": ended, "S": []} == heard


def app(person_no: str) -> Any:
    return metadata("app", subject(person_no))


DENIED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "a stranger": (app("S"), {"persons": ["H"]}, "SUBJECT_NOT_PARTY"),
    "nobody": (metadata("app"), {}, "SUBJECT_REQUIRED"),
    "another institution": (
        metadata("hospital"),
        {"institution_codes": ["H34110000009"]},
        "NOT_PERMITTED",
    ),
    "a reviewer, of bills": (
        metadata("reviewer"),
        {"kinds": [pb.EVENT_KIND_BINDING_ENDED, pb.EVENT_KIND_SETTLED]},
        "NOT_PERMITTED",
    ),
    "a hospital, of bindings": (
        metadata("hospital"),
        {"kinds": [pb.EVENT_KIND_BINDING_ENDED]},
        "NOT_PERMITTED",
    ),
    "a collector": (metadata("collector"), {}, "NOT_PERMITTED"),
}


@pytest.mark.parametrize("who", DENIED)
async def test_others_are_told_nothing(guarded: Service, who: str) -> None:
    """Who has no part in what it asks for is refused before anything is told."""
    sent, asked, reason = DENIED[who]
    persons = [guarded.ref(person_no) for person_no in asked.get("persons", ())]
    request = pb.WatchRequest(**{**asked, "persons": persons, "until_now": True})
    call = guarded.events.Watch(request, metadata=sent)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert reason == RefusedCall.of(caught.value).reason


async def test_an_institution_hears_of_its_own_bills(guarded: Service) -> None:
    """A hospital that names nothing hears what was settled there, and of nothing else."""
    hospital = metadata("hospital")
    cursor, _ = await told(guarded, sent=hospital)
    bill = guarded.bill(patient=guarded.ref("H"))
    settle = settlement_pb2.SettleRequest(request_id=guarded.new_id(), bill=bill)
    done = await guarded.settlements.Settle(settle, metadata=hospital)
    await unbound(guarded)
    _, events = await told(guarded, cursor, hospital)
    expected = [("SETTLED", done.settlement.settlement_id)]
    assert expected == [said(event) for event in events]
    assert [HOSPITAL] == [event.settlement.institution_code for event in events]


async def test_a_reviewer_hears_of_bindings(guarded: Service) -> None:
    """A reviewer hears of applications and bindings, whomever they are of, and of no bill
    and no credit, of which it may read nothing else either."""
    reviewer = metadata("reviewer")
    cursor, _ = await told(guarded, sent=reviewer)
    bill = guarded.bill(patient=guarded.ref("H"))
    settle = settlement_pb2.SettleRequest(request_id=guarded.new_id(), bill=bill)
    await guarded.settlements.Settle(settle, metadata=metadata("hospital"))
    await unbound(guarded)
    for persons in ((), (guarded.ref("W"),)):
        _, events = await told(guarded, cursor, reviewer, persons=persons)
        assert [("BINDING_ENDED", "B-H-W")] == [said(event) for event in events]


REVIEWERS = 'version = 1\nrevision = "test"\n' + "".join(
    f'[callers.{name}]\nkind = "reviewer"\ncities = ["{area_code}"]\n'
    for name, area_code in (("here", CHUZHOU), ("elsewhere", ANQING))
)


async def test_a_reviewer_hears_of_its_own_cities(guarded: Service) -> None:
    """What a city decides is told to its own reviewers, and to no other city's."""
    heard = {}
    async with another_process(guarded, REVIEWERS) as service:
        begun = {
            name: (await told(service, sent=metadata(name)))[0]
            for name in ("here", "elsewhere")
        }
        await unbound(guarded)
        for name, cursor in begun.items():
            _, events = await told(service, cursor, metadata(name))
            heard[name] = [said(event) for event in events]
    assert {"here": [("BINDING_ENDED", "B-H-W")], "elsewhere": []} == heard
