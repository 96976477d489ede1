"""The database asked every second, so that health knows of it whoever calls or does not."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Final

import structlog

from gongji.model.commands import Adopted
from gongji.model.refusals import Refusal
from gongji.store import Store
from gongji.store.engine import EngineDown, EngineError

PROBE_S: Final = 1.0
"""Seconds between two looks."""

HUNG_S: Final = 10.0
"""Seconds without an answer after which the database counts as lost.

Longer than anybody waits for a lock.
"""

QUIET_S: Final = 10.0
"""Seconds without a commit after which it is asked whether it can still be written."""

PROBE: Final = "probe"
"""The part of a store's condition that is known from here."""


async def probe(store: Store) -> None:
    """Note for ever in a store's condition whether its database answers."""
    while True:
        try:
            async with asyncio.timeout(HUNG_S):
                await _ask(store)
        except TimeoutError:
            store.condition.failed(PROBE, EngineDown("no answer", "connection_lost"))
        except Exception as fault:  # noqa: BLE001 - a defect ends no service, and is said
            error = type(fault).__name__
            structlog.get_logger().warning("upkeep", work="probe", error=error)
        else:
            store.condition.well(PROBE)
        await asyncio.sleep(PROBE_S)


async def _ask(store: Store) -> None:
    """Read and, if that may be in doubt, write: the store notes itself what fails."""
    # EngineError: such as a standby's, which is down to whoever wants to write.
    with suppress(Refusal, EngineError):
        await store.get(Adopted, "")
    condition = store.condition
    if not condition.available or monotonic() - condition.committed_at > QUIET_S:
        with suppress(Refusal, EngineError):
            await store.touch()
