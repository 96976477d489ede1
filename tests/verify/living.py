"""A database that a service has lived in: a little of all that it writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from gongji.access.policy import AnybodyPolicy
from gongji.binding.workdays import Workdays
from gongji.cities.kept import KeepRules
from gongji.rpc.services import services_of
from gongji.serve.clock import SandboxClock
from gongji.store import Store, open_store
from gongji.store.signing_key import signing_key
from gongji.v1 import access_pb2, account_pb2, binding_pb2, settlement_pb2, types_pb2

from tests.rpc.conftest import over_ipc
from tests.rpc.services.telling import RETIRED_IN_JULY, resettle, tell
from tests.rpc.services.test_premium import PREMIUMS, family, premium
from tests.scaffold.people import NOW
from tests.scaffold.service import HOSPITAL, Service
from tests.scaffold.world import NewWorld


@asynccontextmanager
async def serving(
    new_world: NewWorld, address: str, key_file: Path
) -> AsyncIterator[Service]:
    """Run a service over a new database: a hospital, P1, P2 and P3 employees."""
    values: dict[str, Any] = dict(PREMIUMS)
    world = new_world(**values)
    clock = SandboxClock(NOW)
    store: Store = open_store(address, clock, key_file)
    await store.apply(KeepRules(world.cities))
    details: dict[str, Any] = {
        "name": "赵某某",
        "phone": "13800001234",
        "first_base_fen": 500_000,
    }
    people = [world.person(f"P{n}", **details) for n in (1, 2, 3)]
    offer = services_of(
        store, world.cities, Workdays(), clock, AnybodyPolicy(), sandbox=clock
    )
    try:
        async with over_ipc(offer) as server:
            served = Service(server, store, world, clock)
            await served.write(*people, world.hospital(2, code=HOSPITAL))
            try:
                yield served
            finally:
                await served.channel.close()
    finally:
        await store.close()


def tick(service: Service) -> None:
    """Let a second pass."""
    service.clock.set(service.clock() + timedelta(seconds=1))


async def live(service: Service, key_file: Path) -> None:
    """Do a little of everything, time passing, a checkpoint after each part."""
    key = signing_key(key_file.with_name("checkpoint.key"), service.store.signature)
    for part in (_money, _visits, _people):
        await part(service)
        tick(service)
        await service.store.checkpoints.sign(key)


async def _money(service: Service) -> None:
    await family(service)
    await service.give("P1", 100_00)
    for person, month in (("P1", "2025-08"), ("P1", "2025-09"), ("P3", "2025-09")):
        request = account_pb2.CreditRequest(
            request_id=service.new_id(), person=service.ref(person), month=month
        )
        await service.accounts.Credit(request)
        tick(service)
    taken = account_pb2.TakeBackCreditRequest(
        request_id=service.new_id(), person=service.ref("P3"), month="2025-09", why="错"
    )
    await service.accounts.TakeBackCredit(taken)
    for year in ("2025", "2026"):
        await service.accounts.PayPremium(premium(service, year=year))
        tick(service)


async def _settled(service: Service) -> list[settlement_pb2.Settlement]:
    """Settle bills paid by fund, purses and in cash, in many ways; return them."""
    settled = []
    for number in range(12):
        reply = await service.settle(
            fen=(number + 1) * 123_45,
            patient=service.ref(f"P{number % 3 + 1}"),
            msgid=f"M{number}" if number % 2 else "",
        )
        settled.append(reply.settlement)
        tick(service)
    # Paid by purse and in cash.
    await service.give("P3", 50_00)
    await service.settle(fen=900_00, patient=service.ref("P3"))
    tick(service)
    return settled


async def _visits(service: Service) -> None:
    await service.bind("P2")
    settled = await _settled(service)
    await service.reverse(settlement_id=settled[3].settlement_id, why="退号")
    await service.not_settled(patient=service.ref("nobody"))
    await service.not_reversed(settle_request_id=service.new_id())
    await tell(service, 1, RETIRED_IN_JULY)
    await resettle(service, settlement_id=settled[0].settlement_id, later=True)
    request = access_pb2.ListAccessesRequest(person=service.ref("P1"))
    await service.access.ListAccesses(request)


async def _people(service: Service) -> None:
    rows = [service.person(number) for number in range(1, 4)]
    await service.import_persons(rows)
    await service.import_persons([service.person(1, phone="13911112222")])
    asked = binding_pb2.SubmitBindingRequest(
        request_id=service.new_id(),
        holder=service.ref("P1"),
        member=service.ref("P3"),
        relation="10",
        purposes=[types_pb2.PURPOSE_VISIT],
        channel="window",
    )
    await service.refused(service.bindings.SubmitBinding, asked)
