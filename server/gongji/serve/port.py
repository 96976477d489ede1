"""The port: gRPC's own server with health, reflection and limits.

It hands bytes to methods and knows none of them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

import grpc
from grpc_health.v1 import health

from gongji.rpc.method import Method, Services
from gongji.serve import descriptors
from gongji.serve.authentication import Authenticator
from gongji.serve.entrance import Entrance, Handlers
from gongji.serve.health import HEALTH_LIMITS, Health
from gongji.serve.listening import host_and_port
from gongji.serve.metrics.calls import UnknownMethods, watch_callers, watch_methods
from gongji.serve.parting import part
from gongji.serve.reflection import reflection_of
from gongji.serve.shares import MAX_STREAMS, Shares
from gongji.serve.tls import ServerTls
from gongji.serve.watched import WatchedFiles, watch

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024

GRACE_S: Final = 5.0
"""Seconds in which calls in flight may finish once the port stops."""

REJECTING_S: Final = 0.25
"""Seconds in which calls are rejected as UNAVAILABLE before the port closes."""

WRITING_S: Final = 0.05
"""Seconds in which gRPC writes what has been answered."""

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
    ("grpc.max_connection_idle_ms", 10 * 60_000),
    # A connection that says nothing at all.
    ("grpc.server_handshake_timeout_ms", 20_000),
    # The longest token and, in base64, the longest subject together.
    ("grpc.max_metadata_size", 16 * 1024),
    # Measured with 15,000 calls a second begun and reset at once: 100 streams a
    # connection leave another caller 931 answers in 5 s, 256 leave 36, no bound 7.
    ("grpc.max_concurrent_streams", 100),
    # Above these gRPC drops calls not yet begun at random, without saying when to try
    # again; far above, calls begun and reset fill the memory (100,000: 914 MB).
    ("grpc.server.max_pending_requests", 4096),
    ("grpc.server.max_pending_requests_hard_limit", 8192),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortOptions:
    """How a port is kept.

    With TLS, callers show certificates if `tls` names their roots; at `token_address`
    they never do. A `shared` port is held by a parent process. Of one that is `counted`
    the callers are shown in the metrics by name.
    """

    tls: ServerTls | None = None
    token_address: str = ""
    shared: bool = False
    reflection: bool = True
    counted: bool = True

    @property
    def watched(self) -> Sequence[WatchedFiles[Any]]:
        """The files of its TLS."""
        return [self.tls.watched] if self.tls else []


PLAIN: Final = PortOptions()


class Port(Protocol):
    """Where callers reach the service: started once, then stopped once."""

    @property
    def address(self) -> str:
        """`host:port`, the port never 0."""

    async def start(self) -> None:
        """Begin to answer and report SERVING. OSError if the port cannot be had."""

    async def keep(self) -> None:
        """Keep it open, for ever; to be done while it is. OSError if that cannot be."""

    async def stop(self) -> None:
        """Report NOT_SERVING, take no new calls, let those in flight finish in `GRACE_S`."""


class OpenPort:
    """A port of this very process; see `Port`."""

    def __init__(
        self,
        services: Services,
        address: str,
        authenticator: Authenticator,
        options: PortOptions = PLAIN,
    ) -> None:
        """Bind the address, port 0 standing for any free one. OSError; ValueError.

        To be called inside the loop that will run it. A second server on a port is an
        error, never a silent sharer, unless both are `shared`: whoever asks for that
        holds the port.
        """
        own = (
            ("grpc.so_reuseport", int(options.shared)),
            ("grpc.max_allowed_incoming_connections", descriptors.most_connections()),
        )
        self._server = grpc.aio.server(options=(*OPTIONS, *own))
        self._ports: set[int] = set()
        tls = options.tls
        self.address = self._listen(address, tls.credentials() if tls else None)
        if options.token_address and tls:
            self._listen(options.token_address, tls.credentials(callers=False))
        self._entrances = _Entrances(services, authenticator, options)
        self._watched = [*authenticator.watched, *options.watched]
        self._server.add_generic_rpc_handlers(self._entrances.handlers)

    def _listen(self, address: str, tls: grpc.ServerCredentials | None) -> str:
        """Bind an address; return it with its port. OSError; ValueError."""
        host_and_port(address)
        host, _, _ = address.rpartition(":")
        try:
            if tls is None:
                port = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, tls)
        except RuntimeError as fault:
            message = f"无法监听 {address}：端口被占用，或地址不在本机"
            raise OSError(message) from fault
        self._ports.add(port)
        return f"{host}:{port}"

    async def start(self) -> None:
        """Begin to answer and report SERVING."""
        await self._server.start()
        self._entrances.open(self._watched)

    async def keep(self) -> None:
        """Do nothing, for ever: it goes with this process."""
        await asyncio.get_running_loop().create_future()

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Report NOT_SERVING, take no new calls, let those in flight finish in `grace_s`."""
        self._entrances.reject_all()
        await asyncio.sleep(min(REJECTING_S, grace_s))
        await self._entrances.finish(grace_s)
        # What was answered last is still to be written.
        await asyncio.sleep(min(WRITING_S, grace_s))
        part(self._ports)
        await self._server.stop(0)
        self._entrances.close()


def _methods_of(services: Services, *, reflection: bool) -> list[Method]:
    """Return the methods of services, with reflection of them if it is asked for."""
    described = [*services.services, health.SERVICE_NAME]
    described_by = [reflection_of(described)] if reflection else []
    return [*services.methods.values(), *described_by]


def _shares(authenticator: Authenticator, count: descriptors.DescriptorCount) -> Shares:
    most = descriptors.most_streams(MAX_STREAMS)
    return Shares(authenticator.limits, most_streams=most, descriptors=count)


def _health_shares() -> Shares:
    return Shares(lambda _: HEALTH_LIMITS, most_calls=256, most_streams=256)


class _Entrances:
    """The entrance of the methods, and that of health."""

    def __init__(
        self,
        services: Services,
        authenticator: Authenticator,
        options: PortOptions,
    ) -> None:
        methods = _methods_of(services, reflection=options.reflection)
        self._tls = options.tls
        self._descriptors = descriptors.DescriptorCount()
        self.shares = _shares(authenticator, self._descriptors)
        entrance = Entrance(authenticator, self.shares)
        # Places of its own: whoever watches over the server finds some whatever comes.
        self._health = Health(services)
        self._health_shares = _health_shares()
        of_health = Entrance(authenticator, self._health_shares, anonymous=True)
        watch_methods((*methods, *self._health.methods()))
        if options.counted:
            watch_callers(authenticator.policy_of, self._in_flight)
        self._methods = Handlers(methods, entrance)
        watchers = Handlers(self._health.methods(), of_health)
        self.handlers = (self._methods, watchers, UnknownMethods())
        self._entrances = (entrance, of_health)
        self._watches: list[asyncio.Future[None]] = []

    def _in_flight(self) -> Counter[str]:
        """Return how many calls each caller has under way, of health too; 0 if it had some."""
        under_way = Counter(self.shares.in_flight())
        under_way.update(self._health_shares.in_flight())
        return under_way

    def open(self, watched: Sequence[WatchedFiles[Any]]) -> None:
        """Begin to end calls whose callers stall, or are no longer admitted."""
        watches = [shares.watch() for shares in (self.shares, self._health_shares)]
        watches.append(watch(watched, self._judge_again))
        watches.append(self._descriptors.watch())
        if self._tls:
            watches.append(self._tls.watch_expiry())
        self._watches = [asyncio.ensure_future(one) for one in watches]

    async def _judge_again(self) -> None:
        for entrance in self._entrances:
            await entrance.judge_again()

    def reject_all(self) -> None:
        """Report NOT_SERVING, and reject every call from now on but those of health."""
        self._health.stop()
        self._methods.reject_all()

    async def finish(self, grace_s: float) -> None:
        """Wait for the calls that are under way now, so many seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._entrances[0].finished()

    def close(self) -> None:
        """End what `open` began."""
        for task in self._watches:
            task.cancel()
