"""SandboxService, on sandboxes only: a clock, a database to empty, faults, tokens."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from gongji.model.refusals import MalformedField
from gongji.rpc.calls import current_call
from gongji.rpc.convert.values import instant_from, instant_to
from gongji.rpc.faults import DELAY_MS, DELAYED, FaultOrders, SandboxFault
from gongji.rpc.recording import AccessRecorder
from gongji.rpc.vouchers import SandboxIssuer
from gongji.store import Store
from gongji.v1 import sandbox_pb2 as pb
from gongji.v1.sandbox_pb2_grpc import SandboxServiceServicer

LoadSample = Callable[[], Awaitable[None]]


class SettableClock(Protocol):
    """A clock that stands where it was set, or goes on from there."""

    def __call__(self) -> datetime:
        """Return the instant the clock shows."""

    def set(self, now: datetime, *, runs: bool = False) -> None:
        """Move the clock, forward or back; it goes on from there if it `runs`."""


class SandboxService(SandboxServiceServicer):
    """Moves the clock, empties the database, orders faults and issues tokens.

    Its request ids are not stored: each call is executed again.
    """

    def __init__(
        self,
        store: Store,
        clock: SettableClock,
        recorder: AccessRecorder,
        load_sample: LoadSample | None,
        *,
        faults: FaultOrders,
        issuer: SandboxIssuer,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._load_sample = load_sample
        self._faults = faults
        self._issuer = issuer
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
        self._clock.set(instant_from(request.now), runs=request.runs)
        return pb.SetClockResponse(now=instant_to(self._clock()))

    async def Reset(
        self, request: pb.ResetRequest, context: object
    ) -> pb.ResetResponse:
        """Empty the database, withdraw faults and tokens, load a sample.

        MalformedField if there is no sample.
        """
        load = self._load_sample if request.load_sample else None
        if request.load_sample and load is None:
            raise MalformedField("load_sample：此服务没有样例人群", field="load_sample")
        # Another one meanwhile would empty what this one loads, row by row.
        async with self._resetting:
            await self._store.reset(current_call().caller)
            self._recorder.forget()
            self._faults.withdraw()
            self._issuer.forget()
            if load is not None:
                await load()
        return pb.ResetResponse()

    async def IssueVoucher(
        self, request: pb.IssueVoucherRequest, context: object
    ) -> pb.IssueVoucherResponse:
        """Return a new token of a person for an institution."""
        token, expires_at = self._issuer.issue(
            request.person_no, request.institution_code
        )
        return pb.IssueVoucherResponse(token=token, expires_at=instant_to(expires_at))

    async def OrderFault(
        self, request: pb.OrderFaultRequest, context: object
    ) -> pb.OrderFaultResponse:
        """Order a fault, or withdraw one; return those pending. MalformedField."""
        fault = None
        if request.kind:
            delay_ms = request.delay_ms or DELAY_MS if request.kind in DELAYED else 0
            fault = SandboxFault(request.kind, delay_ms, request.calls or 1)
        self._faults.order(request.caller, request.method, fault)
        pending = [
            pb.OrderedFault(
                kind=ordered.kind,  # type: ignore[arg-type] # one of the enum's numbers
                caller=caller,
                method=method,
                calls=ordered.calls,
                delay_ms=ordered.delay_ms,
            )
            for caller, method, ordered in self._faults.pending()
        ]
        return pb.OrderFaultResponse(pending=pending)
