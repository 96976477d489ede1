"""Requests of the idempotency matrix, sent again and again."""

from __future__ import annotations

from typing import Any

from gongji.model.account import Account
from gongji.v1 import settlement_pb2 as pb

FIRST_ID = "6b9c1a5e-52f1-4f0e-9d3a-0c7a3a1f5b11"
PURSE = 1_000_00


async def settle(service: Any, request_id: str, **changes: Any) -> pb.SettleResponse:
    """A bill of 1,000 yuan, P1's, unless said otherwise; his purse pays 900 of it."""
    reply: pb.SettleResponse = await service.settlements.Settle(
        pb.SettleRequest(request_id=request_id, bill=service.bill(**changes))
    )
    return reply


async def reverse(service: Any, request_id: str, **original: str) -> pb.ReverseResponse:
    reply: pb.ReverseResponse = await service.settlements.Reverse(
        pb.ReverseRequest(request_id=request_id, **original)  # type: ignore[arg-type]  # text fields only
    )
    return reply


async def charged(service: Any) -> int:
    """What P1's purse has lost."""
    account = await service.store.get(Account, "P1")
    return PURSE - (account.balance_fen if account else 0)
