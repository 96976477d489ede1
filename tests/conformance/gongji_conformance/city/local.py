"""A sandbox server of our own inside the test process; the only module that knows gongji beyond its wire."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji.rpc.services import services_of
from gongji.serve.clock import SandboxClock
from gongji.serve.port import OpenPort
from gongji.store import Store, open_store

T = TypeVar("T")

PATIENCE_S: Final = 60.0
"""How long starting or stopping may take, in seconds."""


class LocalServer:
    """A server with a clock of its own and a database that is forgotten, in a thread with its own event loop."""

    def __init__(self, cities: Cities | None = None) -> None:
        """Over these cities; over every installed one where none are given."""
        self._cities = cities
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gongji-conformance", daemon=True)
        self._running: OpenPort | None = None
        self._store: Store | None = None

    def start(self) -> str:
        """Starts on a free port of the loopback; `host:port`."""
        self._thread.start()
        return self._run(self._start())

    def stop(self) -> None:
        """Stops the server and its thread; the database goes with them."""
        try:
            self._run(self._stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE_S)
            self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    async def _start(self) -> str:
        clock = SandboxClock()
        cities = self._cities or load_cities()
        self._store = open_store(":memory:", clock)
        self._running = OpenPort(services_of(self._store, cities, Workdays(), clock, sandbox=clock), "127.0.0.1:0")
        await self._running.start()
        return self._running.address

    async def _stop(self) -> None:
        if self._running is not None:
            await self._running.stop(0)
        if self._store is not None:
            await self._store.close()
