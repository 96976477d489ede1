"""A sandbox server of our own inside the test process.

The only module of the laws that knows more of gongji than its protos.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

from gongji.access.callers import Caller, anybody
from gongji.access.identity import STATED_KEY, CallerIdentity
from gongji.access.policy import FilePolicy
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji.model.refusals import CredentialMissing
from gongji.rpc.recording import AccessRecorder
from gongji.rpc.services import services_of
from gongji.serve.authentication import AnybodyAuthenticator
from gongji.serve.clock import SandboxClock
from gongji.serve.port import OpenPort
from gongji.store import Store, open_store

from gongji_conformance.city import words
from gongji_conformance.city.callers import Kind, StatedCaller
from gongji_conformance.city.population import institution_code

T = TypeVar("T")

LIMIT_S: Final = 60.0
"""How long starting or stopping may take, in seconds."""


class LocalServer:
    """A server with a clock of its own and a database in memory."""

    def __init__(self, cities: Cities | None = None) -> None:
        """Serve these cities, every installed one by default."""
        self._cities = cities or load_cities()
        self.callers = callers_of(self._cities)
        # A thread of its own: the stubs of the suite block theirs.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever,
            name="gongji-conformance",
            daemon=True,
        )
        self._running: OpenPort | None = None
        self._store: Store | None = None
        self._recorder: AccessRecorder | None = None

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
        self._store = open_store(":memory:", clock)
        self._recorder = AccessRecorder(self._store, clock)
        services = services_of(
            self._store,
            self._cities,
            Workdays(),
            clock,
            _SuitePolicy.of(_policy_text(self.callers)),
            sandbox=clock,
            recorder=self._recorder,
        )
        self._running = OpenPort(services, "127.0.0.1:0", _StatedCallers())
        await self._running.start()
        return self._running.address

    async def _stop(self) -> None:
        """Stop listening, then close the store."""
        if self._running is not None:
            await self._running.stop(0)
        if self._recorder is not None:
            await self._recorder.close()
        if self._store is not None:
            await self._store.close()


_IN_CITIES: Final[Mapping[Kind, tuple[str, ...]]] = {
    "app": ("wanshitong",),
    "counter": ("window",),
    "bank": ("bank",),
    "collector": (),
    "feeder": (),
    "reviewer": (),
    "auditor": (),
    "operator": (),
}
"""The kinds whose work lies in a city, with the channels they bind through."""

_AT_INSTITUTIONS: Final[Mapping[str, tuple[Kind, words.Place]]] = {
    "hospital": ("hospital", "二级"),
    "other-hospital": ("hospital", "三级"),
    "pharmacy": ("pharmacy", "药店"),
}
"""Callers' names with the institution of the suite's that each is."""


class _StatedCallers(AnybodyAuthenticator):
    """Takes each caller at its word, the process being the suite's own; each has to say one."""

    def identify(
        self,
        metadata: Mapping[str, str | bytes],
        peer: Mapping[str, Sequence[bytes]],
    ) -> CallerIdentity:
        """Return the stated caller. CredentialMissing; MalformedField."""
        if STATED_KEY not in metadata:
            raise CredentialMissing("调用没有说明调用方")
        return super().identify(metadata, peer)


class _SuitePolicy(FilePolicy):
    """Knows the callers whose rights are judged; everybody else is a tester."""

    def caller(self, name: str) -> Caller:
        """Return a caller of the policy, else a tester."""
        return self.callers.get(name) or anybody(name)


def callers_of(cities: Cities) -> dict[str, StatedCaller]:
    """Return a caller of each kind in each city, by name."""
    stated = {"city-team": StatedCaller(kind="city_team")}
    for city in cities.all:
        areas = (city.area_code[:4],)
        for kind, channels in _IN_CITIES.items():
            stated[f"{kind}.{city.pinyin}"] = StatedCaller(
                kind=kind, cities=areas, channels=channels
            )
        for name, (kind, place) in _AT_INSTITUTIONS.items():
            code = institution_code(city.area_code, place)
            stated[f"{name}.{city.pinyin}"] = StatedCaller(
                kind=kind, institutions=(code,)
            )
    return stated


def _policy_text(callers: Mapping[str, StatedCaller]) -> str:
    """Return the policy of these callers as a file has it."""
    lines = ["version = 1", 'revision = "suite"']
    for name, caller in callers.items():
        lines += [f'[callers."{name}"]', f'kind = "{caller.kind}"']
        for key in ("cities", "channels", "institutions"):
            if values := getattr(caller, key):
                lines.append(f"{key} = {list(values)}")
    return "\n".join(lines)
