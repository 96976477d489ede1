"""Starts the service: settings, cities, store, server, sample population, and what is
printed at the start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.client import imports
from gongji.client.connection import connect
from gongji.model.people import Person
from gongji.rpc.services import services_of
from gongji.serve import logs
from gongji.serve.agreement import adopting
from gongji.serve.clock import SandboxClock, system_clock
from gongji.serve.gateway import Gateway
from gongji.serve.port import OpenPort, Port
from gongji.serve.settings import KEY_FILE, Settings
from gongji.serve.supervisor import freeze_gc, interrupted
from gongji.store.databases import database_at


@dataclass(frozen=True)
class Up:
    """The service answers at this address."""

    address: str


@dataclass(frozen=True)
class Stopping:
    """The service was told to end and ends what it has under way."""


async def serve(
    settings: Settings, cities: Cities, workdays: Workdays
) -> AsyncGenerator[Up | Stopping]:
    """Serve with one process until interrupted; tell when up and when stopping.

    ValueError or OSError if the settings cannot be met.
    """
    # Before the port is open: who can call can be ended in order.
    ending = asyncio.ensure_future(interrupted())
    async with running(settings, cities, workdays) as port:
        yield Up(port.address)
        await ending
        yield Stopping()


@asynccontextmanager
async def running(
    settings: Settings, cities: Cities, workdays: Workdays
) -> AsyncIterator[Port]:
    """A server over its store, up and with its sample loaded; stopped and closed at the end.

    ValueError, OSError; also later, out of the body, where another server adopts
    otherwise (`adopting`).
    """
    logs.configure()
    clock = SandboxClock() if settings.sandbox else system_clock
    database = database_at(settings.database_address)
    async with AsyncExitStack() as stack:
        stack.enter_context(database.hold_alone())
        store = database.open(clock, settings.data / KEY_FILE)
        stack.push_async_callback(store.close)
        async with adopting(store, settings.database, settings.adopt, clock()):
            offer = services_of(
                store,
                cities,
                workdays,
                clock,
                sandbox=clock if isinstance(clock, SandboxClock) else None,
                load_sample=lambda: _load_sample(port.address),
            )
            port: Port = (Gateway if settings.gateway else OpenPort)(
                offer, settings.address, shared=settings.workers > 1
            )
            await port.start()
            freeze_gc()
            try:
                if (
                    settings.sample
                    and await store.get(Person, _first_of_sample()) is None
                ):
                    await _load_sample(port.address)
                yield port
            finally:
                await port.stop()


async def _load_sample(address: str) -> None:
    """Sends the sample population to this very server, over the wire like anybody's import."""

    def send() -> None:
        with connect(address) as channel:
            imports.send_sample(channel)

    await asyncio.to_thread(send)


def _first_of_sample() -> str:
    return next(
        rows[0]["person_no"] for kind, rows in imports.sample() if kind == "persons"
    )


def lossy_settings(database: str) -> tuple[str, ...]:
    """Return the settings under which an answer may be lost, in words.

    None if the database cannot be reached now.
    """
    with suppress(OSError):
        if condition := database_at(database).condition():
            return condition.lossy
    return ()
