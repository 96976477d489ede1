"""Health says what is so now, of each name, and tells whoever watches of each change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import grpc
import pytest
from gongji.access.identity import ANYBODY, CallerIdentity
from gongji.rpc.method import Services
from gongji.rpc.origin import NOWHERE, CallOrigin
from gongji.rpc.status import Status
from gongji.serve import health
from gongji.serve.health import LIVENESS, Health
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from tests.patience import PATIENCE_S

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
UNKNOWN = HealthCheckResponse.SERVICE_UNKNOWN
SERVICE, SERVED, REFUSED = "gongji.v1.X", "gongji.city.a", "gongji.city.b"


@dataclass
class WatchCall:
    """A call that keeps what it is told."""

    identity: CallerIdentity = ANYBODY
    remaining_s: float | None = None
    origin: CallOrigin = NOWHERE
    told: asyncio.Queue[int] = field(default_factory=asyncio.Queue)

    async def write(self, reply: bytes) -> None:
        self.told.put_nowait(HealthCheckResponse.FromString(reply).status)

    async def next(self) -> int:
        """Return what is told next."""
        return await asyncio.wait_for(self.told.get(), PATIENCE_S)


class WatchedHealth:
    """The health of some services whose readiness a test sets."""

    def __init__(self) -> None:
        self.ready = True
        self.hung: asyncio.Event | None = None
        self.health = Health(
            Services({}, (), (SERVICE, SERVED), (REFUSED,), self._is_ready)
        )
        self._check, self._watch = self.health.methods()

    async def _is_ready(self) -> bool:
        if self.hung:
            await self.hung.wait()
        return self.ready

    async def check(self, name: str) -> int:
        """Return the status of a name."""
        raw = HealthCheckRequest(service=name).SerializeToString()
        ended = await self._check.answer(raw, WatchCall())
        assert isinstance(ended, bytes)
        return HealthCheckResponse.FromString(ended).status

    def watch(self, name: str) -> tuple[WatchCall, asyncio.Task[object]]:
        """Begin to watch a name."""

        async def request() -> AsyncIterator[bytes]:
            yield HealthCheckRequest(service=name).SerializeToString()

        call = WatchCall()

        async def watched() -> object:
            return await self._watch.answer(request(), call)

        return call, asyncio.ensure_future(watched())


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> WatchedHealth:
    monkeypatch.setattr(health, "WATCH_S", 0.01)
    return WatchedHealth()


@pytest.mark.parametrize(
    ("name", "ready", "away"),
    [
        ("", SERVING, NOT_SERVING),
        (SERVICE, SERVING, NOT_SERVING),
        (SERVED, SERVING, NOT_SERVING),
        (REFUSED, NOT_SERVING, NOT_SERVING),
        (LIVENESS, SERVING, SERVING),
    ],
)
async def test_each_name_says_what_can_be_had(
    watched: WatchedHealth, name: str, ready: int, away: int
) -> None:
    """All names but liveness follow the database; a refused city is not served at all."""
    assert ready == await watched.check(name)
    watched.ready = False
    assert away == await watched.check(name)
    watched.ready = True
    assert ready == await watched.check(name)


async def test_watchers_are_told_of_each_change(watched: WatchedHealth) -> None:
    """Each change is told once, and the end; an unknown name stays unknown."""
    call, task = watched.watch(SERVICE)
    alive, _ = watched.watch(LIVENESS)
    unknown, _ = watched.watch("gongji.v1.Y")
    told = [await call.next()]
    for watched.ready in (False, True, False):
        told.append(await call.next())
    watched.health.stop()
    ended = await asyncio.wait_for(task, PATIENCE_S)
    assert [SERVING, NOT_SERVING, SERVING, NOT_SERVING] == told
    assert isinstance(ended, Status)
    assert grpc.StatusCode.UNAVAILABLE == ended.code
    assert (SERVING, UNKNOWN) == (await alive.next(), await unknown.next())
    assert call.told.empty()
    assert alive.told.empty()


async def test_a_service_that_answers_nothing_is_not_serving(
    watched: WatchedHealth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Watchers are told if whoever answers hangs; a check waits as calls do."""
    monkeypatch.setattr(health, "HUNG_S", 0.05)
    call, task = watched.watch(SERVICE)
    assert SERVING == await call.next()
    watched.hung = asyncio.Event()
    assert NOT_SERVING == await call.next()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watched.check(SERVICE), 0.2)
    watched.hung.set()
    assert SERVING == await call.next()
    task.cancel()
