"""Two processes over one PostgreSQL settle one invoice, or like bills: one pays."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from gongji.model.claim_refusals import BillMayRepeat, ClaimMayRepeat, InvoiceUsed
from gongji.model.commands import Command, Listing, Write
from gongji.model.settlement import Settlement
from gongji.rules.codes import AccountUse
from gongji.serve.clock import SandboxClock
from gongji.settlement.settle import Settle
from gongji.store import Store, open_store

from tests.claim import claiming
from tests.postgres import QUICK, running
from tests.scaffold.people import NOW
from tests.scaffold.world import NewWorld, World


async def _raced(world: World, stores: list[Store]) -> Counter[str]:
    """Settle and claim one invoice from both stores at once; count how each ends."""
    plain = world.visit("P1", 100_00, account_use=AccountUse.NONE)
    bill = world.visit("P1", 100_00, account_use=AccountUse.NONE, invoice_no="1")

    async def use(number: int) -> str:
        command: Command[Any] = (
            claiming.submission(world, claiming.form(plain, "1"))
            if number % 4 < 2
            else Settle(world.request(), bill, world.cities)
        )
        try:
            await stores[number % 2].commit(command)
        except InvoiceUsed:
            return "refused"
        return "used"

    return Counter(await asyncio.gather(*[use(number) for number in range(50)]))


def test_an_invoice_pays_once(new_world: NewWorld, tmp_path: Path) -> None:
    """Whatever both do at once, one goes through and the others are refused by name."""
    world = new_world()
    records = (world.hospital(5), world.person("P1"))

    async def race(address: str) -> None:
        clock, key = SandboxClock(NOW), tmp_path / "x.key"
        stores = [open_store(address, clock, key) for _ in range(2)]
        await stores[0].apply(Write(records))
        assert {"used": 1, "refused": 49} == await _raced(world, stores)
        settled = await stores[1].page(Listing(kind=Settlement))
        assert len(settled) <= 1
        for store in stores:
            await store.close()

    with running(*QUICK) as server:
        asyncio.run(race(server.fresh()))


async def _both_ways(
    world: World, claim_id: str, patient: str, stores: list[Store]
) -> Counter[str]:
    """Pay a claim and settle a like bill at once, each from its store; count the ends."""
    plain = world.visit(patient, 100_00, account_use=AccountUse.NONE)
    commands: list[Command[Any]] = [
        claiming.decision(world, claim_id),
        Settle(world.request(), plain, world.cities),
    ]

    async def end(command: Command[Any], store: Store) -> str:
        try:
            await store.commit(command)
        except (BillMayRepeat, ClaimMayRepeat):
            return "refused"
        return "paid"

    ends = [end(*one) for one in zip(commands, stores, strict=True)]
    return Counter(await asyncio.gather(*ends))


async def _reviewed(world: World, patient: str, store: Store) -> str:
    """Hand in a claim without an invoice number and pass it on; return its id."""
    bill = world.visit(patient, 100_00, account_use=AccountUse.NONE)
    handed_in = claiming.submission(world, claiming.form(bill))
    claim_id = (await store.commit(handed_in)).value.claim_id
    await store.commit(claiming.reviewing(world, claim_id))
    return claim_id


def test_like_bills_pay_once(new_world: NewWorld, tmp_path: Path) -> None:
    """A claim and a bill that may be one visit, both without an invoice number: whichever
    comes first is paid, and the other is refused by name."""
    world = new_world()
    people = [f"P{number}" for number in range(12)]
    records = (world.hospital(5), *(world.person(person) for person in people))

    async def race(address: str) -> None:
        clock, key = SandboxClock(NOW), tmp_path / "x.key"
        stores = [open_store(address, clock, key) for _ in range(2)]
        await stores[0].apply(Write(records))
        for person in people:
            claim_id = await _reviewed(world, person, stores[0])
            stores.reverse()
            ends = await _both_ways(world, claim_id, person, stores)
            assert {"paid": 1, "refused": 1} == ends
        for store in stores:
            await store.close()

    with running(*QUICK) as server:
        asyncio.run(race(server.fresh()))
