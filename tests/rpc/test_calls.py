"""Around every call: one line without personal data, faults without a word, deadlines kept."""

from __future__ import annotations

import asyncio
import json

import grpc
import pytest
from gongji.rpc import calls
from gongji.v1 import city_pb2, registry_pb2, settlement_pb2, types_pb2
from structlog.testing import capture_logs

from tests.patience import PATIENCE_S
from tests.scaffold.service import Service

NUMBER = "341199198001019997"
LOGGED = ("method", "code", "reason", "caller", "request_id")


async def test_one_line_a_call(service: Service) -> None:
    """Every call leaves one line: method, code, reason, caller, request id, milliseconds."""
    request_id = service.new_id()
    request = settlement_pb2.SettleRequest(request_id=request_id, bill=service.bill())
    with capture_logs() as lines:
        caller = (("x-gongji-caller", "hospital-1"),)
        await service.settlements.Settle(request, metadata=caller)
        request.bill.institution_code = "H34110099999"
        quote = settlement_pb2.QuoteRequest(bill=request.bill)
        await service.refused(service.settlements.Quote, quote)
    settled, refused = [tuple(line[key] for key in LOGGED) for line in lines]
    settle = "gongji.v1.SettlementService/Settle"
    assert (settle, "OK", "", "hospital-1", request_id) == settled
    reason = "INSTITUTION_NOT_FOUND"
    quoted = "gongji.v1.SettlementService/Quote"
    assert (quoted, "NOT_FOUND", reason, "anonymous", "") == refused
    assert all(0 < line["ms"] < 10_000 for line in lines)


async def test_no_line_quotes_what_was_typed(service: Service) -> None:
    """Numbers, names and malformed request ids never reach the log."""
    certificate = types_pb2.Certificate(type="01", number=NUMBER)
    ref = types_pb2.PersonRef(certificate=certificate)
    with capture_logs() as lines:
        request = registry_pb2.GetPersonRequest(person=ref)
        await service.refused(service.registry.GetPerson, request)
        await service.not_settled(NUMBER, patient=ref)
        await service.import_persons([service.person(1, name="赵某某")])
    assert 3 == len(lines)
    text = json.dumps(lines, ensure_ascii=False, default=str)
    assert NUMBER not in text
    assert "赵" not in text


async def test_a_fault_of_ours_is_told_by_an_id_only(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unforeseen exception is INTERNAL without its text; the log has the same id,
    its type and its place."""

    def fail(*_: object) -> None:
        raise RuntimeError(NUMBER)

    monkeypatch.setattr(service.cities.of("341100").__class__, "rules", fail)
    with capture_logs() as lines:
        request = city_pb2.GetCityRequest(area_code="341100")
        refusal = await service.refused(service.city.GetCity, request)
    fault, call = lines
    assert "INTERNAL INTERNAL" == refusal.outcome
    assert fault["error_id"] == refusal.metadata["error_id"]
    assert fault["error_id"] in refusal.message
    assert ("RuntimeError", "INTERNAL") == (fault["error"], call["code"])
    assert any(place.startswith("rpc/services/city.py:") for place in fault["places"])
    assert NUMBER not in refusal.message + json.dumps(lines, default=str)


async def test_a_call_without_deadline_is_bounded(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that names no deadline gets ours; when it passes, the outcome is unknown
    and the reason says so."""

    async def linger(*_: object) -> None:
        await asyncio.sleep(30)

    monkeypatch.setattr(calls, "LONGEST_CALL_S", 0.05)
    monkeypatch.setattr(type(service.store), "known", linger)
    request = registry_pb2.GetPersonRequest(person=service.ref("P1"))
    refusal = await service.refused(service.registry.GetPerson, request)
    assert "DEADLINE_EXCEEDED DEADLINE_EXCEEDED" == refusal.outcome


async def test_a_callers_deadline_ends_the_work(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the caller's deadline passes, the work for him is cancelled."""
    began, ended = asyncio.Event(), asyncio.Event()

    async def linger(*_: object) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(type(service.store), "known", linger)
    request = registry_pb2.GetPersonRequest(person=service.ref("P1"))
    deadline_s = 0.05
    # On a busy machine a deadline may pass before the work begins.
    while not began.is_set():
        refusal = await service.refused(
            service.registry.GetPerson, request, timeout=deadline_s
        )
        assert grpc.StatusCode.DEADLINE_EXCEEDED == refusal.code
        deadline_s *= 2
    await asyncio.wait_for(ended.wait(), PATIENCE_S)


async def test_an_unknown_method_is_unimplemented(service: Service) -> None:
    """A method nobody declares is UNIMPLEMENTED."""
    assert grpc.StatusCode.UNIMPLEMENTED == await service.code_of(
        "/gongji.v1.CityService/Sink", b""
    )


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_a_line_says_what_a_call_was_about(service: Service) -> None:
    """Peer, city, settlement, sizes and trace stand in the line; the trace goes back."""
    request = settlement_pb2.SettleRequest(
        request_id=service.new_id(), bill=service.bill()
    )
    parent = ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-00")
    with capture_logs() as lines:
        call = service.settlements.Settle(request, metadata=(parent,))
        reply = await call
        trailing = await call.trailing_metadata()
    expected = {
        "peer": "127.0.0.1",
        "city": "341100",
        "settlement": reply.settlement.settlement_id,
        "bytes_in": request.ByteSize(),
        "bytes_out": reply.ByteSize(),
        "trace": TRACE,
    }
    assert expected == {name: lines[0][name] for name in expected}
    assert {("x-gongji-trace", TRACE), parent} == {*trailing}


async def test_a_refusal_names_no_settlement(service: Service) -> None:
    """What only the caller names might be anything, so it is not in the line."""
    request = settlement_pb2.GetSettlementRequest(settlement_id=NUMBER)
    with capture_logs() as lines:
        await service.refused(service.settlements.GetSettlement, request)
    assert [("", "", 0)] == [
        (line["settlement"], line["city"], line["bytes_out"]) for line in lines
    ]


async def test_a_refused_call_gets_its_trace_back(service: Service) -> None:
    """Whoever states no trace is told ours, whether his call succeeds or not."""
    request = city_pb2.GetCityRequest(area_code="110000")
    with capture_logs() as lines, pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.city.GetCity(request)
    trailing = dict(refused.value.trailing_metadata() or ())
    assert lines[0]["trace"] == trailing["x-gongji-trace"]
    assert "traceparent" not in trailing
