"""The idempotency matrix over the wire where processes and connections end: nothing is
lost, nothing happens twice."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from gongji.binding.workdays import Workdays
from gongji.model.account import Entry
from gongji.model.ids import derived_id
from gongji.store import open_store
from gongji.store.engine import EngineDown
from gongji.v1 import settlement_pb2 as pb

from tests.rpc.port import make_server
from tests.rpc.retried import FIRST_ID, FIRST_KEY, PURSE, charged
from tests.scaffold.service import Service

# --- crashes --------------------------------------------------------------------------


@asynccontextmanager
async def over(path: Path, service: Service) -> AsyncIterator[Any]:
    """A server process of its own over a database file; leaving it is its death."""
    store = open_store(path, service.clock)
    server = make_server(
        store, service.cities, Workdays(), service.clock, address="127.0.0.1:0"
    )
    await server.start()
    running = type(service)(server, store, service.world, service.clock)
    try:
        yield running
    finally:
        await running.channel.close()
        await server.stop(0)
        await store.close()


async def furnish(running: Service, service: Service) -> None:
    """The people and the hospital of the service, P1's purse holding 1,000 yuan."""
    await running.write(*service.world.records.values())
    await running.give("P1", PURSE)


Crash = Callable[[Service, pytest.MonkeyPatch], None]


def _before(running: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies with the transaction open."""
    engine = running.store._writing

    def die() -> None:
        engine.close()
        raise EngineDown("killed")

    monkeypatch.setattr(engine, "commit", die)


def _after(running: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies between commit and reply."""
    engine = running.store._writing
    commit = engine.commit

    def die() -> None:
        commit()
        engine.close()
        raise EngineDown("killed")

    monkeypatch.setattr(engine, "commit", die)


@pytest.mark.parametrize(
    ("crash", "replayed"),
    [(_after, True), (_before, False)],
    ids=["after the commit", "before the commit"],
)
async def test_crash(
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    crash: Crash,
    replayed: bool,  # noqa: FBT001 - a case
) -> None:
    """After a crash the retry, at another process, finds what was committed, or
    executes what was not: once."""
    path = tmp_path / "gongji.db"
    async with over(path, service) as dying:
        await furnish(dying, service)
        crash(dying, monkeypatch)
        request = pb.SettleRequest(request_id=FIRST_ID, bill=dying.bill())
        assert (
            grpc.StatusCode.UNAVAILABLE
            == (await dying.refused(dying.settlements.Settle, request)).code
        )
    async with over(path, service) as risen:
        retried = await risen.settle(FIRST_ID)
        assert replayed == retried.receipt.replayed
        assert 900_00 == await charged(risen)
        assert (await risen.settle(FIRST_ID)).settlement == retried.settlement


async def test_connection_cut_before_the_reply(
    house: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller whose connection breaks after the commit, before the reply, finds the
    settlement by retrying."""
    committed, cut = asyncio.Event(), asyncio.Event()
    commit = house.store.commit

    async def held(command: Any) -> Any:
        answer = await commit(command)
        committed.set()
        await cut.wait()
        return answer

    monkeypatch.setattr(house.store, "commit", held)
    async with grpc.aio.insecure_channel(house.server.address) as channel:
        call: Any = channel.unary_unary("/gongji.v1.SettlementService/Settle")
        request = pb.SettleRequest(request_id=FIRST_ID, bill=house.bill())
        lost = asyncio.ensure_future(call(request.SerializeToString()))
        await committed.wait()
    monkeypatch.undo()
    cut.set()
    with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
        await lost
    assert (await house.settle(FIRST_ID)).receipt.replayed
    assert 900_00 == await charged(house)


async def test_ids_made_here_follow_from_the_request(
    house: Service, tmp_path: Path
) -> None:
    """The ids of settlement, entries and refund are those of the request: two servers
    make the same."""
    settled = (await house.settle(FIRST_ID)).settlement
    assert derived_id("S", FIRST_KEY) == settled.settlement_id
    async with over(tmp_path / "gongji.db", house) as other:
        await furnish(other, house)
        assert (
            settled.settlement_id
            == (await other.settle(FIRST_ID)).settlement.settlement_id
        )
    second = str(uuid.UUID(int=7))
    await house.reverse(second, settlement_id=settled.settlement_id)
    transactions = [
        (derived_id("S", FIRST_KEY), 0),
        (derived_id("R", f"{second}/anonymous"), 0),
    ]
    for transaction_id, position in transactions:
        entry = await house.stored(Entry, f"{transaction_id}/{position:03d}")
        assert settled.settlement_id == entry.reference
