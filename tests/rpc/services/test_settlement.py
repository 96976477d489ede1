from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from gongji.model.binding import Binding
from gongji.model.decided import DecidedBy
from gongji.rules.codes import SHANGHAI, BindingState, Purpose
from gongji.v1 import settlement_pb2 as pb

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)

ZERO_FROM_A_HOLDERS_SIDE = ("total_fen", "fund_fen", "cash_fen", "aid_fen")


async def bind(service: Any, holder: str, member: str) -> None:
    """An active binding for visits."""
    at = service.clock() - timedelta(days=10)
    await service.write(
        Binding(
            binding_id=f"B-{holder}-{member}",
            holder=holder,
            member=member,
            relation="10",
            purposes=frozenset({Purpose.VISIT}),
            channel="window",
            state=BindingState.ACTIVE,
            submitted_at=at,
            active_at=at,
            decided_by=DecidedBy("341100", "x", "0", "0"),
        )
    )


async def settle(
    service: Any, request_id: str = "", **changes: Any
) -> pb.SettleResponse:
    request = pb.SettleRequest(
        request_id=request_id or service.new_id(), bill=service.bill(**changes)
    )
    reply: pb.SettleResponse = await service.settlements.Settle(request)
    return reply


async def test_a_quote_is_the_settlement_without_id_time_and_movements(
    service: Any,
) -> None:
    """Quote answers what Settle then answers, less its id, time, movements and request."""
    await service.give("P1", 30_000)
    quoted = (
        await service.settlements.Quote(pb.QuoteRequest(bill=service.bill()))
    ).settlement
    settled = (await settle(service)).settlement
    for field in ("settlement_id", "settled_at", "movements", "request_id"):
        settled.ClearField(field)
    assert quoted == settled
    assert service.bill(spending=pb.SPENDING_MEDICAL) == quoted.bill


async def test_lines_explain_themselves(service: Any) -> None:
    """The lines add up to the total, each with a rule whose clauses have their sentences."""
    reply = await settle(service)
    lines = reply.settlement.lines
    assert 100_000 == sum(line.fen for line in lines)
    assert all(line.rule.hook and line.in_words for line in lines)
    assert all(
        c.text and c.source and c.grade for line in lines for c in line.rule.clauses
    )


async def test_the_same_request_again_is_answered_as_the_first_time(
    service: Any,
) -> None:
    """The same content under the same id, however it is written on the wire, is the
    first answer marked replayed."""
    await service.give("P1", 500_000)
    request_id = service.new_id()
    first = await settle(service, request_id)
    spelled = service.bill(spending=pb.SPENDING_MEDICAL)
    unknown = (
        pb.SettleRequest(
            request_id=request_id.upper(), bill=spelled
        ).SerializeToString()
        + b"\xf8\x3f\x01"
    )
    again = await service.settlements.Settle(pb.SettleRequest.FromString(unknown))
    assert (False, True) == (first.receipt.replayed, again.receipt.replayed)
    assert first.settlement == again.settlement


async def test_other_content_under_a_known_id_is_refused(service: Any) -> None:
    """Another amount or caller under a known id is REQUEST_ID_REUSED and names what differs."""
    request_id = service.new_id()
    await settle(service, request_id)
    other = pb.SettleRequest(request_id=request_id, bill=service.bill(fen=7))
    told = await service.refused(service.settlements.Settle, other)
    assert ("REQUEST_ID_REUSED", "bill") == (
        told.info.reason,
        told.info.metadata["differing"],
    )
    same = pb.SettleRequest(request_id=request_id, bill=service.bill())
    told = await service.refused(
        service.settlements.Settle, same, metadata=(("x-gongji-caller", "other"),)
    )
    assert ("REQUEST_ID_REUSED", "caller") == (
        told.info.reason,
        told.info.metadata["differing"],
    )


async def test_a_reversal_returns_what_was_charged(service: Any) -> None:
    """Reverse by settlement or by request id refunds the purse it came from and marks
    the settlement reversed."""
    await service.give("P1", 500_000)
    settled = await settle(service)
    original = settled.receipt.request_id.upper()
    request = pb.ReverseRequest(
        request_id=service.new_id(), settle_request_id=original, why="重复结算"
    )
    reply = await service.settlements.Reverse(request)
    charged = {m.purse: -m.fen for m in settled.settlement.movements}
    assert charged == {m.purse: m.fen for m in reply.refunds}
    found = await service.settlements.GetSettlement(
        pb.GetSettlementRequest(settlement_id=settled.settlement.settlement_id)
    )
    assert found.settlement.HasField("reversed_at")
    assert "重复结算" == found.settlement.reversed_why
    assert reply.settlement == found.settlement


async def test_another_persons_settlement_is_not_reversed(service: Any) -> None:
    """Where the caller names the patient, another patient's settlement is
    SETTLEMENT_NOT_FOUND and stands."""
    await service.give("P1", 500_000)
    settlement_id = (await settle(service)).settlement.settlement_id
    request = pb.ReverseRequest(
        request_id=service.new_id(), settlement_id=settlement_id
    )
    request.patient.person_no = "P2"
    told = await service.refused(service.settlements.Reverse, request)
    assert ("SETTLEMENT_NOT_FOUND", "patient") == (
        told.info.reason,
        told.info.metadata["field"],
    )
    found = await service.settlements.GetSettlement(
        pb.GetSettlementRequest(settlement_id=settlement_id)
    )
    assert not found.settlement.HasField("reversed_at")
    request.patient.person_no = "P1"
    request.request_id = service.new_id()
    assert (await service.settlements.Reverse(request)).settlement.HasField(
        "reversed_at"
    )


async def test_a_reversal_that_overtakes_its_original(service: Any) -> None:
    """Reversing a request that never arrived is SETTLEMENT_NOT_FOUND; the original,
    arriving late, is refused."""
    late = service.new_id()
    reverse = pb.ReverseRequest(request_id=service.new_id(), settle_request_id=late)
    told = await service.refused(service.settlements.Reverse, reverse)
    assert "SETTLEMENT_NOT_FOUND" == told.info.reason
    told = await service.refused(
        service.settlements.Settle,
        pb.SettleRequest(request_id=late, bill=service.bill()),
    )
    assert "ORIGINAL_REVERSED" == told.info.reason


async def test_a_holder_sees_charges_and_nothing_else(service: Any) -> None:
    """From a holder's side a row has the charge, time and place; no total, no name, no
    bill of his own."""
    await bind(service, "P2", "P1")
    await service.give("P2", 500_000)
    charged = (await settle(service)).settlement
    await settle(service, patient=service.ref("P2"))
    reply = await service.settlements.ListSettlements(
        pb.ListSettlementsRequest(holder=service.ref("P2"))
    )
    (row,) = reply.rows
    assert charged.aid_fen == row.charged_fen > 0
    assert (charged.settlement_id, "P1", "某医院") == (
        row.settlement_id,
        row.patient,
        row.institution_name,
    )
    assert [0] * 4 == [getattr(row, field) for field in ZERO_FROM_A_HOLDERS_SIDE]
    assert "赵" not in str(reply)


async def test_a_patient_sees_the_parts(service: Any) -> None:
    """From the patient's side a row has total, fund, own purse, aid and cash."""
    await service.give("P1", 20_000)
    settled = (await settle(service)).settlement
    reply = await service.settlements.ListSettlements(
        pb.ListSettlementsRequest(patient=service.ref("P1"))
    )
    (row,) = reply.rows
    own = settled.account_fen - settled.aid_fen
    expected = (
        settled.bill.total_fen,
        settled.fund_fen,
        own,
        settled.aid_fen,
        settled.cash_fen,
    )
    assert expected == (
        row.total_fen,
        row.fund_fen,
        row.charged_fen,
        row.aid_fen,
        row.cash_fen,
    )
    assert row.total_fen == row.fund_fen + row.charged_fen + row.aid_fen + row.cash_fen


async def test_days_are_days_of_settlement_both_ends_included(service: Any) -> None:
    """Lists go by the Shanghai day of settlement, a month from its first to its last instant."""
    for moment in (
        "2025-09-30T23:59:59",
        "2025-10-01T00:00:00",
        "2025-10-31T23:59:59",
        "2025-11-01T00:00:00",
    ):
        service.clock.set(
            service.clock().fromisoformat(moment).replace(tzinfo=SHANGHAI)
        )
        await settle(service, filing_no=moment)

    async def settled_on(**span: str) -> list[str]:
        reply = await service.settlements.ListSettlements(
            pb.ListSettlementsRequest(patient=service.ref("P1"), **span)  # type: ignore[arg-type] # fields of text
        )
        return [
            row.settled_at.ToDatetime(SHANGHAI).astimezone(SHANGHAI).strftime("%m-%d")
            for row in reply.rows
        ]

    assert ["10-01", "10-31"] == await settled_on(month="2025-10")
    assert ["09-30", "10-01"] == await settled_on(
        from_day="2025-09-30", to_day="2025-10-01"
    )
    assert ["10-31", "11-01"] == await settled_on(
        from_day="2025-10-02", to_day="9999-12-31"
    )
    assert [] == await settled_on(month="9999-12")
    assert ["09-30"] == await settled_on(from_day="0001-01-01", to_day="2025-09-30")
