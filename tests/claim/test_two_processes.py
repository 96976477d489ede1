"""Two processes over one PostgreSQL settle one invoice: it pays once."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from gongji.model.claim_refusals import InvoiceUsed
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
