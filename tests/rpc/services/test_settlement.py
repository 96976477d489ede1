"""Bills settled, quoted, reversed and listed over the wire."""

from __future__ import annotations

from typing import Any

import pytest
from gongji.rules.codes import SHANGHAI
from gongji.v1 import settlement_pb2 as pb

from tests.scaffold.service import Service, replayed

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)

ZERO_FROM_A_HOLDERS_SIDE = ("total_fen", "fund_fen", "cash_fen", "aid_fen")
EDGES = (
    "2025-09-30T23:59:59",
    "2025-10-01T00:00:00",
    "2025-10-31T23:59:59",
    "2025-11-01T00:00:00",
)
"""The last second of a Shanghai month and the first of the next, twice."""


async def test_a_quote_is_the_settlement_without_id_time_and_movements(
    service: Service,
) -> None:
    """Quote answers what Settle then answers, less its id, time, movements and request."""
    await service.give("P1", 30_000)
    request = pb.QuoteRequest(bill=service.bill())
    quoted = (await service.settlements.Quote(request)).settlement
    settled = (await service.settle()).settlement
    for field in ("settlement_id", "settled_at", "movements", "request_id"):
        settled.ClearField(field)
    assert quoted == settled
    assert service.bill(spending=pb.SPENDING_MEDICAL) == quoted.bill


async def test_lines_explain_themselves(service: Service) -> None:
    """The lines add up to the total, each with a rule whose clauses have their sentences."""
    reply = await service.settle()
    lines = reply.settlement.lines
    assert 100_000 == sum(line.fen for line in lines)
    assert all(line.rule.hook and line.in_words for line in lines)
    clauses = [clause for line in lines for clause in line.rule.clauses]
    assert all(clause.text and clause.source and clause.grade for clause in clauses)


async def test_the_same_request_again_is_answered_as_the_first_time(
    service: Service,
) -> None:
    """The same content under the same id, however it is written on the wire, is the
    first answer marked replayed."""
    await service.give("P1", 500_000)
    request_id = service.new_id()
    first = await service.settle(request_id)
    spelled = pb.SettleRequest(
        request_id=request_id.upper(), bill=service.bill(spending=pb.SPENDING_MEDICAL)
    )
    unknown_field = b"\xf8\x3f\x01"
    spelled.MergeFromString(unknown_field)
    again = await service.settlements.Settle(spelled)
    assert [False, True] == replayed(first, again)
    assert first.settlement == again.settlement


async def test_other_content_under_a_known_id_is_refused(service: Service) -> None:
    """Another amount under a known id is REQUEST_ID_REUSED and names what differs."""
    request_id = service.new_id()
    await service.settle(request_id)
    refusal = await service.not_settled(request_id, fen=7)
    assert "REQUEST_ID_REUSED" == refusal.reason
    assert "bill.total_fen,bill.in_scope_fen" == refusal.differing


async def test_a_reversal_returns_what_was_charged(service: Service) -> None:
    """Reverse by settlement or by request id refunds the purse it came from and marks
    the settlement reversed."""
    await service.give("P1", 500_000)
    settled = await service.settle()
    original = settled.receipt.request_id.upper()
    reply = await service.reverse(settle_request_id=original, why="重复结算")
    charged = {m.purse: -m.fen for m in settled.settlement.movements}
    assert charged == {m.purse: m.fen for m in reply.refunds}
    stored = await service.settlement(settled.settlement.settlement_id)
    assert stored.HasField("reversed_at")
    assert "重复结算" == stored.reversed_why
    assert reply.settlement == stored


async def test_another_persons_settlement_is_not_reversed(service: Service) -> None:
    """Where the caller names the patient, another patient's settlement is
    SETTLEMENT_NOT_FOUND and stands."""
    await service.give("P1", 500_000)
    settlement_id = (await service.settle()).settlement.settlement_id
    original: dict[str, Any] = {"settlement_id": settlement_id}
    refusal = await service.not_reversed(**original, patient=service.ref("P2"))
    assert "SETTLEMENT_NOT_FOUND patient" == refusal.named
    assert not (await service.settlement(settlement_id)).HasField("reversed_at")
    reply = await service.reverse(**original, patient=service.ref("P1"))
    assert reply.settlement.HasField("reversed_at")


async def test_a_reversal_that_overtakes_its_original(service: Service) -> None:
    """Reversing a request that never arrived is SETTLEMENT_NOT_FOUND; the original,
    arriving late, is refused."""
    late = service.new_id()
    refusal = await service.not_reversed(settle_request_id=late)
    assert "SETTLEMENT_NOT_FOUND" == refusal.reason
    assert "ORIGINAL_REVERSED" == (await service.not_settled(late)).reason


async def test_a_holder_sees_charges_and_nothing_else(service: Service) -> None:
    """From a holder's side a row has the charge, time and place; no total, no name, no
    bill of his own."""
    await service.bind("P2")
    await service.give("P2", 500_000)
    charged = (await service.settle()).settlement
    await service.settle(patient=service.ref("P2"))
    request = pb.ListSettlementsRequest(holder=service.ref("P2"))
    reply = await service.settlements.ListSettlements(request)
    (row,) = reply.rows
    assert charged.aid_fen == row.charged_fen > 0
    assert charged.settlement_id == row.settlement_id
    assert ("P1", "某医院") == (row.patient, row.institution_name)
    assert [0] * 4 == [getattr(row, field) for field in ZERO_FROM_A_HOLDERS_SIDE]
    assert "赵" not in str(reply)


async def test_a_patient_sees_the_parts(service: Service) -> None:
    """From the patient's side a row has total, fund, own purse, aid and cash."""
    await service.give("P1", 20_000)
    settled = (await service.settle()).settlement
    request = pb.ListSettlementsRequest(patient=service.ref("P1"))
    (row,) = (await service.settlements.ListSettlements(request)).rows
    own = settled.account_fen - settled.aid_fen
    assert settled.bill.total_fen == row.total_fen
    assert (settled.fund_fen, own) == (row.fund_fen, row.charged_fen)
    assert (settled.aid_fen, settled.cash_fen) == (row.aid_fen, row.cash_fen)
    assert row.total_fen == row.fund_fen + row.charged_fen + row.aid_fen + row.cash_fen


async def test_days_are_days_of_settlement_both_ends_included(service: Service) -> None:
    """Lists go by the Shanghai day of settlement, a month from its first to its last instant."""
    for moment in EDGES:
        service.set_clock(moment)
        await service.settle(filing_no=moment)

    async def settled_on(**span: Any) -> list[str]:
        request = pb.ListSettlementsRequest(patient=service.ref("P1"), **span)
        reply = await service.settlements.ListSettlements(request)
        return [
            row.settled_at.ToDatetime(SHANGHAI).strftime("%m-%d") for row in reply.rows
        ]

    around = {"from_day": "2025-09-30", "to_day": "2025-10-01"}
    late = {"from_day": "2025-10-02", "to_day": "9999-12-31"}
    early = {"from_day": "0001-01-01", "to_day": "2025-09-30"}
    assert ["10-01", "10-31"] == await settled_on(month="2025-10")
    assert ["09-30", "10-01"] == await settled_on(**around)
    assert ["10-31", "11-01"] == await settled_on(**late)
    assert [] == await settled_on(month="9999-12")
    assert ["09-30"] == await settled_on(**early)
