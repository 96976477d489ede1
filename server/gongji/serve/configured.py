"""What a server decides by, written down at its start and whenever it is read anew."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from gongji import __version__
from gongji.audit.hashing import Hasher, digest_of
from gongji.cities.city import Cities
from gongji.model.refusals import Overloaded, StoreUnavailable
from gongji.model.started import RecordStart, Started, StartedPlugin
from gongji.serve.beside import working_beside
from gongji.serve.clock import Clock
from gongji.serve.settings import Settings
from gongji.store import Store

LOOK_S: Final = 5.0
"""Seconds between two looks at the files of the configuration."""

_PLAIN: Final = (
    "access_before_answer",
    "address",
    "gateway",
    "metrics_address",
    "origin",
    "reflection",
    "crypto",
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


class ConfigurationRecord:
    """Writes down by what a server decides; files that are read while it runs count too."""

    def __init__(
        self, store: Store, settings: Settings, cities: Cities, clock: Clock
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._plugins = _plugins_of(cities)
        self._written: Mapping[str, str] | None = None

    async def write(self) -> None:
        """Write it down unless that is done; a database that is away is asked later."""
        files = await asyncio.to_thread(_digests_of, self._settings, self._store.hasher)
        if files == self._written:
            return
        started = Started(
            start_id=secrets.token_hex(8),
            at=self._clock(),
            version=__version__,
            settings=_settings_of(self._settings),
            files=files,
            plugins=self._plugins,
        )
        try:
            reread = self._written is not None
            await self._store.apply(RecordStart(started, reread=reread))
        except (StoreUnavailable, Overloaded):
            # What can be read is served all the same.
            return
        self._written = files

    async def watch(self, every_s: float = LOOK_S) -> None:
        """Write down for ever whatever is read anew."""
        while True:
            await asyncio.sleep(every_s)
            await self.write()


@asynccontextmanager
async def configuration_recorded(
    settings: Settings, store: Store, cities: Cities, clock: Clock
) -> AsyncIterator[None]:
    """Write down by what a server decides, at once and for the block."""
    record = ConfigurationRecord(store, settings, cities, clock)
    await record.write()
    async with working_beside(record.watch()):
        yield


def _settings_of(settings: Settings) -> dict[str, str]:
    said = {name: str(getattr(settings, name)) for name in _PLAIN}
    for name in ("adopt", "retired_credits", "refusals"):
        said[name] = "; ".join(map(str, getattr(settings, name)))
    return said


def _digests_of(settings: Settings, hasher: Hasher) -> dict[str, str]:
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
                digests[name] = digest_of(hasher, content)
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
