"""Checkpoints made every minute and at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog

from gongji.audit.checkpoint import SigningKey, StoredCheckpoint
from gongji.audit.order import LogFaultError
from gongji.model.refusals import Refusal
from gongji.serve.clock import Clock
from gongji.serve.metrics.log_head import log_head
from gongji.serve.settings import SIGNING_KEY, Settings
from gongji.store import Store
from gongji.store.engine import EngineError
from gongji.store.signing_key import signing_key

EVERY_S: Final = 60.0
"""Seconds between two checkpoints of all servers of a database together."""


class Checkpointing:
    """Signs the log of a store; a fault of the log is told and nothing is signed over it."""

    def __init__(
        self, store: Store, key: SigningKey, clock: Clock, every_s: float = EVERY_S
    ) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self._every_s = every_s
        self._log = structlog.get_logger()
        self._told = 0

    async def watch(self) -> None:
        """Sign for ever, unless another server has done so a moment ago."""
        while True:
            last = await self._last()
            if last is None or self._is_old(last):
                last = await self.sign()
            # If not, what was written since is under no checkpoint.
            if last is not None:
                log_head.signed(last.size, last.at.timestamp())
            await asyncio.sleep(self._every_s)

    async def sign(self) -> StoredCheckpoint | None:
        """Return the last checkpoint, made if there was something new; None if none is."""
        try:
            last = await self._store.checkpoints.sign(self._key)
        except LogFaultError as fault:
            self._log.error("log_fault", told=str(fault))
            return None
        except (Refusal, EngineError):
            return None
        if last and last.size > self._told:
            self._told = last.size
            self._log.info("checkpoint_signed", size=last.size, root=last.root.hex())
        return last

    async def _last(self) -> StoredCheckpoint | None:
        """Return the last checkpoint, None if it cannot be read: `sign` says why."""
        with suppress(Refusal, EngineError, LogFaultError):
            return await self._store.checkpoints.last()
        return None

    def _is_old(self, last: StoredCheckpoint) -> bool:
        return (self._clock() - last.at).total_seconds() > self._every_s / 2


@asynccontextmanager
async def checkpointed(
    settings: Settings, store: Store, clock: Clock
) -> AsyncIterator[SigningKey]:
    """Sign during the block, and once more at its end; yield the key. SigningKeyError."""
    key = signing_key(settings.data / SIGNING_KEY, store.signature)
    checkpointing = Checkpointing(store, key, clock)
    watching = asyncio.create_task(checkpointing.watch())
    try:
        yield key
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        await checkpointing.sign()
