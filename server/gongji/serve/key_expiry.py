"""Data keys near their end are told in the log: a day that is stated, or too many seals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog

from gongji.model.refusals import Refusal
from gongji.store import Store
from gongji.store.engine import EngineError, StoreEngine
from gongji.store.keys import counting, table
from gongji.store.keys.counting import MOST_SEALS
from gongji.store.keys.ring import SEAL
from gongji.store.keys.table import StoredKeys, WrappedKey, stored_keys
from gongji.store.table import instant

NEAR_ITS_END: Final = timedelta(days=30)

MANY_SEALS: Final = MOST_SEALS // 2
"""So many, and a rekey is due: half of them are left for the time it takes."""

LOOK_S: Final = 6 * 3600.0
"""Seconds between two looks."""


async def tell_expiring_keys(store: Store, now: datetime) -> None:
    """Log each current key that is near its end, or past it. StoreUnavailable."""
    stored, seals = await store.read(_keys)
    for key in stored.keys:
        sealed = seals.get(key.number, 0) if key.purpose == SEAL else 0
        if key.current and (reason := _end_of(key, sealed, now)):
            structlog.get_logger().warning("key_expiring", key=key.name, reason=reason)


def _end_of(key: WrappedKey, sealed: int, now: datetime) -> str:
    """Return why a key is near its end, empty if it is not."""
    if sealed >= MANY_SEALS:
        return f"已密封 {sealed:,} 次，上限 {MOST_SEALS:,} 次"
    if key.valid_until is None or instant(key.valid_until) - now >= NEAR_ITS_END:
        return ""
    return f"期限 {instant(key.valid_until):%Y-%m-%d}"


async def watch_keys(store: Store, clock: Callable[[], datetime]) -> None:
    """Tell for ever, a few times a day."""
    while True:
        # A database that is away is told elsewhere.
        with suppress(Refusal, EngineError):
            await tell_expiring_keys(store, clock())
        await asyncio.sleep(LOOK_S)


def _keys(engine: StoreEngine) -> tuple[StoredKeys, Mapping[int, int]]:
    stored = stored_keys(engine.rows(table.READ, []))
    return stored, counting.seals_of(engine.rows(counting.READ, []))
