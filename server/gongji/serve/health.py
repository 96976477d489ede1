"""Health of the server, its services and its cities (grpc.health.v1), as methods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic
from typing import Final, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1.health import OVERALL_HEALTH, SERVICE_NAME
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from gongji.access.callers import CallerLimits
from gongji.rpc.method import Calling, Ending, Method, Services, Writing
from gongji.rpc.status import Status

CHECK: Final = f"/{SERVICE_NAME}/Check"

WATCH: Final = f"/{SERVICE_NAME}/Watch"

LIVENESS: Final = "liveness"
"""A name that is SERVING as long as the processes answer, whatever the database does."""

WATCH_S: Final = 0.5
"""Seconds between two looks for those who watch."""

HUNG_S: Final = 5.0
"""Seconds without an answer after which watchers are told NOT_SERVING."""

HEALTH_LIMITS: Final = CallerLimits(calls=32, per_second=1000, streams=32)
"""What one caller, or one connection of somebody unknown, may ask of health."""

_Status: TypeAlias = int
"""A `HealthCheckResponse.ServingStatus`."""

_UNKNOWN: Final = Status(grpc.StatusCode.NOT_FOUND, "", "健康检查不知道这个名称", ())

UNREADABLE: Final = Status(
    grpc.StatusCode.INVALID_ARGUMENT, "", "请求不是有效的 protobuf 报文", ()
)
"""Of gRPC's own services: none of them tells reasons by name."""

_STOPPING: Final = Status(grpc.StatusCode.UNAVAILABLE, "", "服务正在停止", ())


class Health:
    """Answers for each name, and tells watchers of each change."""

    def __init__(self, services: Services) -> None:
        """Know the names of services; ask them for each answer whether they are ready."""
        self._refused = frozenset(services.refused)
        self._names = {OVERALL_HEALTH, LIVENESS, *services.healthy, *self._refused}
        self._ready = services.ready
        self._known = True
        self._known_at = -WATCH_S
        self._stopping = asyncio.Event()

    def methods(self) -> tuple[Method, ...]:
        """Return the methods of the service."""
        return (
            Method(CHECK, streams_in=False, streams_out=False, answer=self._check),
            Method(WATCH, streams_in=False, streams_out=True, answer=self._watch),
        )

    def stop(self) -> None:
        """Report NOT_SERVING for good, and end every watch."""
        self._stopping.set()

    async def _check(self, raw: bytes, calling: Calling) -> Ending:
        """Return the health now; no answer while calls get none either."""
        del calling
        try:
            name = HealthCheckRequest.FromString(raw).service
        except DecodeError:
            return UNREADABLE
        if name not in self._names:
            return _UNKNOWN
        return _reply(self._status(name, ready=await self._ready()))

    async def _watch(self, requests: AsyncIterator[bytes], calling: Writing) -> Ending:
        """Report each change until the server stops, then end as UNAVAILABLE."""
        try:
            raw = await anext(requests, b"")
            name = HealthCheckRequest.FromString(raw).service
        except DecodeError:
            return UNREADABLE
        told = None
        while True:
            stopping = self._stopping.is_set()
            status = self._status(name, ready=await self._looked())
            if status != told:
                await calling.write(_reply(status))
                told = status
            if stopping:
                return _STOPPING
            with suppress(TimeoutError):
                async with asyncio.timeout(WATCH_S):
                    await self._stopping.wait()

    async def _looked(self) -> bool:
        """Return whether the services were ready at the last look, at most `WATCH_S` ago."""
        # However many watch, one of them asks; the others are told at the next round.
        now = monotonic()
        if now - self._known_at >= WATCH_S:
            self._known_at = now
            self._known = False
            with suppress(TimeoutError):
                async with asyncio.timeout(HUNG_S):
                    self._known = await self._ready()
        return self._known

    def _status(self, name: str, *, ready: bool) -> _Status:
        if name not in self._names:
            return HealthCheckResponse.SERVICE_UNKNOWN
        if name == LIVENESS:
            return HealthCheckResponse.SERVING
        serving = ready and name not in self._refused and not self._stopping.is_set()
        return (
            HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING
        )


def _reply(status: _Status) -> bytes:
    return HealthCheckResponse(status=status).SerializeToString()
