"""Events over the wire: told as it happens, from a cursor, to whoever may see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from gongji.event import feed
from gongji.event.cursor import Cursor
from gongji.event.scope import WatchedScope
from gongji.model.binding import Binding, BindingEvent
from gongji.model.event import SettlementChange
from gongji.model.refusals import WatchBehind
from gongji.rules.codes import BindingState
from gongji.v1 import account_pb2, binding_pb2, types_pb2
from gongji.v1 import event_pb2 as pb

from tests.scaffold.service import HOSPITAL, RefusedCall, Service, new_binding

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the log often."""
    monkeypatch.setattr(feed, "TICK_S", 0.02)


class Watcher:
    """A caller that watches, with all it was told."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.cursor = ""
        self.events: list[pb.Event] = []

    async def told(self, count: int) -> list[pb.Event]:
        """Return the next events once there are so many."""
        told: list[pb.Event] = []
        async with asyncio.timeout(20):
            while len(told) < count:
                message = await self.call.read()
                self.cursor = message.cursor
                if message.HasField("event"):
                    told.append(message.event)
        self.events += told
        return told


@asynccontextmanager
async def watching(
    service: Service, sent: Any = (), **asked: Any
) -> AsyncIterator[Watcher]:
    """Watch, from the first message on."""
    call = service.events.Watch(pb.WatchRequest(**asked), metadata=sent)
    watcher = Watcher(call)
    first: Any = await call.read()
    watcher.cursor = first.cursor
    yield watcher
    call.cancel()


def said(event: pb.Event) -> tuple[str, str]:
    """Return what happened to which record."""
    what = getattr(event, str(event.WhichOneof("what")))
    kind = pb.EventKind.Name(event.kind).removeprefix("EVENT_KIND_")
    for name in ("binding_id", "settlement_id", "premium_id", "person_no"):
        if hasattr(what, name):
            return kind, getattr(what, name)
    return kind, ""


async def work(service: Service) -> list[tuple[str, str]]:
    """Make calls of each kind that writes; return what is expected to be told of P1."""
    expected = []
    await service.write(waiting(service))
    await service.bindings.ReviewBinding(approval(service))
    expected.append(("BINDING_REVIEWED", "B1"))
    settled = (await service.settle()).settlement
    expected.append(("SETTLED", settled.settlement_id))
    await service.reverse(settlement_id=settled.settlement_id)
    expected.append(("REVERSED", settled.settlement_id))
    await service.accounts.Credit(
        account_pb2.CreditRequest(
            request_id=service.new_id(), person=service.ref("P1"), month="2025-09"
        )
    )
    expected.append(("CREDITED", "P1"))
    await service.bindings.Unbind(
        binding_pb2.UnbindRequest(
            request_id=service.new_id(), binding_id="B1", channel="window"
        )
    )
    expected.append(("BINDING_ENDED", "B1"))
    return expected


def waiting(service: Service) -> Binding:
    """Return an application of P1 for P2 under review."""
    now = service.clock()
    state = BindingState.UNDER_REVIEW
    submitted = BindingEvent(now, None, state, "test", "window", "")
    return new_binding(
        state=state,
        submitted_at=now,
        expires_at=now + timedelta(days=30),
        history=(submitted,),
    )


def approval(service: Service) -> binding_pb2.ReviewBindingRequest:
    return binding_pb2.ReviewBindingRequest(
        request_id=service.new_id(),
        binding_id="B1",
        reviewer="1001",
        verdict=binding_pb2.REVIEW_VERDICT_APPROVE,
    )


async def test_what_happens_is_told_in_order(house: Service) -> None:
    """Whoever watches is told of each call that changed something, as it was made."""
    async with watching(house, persons=[house.ref("P1")]) as watcher:
        expected = await work(house)
        assert expected == [said(event) for event in await watcher.told(len(expected))]


async def test_a_cursor_misses_nothing(house: Service) -> None:
    """From each cursor the rest is told again, and what came while nobody watched."""
    async with watching(house, persons=[house.ref("P1")]) as watcher:
        start = watcher.cursor
        expected = await work(house)
        cursors = [start]
        for _ in expected:
            await watcher.told(1)
            cursors.append(watcher.cursor)
    expected += await work_more(house)
    for number, cursor in enumerate(cursors):
        async with watching(house, persons=[house.ref("P1")], cursor=cursor) as watcher:
            rest = await watcher.told(len(expected) - number)
            assert expected[number:] == [said(event) for event in rest]


async def work_more(service: Service) -> list[tuple[str, str]]:
    settled = (await service.settle()).settlement
    return [("SETTLED", settled.settlement_id)]


async def test_kinds_and_places_narrow(house: Service) -> None:
    """Of kinds and institutions named only those are told, of others nothing."""
    kinds = [pb.EVENT_KIND_REVERSED]
    async with (
        watching(house, kinds=kinds) as reversals,
        watching(house, institution_codes=[HOSPITAL]) as bills,
        watching(house, institution_codes=["H34119999999"]) as elsewhere,
    ):
        expected = await work(house)
        assert ["REVERSED"] == [said(event)[0] for event in await reversals.told(1)]
        assert expected[1:3] == [said(event) for event in await bills.told(2)]
        with pytest.raises(asyncio.TimeoutError):
            async with asyncio.timeout(0.3):
                await elsewhere.told(1)


async def test_an_application_expires_by_itself(house: Service) -> None:
    """Nobody writes that an application was not answered in time; it is told all the same."""
    application = waiting(house)
    due = house.clock() + timedelta(days=30)
    await house.write(application)
    async with watching(house, persons=[house.ref("P2")]) as watcher:
        house.clock.set(due - timedelta(seconds=1))
        await asyncio.sleep(0.1)
        start = watcher.cursor
        house.clock.set(due + timedelta(seconds=5))
        (event,) = await watcher.told(1)
        assert (("BINDING_EXPIRED", "B1"), due) == (said(event), moment(event))
    async with watching(house, persons=[house.ref("P2")], cursor=start) as watcher:
        assert [event] == await watcher.told(1)


def moment(event: pb.Event) -> datetime:
    return event.at.ToDatetime(tzinfo=UTC)


def row(service: Service, status: int, **changes: Any) -> types_pb2.Person:
    """Return P2's row of an import, its enrolment in a status since a day."""
    person = service.person(2, person_no="P2", **changes)
    person.enrolments[0].status = types_pb2.EnrolmentStatus.ValueType(status)
    return person


async def test_a_fact_suspends_and_resumes(house: Service) -> None:
    """An import that suspends a binding is told at once, and that it is in force again."""
    await house.bind("P1", "P2")
    binding_id = (await only_binding(house)).binding_id
    async with watching(house, persons=[house.ref("P1")]) as watcher:
        start = watcher.cursor
        for status in (
            types_pb2.ENROLMENT_STATUS_PAUSED,
            types_pb2.ENROLMENT_STATUS_NORMAL,
        ):
            house.clock.set(house.clock() + timedelta(minutes=1))
            await house.import_persons([row(house, status)])
        expected = [
            ("BINDING_SUSPENDED", binding_id),
            ("BINDING_RESUMED", binding_id),
        ]
        told = await watcher.told(2)
        assert expected == [said(event) for event in told]
    async with watching(house, persons=[house.ref("P2")], cursor=start) as watcher:
        assert told == await watcher.told(2)


@pytest.mark.parametrize("everybody", [False, True])
async def test_a_day_ends_a_coverage(house: Service, *, everybody: bool) -> None:
    """A coverage that ends on a day suspends its binding when the next one begins."""
    await house.bind("P1", "P2")
    person = row(house, types_pb2.ENROLMENT_STATUS_NORMAL)
    person.enrolments[0].to = "2025-10-01"
    await house.import_persons([person])
    asked = {} if everybody else {"persons": [house.ref("P2")]}
    async with watching(house, **asked) as watcher:
        start = watcher.cursor
        house.set_clock("2025-10-01T23:59:58")
        await asyncio.sleep(0.1)
        house.set_clock("2025-10-02T00:00:05")
        (event,) = await watcher.told(1)
        assert "BINDING_SUSPENDED" == said(event)[0]
        assert "2025-10-01 16:00:00" == str(event.at.ToDatetime())
    house.set_clock("2025-10-05T12:00:00")
    async with watching(house, cursor=start, **asked) as watcher:
        assert [event] == await watcher.told(1)


async def only_binding(service: Service) -> Binding:
    listed = await service.bindings.ListBindings(
        binding_pb2.ListBindingsRequest(holder=service.ref("P1"))
    )
    (one,) = listed.bindings
    return await service.stored(Binding, one.binding_id)


async def test_another_log_is_refused(house: Service) -> None:
    """A cursor of before a reset, of another caller, or made up is refused."""
    async with watching(house) as watcher:
        await house.settle()
        await watcher.told(1)
    forged = watcher.cursor[:-1] + ("0" if watcher.cursor[-1] != "0" else "1")
    assert "CURSOR_INVALID" == await refused(house, forged)
    other = (("x-gongji-caller", "somebody.else"),)
    assert "CURSOR_INVALID" == await refused(house, watcher.cursor, other)
    await house.store.reset()
    assert "CURSOR_INVALID" == await refused(house, watcher.cursor)


async def refused(service: Service, cursor: str, sent: Any = ()) -> str:
    call = service.events.Watch(pb.WatchRequest(cursor=cursor), metadata=sent)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    return RefusedCall.of(caught.value).reason


async def test_a_slow_reader_is_told(
    house: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that falls behind the latest steps is told so, and goes on by its cursor."""
    monkeypatch.setattr(feed, "STEPS", 4)
    own = feed.EventFeed(house.store, house.cities, house.clock)
    told = own.watch(WatchedScope(), None)
    cursor = Cursor.unpacked((await anext(told)).cursor)
    settled = [await house.settle() for _ in range(9)]
    await asyncio.sleep(0.3)
    with pytest.raises(WatchBehind):
        await anext(told)
    again = own.watch(WatchedScope(), cursor, until_now=True)
    changes = [one.event.what async for one in again if one.event]
    heard = [one.settlement_id for one in changes if isinstance(one, SettlementChange)]
    assert [reply.settlement.settlement_id for reply in settled] == heard


async def test_who_takes_nothing_stops_nobody(house: Service) -> None:
    """Readers that go on from a cursor and then take nothing hold up no other."""
    own = feed.EventFeed(house.store, house.cities, house.clock)
    (*_, begun) = [one async for one in own.watch(WatchedScope(), None, until_now=True)]
    cursor = Cursor.unpacked(begun.cursor)
    settled = [await house.settle() for _ in range(3)]
    stuck = [own.watch(WatchedScope(), cursor) for _ in range(12)]
    async with asyncio.timeout(20):
        for reader in stuck:
            # The first message, then an event.
            taken = [(await anext(reader)).event for _ in range(2)]
            assert [False, True] == [event is not None for event in taken]
        again = own.watch(WatchedScope(), cursor, until_now=True)
        assert len(settled) == len([one async for one in again if one.event])
    for reader in stuck:
        await reader.aclose()
