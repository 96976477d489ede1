"""The gRPC server: its services, health, reflection and limits; everything it needs is handed to it."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gongji.cities import Cities
from gongji.clock import SandboxClock
from gongji.rpc.account import Accounts
from gongji.rpc.binding import Bindings
from gongji.rpc.city import CityDesk
from gongji.rpc.interceptors import Calls
from gongji.rpc.registry import Registry
from gongji.rpc.sandbox import LoadSample, Sandbox
from gongji.rpc.settlement import Settlements
from gongji.store import Store
from gongji.v1 import (
    account_pb2,
    account_pb2_grpc,
    binding_pb2,
    binding_pb2_grpc,
    city_pb2,
    city_pb2_grpc,
    registry_pb2,
    registry_pb2_grpc,
    sandbox_pb2,
    sandbox_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
)
from gongji.workdays import Workdays

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
MAX_CALLS: Final = 4096
"""Calls in flight at once; one more is RESOURCE_EXHAUSTED."""

CITY_HEALTH: Final = "gongji.city."
"""Health is asked per service and per city: gongji.city.341100."""

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Dead peers are found within 80 s; a client may ping every 20 s, also between calls, without being sent away.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
    # Connections are renewed now and then, so that a newly started process gets its share.
    ("grpc.max_connection_age_ms", 30 * 60_000),
    ("grpc.max_connection_age_grace_ms", 10 * 60_000),
    # Above some thousand calls not yet taken up gRPC drops some at random, without a word when to come again.
    ("grpc.server.max_pending_requests", 100_000),
    ("grpc.server.max_pending_requests_hard_limit", 200_000),
)


class RunningServer:
    """A server with its port bound: `start`, then `stop`."""

    def __init__(self, server: grpc.aio.Server, watched: _Health, address: str, port: int) -> None:
        self._server = server
        self._health = watched
        self.address = address
        self.port = port

    async def start(self) -> None:
        """Begins to answer, and says so."""
        await self._server.start()
        await self._health.enter()

    async def stop(self, grace_s: float = 5.0) -> None:
        """Says NOT_SERVING, takes no new calls, lets those in flight finish within `grace_s` seconds."""
        await self._health.leave()
        await self._server.stop(grace_s)


def make_server(
    store: Store,
    cities: Cities,
    workdays: Workdays,
    clock: Callable[[], datetime],
    *,
    address: str,
    sandbox: SandboxClock | None = None,
    load_sample: Callable[[str], Awaitable[None]] | None = None,
    shared: bool = False,
) -> RunningServer:
    """A server on `host:port`, port 0 for any free one; made inside the loop that will run it.

    `sandbox` adds SandboxService over that clock, `load_sample` is given the server's address. OSError where the port
    cannot be bound. A second server on the port is such an error, never a silent sharer, unless both are `shared`:
    who asks for that has the port to himself.
    """
    options = (*_OPTIONS, ("grpc.so_reuseport", int(shared)))
    server = grpc.aio.server(interceptors=[Calls()], options=options, maximum_concurrent_rpcs=MAX_CALLS)
    host, _, _ = address.rpartition(":")
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as taken:
        msg = f"无法监听 {address}: 端口被占用, 或地址不在本机"
        raise OSError(msg) from taken
    bound = f"{host}:{port}"
    names = _add_services(server, store, cities, workdays, clock)
    if sandbox is not None:
        sample: LoadSample | None = (lambda: load_sample(bound)) if load_sample else None
        sandbox_pb2_grpc.add_SandboxServiceServicer_to_server(Sandbox(store, sandbox, sample), server)
        names.append(_name(sandbox_pb2, "SandboxService"))
    watched = _Health([*names, *(CITY_HEALTH + c.area_code for c in cities.all)])
    health_pb2_grpc.add_HealthServicer_to_server(watched, server)
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    return RunningServer(server, watched, bound, port)


def _add_services(
    server: grpc.aio.Server, store: Store, cities: Cities, workdays: Workdays, clock: Callable[[], datetime]
) -> list[str]:
    """Registers the services every server has; their full names."""
    city_pb2_grpc.add_CityServiceServicer_to_server(CityDesk(cities, clock), server)
    binding_pb2_grpc.add_BindingServiceServicer_to_server(Bindings(store, cities, workdays, clock), server)
    settlement_pb2_grpc.add_SettlementServiceServicer_to_server(Settlements(store, cities), server)
    account_pb2_grpc.add_AccountServiceServicer_to_server(Accounts(store, cities), server)
    registry_pb2_grpc.add_RegistryServiceServicer_to_server(Registry(store, cities, clock), server)
    return [
        _name(city_pb2, "CityService"),
        _name(binding_pb2, "BindingService"),
        _name(settlement_pb2, "SettlementService"),
        _name(account_pb2, "AccountService"),
        _name(registry_pb2, "RegistryService"),
    ]


def _name(module: Any, service: str) -> str:
    name: str = module.DESCRIPTOR.services_by_name[service].full_name
    return name


class _Health(health.aio.HealthServicer):
    """Health of the server, its services and its cities; watchers are told of the end and let go."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names = names
        self._watches: set[asyncio.Task[Any]] = set()

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:
        """Tells each change. UNAVAILABLE when the server leaves: otherwise a watcher would hold up the stop."""
        watch = asyncio.ensure_future(super().Watch(request, context))
        self._watches.add(watch)
        try:
            await asyncio.wait([watch])
        finally:
            self._watches.discard(watch)
            watch.cancel()
        await context.abort(grpc.StatusCode.UNAVAILABLE, "服务正在停止")

    async def enter(self) -> None:
        """SERVING, service by service and city by city."""
        for name in self._names:
            await self.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def leave(self) -> None:
        """NOT_SERVING for good; then every watch ends."""
        await self.enter_graceful_shutdown()
        await asyncio.sleep(0)  # lets the watchers write the news
        for watch in list(self._watches):
            watch.cancel()
