"""Health of the server, its services and its cities (grpc.health.v1), as methods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1.health import OVERALL_HEALTH, SERVICE_NAME
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from gongji.access.callers import CallerLimits
from gongji.rpc.method import Calling, Ending, Method, Writing
from gongji.rpc.status import Status

CHECK: Final = f"/{SERVICE_NAME}/Check"

WATCH: Final = f"/{SERVICE_NAME}/Watch"

HEALTH_LIMITS: Final = CallerLimits(calls=32, per_second=1000, streams=32)
"""What one caller, or one connection of somebody unknown, may ask of health."""

_UNKNOWN: Final = Status(grpc.StatusCode.NOT_FOUND, "", "健康检查不知道这个名称", ())

UNREADABLE: Final = Status(
    grpc.StatusCode.INVALID_ARGUMENT, "", "请求不是有效的 protobuf 报文", ()
)
"""Of gRPC's own services: none of them tells reasons by name."""

_STOPPING: Final = Status(grpc.StatusCode.UNAVAILABLE, "", "服务正在停止", ())


class Health:
    """Answers for each name as long as calls are taken, and says when they no longer are."""

    def __init__(
        self, names: Iterable[str], ping: Callable[[], Awaitable[None]] | None
    ) -> None:
        """Know these names; if another process answers calls, answer once `ping` returns."""
        self._names = {OVERALL_HEALTH, *names}
        self._ping = ping
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
        if self._ping:
            await self._ping()
        return self._reply(name)

    async def _watch(self, requests: AsyncIterator[bytes], calling: Writing) -> Ending:
        """Report each change until the server stops, then end as UNAVAILABLE."""
        try:
            raw = await anext(requests, b"")
            name = HealthCheckRequest.FromString(raw).service
        except DecodeError:
            return UNREADABLE
        await calling.write(self._reply(name))
        await self._stopping.wait()
        await calling.write(self._reply(name))
        return _STOPPING

    def _reply(self, name: str) -> bytes:
        reply = HealthCheckResponse(status=HealthCheckResponse.SERVING)
        if self._stopping.is_set():
            reply.status = HealthCheckResponse.NOT_SERVING
        elif name not in self._names:
            reply.status = HealthCheckResponse.SERVICE_UNKNOWN
        return reply.SerializeToString()
