"""Health, reflection, limits and the end of a server."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from gongji.binding.workdays import Workdays
from gongji.rpc.method import Method, Services
from gongji.rpc.status import PUSHBACK_KEY
from gongji.serve.clock import system_clock
from gongji.serve.port import OpenPort
from gongji.v1 import sandbox_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from structlog.testing import capture_logs

from tests.rpc.port import make_server

ANY = "127.0.0.1:0"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES = [
    f"gongji.v1.{name}Service"
    for name in ("Account", "Binding", "City", "Registry", "Sandbox", "Settlement")
]


@pytest.mark.parametrize(
    "name", ["", *SERVICES, "gongji.city.341100", "gongji.city.340800"]
)
async def test_health_per_service_and_city(service: Any, name: str) -> None:
    """Each service and each city answers for its health."""
    stub: Any = health_pb2_grpc.HealthStub(service.channel)
    reply = await stub.Check(health_pb2.HealthCheckRequest(service=name))
    assert SERVING == reply.status


async def test_health_of_a_city_nobody_serves(service: Any) -> None:
    """The health of an unknown city is NOT_FOUND."""
    stub: Any = health_pb2_grpc.HealthStub(service.channel)
    told = await service.refused(
        stub.Check, health_pb2.HealthCheckRequest(service="gongji.city.110000")
    )
    assert grpc.StatusCode.NOT_FOUND == told.code


async def test_reflection_lists_the_services(service: Any) -> None:
    """Reflection names every service of ours, and the constraints come with the files."""
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(service.channel)
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(
            file_containing_symbol="gongji.v1.SettlementService"
        ),
        reflection_pb2.ServerReflectionRequest(
            file_by_filename="gongji/v1/constraints.proto"
        ),
    ]
    listed, *files = [
        reply async for reply in stub.ServerReflectionInfo(iter(requests))
    ]
    names = {s.name for s in listed.list_services_response.service}
    assert set(SERVICES) <= names
    assert all(f.file_descriptor_response.file_descriptor_proto for f in files)


async def test_the_end_is_announced_and_waits_for_nobody_who_only_watches(
    service: Any,
) -> None:
    """A watcher is told NOT_SERVING and let go at once; calls in flight do not keep the
    server from stopping."""
    stub: Any = health_pb2_grpc.HealthStub(service.channel)
    watch = stub.Watch(health_pb2.HealthCheckRequest(service="gongji.city.341100"))
    assert SERVING == (await watch.read()).status
    await asyncio.wait_for(service.server.stop(30), 5)
    assert NOT_SERVING == (await watch.read()).status
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await watch.read()
    assert grpc.StatusCode.UNAVAILABLE == ended.value.code()


async def test_a_call_in_flight_finishes(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that runs when the server stops is still answered."""
    going, go_on = asyncio.Event(), asyncio.Event()
    reset = service.store.reset

    async def linger() -> None:
        going.set()
        await go_on.wait()
        await reset()

    monkeypatch.setattr(service.store, "reset", linger)
    call = asyncio.ensure_future(_reset(service))
    await going.wait()
    stop = asyncio.ensure_future(service.server.stop(10))
    await asyncio.sleep(0.05)
    go_on.set()
    assert sandbox_pb2.ResetResponse() == await call
    await asyncio.wait_for(stop, 5)


async def test_who_calls_at_the_end_is_told_to_come_again() -> None:
    """Calls that come while a port closes are UNAVAILABLE, with a turn and a line each:
    CANCELLED would be for good."""

    async def echo(raw: bytes, _: object) -> bytes:
        await asyncio.sleep(0.001)
        return raw

    port = OpenPort(
        Services(
            {"/x/y": Method("/x/y", streams_in=False, streams_out=False, answer=echo)},
            (),
            (),
        ),
        ANY,
    )
    await port.start()
    channels = [
        grpc.aio.insecure_channel(port.address, [("grpc.use_local_subchannel_pool", 1)])
        for _ in range(4)
    ]

    async def call(channel: Any) -> tuple[grpc.StatusCode, bool]:
        while (
            code := await (
                calling := channel.unary_unary("/x/y")(b"z", timeout=20)
            ).code()
        ) is grpc.StatusCode.OK:
            pass
        return code, PUSHBACK_KEY in dict(await calling.trailing_metadata())

    calls = [asyncio.ensure_future(call(channel)) for channel in channels * 8]
    await asyncio.sleep(0.3)
    with capture_logs() as lines:
        await port.stop()
        ended = await asyncio.gather(*calls)
    told = [code for code, pushed_back in ended if pushed_back]
    assert {grpc.StatusCode.UNAVAILABLE} == {code for code, _ in ended}
    assert told
    assert [("x/y", "STORE_UNAVAILABLE")] * len(told) == [
        (line["method"], line["reason"]) for line in lines
    ]
    for channel in channels:
        await channel.close()


async def _reset(service: Any) -> sandbox_pb2.ResetResponse:
    reply: sandbox_pb2.ResetResponse = await service.sandbox.Reset(
        sandbox_pb2.ResetRequest(request_id=service.new_id())
    )
    return reply


async def test_a_taken_port_is_an_error(service: Any) -> None:
    """A second server on the same port is refused with a sentence."""
    with pytest.raises(OSError, match="无法监听"):
        make_server(
            service.store,
            service.cities,
            Workdays(),
            system_clock,
            address=service.server.address,
        )


async def test_no_sandbox_unless_asked_for(service: Any) -> None:
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
