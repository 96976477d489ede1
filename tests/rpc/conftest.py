"""A whole service on a free loopback port, over an empty store and a clock that stands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gongji.access.policy import AnybodyPolicy
from gongji.binding.workdays import Workdays
from gongji.cities.kept import KeepRules
from gongji.rpc.method import Services
from gongji.rpc.services import services_of
from gongji.serve import ipc
from gongji.serve.authentication import AnybodyAuthenticator
from gongji.serve.clock import SandboxClock
from gongji.serve.port import OpenPort
from gongji.store import Store, open_store

from tests.postgres import Postgres
from tests.scaffold.log_keys import log_key
from tests.scaffold.people import NOW
from tests.scaffold.service import HOSPITAL, Service
from tests.scaffold.world import NewWorld

LOG_KEY = log_key()


@pytest.fixture(scope="session")
def shared_database(
    postgres: Postgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, Path]:
    """Return a database in PostgreSQL and its key file, made for the first test."""
    return postgres.fresh(), tmp_path_factory.mktemp("key") / "x.key"


@pytest.fixture
def home(request: pytest.FixtureRequest) -> Callable[[SandboxClock], Store]:
    """Open a store: in memory, or in PostgreSQL if a module's tests run over both."""
    if getattr(request, "param", "memory") == "memory":
        return lambda clock: open_store(":memory:", clock)
    address, key_file = request.getfixturevalue("shared_database")
    return lambda clock: open_store(address, clock, key_file)


@pytest.fixture
async def service(
    new_world: NewWorld,
    home: Callable[[SandboxClock], Store],
    request: pytest.FixtureRequest,
) -> AsyncIterator[Service]:
    """Run a sandbox of two cities under the province's rules.

    There is one hospital; P1, P2 and P3 are insured as employees.
    An indirect parameter gives one city values of its own, as keywords of `new_world`.
    """
    world = new_world(**getattr(request, "param", {}))
    clock = SandboxClock(NOW)
    store = home(clock)
    await store.reset()
    await store.apply(KeepRules(world.cities))
    details: dict[str, Any] = {
        "name": "赵某某",
        "phone": "13800001234",
        "first_base_fen": 500_000,
    }
    people = [world.person(f"P{n}", **details) for n in (1, 2, 3)]
    offer = services_of(
        store,
        world.cities,
        Workdays(),
        clock,
        AnybodyPolicy(),
        sandbox=clock,
        signing_key=LOG_KEY,
    )
    async with over_ipc(offer) as server:
        served = Service(server, store, world, clock)
        await served.write(*people, world.hospital(2, code=HOSPITAL))
        yield served
        await served.channel.close()
    await store.close()


@asynccontextmanager
async def over_ipc(offer: Services) -> AsyncIterator[OpenPort]:
    """Run a port as a gateway has it, in this process: its calls pass through `ipc`."""
    async with ipc.serve_ipc(offer.methods, offer.ready) as answering:
        wire = await answering.new_client()
        remote = await ipc.connect_ipc(
            wire, ipc.shapes_of(offer.methods), on_lost=lambda: None
        )
        server = OpenPort(
            replace(offer, methods=remote.methods, ready=remote.ready),
            "127.0.0.1:0",
            AnybodyAuthenticator(),
        )
        await server.start()
        yield server
        await server.stop(0)


@pytest.fixture
async def house(service: Service) -> Service:
    """Return the service, P1's purse holding 1,000 yuan."""
    await service.give("P1", 100_000)
    return service
