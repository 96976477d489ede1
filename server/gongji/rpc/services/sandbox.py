"""SandboxService: a clock to set and a database to empty, on sandboxes only."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from gongji.model.refusals import MalformedField
from gongji.rpc.calls import current_call
from gongji.rpc.convert.values import instant_from, instant_to
from gongji.rpc.recording import AccessRecorder
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
    """Moves the clock and empties the database.

    Its request ids are not stored: each call is executed again.
    """

    def __init__(
        self,
        store: Store,
        clock: SettableClock,
        recorder: AccessRecorder,
        load_sample: LoadSample | None,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._load_sample = load_sample
        self._resetting = asyncio.Lock()

    async def GetClock(
        self, request: pb.GetClockRequest, context: object
    ) -> pb.GetClockResponse:
        """Return now, as the service sees it."""
        return pb.GetClockResponse(now=instant_to(self._clock()))

    async def SetClock(
        self, request: pb.SetClockRequest, context: object
    ) -> pb.SetClockResponse:
        """Set the clock."""
        self._clock.set(instant_from(request.now))
        return pb.SetClockResponse(now=instant_to(self._clock()))

    async def Reset(
        self, request: pb.ResetRequest, context: object
    ) -> pb.ResetResponse:
        """Empty the database, load a sample. MalformedField if there is no sample."""
        load = self._load_sample if request.load_sample else None
        if request.load_sample and load is None:
            raise MalformedField("load_sample: 此服务没有样例人群", field="load_sample")
        # Another one meanwhile would empty what this one loads, row by row.
        async with self._resetting:
            await self._store.reset(current_call().caller)
            self._recorder.forget()
            if load is not None:
                await load()
        return pb.ResetResponse()
