"""The idempotency matrix over the wire, line by line: one id, one execution, one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest
from gongji.model.commands import RequestRecord
from gongji.model.ids import derived_id
from gongji.model.settlement import Accumulator, Settlement
from gongji.rules.codes import SHANGHAI
from gongji.store.engine import EngineDown
from gongji.v1 import account_pb2, types_pb2
from gongji.v1 import settlement_pb2 as pb

from tests.rpc.retried import FIRST_ID, charged, reverse, settle

# --- the same again -------------------------------------------------------------------


async def test_same_id_same_body(house: Any) -> None:
    """The first reply again, marked replayed, with its first time, whatever happened
    since; nothing is executed."""
    first = await settle(house, FIRST_ID)
    house.clock.set(house.clock() + timedelta(hours=3))
    await reverse(house, house.new_id(), settle_request_id=FIRST_ID)
    again = await settle(house, FIRST_ID)
    assert (False, True) == (first.receipt.replayed, again.receipt.replayed)
    assert first.settlement == again.settlement
    assert 0 == await charged(house)


def otherwise(service: Any) -> dict[str, tuple[Any, Any, dict[str, str], str]]:
    """Under the first id: method, request, metadata, and what is named as different."""
    bill, call = service.bill, service.settlements
    caller = {"x-gongji-caller": "hospital-7"}
    reversal = pb.ReverseRequest(request_id=FIRST_ID, settlement_id="S1")
    credit = account_pb2.CreditRequest(
        request_id=FIRST_ID, person=service.ref("P1"), brought_forward_fen=7
    )

    def settling(**changes: Any) -> pb.SettleRequest:
        return pb.SettleRequest(request_id=FIRST_ID, bill=bill(**changes))

    return {
        "another amount": (call.Settle, settling(fen=7_77), {}, "bill"),
        "another account": (
            call.Settle,
            settling(patient=service.ref("P2")),
            {},
            "bill",
        ),
        "another city": (call.Settle, settling(patient=service.ref("P4")), {}, "bill"),
        "another caller": (call.Settle, settling(), caller, "caller"),
        "another method of the service": (call.Reverse, reversal, {}, "method"),
        "another service": (service.accounts.Credit, credit, {}, "method"),
        "everything": (call.Reverse, reversal, caller, "caller,method"),
    }


OTHERWISE = [
    "another amount",
    "another account",
    "another city",
    "another caller",
    "another method of the service",
    "another service",
    "everything",
]


@pytest.mark.parametrize("what", OTHERWISE)
async def test_same_id_other_body(house: Any, what: str) -> None:
    """REQUEST_ID_REUSED, naming the fields that differ and nothing of what the other
    request held or answered."""
    await house.write(house.world.person("P4", place="340800"))
    first = (await settle(house, FIRST_ID)).settlement
    method, request, metadata, differing = otherwise(house)[what]
    told = await house.refused(method, request, metadata=tuple(metadata.items()))
    assert (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED") == (
        told.code,
        told.info.reason,
    )
    assert {"differing": differing, "field": "request_id"} == dict(told.info.metadata)
    shown = f"{told.message} {told.localized.message} {told.info.metadata}"
    assert not any(
        secret in shown
        for secret in ("P1", "anonymous", "Settle", "1000", first.settlement_id)
    )
    assert -sum(m.fen for m in first.movements) == await charged(house)


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def _field(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "fields in another order": lambda bill: (
        _field(2, bill) + _field(1, FIRST_ID.encode())
    ),
    "an unknown field": lambda bill: (
        _field(1, FIRST_ID.encode()) + _field(2, bill) + _field(900, b"new")
    ),
    "an unknown field within": lambda bill: (
        _field(1, FIRST_ID.encode()) + _field(2, bill + _field(900, b"new"))
    ),
    "zeros and defaults written out": lambda bill: (
        _field(1, FIRST_ID.encode())
        + _field(2, bill + b"\x38\x00\x40\x00\x68\x00\x78\x01" + _field(16, b""))
    ),
    "the id in capitals": lambda bill: (
        _field(1, FIRST_ID.upper().encode()) + _field(2, bill)
    ),
    "a field twice, the last counts": lambda bill: (
        _field(1, b"another") + _field(1, FIRST_ID.encode()) + _field(2, bill)
    ),
}


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
async def test_equal_body_written_otherwise(
    house: Any, write: Callable[[bytes], bytes]
) -> None:
    """What is parsed the same is the same request, however it stands on the wire."""
    first = await settle(house, FIRST_ID)
    call = house.channel.unary_unary("/gongji.v1.SettlementService/Settle")
    again = pb.SettleResponse.FromString(
        await call(write(house.bill().SerializeToString()))
    )
    assert (True, first.settlement) == (again.receipt.replayed, again.settlement)


async def test_concurrent_twins(house: Any) -> None:
    """Of ten equal requests at once one executes; the others wait for it and are
    answered the same."""
    replies = await asyncio.gather(*(settle(house, FIRST_ID) for _ in range(10)))
    assert [False] + [True] * 9 == sorted(r.receipt.replayed for r in replies)
    assert all(r.settlement == replies[0].settlement for r in replies)
    assert -sum(m.fen for m in replies[0].settlement.movements) == await charged(house)


async def test_concurrent_rivals(house: Any) -> None:
    """Of two different requests at once under one id one executes and the other is refused."""
    outcomes = await asyncio.gather(
        settle(house, FIRST_ID),
        settle(house, FIRST_ID, fen=7_00),
        return_exceptions=True,
    )
    assert [grpc.StatusCode.ALREADY_EXISTS] == [
        o.code() for o in outcomes if isinstance(o, grpc.aio.AioRpcError)
    ]
    (done,) = (o for o in outcomes if isinstance(o, pb.SettleResponse))
    assert -sum(m.fen for m in done.settlement.movements) == await charged(house)


# --- refusals -------------------------------------------------------------------------


async def test_transient_failure(house: Any) -> None:
    """What failed because the database could not be written is not remembered: the
    retry executes."""
    engine = house.store._writing
    commit = engine.commit

    def full() -> None:
        engine.commit = commit
        raise EngineDown("disk full")

    engine.commit = full
    told = await house.refused(
        house.settlements.Settle,
        pb.SettleRequest(request_id=FIRST_ID, bill=house.bill()),
        timeout=5,
    )
    assert (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE") == (
        told.code,
        told.info.reason,
    )
    assert (None, 0) == (await house.store.recall(FIRST_ID), await charged(house))
    assert not (await settle(house, FIRST_ID)).receipt.replayed


async def test_final_refusal(house: Any) -> None:
    """A final refusal is the same for ever, also once its cause is gone; the corrected
    request needs a new id."""
    await house.write(house.world.hospital(2, "340800", code="H34080000002"))
    away = {"institution_code": "H34080000002"}
    request = pb.SettleRequest(request_id=FIRST_ID, bill=house.bill(**away))
    first = await house.refused(house.settlements.Settle, request)
    again = await house.refused(house.settlements.Settle, request)
    assert "FILING_REQUIRED" == first.info.reason
    assert first == again
    corrected = house.bill(**away, filing_no="F1")
    told = await house.refused(
        house.settlements.Settle, pb.SettleRequest(request_id=FIRST_ID, bill=corrected)
    )
    assert ("REQUEST_ID_REUSED", "bill") == (
        told.info.reason,
        told.info.metadata["differing"],
    )
    assert (
        await settle(house, house.new_id(), **away, filing_no="F1")
    ).settlement.settlement_id
    assert first == await house.refused(house.settlements.Settle, request)


async def test_refusal_caused_by_time(house: Any) -> None:
    """What is refused because its day has not come is decided anew when it has, under
    the same id."""
    tomorrow = {"service_day": "2025-10-01"}
    request = pb.SettleRequest(request_id=FIRST_ID, bill=house.bill(**tomorrow))
    assert (
        "FUTURE_SERVICE_DAY"
        == (await house.refused(house.settlements.Settle, request)).info.reason
    )
    assert await house.store.recall(FIRST_ID) is None
    house.clock.set(datetime(2025, 10, 1, 8, 0, tzinfo=SHANGHAI))
    assert not (await settle(house, FIRST_ID, **tomorrow)).receipt.replayed


# --- the id itself --------------------------------------------------------------------

IDS = {
    "empty": "",
    "too long": FIRST_ID + "0",
    "far too long": "x" * 10_000,
    "no UUID": "settle-1",
    "a UUID without hyphens": FIRST_ID.replace("-", ""),
    "in braces": f"{{{FIRST_ID}}}",
}


@pytest.mark.parametrize("request_id", IDS.values(), ids=IDS)
async def test_malformed_id(house: Any, request_id: str) -> None:
    """An id that is no UUID is INVALID_ARGUMENT at its field, on every method that
    writes; nothing is written."""
    credit = account_pb2.CreditRequest(
        request_id=request_id, person=house.ref("P1"), month="2025-09"
    )
    for method, request in (
        (
            house.settlements.Settle,
            pb.SettleRequest(request_id=request_id, bill=house.bill()),
        ),
        (
            house.settlements.Reverse,
            pb.ReverseRequest(request_id=request_id, settle_request_id=FIRST_ID),
        ),
        (house.accounts.Credit, credit),
    ):
        told = await house.refused(method, request)
        assert grpc.StatusCode.INVALID_ARGUMENT == told.code
        assert "request_id" in [v.field for v in told.bad_request.field_violations]
    assert 0 == await charged(house)
    assert await house.store.recall(FIRST_ID) is None


async def test_ids_are_kept_for_ever(house: Any) -> None:
    """An id of forty years ago is still answered the same, never executed again, and
    never free for another."""
    first = await settle(house, FIRST_ID)
    house.clock.set(house.clock() + timedelta(days=40 * 366))
    again = await settle(house, FIRST_ID)
    assert (True, first.settlement) == (again.receipt.replayed, again.settlement)
    told = await house.refused(
        house.settlements.Settle,
        pb.SettleRequest(request_id=FIRST_ID, bill=house.bill(7)),
    )
    assert "REQUEST_ID_REUSED" == told.info.reason


# --- reversals ------------------------------------------------------------------------


async def test_reverse_twice(house: Any) -> None:
    """Under the same id the second is the first again; under another it is
    ALREADY_REVERSED; money comes back once."""
    settled = (await settle(house, FIRST_ID)).settlement
    reverse_id = house.new_id()
    first = await reverse(house, reverse_id, settlement_id=settled.settlement_id)
    again = await reverse(house, reverse_id, settlement_id=settled.settlement_id)
    assert (False, True) == (first.receipt.replayed, again.receipt.replayed)
    assert (first.settlement, list(first.refunds)) == (
        again.settlement,
        list(again.refunds),
    )
    for original in (
        {"settlement_id": settled.settlement_id},
        {"settle_request_id": FIRST_ID},
    ):
        other = pb.ReverseRequest(request_id=house.new_id(), **original)  # type: ignore[arg-type]  # text
        told = await house.refused(house.settlements.Reverse, other)
        assert (grpc.StatusCode.FAILED_PRECONDITION, "ALREADY_REVERSED") == (
            told.code,
            told.info.reason,
        )
    assert 0 == await charged(house)


async def test_reverse_of_an_unknown_id(house: Any) -> None:
    """NOT_FOUND, again and again, and a tombstone: the original, arriving late, is
    refused and moves nothing."""
    request = pb.ReverseRequest(request_id=house.new_id(), settle_request_id=FIRST_ID)
    first = await house.refused(house.settlements.Reverse, request)
    assert (grpc.StatusCode.NOT_FOUND, "SETTLEMENT_NOT_FOUND") == (
        first.code,
        first.info.reason,
    )
    assert first == await house.refused(house.settlements.Reverse, request)
    assert (await house.store.recall(FIRST_ID)).tombstone
    for _ in range(2):
        late = await house.refused(
            house.settlements.Settle,
            pb.SettleRequest(request_id=FIRST_ID, bill=house.bill()),
        )
        assert "ORIGINAL_REVERSED" == late.info.reason
    assert 0 == await charged(house)
    by_id = pb.ReverseRequest(
        request_id=house.new_id(), settlement_id=derived_id("S", FIRST_ID)
    )
    assert (
        grpc.StatusCode.NOT_FOUND
        == (await house.refused(house.settlements.Reverse, by_id)).code
    )


# --- validate_only --------------------------------------------------------------------


async def test_validate_only_consumes_nothing(house: Any) -> None:
    """A reversal foreseen has no receipt, moves nothing and leaves its id free; the one
    that follows does the same."""
    settled = (await settle(house, FIRST_ID)).settlement
    later = (await settle(house, house.new_id(), fen=300_00)).settlement
    before = (
        await charged(house),
        await house.store.get(Accumulator, "P1/310/3411/2025"),
    )
    request = pb.ReverseRequest(
        request_id=house.new_id(),
        settlement_id=settled.settlement_id,
        validate_only=True,
    )
    foreseen = await house.settlements.Reverse(request)
    assert not foreseen.HasField("receipt")
    assert before == (
        await charged(house),
        await house.store.get(Accumulator, "P1/310/3411/2025"),
    )
    assert (
        await house.store.get(Settlement, settled.settlement_id)
    ).reversed_at is None
    assert await house.store.recall(request.request_id) is None
    expected = pb.AffectedSettlement(
        settlement_id=later.settlement_id,
        settled_at=later.settled_at,
        fund_fen=150_00,
        fund_would_be_fen=0,
        deductible_fen=0,
        deductible_would_be_fen=300_00,
    )
    assert [expected] == list(foreseen.affected)
    request.validate_only = False
    done = await house.settlements.Reverse(request)
    assert (False, []) == (done.receipt.replayed, list(done.affected))
    assert (foreseen.settlement, list(foreseen.refunds)) == (
        done.settlement,
        list(done.refunds),
    )


async def test_validate_only_leaves_no_tombstone(house: Any) -> None:
    """Asking what reversing an unknown request would do is NOT_FOUND; the original
    still settles when it comes."""
    request = pb.ReverseRequest(
        request_id=house.new_id(), settle_request_id=FIRST_ID, validate_only=True
    )
    assert (
        grpc.StatusCode.NOT_FOUND
        == (await house.refused(house.settlements.Reverse, request)).code
    )
    kept = [await house.store.recall(i) for i in (FIRST_ID, request.request_id)]
    assert [None, None] == kept
    assert not (await settle(house, FIRST_ID)).receipt.replayed


async def test_a_quote_consumes_nothing(house: Any) -> None:
    """A quote has no id to consume and changes no later answer."""
    quoted = await house.settlements.Quote(pb.QuoteRequest(bill=house.bill()))
    settled = await settle(house, FIRST_ID)
    assert ([], quoted.settlement.fund_fen) == (
        list(quoted.settlement.movements),
        settled.settlement.fund_fen,
    )
    assert isinstance(await house.store.recall(FIRST_ID), RequestRecord)
    assert types_pb2.SCHEME_EMPLOYEE == settled.settlement.scheme
