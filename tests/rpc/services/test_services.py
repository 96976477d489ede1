"""Health, reflection, limits and the end of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from gongji.binding.workdays import Workdays
from gongji.rpc.method import Method, Services
from gongji.rpc.status import PUSHBACK_KEY
from gongji.serve import port as port_module
from gongji.serve.authentication import AnybodyAuthenticator
from gongji.serve.clock import system_clock
from gongji.serve.port import OpenPort
from gongji.v1 import sandbox_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from structlog.testing import capture_logs

from tests.patience import PATIENCE_S
from tests.rpc.port import make_server
from tests.scaffold.service import Service

ANY = "127.0.0.1:0"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES = [
    f"gongji.v1.{name}Service"
    for name in (
        "Access",
        "Account",
        "Binding",
        "City",
        "Consequence",
        "Registry",
        "Sandbox",
        "Settlement",
    )
]


@pytest.mark.parametrize(
    "name", ["", *SERVICES, "gongji.city.341100", "gongji.city.340800"]
)
async def test_health_per_service_and_city(service: Service, name: str) -> None:
    """Each service and each city answers for its health."""
    stub: Any = health_pb2_grpc.HealthStub(service.channel)
    reply = await stub.Check(health_pb2.HealthCheckRequest(service=name))
    assert SERVING == reply.status


async def test_health_of_a_city_nobody_serves(service: Service) -> None:
    """The health of an unknown city is NOT_FOUND."""
    stub: Any = health_pb2_grpc.HealthStub(service.channel)
    request = health_pb2.HealthCheckRequest(service="gongji.city.110000")
    refusal = await service.refused(stub.Check, request)
    assert grpc.StatusCode.NOT_FOUND == refusal.code


async def test_reflection_lists_the_services(service: Service) -> None:
    """Reflection names every service of ours, and the constraints come with the files."""
    channel: Any = service.channel
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    symbol, file = "gongji.v1.SettlementService", "gongji/v1/constraints.proto"
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol),
        reflection_pb2.ServerReflectionRequest(file_by_filename=file),
    ]
    call = stub.ServerReflectionInfo(iter(requests))
    listed, *files = [reply async for reply in call]
    names = {s.name for s in listed.list_services_response.service}
    assert set(SERVICES) <= names
    assert all(f.file_descriptor_response.file_descriptor_proto for f in files)


async def test_the_end_is_announced_and_waits_for_nobody_who_only_watches(
    service: Service,
) -> None:
    """A watcher is told NOT_SERVING and let go at once; calls in flight do not keep the
    server from stopping."""
    stub: Any = health_pb2_grpc.HealthStub(service.channel)
    watch = stub.Watch(health_pb2.HealthCheckRequest(service="gongji.city.341100"))

    async def told() -> Any:
        return await asyncio.wait_for(watch.read(), PATIENCE_S)

    assert SERVING == (await told()).status
    await asyncio.wait_for(service.server.stop(2 * PATIENCE_S), PATIENCE_S)
    assert NOT_SERVING == (await told()).status
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await told()
    assert grpc.StatusCode.UNAVAILABLE == ended.value.code()


async def test_a_call_in_flight_finishes(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that runs when the server stops is still answered."""
    going, go_on = asyncio.Event(), asyncio.Event()
    reset = service.store.reset

    async def linger(caller: str) -> None:
        going.set()
        await go_on.wait()
        await reset(caller)

    monkeypatch.setattr(service.store, "reset", linger)
    call = asyncio.ensure_future(_reset(service))
    await asyncio.wait_for(going.wait(), PATIENCE_S)
    stop = asyncio.ensure_future(service.server.stop(PATIENCE_S))
    await asyncio.sleep(0.05)
    go_on.set()
    assert sandbox_pb2.ResetResponse() == await call
    await asyncio.wait_for(stop, PATIENCE_S)


class _Echo:
    """A method that answers with what it is sent, and notes by whom it was called."""

    def __init__(self) -> None:
        self.callers: set[bytes] = set()

    async def __call__(self, raw: bytes, _: object) -> bytes:
        self.callers.add(raw)
        await asyncio.sleep(0.001)
        return raw


async def _echoing(echo: _Echo) -> OpenPort:
    """Start a port with one method."""
    method = Method("/x/y", streams_in=False, streams_out=False, answer=echo)
    port = OpenPort(
        Services({method.path: method}, (), ()), ANY, AnybodyAuthenticator()
    )
    await port.start()
    return port


def _subchannel(address: str) -> Any:
    """Return a channel with a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    return grpc.aio.insecure_channel(address, options)


async def _call_on(channel: Any, caller: bytes) -> tuple[grpc.StatusCode, bool]:
    """Call again and again; return the first code that is not OK, and if it says when."""
    while True:
        call = channel.unary_unary("/x/y")(caller, timeout=PATIENCE_S)
        code = await call.code()
        if code is not grpc.StatusCode.OK:
            return code, PUSHBACK_KEY in dict(await call.trailing_metadata())


async def _calling(
    echo: _Echo, channels: Sequence[Any]
) -> list[asyncio.Future[tuple[grpc.StatusCode, bool]]]:
    """Call on each channel, and return once all have been answered at least once."""
    calls: list[asyncio.Future[tuple[grpc.StatusCode, bool]]] = [
        asyncio.ensure_future(_call_on(channel, bytes([number])))
        for number, channel in enumerate(channels)
    ]
    while len(echo.callers) < len(calls):  # noqa: ASYNC110 - the event is in the server
        await asyncio.sleep(0.001)
    return calls


async def test_who_calls_at_the_end_is_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Calls that come while a port closes are UNAVAILABLE, with a turn and a line each:
    CANCELLED would be for good."""
    # On a busy machine a call may take longer than the quarter of a second it has.
    monkeypatch.setattr(port_module, "REJECTING_S", 1.0)
    echo = _Echo()
    port = await _echoing(echo)
    channels = [_subchannel(port.address) for _ in range(4)]
    calls = await _calling(echo, channels * 8)
    with capture_logs() as lines:
        await port.stop()
        outcomes = await asyncio.gather(*calls)
    pushed_back = [code for code, said_when in outcomes if said_when]
    assert {grpc.StatusCode.UNAVAILABLE} == {code for code, _ in outcomes}
    assert len(lines) == len(pushed_back) > 0
    logged = {(line["method"], line["reason"]) for line in lines}
    assert {("x/y", "STORE_UNAVAILABLE")} == logged
    for channel in channels:
        await channel.close()


async def _reset(service: Service) -> sandbox_pb2.ResetResponse:
    request = sandbox_pb2.ResetRequest(request_id=service.new_id())
    return await service.sandbox.Reset(request)


async def test_a_taken_port_is_an_error(service: Service) -> None:
    """A second server on the same port is refused with a sentence."""
    with pytest.raises(OSError, match="无法监听"):
        make_server(
            service.store,
            service.cities,
            Workdays(),
            system_clock,
            address=service.server.address,
        )


async def test_no_sandbox_unless_asked_for(service: Service) -> None:
    """Without a sandbox clock there is no SandboxService."""
    plain = make_server(
        service.store, service.cities, Workdays(), service.clock, address="127.0.0.1:0"
    )
    await plain.start()
    async with grpc.aio.insecure_channel(plain.address) as channel:
        call: Any = channel.unary_unary("/gongji.v1.SandboxService/GetClock")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(b"")
    assert grpc.StatusCode.UNIMPLEMENTED == refused.value.code()
    await plain.stop(0)
