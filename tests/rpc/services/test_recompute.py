"""Recompute over the wire: a settlement decided under rules that are not installed any
more, over both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace as replace_rules
from typing import Any

import grpc
import pytest
from gongji.binding.workdays import Workdays
from gongji.cities.adoption import Adoption
from gongji.cities.city import Cities
from gongji.cities.kept import KeepRules, with_digest
from gongji.cities.loading import load_cities
from gongji.model.decided import KeptRules
from gongji.model.people import Institution
from gongji.model.revisions import superseding
from gongji.model.settlement import Settlement
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import settlement_pb2_grpc
from msgspec.structs import replace

from tests.rpc.port import make_server
from tests.scaffold.cities import shipped
from tests.scaffold.people import NOW
from tests.scaffold.service import HOSPITAL, Service

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)

ADOPTED = load_cities([Adoption("341100", "V2", NOW.date().replace(month=1, day=1))])


@asynccontextmanager
async def restarted(service: Service, cities: Cities) -> AsyncIterator[Any]:
    """Serve the same database with other cities."""
    await service.store.apply(KeepRules(cities))
    server = make_server(
        service.store, cities, Workdays(), service.clock, address="127.0.0.1:0"
    )
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            yield settlement_pb2_grpc.SettlementServiceStub(channel)
    finally:
        await server.stop(0)


async def settled(service: Service) -> pb.Settlement:
    """Settle a bill of 2,000 yuan under the adoption: P1's purse and P2's pay of it."""
    await service.give("P1", 50_00)
    await service.give("P2", 70_00)
    await service.bind("P2")
    async with restarted(service, ADOPTED) as settlements:
        request = pb.SettleRequest(
            request_id=service.new_id(), bill=service.bill(2000_00)
        )
        reply: pb.SettleResponse = await settlements.Settle(request)
        return reply.settlement


def another_version(cities: Cities) -> Cities:
    """Return the cities as another version of their plugins, without the adoption."""
    return Cities(
        tuple(
            with_digest(replace_rules(city, version="9", plugin="gongji-other"))
            for city in cities.all
        )
    )


INSTALLED = {
    "no plugin": Cities(()),
    "another version without the adoption": another_version(shipped()),
}


@pytest.mark.parametrize("cities", INSTALLED.values(), ids=INSTALLED)
async def test_as_then_without_the_plugin(service: Service, cities: Cities) -> None:
    """As then it is what is stored, to the fen and the clause, with the sentences of
    then; as now it is not."""
    done = await settled(service)
    assert ["V2@2025-01-01"] == list(done.decided_by.adoptions)
    async with restarted(service, cities) as settlements:
        reply = await settlements.Recompute(
            pb.RecomputeRequest(settlement_id=done.settlement_id)
        )
    assert (True, False) == (reply.as_then.equal, reply.as_now.equal)
    assert list(done.lines) == list(reply.as_then.settlement.lines)
    assert done.decided_by == reply.as_then.settlement.decided_by
    assert not reply.as_then.differences
    assert reply.as_now.differences


async def test_what_is_known_now(house: Service) -> None:
    """A corrected grade changes what the fund and the payers pay, by as much."""
    done = (await house.settle(fen=2000_00)).settlement
    hospital = await house.stored(Institution, HOSPITAL)
    corrected = replace(hospital, first_hosp_lv=9, revision=2, known_from=house.clock())
    await house.write(*superseding(corrected, hospital))
    reply = await recompute(house, done.settlement_id)
    assert reply.as_then.equal
    changed = {d.payer: d.fen - d.stored_fen for d in reply.as_now.differences}
    assert changed[pb.PAYER_FUND] > 0
    assert 0 == sum(changed.values())


async def recompute(service: Service, settlement_id: str) -> pb.RecomputeResponse:
    """Recompute a settlement under the service's own cities."""
    request = pb.RecomputeRequest(settlement_id=settlement_id)
    return await service.settlements.Recompute(request)


CHANGES: dict[str, dict[str, Any]] = {
    "the fund's amount": {"fund_fen": 1},
    "what a giver paid": {"aid_fen": 1, "own_fen": -1},
    "the accumulator after it": {"deductible_used_after_fen": -1},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
async def test_a_changed_amount_is_found(
    house: Service, changes: dict[str, int]
) -> None:
    """An amount that was changed in the database is not what is decided as then."""
    done = (await house.settle()).settlement
    stored = await house.stored(Settlement, done.settlement_id)
    changed = {name: getattr(stored, name) + by for name, by in changes.items()}
    await house.write(replace(stored, **changed))
    as_then = (await recompute(house, done.settlement_id)).as_then
    assert (False, set(changes)) == (
        as_then.equal,
        set(as_then.different) & set(changes),
    )


async def test_without_a_digest(house: Service) -> None:
    """A settlement of before rules were kept says plainly that it cannot be decided as
    then."""
    done = (await house.settle()).settlement
    stored = await house.stored(Settlement, done.settlement_id)
    former = replace(stored.decided_by, rules_digest="", other_digests=())
    await house.write(replace(stored, decided_by=former))
    reply = await recompute(house, done.settlement_id)
    assert "不能按当时的规则重算" in reply.as_then.impossible
    assert (False, True) == (reply.as_then.equal, reply.as_now.equal)


async def test_refused_as_now(house: Service) -> None:
    """A bill that would be refused now says by which reason and clauses."""
    done = (await house.settle()).settlement
    hospital = await house.stored(Institution, HOSPITAL)
    last = NOW.date().replace(day=1)
    await house.write(replace(hospital, designated_to=last))
    refusal = (await recompute(house, done.settlement_id)).as_now.refusal
    assert "INSTITUTION_NOT_DESIGNATED" == refusal.reason
    assert refusal.message
    assert refusal.clauses


async def test_unknown(service: Service) -> None:
    """A settlement that is not there is SETTLEMENT_NOT_FOUND."""
    request = pb.RecomputeRequest(settlement_id="S1")
    refused = await service.refused(service.settlements.Recompute, request)
    assert "NOT_FOUND SETTLEMENT_NOT_FOUND settlement_id" == refused.summary


async def test_rules_are_stored_whole(service: Service) -> None:
    """A document comes back from the database byte for byte."""
    for city in service.cities.all:
        kept = await service.stored(KeptRules, city.rules_digest)
        assert with_digest(city).rules_digest == kept.digest
