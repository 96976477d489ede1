"""Reconciliation under load: few at once, and an end to every list."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import msgspec
import pytest
from gongji.rpc.services import reconcile
from gongji.v1 import settlement_pb2 as pb

from tests.patience import PATIENCE_S
from tests.rpc.services.test_reconcile import details, header, row, settle
from tests.scaffold.service import Service


async def test_a_settlement_whose_columns_differ_is_compared_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages turn by columns: one whose document says another instant ends the list too."""
    monkeypatch.setattr(reconcile, "_PAGE", 1)
    await service.give("P1", 100_000)
    settled = [await settle(service) for _ in range(3)]
    engine: Any = service.store._writing
    for earlier in settled[:2]:
        document = msgspec.json.decode(
            engine.connection.execute(DOCUMENT, [earlier.settlement_id]).fetchone()[0]
        )
        document["settled_at"] = "2024-01-01T00:00:00+08:00"
        packed = msgspec.json.encode(document)
        engine.connection.execute(TAMPER, [packed, earlier.settlement_id])
    async with asyncio.timeout(PATIENCE_S):
        found = await details(service, [row(s) for s in settled])
    assert [] == found


DOCUMENT = "SELECT doc FROM settlement WHERE settlement_id = ?"

TAMPER = "UPDATE settlement SET doc = ? WHERE settlement_id = ?"


async def test_few_compare_at_once(service: Service) -> None:
    """Of a caller's comparisons one more than may be is told when to come again."""
    unknown = pb.ReconcileRow(settlement_id="none", patient="P1", total_fen=1)
    calls: list[Any] = [service.settlements.ReconcileDetails() for _ in range(2)]
    for call in calls:
        await call.write(header())
        await call.write(pb.ReconcileDetailsRequest(row=unknown))
        assert "none" == (await call.read()).settlement_id
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await details(service, [])
    assert grpc.StatusCode.RESOURCE_EXHAUSTED == refused.value.code()
    assert "正在办理的对账已达上限（2）" in str(refused.value.details())
    calls[0].cancel()
    async with asyncio.timeout(PATIENCE_S):
        # The server hears of it a moment later.
        while not await compared(service):  # noqa: ASYNC110 - bounded
            await asyncio.sleep(0.01)
    calls[1].cancel()


async def compared(service: Service) -> bool:
    """Return whether there was a place for another comparison."""
    try:
        await details(service, [])
    except grpc.aio.AioRpcError:
        return False
    return True
