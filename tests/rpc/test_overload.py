"""Overload over the wire: who finds the queue full hears so at once, with a turn to
come again, and then is served."""

from __future__ import annotations

import asyncio
import uuid
from itertools import islice
from typing import Any

import grpc
import pytest
from gongji.rpc.outcome import APART_MS, SOONEST_MS
from gongji.rpc.status import PUSHBACK_KEY

from tests.rpc.retried import charged, settle

WAITING = 3
CALLS = 10


async def test_overload(house: Any) -> None:
    """Beyond the queue's bound each call is RESOURCE_EXHAUSTED, each told to come later
    than the one before.

    Nothing of them is written; sent again under the same id, each is settled once.
    """
    queue = house.store._writes
    drain, queue._limit, queue._drain = queue._drain, WAITING, lambda: None
    ids = [str(uuid.UUID(int=number)) for number in range(1, CALLS + 1)]
    calls = [
        asyncio.ensure_future(settle(house, one, total_fen=100, in_scope_fen=100))
        for one in ids
    ]
    for over in islice(asyncio.as_completed(calls), CALLS - WAITING):
        with pytest.raises(grpc.aio.AioRpcError):
            await over
    queue._drain, queue._limit = drain, CALLS
    drain()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, grpc.aio.AioRpcError)]
    assert [grpc.StatusCode.RESOURCE_EXHAUSTED] * (CALLS - WAITING) == [
        one.code() for one in refused
    ]
    waits = sorted(
        int(dict(one.trailing_metadata() or ())[PUSHBACK_KEY]) for one in refused
    )
    assert SOONEST_MS == waits[0]
    assert SOONEST_MS < waits[-1] <= SOONEST_MS + APART_MS * len(waits)
    assert 100 * WAITING == await charged(house)
    again = await asyncio.gather(
        *(settle(house, one, total_fen=100, in_scope_fen=100) for one in ids)
    )
    assert WAITING == sum(one.receipt.replayed for one in again)
    assert 100 * CALLS == await charged(house)
