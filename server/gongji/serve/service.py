"""Run the service: its store, cities and port, up with its sample population."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from gongji.access.policy import AnybodyPolicy
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.cities.kept import KeepRules
from gongji.client import imports
from gongji.client.connection import connect
from gongji.model.people import Person
from gongji.rpc.services import services_of
from gongji.rpc.services.upkeep import Upkeep
from gongji.serve import logs
from gongji.serve.agreement import adopting
from gongji.serve.authentication import AnybodyAuthenticator
from gongji.serve.clock import Clock, SandboxClock, system_clock
from gongji.serve.gateway import Gateway
from gongji.serve.port import OpenPort, Port
from gongji.serve.settings import KEY_FILE, Settings
from gongji.serve.supervisor import freeze_gc, interrupted
from gongji.store import Store
from gongji.store.databases import database_at


@dataclass(frozen=True)
class Up:
    """The service answers at this address."""

    address: str


@dataclass(frozen=True)
class Stopping:
    """The service was asked to stop and finishes its calls in flight."""


async def serve(
    settings: Settings, cities: Cities, workdays: Workdays
) -> AsyncGenerator[Up | Stopping]:
    """Serve with one process until interrupted; yield Up, then Stopping.

    ValueError or OSError if the settings cannot be met.
    """
    # Before the port is open: whoever can call can also interrupt it in order.
    ending = asyncio.ensure_future(interrupted())
    async with running(settings, cities, workdays) as port:
        yield Up(port.address)
        await ending
        yield Stopping()


@asynccontextmanager
async def running(
    settings: Settings, cities: Cities, workdays: Workdays
) -> AsyncIterator[Port]:
    """Run a server over its store, its sample loaded; yield its started port.

    ValueError or OSError; also later, out of the body, if another server records other
    adoptions (`adopting`).
    """
    logs.configure()
    clock = SandboxClock() if settings.sandbox else system_clock
    async with AsyncExitStack() as stack:
        # In this order, and ended in the other: no call may outlive the store.
        store = await stack.enter_async_context(_opened(settings, clock))
        await stack.enter_async_context(
            adopting(
                store,
                settings.database,
                settings.adopt,
                clock(),
                rules={city.area_code: city.rules_digest for city in cities.all},
            )
        )
        # Before anything is decided by them.
        await store.apply(KeepRules(cities))
        port = _port(settings, store, cities, workdays, clock)
        await port.start()
        stack.push_async_callback(port.stop)
        await stack.enter_async_context(_kept_up(store))
        freeze_gc()
        if settings.sample and await store.get(Person, _first_of_sample()) is None:
            await _load_sample(port)
        yield port


@asynccontextmanager
async def _kept_up(store: Store) -> AsyncIterator[None]:
    """Merge and tidy for the block what processes that ended have left of imports."""
    watching = asyncio.create_task(Upkeep(store).watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait([watching])


@asynccontextmanager
async def _opened(settings: Settings, clock: Clock) -> AsyncIterator[Store]:
    """Open the settings' store and, if it is a file, keep other servers out of it."""
    database = database_at(settings.database_address)
    with database.hold_alone():
        store = database.open(clock, settings.data / KEY_FILE)
        try:
            yield store
        finally:
            await store.close()


def _port(
    settings: Settings, store: Store, cities: Cities, workdays: Workdays, clock: Clock
) -> Port:
    """Return the port of all services over a store, not yet started. OSError."""
    services = services_of(
        store,
        cities,
        workdays,
        clock,
        AnybodyPolicy(),
        sandbox=clock if isinstance(clock, SandboxClock) else None,
        load_sample=lambda: _load_sample(port),
    )
    port: Port = (Gateway if settings.gateway else OpenPort)(
        services,
        settings.address,
        AnybodyAuthenticator(),
        shared=settings.workers > 1,
    )
    return port


async def _load_sample(port: Port) -> None:
    """Send the sample population to this very server, over the wire like any import."""

    def send() -> None:
        with connect(port.address) as channel:
            imports.send_sample(channel)

    await asyncio.to_thread(send)


def _first_of_sample() -> str:
    return next(
        rows[0].cells["person_no"]
        for kind, rows in imports.sample()
        if kind == "persons"
    )


def lossy_settings(database: str) -> tuple[str, ...]:
    """Return the database's settings under which an answer may be lost, in words.

    Empty if the database cannot be reached now.
    """
    with suppress(OSError):
        if condition := database_at(database).condition():
            return condition.lossy
    return ()
