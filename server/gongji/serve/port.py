"""The port: gRPC's own server with health, reflection and limits; it hands bytes to
methods and knows none of them."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Final, NoReturn, Protocol, TypeAlias

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gongji.model.refusals import StoreUnavailable
from gongji.rpc.method import CALLER_KEY, Answers, CallFailed, Calling, Method, Services
from gongji.rpc.outcome import Outcomes

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024

MAX_CALLS: Final = 4096
"""Calls in flight at once; one more is RESOURCE_EXHAUSTED."""

GRACE_S: Final = 5.0
"""How long calls in flight may finish once the end has come, in seconds."""

LEAVING_S: Final = 0.25
"""How long calls are turned away, in seconds, before the port closes.

gRPC ends those that arrive while it closes as CANCELLED, which nobody tries again:
whoever is in the midst of calling is told before.
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
    # Above some thousand calls not yet taken up gRPC drops some at random, without a
    # word when to come again.
    ("grpc.server.max_pending_requests", 100_000),
    ("grpc.server.max_pending_requests_hard_limit", 200_000),
)

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic in its stubs only


class Port(Protocol):
    """Where callers reach us: `start`, then `stop`. OSError, at `start` at last, where
    the port is not ours to have."""

    @property
    def address(self) -> str:
        """`host:port`, the port never 0."""

    async def start(self) -> None:
        """Begins to answer, and says so."""

    async def stop(self) -> None:
        """Says NOT_SERVING, takes no new calls, lets those in flight finish within `GRACE_S`."""


class OpenPort:
    """A port of this very process; see `Port`."""

    def __init__(
        self,
        offer: Services,
        address: str,
        *,
        shared: bool = False,
        alive: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Binds it, inside the loop that will run it; 0 stands for any free one.
        OSError where that cannot be.

        A second server on a port is such an error, never a silent sharer, unless both
        are `shared`: who asks for that has the port to himself. Where others answer the
        calls, health is told once these are `alive`.
        """
        options = (*OPTIONS, ("grpc.so_reuseport", int(shared)))
        self._server = grpc.aio.server(
            options=options, maximum_concurrent_rpcs=MAX_CALLS
        )
        host, _, _ = address.rpartition(":")
        try:
            self.port = self._server.add_insecure_port(address)
        except RuntimeError as taken:
            msg = f"无法监听 {address}: 端口被占用, 或地址不在本机"
            raise OSError(msg) from taken
        self.address = f"{host}:{self.port}"
        self._health = _Health(offer.healthy, alive)
        self._handlers = Handlers(offer.methods.values())
        self._server.add_generic_rpc_handlers((self._handlers,))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        described = [*offer.services, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(described, self._server)

    async def start(self) -> None:
        """Begins to answer, and says so."""
        await self._server.start()
        await self._health.enter()

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Says NOT_SERVING, takes no new calls, lets those in flight finish within
        `grace_s` seconds."""
        await self._health.leave()
        self._handlers.leave()
        await asyncio.sleep(min(LEAVING_S, grace_s))
        await self._server.stop(grace_s)


class Handlers(grpc.GenericRpcHandler):
    """Methods as gRPC takes them: without a deserializer they get the bytes as they came.

    grpc.aio answers bytes it cannot parse itself with UNKNOWN.
    """

    def __init__(self, methods: Iterable[Method]) -> None:
        self._handlers = {method.path: _handler(method) for method in methods}

    def leave(self) -> None:
        """From now on every call is turned away."""
        ends = Outcomes()
        self._handlers = {
            path: _handler(_leaving(path, ends)) for path in self._handlers
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """The handler of a path, None where nobody declares it."""
        return self._handlers.get(handler_call_details.method)


def _leaving(path: str, ends: Outcomes) -> Method:
    """What is left of a method, whatever streams."""

    async def answer(_: object, calling: Calling) -> NoReturn:
        refusal = StoreUnavailable(
            "服务正在停止, 未写入任何内容, 请稍后用同一请求编号重试。"
        )
        raise ends.unread(path, calling, refusal)

    return Method(path, streams_in=True, streams_out=True, answer=answer)


def _handler(method: Method) -> Handler:
    if method.streams_out:
        return grpc.stream_stream_rpc_method_handler(_behaviour(method.answer))
    if method.streams_in:
        return grpc.stream_unary_rpc_method_handler(
            _behaviour(_once_whole(method.answer))
        )
    return grpc.unary_unary_rpc_method_handler(_behaviour(method.answer))


def _behaviour(answer: Answers) -> Any:
    """An answer as gRPC takes it; of a call with several replies what is returned means nothing."""

    async def call(raw: Any, context: Any) -> bytes:
        try:
            return await answer(raw, _Carried(context))
        except CallFailed as ended:
            await context.abort(
                ended.status.code, ended.status.message, ended.status.trailing
            )
            raise AssertionError from ended  # abort never returns

    return call


def _once_whole(answer: Answers) -> Answers:
    """The same, of requests that count once they have all come."""

    async def whole(raw: AsyncIterator[bytes], carried: _Carried) -> bytes:
        requests = _Whole(raw, carried)
        try:
            return await answer(requests.all(), carried)
        finally:
            await requests.said()

    return whole


class _Whole:
    """The requests of a call that is answered once they have all come: a caller who
    goes away has not sent them all.

    grpc.aio ends the requests in the same way whether the caller says that they are all
    or goes away, and tells of his going later, when a handler may have taken a part for
    the whole. Saying something to him first fails if he went.
    """

    def __init__(self, raw: AsyncIterator[bytes], carried: _Carried) -> None:
        self._raw = raw
        self._carried = carried
        self._saying: asyncio.Future[None] | None = None

    async def all(self) -> AsyncIterator[bytes]:
        """The requests as they come. CancelledError where the caller has gone before their end."""
        async for one in self._raw:
            yield one
        self._saying = asyncio.ensure_future(self._carried.greet())
        try:
            await asyncio.shield(self._saying)
        except grpc.aio.BaseError as gone:
            raise asyncio.CancelledError from gone

    async def said(self) -> None:
        """Waits until nothing is being said to the caller any more: gRPC says one thing
        at a time."""
        if self._saying is not None:
            await asyncio.wait((self._saying,))


class _Carried:
    """A call gRPC carries; see `calls.Writing`."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self.remaining_s: float | None = context.time_remaining()
        self.caller: str | None = None
        for key, value in context.invocation_metadata() or ():
            if key == CALLER_KEY:
                self.caller = value if isinstance(value, str) else ""
                break

    async def greet(self) -> None:
        """Says something that is no reply."""
        await self._context.send_initial_metadata(())

    async def write(self, reply: bytes) -> None:
        """Sends one of several replies."""
        await self._context.write(reply)


class _Health(health.aio.HealthServicer):
    """Health of the server, its services and its cities; watchers are told of the end
    and let go."""

    def __init__(
        self, names: Iterable[str], alive: Callable[[], Awaitable[None]] | None
    ) -> None:
        super().__init__()
        self._names = names
        self._alive = alive
        self._watches: set[asyncio.Task[Any]] = set()

    async def Check(
        self, request: health_pb2.HealthCheckRequest, context: Any
    ) -> health_pb2.HealthCheckResponse:
        """How it is now; no answer while calls get none either."""
        if self._alive:
            await self._alive()
        reply: health_pb2.HealthCheckResponse = await super().Check(request, context)
        return reply

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:
        """Tells each change. UNAVAILABLE when the server leaves: otherwise a watcher
        would hold up the stop."""
        watch = asyncio.ensure_future(super().Watch(request, context))
        self._watches.add(watch)
        try:
            await asyncio.wait([watch])
        finally:
            self._watches.discard(watch)
            watch.cancel()
        await context.abort(grpc.StatusCode.UNAVAILABLE, "服务正在停止")

    async def enter(self) -> None:
        """SERVING, service by service and city by city."""
        for name in self._names:
            await self.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def leave(self) -> None:
        """NOT_SERVING for good; then every watch ends."""
        await self.enter_graceful_shutdown()
        await asyncio.sleep(0)  # lets the watchers write the news
        for watch in list(self._watches):
            watch.cancel()
