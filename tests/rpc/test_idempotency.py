"""The idempotency matrix over the wire, line by line: one id, one execution, one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import grpc
import pytest
from gongji.model.commands import RequestRecord
from gongji.model.ids import derived_id
from gongji.model.settlement import Accumulator, Settlement
from gongji.rules.codes import SHANGHAI
from gongji.store.engine import EngineDown
from gongji.v1 import account_pb2, types_pb2
from gongji.v1 import settlement_pb2 as pb

from tests.rpc.retried import FIRST_ID, FIRST_KEY, charged
from tests.scaffold.people import filing
from tests.scaffold.service import Service, charge_of, replayed

YEAR = "P1/310/3411/2025"

# --- the same again -------------------------------------------------------------------


async def test_same_id_same_body(house: Service) -> None:
    """The first reply again, marked replayed, with its first time, whatever happened
    since; nothing is executed."""
    first = await house.settle(FIRST_ID)
    house.clock.set(house.clock() + timedelta(hours=3))
    await house.reverse(settle_request_id=FIRST_ID)
    again = await house.settle(FIRST_ID)
    assert [False, True] == replayed(first, again)
    assert first.settlement == again.settlement
    assert 0 == await charged(house)


class Other(NamedTuple):
    """Another call under the first id, and what it differs in."""

    call: Callable[[Service], tuple[Callable[..., Any], Any]]
    differing: str


def settling(**changes: Any) -> Callable[[Service], tuple[Callable[..., Any], Any]]:
    def call(s: Service) -> tuple[Callable[..., Any], Any]:
        request = pb.SettleRequest(request_id=FIRST_ID, bill=s.bill(**changes))
        return s.settlements.Settle, request

    return call


def reversing(s: Service) -> tuple[Callable[..., Any], Any]:
    request = pb.ReverseRequest(request_id=FIRST_ID, settlement_id="S1")
    return s.settlements.Reverse, request


def crediting(s: Service) -> tuple[Callable[..., Any], Any]:
    request = account_pb2.CreditRequest(request_id=FIRST_ID, person=s.ref("P1"))
    request.brought_forward_fen = 7
    return s.accounts.Credit, request


P2, P4 = Service.ref("P2"), Service.ref("P4")
OTHERS = {
    "another amount": Other(settling(fen=7_77), "bill.total_fen,bill.in_scope_fen"),
    "another account": Other(settling(patient=P2), "bill.patient"),
    "another city": Other(settling(patient=P4), "bill.patient"),
    "another method of the service": Other(reversing, "method"),
    "another service": Other(crediting, "method"),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_same_id_other_body(house: Service, other: Other) -> None:
    """REQUEST_ID_REUSED, naming the fields that differ and nothing of what the other
    request held or answered."""
    await house.write(house.world.person("P4", place="340800"))
    first = (await house.settle(FIRST_ID)).settlement
    method, request = other.call(house)
    refusal = await house.refused(method, request)
    assert "ALREADY_EXISTS REQUEST_ID_REUSED" == refusal.outcome
    assert {"differing": other.differing, "field": "request_id"} == refusal.metadata
    shown = f"{refusal.message} {refusal.localized.message} {refusal.metadata}"
    secrets = ("P1", "anonymous", "Settle", "1000", first.settlement_id)
    assert [] == [secret for secret in secrets if secret in shown]
    assert charge_of(first) == await charged(house)


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def _field(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


_ID = _field(1, FIRST_ID.encode())

WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "fields in another order": lambda bill: _field(2, bill) + _ID,
    "an unknown field": lambda bill: _ID + _field(2, bill) + _field(900, b"new"),
    "an unknown field within": lambda bill: _ID + _field(2, bill + _field(900, b"new")),
    "zeros and defaults written out": lambda bill: (
        _ID + _field(2, bill + b"\x38\x00\x40\x00\x68\x00\x78\x01" + _field(16, b""))
    ),
    "the id in capitals": lambda bill: (
        _field(1, FIRST_ID.upper().encode()) + _field(2, bill)
    ),
    "a field twice, the last counts": lambda bill: (
        _field(1, b"another") + _ID + _field(2, bill)
    ),
}


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
async def test_equal_body_written_otherwise(
    house: Service, write: Callable[[bytes], bytes]
) -> None:
    """What is parsed the same is the same request, however it stands on the wire."""
    first = await house.settle(FIRST_ID)
    call: Any = house.channel.unary_unary("/gongji.v1.SettlementService/Settle")
    bill = house.bill().SerializeToString()
    again = pb.SettleResponse.FromString(await call(write(bill)))
    assert (True, first.settlement) == (again.receipt.replayed, again.settlement)


async def test_concurrent_twins(house: Service) -> None:
    """Of ten equal requests at once one executes; the others wait for it and are
    answered the same."""
    replies = await asyncio.gather(*(house.settle(FIRST_ID) for _ in range(10)))
    assert [False] + [True] * 9 == sorted(replayed(*replies))
    first, *others = replies
    assert [first.settlement] * 9 == [reply.settlement for reply in others]
    assert charge_of(replies[0].settlement) == await charged(house)


async def test_a_message_under_another_id(house: Service) -> None:
    """The message of a bill under another id is the first answer with its first time,
    also after a reversal; either id finds it again."""
    first = await house.settle(FIRST_ID, msgid="M1")
    house.clock.set(house.clock() + timedelta(hours=3))
    again = await house.settle(other := house.new_id(), msgid="M1")
    await house.reverse(settle_request_id=other)
    third = await house.settle(other, msgid="M1")
    assert [False, True, True] == replayed(first, again, third)
    assert [first.settlement] * 2 == [again.settlement, third.settlement]
    assert first.receipt.at == again.receipt.at == third.receipt.at
    assert 0 == await charged(house)


async def test_another_bill_of_a_message(house: Service) -> None:
    """A message with other content is refused, its settlement named."""
    first = await house.settle(FIRST_ID, msgid="M1")
    other = house.new_id()
    await house.settle(other, msgid="M1")
    refused = await house.not_settled(other, fen=7_00, msgid="M1")
    assert "ALREADY_EXISTS REQUEST_ID_REUSED" == refused.outcome
    refused = await house.not_settled(fen=7_00, msgid="M1")
    assert "ALREADY_EXISTS MESSAGE_ID_REUSED" == refused.outcome
    assert "bill.msgid" == refused.field
    assert first.settlement.settlement_id == refused.metadata["settlement_id"]


async def test_concurrent_twins_of_one_message(house: Service) -> None:
    """Of ten requests with one message at once one executes; all are answered the same."""
    replies = await asyncio.gather(*(house.settle(msgid="M1") for _ in range(10)))
    assert [False] + [True] * 9 == sorted(replayed(*replies))
    assert 1 == len({reply.settlement.settlement_id for reply in replies})
    assert charge_of(replies[0].settlement) == await charged(house)


async def test_concurrent_rivals(house: Service) -> None:
    """Of two different requests at once under one id one executes and the other is refused."""
    outcomes = await asyncio.gather(
        house.settle(FIRST_ID),
        house.settle(FIRST_ID, fen=7_00),
        return_exceptions=True,
    )
    (error,) = [o for o in outcomes if isinstance(o, grpc.aio.AioRpcError)]
    (reply,) = [o for o in outcomes if isinstance(o, pb.SettleResponse)]
    assert grpc.StatusCode.ALREADY_EXISTS == error.code()
    assert charge_of(reply.settlement) == await charged(house)


# --- refusals -------------------------------------------------------------------------


async def test_transient_failure(
    house: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed because the database could not be written is not remembered: the
    retry executes."""

    def full() -> None:
        monkeypatch.undo()
        raise EngineDown("disk full")

    monkeypatch.setattr(house.store._writing, "commit", full)
    refusal = await house.not_settled(FIRST_ID)
    assert "UNAVAILABLE STORE_UNAVAILABLE" == refusal.outcome
    assert await house.row(FIRST_ID) is None
    assert 0 == await charged(house)
    assert not (await house.settle(FIRST_ID)).receipt.replayed


async def test_final_refusal(house: Service) -> None:
    """A final refusal is the same for ever, also once its cause is gone; the corrected
    request needs a new id."""
    await house.write(house.world.hospital(2, "340800", code="H34080000002"))
    away: dict[str, Any] = {"institution_code": "H34080000002"}
    first = await house.not_settled(FIRST_ID, **away)
    assert "FILING_REQUIRED" == first.reason
    assert first == await house.not_settled(FIRST_ID, **away)
    await house.write(filing("P1"))
    corrected = {**away, "filing_no": "FP1"}
    refusal = await house.not_settled(FIRST_ID, **corrected)
    assert "REQUEST_ID_REUSED" == refusal.reason
    assert "bill.filing_no" == refusal.differing
    assert (await house.settle(**corrected)).settlement.settlement_id
    assert first == await house.not_settled(FIRST_ID, **away)


async def test_refusal_caused_by_time(house: Service) -> None:
    """What is refused because its day has not come is decided anew when it has, under
    the same id."""
    tomorrow: dict[str, Any] = {"service_day": "2025-10-01"}
    refusal = await house.not_settled(FIRST_ID, **tomorrow)
    assert "FUTURE_SERVICE_DAY" == refusal.reason
    assert await house.row(FIRST_ID) is None
    house.clock.set(datetime(2025, 10, 1, 8, 0, tzinfo=SHANGHAI))
    assert not (await house.settle(FIRST_ID, **tomorrow)).receipt.replayed


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
async def test_malformed_id(house: Service, request_id: str) -> None:
    """An id that is no UUID is INVALID_ARGUMENT at its field, on every method that
    writes; nothing is written."""
    settle = pb.SettleRequest(request_id=request_id, bill=house.bill())
    reverse = pb.ReverseRequest(request_id=request_id, settle_request_id=FIRST_ID)
    credit = account_pb2.CreditRequest(
        request_id=request_id, person=house.ref("P1"), month="2025-09"
    )
    for method, request in (
        (house.settlements.Settle, settle),
        (house.settlements.Reverse, reverse),
        (house.accounts.Credit, credit),
    ):
        refusal = await house.refused(method, request)
        assert grpc.StatusCode.INVALID_ARGUMENT == refusal.code
        violations = refusal.bad_request.field_violations
        assert "request_id" in [violation.field for violation in violations]
    assert 0 == await charged(house)
    assert await house.row(FIRST_ID) is None


async def test_ids_are_kept_for_ever(house: Service) -> None:
    """An id of forty years ago is still answered the same, never executed again, and
    never free for another."""
    first = await house.settle(FIRST_ID)
    house.clock.set(house.clock() + timedelta(days=40 * 366))
    again = await house.settle(FIRST_ID)
    assert (True, first.settlement) == (again.receipt.replayed, again.settlement)
    refusal = await house.not_settled(FIRST_ID, fen=7)
    assert "REQUEST_ID_REUSED" == refusal.reason


# --- reversals ------------------------------------------------------------------------


async def test_reverse_twice(house: Service) -> None:
    """Under the same id the second is the first again; under another it is
    ALREADY_REVERSED; money comes back once."""
    settled = (await house.settle(FIRST_ID)).settlement
    reverse_id = house.new_id()
    first = await house.reverse(reverse_id, settlement_id=settled.settlement_id)
    again = await house.reverse(reverse_id, settlement_id=settled.settlement_id)
    assert [False, True] == replayed(first, again)
    assert first.settlement == again.settlement
    assert list(first.refunds) == list(again.refunds)
    by_id = await house.not_reversed(settlement_id=settled.settlement_id)
    by_request = await house.not_reversed(settle_request_id=FIRST_ID)
    already = "FAILED_PRECONDITION ALREADY_REVERSED"
    assert already == by_id.outcome
    assert already == by_request.outcome
    assert 0 == await charged(house)


async def test_reverse_of_an_unknown_id(house: Service) -> None:
    """NOT_FOUND, again and again, and a tombstone: the original, arriving late, is
    refused and moves nothing."""
    reverse_id = house.new_id()
    first = await house.not_reversed(reverse_id, settle_request_id=FIRST_ID)
    assert "NOT_FOUND SETTLEMENT_NOT_FOUND" == first.outcome
    assert first == await house.not_reversed(reverse_id, settle_request_id=FIRST_ID)
    tombstone = await house.row(FIRST_ID)
    assert tombstone is not None
    assert tombstone.tombstone
    assert await house.row(reverse_id) is None
    for _ in range(2):
        assert "ORIGINAL_REVERSED" == (await house.not_settled(FIRST_ID)).reason
    assert 0 == await charged(house)
    by_id = await house.not_reversed(settlement_id=derived_id("S", FIRST_KEY))
    assert grpc.StatusCode.NOT_FOUND == by_id.code


# --- validate_only --------------------------------------------------------------------


async def test_validate_only_consumes_nothing(house: Service) -> None:
    """A reversal previewed has no receipt, moves nothing and leaves its id free."""
    settled = (await house.settle(FIRST_ID)).settlement
    before = await charged(house), await house.stored(Accumulator, YEAR)
    request_id = house.new_id()
    preview = await house.reverse(
        request_id, settlement_id=settled.settlement_id, validate_only=True
    )
    assert not preview.HasField("receipt")
    assert before == (await charged(house), await house.stored(Accumulator, YEAR))
    stored = await house.stored(Settlement, settled.settlement_id)
    assert stored.reversed_at is None
    assert await house.row(request_id) is None


async def test_a_reversal_does_what_was_previewed(house: Service) -> None:
    """Settlement and refunds are those of the preview; it alone lists what is affected."""
    settled = (await house.settle(FIRST_ID)).settlement
    later = (await house.settle(fen=300_00)).settlement
    original = {"settlement_id": settled.settlement_id}
    preview = await house.reverse(**original, validate_only=True)
    affected = pb.AffectedSettlement(
        settlement_id=later.settlement_id,
        settled_at=later.settled_at,
        fund_fen=150_00,
        fund_would_be_fen=0,
        deductible_fen=0,
        deductible_would_be_fen=300_00,
    )
    assert [affected] == list(preview.affected)
    done = await house.reverse(**original)
    assert not done.receipt.replayed
    assert [] == list(done.affected)
    assert preview.settlement == done.settlement
    assert list(preview.refunds) == list(done.refunds)


async def test_validate_only_leaves_no_tombstone(house: Service) -> None:
    """Asking what reversing an unknown request would do is NOT_FOUND; the original
    still settles when it comes."""
    reverse_id = house.new_id()
    refusal = await house.not_reversed(
        reverse_id, settle_request_id=FIRST_ID, validate_only=True
    )
    assert grpc.StatusCode.NOT_FOUND == refusal.code
    assert await house.row(FIRST_ID) is None
    assert await house.row(reverse_id) is None
    assert not (await house.settle(FIRST_ID)).receipt.replayed


async def test_a_quote_consumes_nothing(house: Service) -> None:
    """A quote has no id to consume and changes no later answer."""
    quoted = await house.settlements.Quote(pb.QuoteRequest(bill=house.bill()))
    settled = await house.settle(FIRST_ID)
    assert [] == list(quoted.settlement.movements)
    assert quoted.settlement.fund_fen == settled.settlement.fund_fen
    assert isinstance(await house.row(FIRST_ID), RequestRecord)
    assert types_pb2.SCHEME_EMPLOYEE == settled.settlement.scheme
