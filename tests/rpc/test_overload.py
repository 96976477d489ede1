"""Overload over the wire: who finds the queue full hears so at once, with a turn to
come again, and then is served."""

from __future__ import annotations

import asyncio
import uuid
from itertools import islice

import grpc
import pytest
from gongji.rpc.outcome import APART_MS, SOONEST_MS
from gongji.rpc.status import PUSHBACK_KEY
from gongji.store.loop_queues import LoopQueue
from gongji.v1.settlement_pb2 import SettleResponse

from tests.rpc.retried import charged
from tests.scaffold.service import Service

WAITING = 3
CALLS = 10


async def test_overload(house: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the queue's bound each call is RESOURCE_EXHAUSTED and told when to retry.

    Nothing of them is written; sent again under the same id, each is settled once.
    """
    # All are refused at one moment, however long a busy machine takes to refuse them.
    monkeypatch.setattr("gongji.rpc.outcome.perf_counter", lambda: 1_000.0)
    ids = [str(uuid.UUID(int=number)) for number in range(1, CALLS + 1)]
    refused = await turned_away(house, ids)
    assert CALLS - WAITING == len(refused)
    assert {grpc.StatusCode.RESOURCE_EXHAUSTED} == {error.code() for error in refused}
    turns = [SOONEST_MS + APART_MS * turn for turn in range(CALLS - WAITING)]
    assert turns == sorted(map(pushback_ms, refused))
    assert 100 * WAITING == await charged(house)
    again = await asyncio.gather(*(settled(house, request_id) for request_id in ids))
    assert WAITING == sum(reply.receipt.replayed for reply in again)
    assert 100 * CALLS == await charged(house)


async def turned_away(house: Service, ids: list[str]) -> list[grpc.aio.AioRpcError]:
    """Send bills to a queue that does not move until all beyond its bound are refused."""
    queue = house.store._writes
    assert isinstance(queue, LoopQueue)
    drain, queue._limit, queue._drain = queue._drain, WAITING, lambda: None  # type: ignore[method-assign]
    calls = [asyncio.ensure_future(settled(house, request_id)) for request_id in ids]
    for call in islice(asyncio.as_completed(calls), CALLS - WAITING):
        with pytest.raises(grpc.aio.AioRpcError):
            await call
    queue._drain, queue._limit = drain, CALLS  # type: ignore[method-assign]
    drain()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    return [o for o in outcomes if isinstance(o, grpc.aio.AioRpcError)]


async def settled(house: Service, request_id: str) -> SettleResponse:
    return await house.settle(request_id, total_fen=100, in_scope_fen=100)


def pushback_ms(error: grpc.aio.AioRpcError) -> int:
    return int(dict(error.trailing_metadata() or ())[PUSHBACK_KEY])
