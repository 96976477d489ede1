"""A bill from elsewhere is paid the same by whichever server over the database is asked.

Over PostgreSQL alone: a file of SQLite is one server's, a second is refused at its start.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gongji.access.policy import AnybodyPolicy
from gongji.binding.workdays import Workdays
from gongji.rpc.services import services_of
from gongji.store import open_store
from gongji.v1 import filing_pb2, settlement_pb2

from tests.rpc.conftest import LOG_KEY, over_ipc
from tests.scaffold.service import Service

pytestmark = pytest.mark.parametrize("home", ["postgres"], indirect=True)

HUANGSHAN, SHANGHAI = "H34100000007", "H31010000007"

UNSERVED = "310104"

FEN = (30_000, 900_00, 2_000_01, 77_777, 10_000_00, 5_000_00)
"""Bills below the deductible, across it, and beyond the yearly cap."""


@pytest.fixture
async def other(
    service: Service, shared_database: tuple[str, Path]
) -> AsyncIterator[Service]:
    """Run another server over the database of the service, its clock the same."""
    store = open_store(shared_database[0], service.clock, shared_database[1])
    offer = services_of(
        store,
        service.cities,
        Workdays(),
        service.clock,
        AnybodyPolicy(),
        sandbox=service.clock,
        signing_key=LOG_KEY,
    )
    async with over_ipc(offer) as server:
        second = Service(server, store, service.world, service.clock)
        yield second
        await second.channel.close()
    await store.close()


async def test_the_same_answer(service: Service, other: Service) -> None:
    """P1 of Chuzhou files at one server; both quote each bill alike, to the clause, and
    each settles what both have quoted, beginning where the other left off."""
    world = service.world
    await service.write(
        world.hospital(2, code=HUANGSHAN), world.hospital(8, code=SHANGHAI)
    )
    number = await filed(service)
    fund = []
    for turn, fen in enumerate(FEN):
        bill = service.bill(
            fen,
            institution_code=(HUANGSHAN, SHANGHAI)[turn // 2 % 2],
            filing_no=number,
        )
        asked = (service, other) if turn % 2 else (other, service)
        fund.append(await quoted_and_settled(bill, *asked))
    assert 0 == fund[0] < fund[2]
    # The last ones meet the year's cap, which all of them have used.
    assert 0 == fund[-1] < fund[-2]


async def quoted_and_settled(
    bill: settlement_pb2.Bill, one: Service, other: Service
) -> int:
    """Quote at both, settle at one, look at the other; return what the fund paid."""
    quoted = [await quote_of(asked, bill) for asked in (one, other)]
    assert quoted[0] == quoted[1]
    request = settlement_pb2.SettleRequest(request_id=one.new_id(), bill=bill)
    settled = (await one.settlements.Settle(request)).settlement
    assert settled == await other.settlement(settled.settlement_id)
    assert list(quoted[0].lines) == list(settled.lines)
    return settled.fund_fen


async def test_an_insured_city_not_served(service: Service, other: Service) -> None:
    """Nothing is forwarded: both refuse, with the area and the cities that are served."""
    await service.write(service.world.person("P9", place=UNSERVED))
    for asked in (service, other):
        refused = await asked.not_settled(patient=asked.ref("P9"))
        assert "NOT_FOUND CITY_NOT_SERVED" == refused.outcome
        assert UNSERVED == refused.metadata["area_code"]
        named = [UNSERVED, *[f"{c.name}（{c.area_code}）" for c in asked.cities.all]]
        assert [] == [area for area in named if area not in refused.message]


async def quote_of(
    asked: Service, bill: settlement_pb2.Bill
) -> settlement_pb2.Settlement:
    return (
        await asked.settlements.Quote(settlement_pb2.QuoteRequest(bill=bill))
    ).settlement


async def filed(asked: Service) -> str:
    """File P1's residence in Huangshan and Shanghai; return its number."""
    request = filing_pb2.FileRequest(
        request_id=asked.new_id(),
        person=asked.ref("P1"),
        kind=filing_pb2.FILING_KIND_LONG_TERM,
        areas=["341000", "310000"],
        since="2025-09-30",
    )
    return (await asked.filings.File(request)).filing.filing_no
