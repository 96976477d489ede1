"""What the tests of the idempotency matrix share."""

from __future__ import annotations

from gongji.model.account import Account

from tests.scaffold.service import Service

FIRST_ID = "6b9c1a5e-52f1-4f0e-9d3a-0c7a3a1f5b11"
FIRST_KEY = f"{FIRST_ID}/anonymous"
PURSE = 1_000_00


async def charged(service: Service) -> int:
    """Return what P1's purse has lost."""
    account = await service.store.get(Account, "P1")
    return PURSE - (account.balance_fen if account else 0)
