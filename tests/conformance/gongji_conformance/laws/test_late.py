"""What a fact that comes late changes, and what makes it good."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from gongji.v1 import consequence_pb2, settlement_pb2

from gongji_conformance.city.city import NOW, CityUnderTest
from gongji_conformance.city.population import Couple
from gongji_conformance.city.stubs import new_id
from gongji_conformance.laws.law import law

RETURNED_FEN = 600_00
"""What is returned of what is in scope."""


@law("CORE-LATE-001")
def test_a_death_told_late(gongji_city: CityUnderTest) -> None:
    """It is told once, with the refusal that comes of it and the record behind it;
    settled again, nothing is left and every purse has back what it paid."""
    family = gongji_city.family()
    before = _balances(gongji_city, family)
    _, patient = family
    settlement = gongji_city.settle(patient)
    died_on = NOW.date() - timedelta(days=1)
    import_id = gongji_city.people.tell_death(patient, died_on)
    (late,) = _told(gongji_city, import_id)
    assert settlement.settlement_id == late.stored.settlement_id
    assert late.refusal.reason
    assert [patient.person_no] == [fact.record for fact in late.facts]
    (again,) = _resettle(gongji_city, settlement).settlements
    assert late.refusal.reason == again.refusal.reason
    assert [] == _told(gongji_city, import_id)
    assert before == _balances(gongji_city, family)


@law("CORE-LATE-002")
def test_a_part_is_returned(gongji_city: CityUnderTest) -> None:
    """The whole goes back and the rest is settled; looking at it moves nothing."""
    family = gongji_city.family()
    before = _balances(gongji_city, family)
    _, patient = family
    settlement = gongji_city.settle(patient)
    paid = _balances(gongji_city, family)
    part = consequence_pb2.ReturnedParts(in_scope_fen=RETURNED_FEN)
    (shown,) = _resettle(
        gongji_city, settlement, returned=part, validate_only=True
    ).settlements
    assert paid == _balances(gongji_city, family)
    (again,) = _resettle(gongji_city, settlement, returned=part).settlements
    left_fen = settlement.bill.total_fen - RETURNED_FEN
    assert left_fen == again.after.bill.total_fen == shown.after.bill.total_fen
    rows = gongji_city.settlements(patient)
    assert left_fen == sum(row.total_fen for row in rows)
    assert again.after.account_fen == sum(before) - sum(_balances(gongji_city, family))


@law("CORE-LATE-003")
def test_the_first_id_leads_to_what_stands(gongji_city: CityUnderTest) -> None:
    """Whoever reverses the first settlement takes back what stands in its place."""
    family = gongji_city.family()
    before = _balances(gongji_city, family)
    _, patient = family
    settlement = gongji_city.settle(patient)
    part = consequence_pb2.ReturnedParts(in_scope_fen=RETURNED_FEN)
    (again,) = _resettle(gongji_city, settlement, returned=part).settlements
    request = gongji_city.reversal(settlement.settlement_id)
    reversed_one = gongji_city.stubs.settlements.Reverse(request).settlement
    assert again.after.settlement_id == reversed_one.settlement_id
    assert before == _balances(gongji_city, family)


def _told(city: CityUnderTest, import_id: str) -> list[Any]:
    """Return the settlements an import makes otherwise."""
    request = consequence_pb2.ConsequencesRequest(import_id=import_id)
    replies = city.stubs.consequences.Consequences(request)
    return [
        reply.settlement
        for reply in replies
        if reply.WhichOneof("message") == "settlement"
    ]


def _resettle(
    city: CityUnderTest, settlement: settlement_pb2.Settlement, **options: Any
) -> consequence_pb2.ResettleResponse:
    request = consequence_pb2.ResettleRequest(
        request_id=new_id(), settlement_id=settlement.settlement_id, **options
    )
    return city.stubs.consequences.Resettle(request)


def _balances(city: CityUnderTest, family: Couple) -> list[int]:
    return [city.balance(person) for person in family]
