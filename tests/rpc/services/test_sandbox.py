"""A sandbox's clock and its reset over the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import grpc
from gongji.binding.workdays import Workdays
from gongji.model.people import Person
from gongji.rules.codes import SHANGHAI
from gongji.v1 import sandbox_pb2 as pb
from gongji.v1 import sandbox_pb2_grpc

from tests.rpc.port import make_server
from tests.scaffold.service import Service


async def test_the_clock_stands_where_it_was_set(service: Service) -> None:
    """SetClock moves the clock of the whole service; it stands still."""
    request = pb.SetClockRequest(request_id=service.new_id())
    at = datetime(2025, 10, 11, 17, 0, 0, 123_456, tzinfo=SHANGHAI)
    request.now.FromDatetime(at)
    assert request.now == (await service.sandbox.SetClock(request)).now
    assert request.now == (await service.sandbox.GetClock(pb.GetClockRequest())).now
    assert at == service.clock()


async def test_the_clock_goes_on_from_where_it_was_set(service: Service) -> None:
    """Set to run, the clock is later than it was set whenever it is asked."""
    request = pb.SetClockRequest(request_id=service.new_id(), runs=True)
    at = datetime(2025, 10, 11, 17, 0, tzinfo=SHANGHAI)
    request.now.FromDatetime(at)
    await service.sandbox.SetClock(request)
    shown = (await service.sandbox.GetClock(pb.GetClockRequest())).now
    assert at < shown.ToDatetime(tzinfo=SHANGHAI)


async def test_reset_forgets_everything(service: Service) -> None:
    """After Reset nobody is known."""
    await service.sandbox.Reset(pb.ResetRequest(request_id=service.new_id()))
    assert await service.store.get(Person, "P1") is None


async def test_reset_may_load_the_sample(service: Service) -> None:
    """With load_sample the operator's loader is called, after the database was emptied."""
    loaded_over: list[Person | None] = []

    async def load() -> None:
        loaded_over.append(await service.store.get(Person, "P1"))

    async with loading(service, load) as sandbox:
        request = pb.ResetRequest(request_id=service.new_id(), load_sample=True)
        await sandbox.Reset(request)
    assert [None] == loaded_over


@asynccontextmanager
async def loading(
    service: Service, load: Callable[[], Awaitable[None]]
) -> AsyncIterator[sandbox_pb2_grpc.SandboxServiceAsyncStub]:
    """Run a sandbox over the same store whose operator loads a sample so."""
    server = make_server(
        service.store,
        service.cities,
        Workdays(),
        service.clock,
        address="127.0.0.1:0",
        sandbox=service.clock,
        load_sample=load,
    )
    await server.start()
    async with grpc.aio.insecure_channel(server.address) as channel:
        yield sandbox_pb2_grpc.SandboxServiceStub(channel)
    await server.stop(0)


async def test_resets_come_one_at_a_time(service: Service) -> None:
    """A second Reset waits for the first one's sample, and empties it whole."""
    running: list[int] = []
    most = 0

    async def load() -> None:
        nonlocal most
        running.append(1)
        most = max(most, len(running))
        await asyncio.sleep(0.01)
        running.pop()

    request = pb.ResetRequest(request_id=service.new_id(), load_sample=True)
    async with loading(service, load) as sandbox:
        await asyncio.gather(*[sandbox.Reset(request) for _ in range(4)])
    assert 1 == most
