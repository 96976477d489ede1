"""What happens is told to who watches, from wherever it left off."""

from __future__ import annotations

from typing import Any

from gongji.v1 import event_pb2

from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.population import InventedPerson
from gongji_conformance.city.stubs import person as ref
from gongji_conformance.laws.law import law

DONE = (event_pb2.EVENT_KIND_SETTLED, event_pb2.EVENT_KIND_REVERSED)


@law("CORE-WATCH-001")
def test_a_cursor_misses_nothing(gongji_city: CityUnderTest) -> None:
    """A settlement and its reversal are told in order, and again from each cursor."""
    _, patient = gongji_city.family()
    start = _told(gongji_city, patient)[-1].cursor
    settlement = gongji_city.settle(patient)
    reversal = gongji_city.reversal(settlement.settlement_id)
    gongji_city.stubs.settlements.Reverse(reversal)
    expected = [(kind, settlement.settlement_id) for kind in DONE]
    messages = _told(gongji_city, patient, start)
    assert expected == _bills(messages)
    for number, message in enumerate(messages, start=1):
        left = expected[len(_bills(messages[:number])) :]
        again = _bills(_told(gongji_city, patient, message.cursor))
        assert left == again[len(again) - len(left) :]


def _told(city: CityUnderTest, patient: InventedPerson, cursor: str = "") -> list[Any]:
    """Return what a patient's watcher is told by now."""
    request = event_pb2.WatchRequest(
        persons=[ref(patient.person_no)], cursor=cursor, until_now=True
    )
    return list(city.stubs.events.Watch(request))


def _bills(messages: list[Any]) -> list[tuple[int, str]]:
    """Return what happened to the patient's own bills."""
    return [
        (message.event.kind, message.event.settlement.settlement_id)
        for message in messages
        if message.event.HasField("settlement") and not message.event.settlement.purse
    ]
