"""Data keys near the end that an operator has stated for them are told in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog

from gongji.model.refusals import Refusal
from gongji.store import Store
from gongji.store.engine import EngineError, StoreEngine
from gongji.store.keys.table import READ, StoredKeys, stored_keys
from gongji.store.table import instant

NEAR_ITS_END: Final = timedelta(days=30)

LOOK_S: Final = 6 * 3600.0
"""Seconds between two looks."""


async def tell_expiring_keys(store: Store, now: datetime) -> None:
    """Log each current key that is near its end, or past it. StoreUnavailable."""
    stored = await store.read(_keys)
    for key in stored.keys:
        if not key.current or key.valid_until is None:
            continue
        until = instant(key.valid_until)
        if until - now < NEAR_ITS_END:
            reason = f"期限 {until:%Y-%m-%d}"
            structlog.get_logger().warning("key_expiring", key=key.name, reason=reason)


async def watch_keys(store: Store, clock: Callable[[], datetime]) -> None:
    """Tell for ever, a few times a day."""
    while True:
        # A database that is away is told elsewhere.
        with suppress(Refusal, EngineError):
            await tell_expiring_keys(store, clock())
        await asyncio.sleep(LOOK_S)


def _keys(engine: StoreEngine) -> StoredKeys:
    return stored_keys(engine.rows(READ, []))
