"""A sandbox server of our own inside the test process.

The only module of the laws that knows more of gongji than its protos.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from gongji.access.policy import AnybodyPolicy
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji.rpc.services import services_of
from gongji.serve.authentication import AnybodyAuthenticator
from gongji.serve.clock import SandboxClock
from gongji.serve.port import OpenPort
from gongji.store import Store, open_store

T = TypeVar("T")

LIMIT_S: Final = 60.0
"""How long starting or stopping may take, in seconds."""


class LocalServer:
    """A server with a clock of its own and a database in memory."""

    def __init__(self, cities: Cities | None = None) -> None:
        """Serve these cities, every installed one by default."""
        self._cities = cities
        # A thread of its own: the stubs of the suite block theirs.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever,
            name="gongji-conformance",
            daemon=True,
        )
        self._running: OpenPort | None = None
        self._store: Store | None = None

    def start(self) -> str:
        """Start on a free port of the loopback; return `host:port`."""
        self._thread.start()
        return self._run(self._start())

    def stop(self) -> None:
        """Stop the server and its thread; the database goes with them."""
        try:
            self._run(self._stop())
        finally:
            # A loop may be closed only when it no longer runs.
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(LIMIT_S)
            self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT_S)

    async def _start(self) -> str:
        """Open the store and listen."""
        clock = SandboxClock()
        cities = self._cities or load_cities()
        self._store = open_store(":memory:", clock)
        services = services_of(
            self._store,
            cities,
            Workdays(),
            clock,
            AnybodyPolicy(),
            sandbox=clock,
        )
        self._running = OpenPort(services, "127.0.0.1:0", AnybodyAuthenticator())
        await self._running.start()
        return self._running.address

    async def _stop(self) -> None:
        """Stop listening, then close the store."""
        if self._running is not None:
            await self._running.stop(0)
        if self._store is not None:
            await self._store.close()
