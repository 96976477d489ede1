"""SandboxService on the wire: a clock to set and a database to empty; present on sandboxes only."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol

from gongji.model.refusals import MalformedField
from gongji.rpc.convert.values import instant_from, instant_to
from gongji.store import Store
from gongji.v1 import sandbox_pb2 as pb
from gongji.v1.sandbox_pb2_grpc import SandboxServiceServicer

LoadSample = Callable[[], Awaitable[None]]


class SettableClock(Protocol):
    """A clock that stands where it was set."""

    def __call__(self) -> datetime:
        """Return the instant the clock stands at."""

    def set(self, now: datetime) -> None:
        """Move the clock, forward or back."""


class SandboxService(SandboxServiceServicer):
    """Moves the clock and empties the database. Its request ids are not remembered:
    each call does what it says."""

    def __init__(
        self, store: Store, clock: SettableClock, load_sample: LoadSample | None
    ) -> None:
        self._store = store
        self._clock = clock
        self._load_sample = load_sample

    async def GetClock(
        self, request: pb.GetClockRequest, context: Any
    ) -> pb.GetClockResponse:
        """Now, as the service sees it."""
        return pb.GetClockResponse(now=instant_to(self._clock()))

    async def SetClock(
        self, request: pb.SetClockRequest, context: Any
    ) -> pb.SetClockResponse:
        """Sets the clock."""
        self._clock.set(instant_from(request.now))
        return pb.SetClockResponse(now=instant_to(self._clock()))

    async def Reset(self, request: pb.ResetRequest, context: Any) -> pb.ResetResponse:
        """Empties the database. MalformedField where a sample is asked for and there is none."""
        if request.load_sample and self._load_sample is None:
            raise MalformedField("load_sample: 此服务没有样例人群", field="load_sample")
        await self._store.reset()
        if request.load_sample and self._load_sample is not None:
            await self._load_sample()
        return pb.ResetResponse()
