"""Checkpoints made every minute and at the end, and what a server was started with."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog

from gongji import __version__
from gongji.audit.checkpoint import SigningKey, StoredCheckpoint
from gongji.audit.order import LogFaultError
from gongji.cities.city import Cities
from gongji.model.refusals import Refusal
from gongji.model.started import RecordStart, Started, StartedPlugin
from gongji.serve.clock import Clock
from gongji.serve.metrics.log_head import log_head
from gongji.serve.settings import SIGNING_KEY, Settings
from gongji.store import Store
from gongji.store.engine import EngineError
from gongji.store.signing_key import signing_key

EVERY_S: Final = 60.0
"""Seconds between two checkpoints of all servers of a database together."""

_PLAIN: Final = (
    "access_before_answer",
    "address",
    "gateway",
    "metrics_address",
    "reflection",
    "sample",
    "sandbox",
    "token_address",
    "token_audience",
    "token_issuer",
    "trace_ratio",
    "workers",
)
"""Settings that are written down as they are; none of them is a secret."""

_FILES: Final = ("calendar", "client_ca", "deny", "policy", "tls_cert", "token_keys")
"""Files of the configuration that are written down by their digests."""


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
    key = signing_key(settings.data / SIGNING_KEY)
    checkpointing = Checkpointing(store, key, clock)
    watching = asyncio.create_task(checkpointing.watch())
    try:
        yield key
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        await checkpointing.sign()


async def record_start(
    store: Store, settings: Settings, cities: Cities, clock: Clock
) -> None:
    """Write down what a server is started with, or what it has read anew.

    StoreUnavailable.
    """
    started = Started(
        start_id=secrets.token_hex(8),
        at=clock(),
        version=__version__,
        settings=_settings_of(settings),
        files=await asyncio.to_thread(_digests_of, settings),
        plugins=_plugins_of(cities),
    )
    await store.apply(RecordStart(started))


def _settings_of(settings: Settings) -> dict[str, str]:
    said = {name: str(getattr(settings, name)) for name in _PLAIN}
    for name in ("adopt", "retired_credits", "refusals"):
        said[name] = "; ".join(map(str, getattr(settings, name)))
    return said


def _digests_of(settings: Settings) -> dict[str, str]:
    digests = {}
    for name in _FILES:
        path = getattr(settings, name)
        if path is not None:
            try:
                content = path.read_bytes()
            except OSError:
                # Whoever needs it says why; the last sound one stays in force.
                digests[name] = ""
            else:
                digests[name] = hashlib.sha256(content).hexdigest()
    return digests


def _plugins_of(cities: Cities) -> tuple[StartedPlugin, ...]:
    return tuple(
        [
            StartedPlugin(
                city.pinyin,
                city.area_code,
                city.version,
                city.plugin_digest,
                city.rules_digest,
            )
            for city in cities.all
        ]
    )
