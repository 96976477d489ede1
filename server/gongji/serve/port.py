"""The port: gRPC's own server with health, reflection and limits.

It hands bytes to methods and knows none of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import grpc
from grpc_health.v1 import health

from gongji.rpc.method import Services
from gongji.serve.authentication import Authenticator
from gongji.serve.entrance import Entrance, Handlers
from gongji.serve.health import HEALTH_LIMITS, Health
from gongji.serve.reflection import reflection_of
from gongji.serve.shares import Shares

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024

GRACE_S: Final = 5.0
"""Seconds in which calls in flight may finish once the port stops."""

REJECTING_S: Final = 0.25
"""Seconds in which calls are rejected as UNAVAILABLE before the port closes.

gRPC ends calls that arrive while it closes as CANCELLED, which nobody tries again.
"""

OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Dead peers are found within 80 s; a client may ping every 20 s, also between
    # calls, without being sent away.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
    # Connections are renewed now and then, so that a newly started process gets its share.
    ("grpc.max_connection_age_ms", 30 * 60_000),
    ("grpc.max_connection_age_grace_ms", 10 * 60_000),
    # Above some thousand calls not yet begun gRPC drops some at random, without saying
    # when to try again.
    ("grpc.server.max_pending_requests", 100_000),
    ("grpc.server.max_pending_requests_hard_limit", 200_000),
)


class Port(Protocol):
    """Where callers reach the service: started once, then stopped once."""

    @property
    def address(self) -> str:
        """`host:port`, the port never 0."""

    async def start(self) -> None:
        """Begin to answer and report SERVING. OSError if the port cannot be had."""

    async def stop(self) -> None:
        """Report NOT_SERVING, take no new calls, let those in flight finish in `GRACE_S`."""


class OpenPort:
    """A port of this very process; see `Port`."""

    def __init__(
        self,
        services: Services,
        address: str,
        authenticator: Authenticator,
        *,
        shared: bool = False,
        ping: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Bind the address, port 0 standing for any free one. OSError.

        To be called inside the loop that will run it. A second server on a port is an
        error, never a silent sharer, unless both are `shared`: whoever asks for that
        holds the port. If another process answers the calls, health is reported only
        once `ping` has returned.
        """
        options = (*OPTIONS, ("grpc.so_reuseport", int(shared)))
        self._server = grpc.aio.server(options=options)
        host, _, _ = address.rpartition(":")
        try:
            self.port = self._server.add_insecure_port(address)
        except RuntimeError as fault:
            message = f"无法监听 {address}: 端口被占用, 或地址不在本机"
            raise OSError(message) from fault
        self.address = f"{host}:{self.port}"
        self._entrances = _Entrances(services, authenticator, ping)
        self._server.add_generic_rpc_handlers(self._entrances.handlers)

    async def start(self) -> None:
        """Begin to answer and report SERVING."""
        await self._server.start()
        self._entrances.open()

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Report NOT_SERVING, take no new calls, let those in flight finish in `grace_s`."""
        self._entrances.reject_all()
        await asyncio.sleep(min(REJECTING_S, grace_s))
        await self._server.stop(grace_s)
        self._entrances.close()


class _Entrances:
    """The entrance of the methods, and that of health."""

    def __init__(
        self,
        services: Services,
        authenticator: Authenticator,
        ping: Callable[[], Awaitable[None]] | None,
    ) -> None:
        described = reflection_of([*services.services, health.SERVICE_NAME])
        self.shares = Shares(authenticator.limits)
        self._methods = Handlers(
            [*services.methods.values(), described],
            Entrance(authenticator, self.shares),
        )
        # Places of its own: whoever watches over the server finds some whatever comes.
        self._health = Health(services.healthy, ping)
        self._health_shares = Shares(
            lambda _: HEALTH_LIMITS, most_calls=256, most_streams=256
        )
        watchers = Handlers(
            self._health.methods(),
            Entrance(authenticator, self._health_shares, anonymous=True),
        )
        self.handlers = (self._methods, watchers)
        self._watches: list[asyncio.Future[None]] = []

    def open(self) -> None:
        """Begin to end calls whose callers stall."""
        self._watches = [
            asyncio.ensure_future(shares.watch())
            for shares in (self.shares, self._health_shares)
        ]

    def reject_all(self) -> None:
        """Report NOT_SERVING, and reject every call from now on but those of health."""
        self._health.stop()
        self._methods.reject_all()

    def close(self) -> None:
        """End what `open` began."""
        for watch in self._watches:
            watch.cancel()
