"""The port: gRPC's own server with health, reflection and limits.

It hands bytes to methods and knows none of them.
"""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Protocol, TypeAlias

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gongji.access.identity import ANYBODY, CallerIdentity
from gongji.model.refusals import CredentialInvalid, Refusal, StoreUnavailable
from gongji.rpc.method import Answers, Calling, Ending, Method, Services
from gongji.rpc.outcome import Outcomes
from gongji.rpc.status import Status
from gongji.serve.authentication import SAYS_WHO, Authenticator

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024

MAX_CALLS: Final = 4096
"""Calls in flight at once; one more is RESOURCE_EXHAUSTED."""

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

_STOPPING: Final = Status(grpc.StatusCode.UNAVAILABLE, "", "服务正在停止", ())

_NO_SUCH_HEALTH: Final = Status(
    grpc.StatusCode.NOT_FOUND, "", "健康检查不知道这个名称", ()
)

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic in its stubs only


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
        self._server = grpc.aio.server(
            options=options, maximum_concurrent_rpcs=MAX_CALLS
        )
        host, _, _ = address.rpartition(":")
        try:
            self.port = self._server.add_insecure_port(address)
        except RuntimeError as fault:
            message = f"无法监听 {address}: 端口被占用, 或地址不在本机"
            raise OSError(message) from fault
        self.address = f"{host}:{self.port}"
        self._health = _Health(services.healthy, ping)
        self._handlers = Handlers(services.methods.values(), authenticator)
        self._server.add_generic_rpc_handlers((self._handlers,))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        described = [*services.services, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(described, self._server)

    async def start(self) -> None:
        """Begin to answer and report SERVING."""
        await self._server.start()
        await self._health.enter()

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Report NOT_SERVING, take no new calls, let those in flight finish in `grace_s`."""
        await self._health.leave()
        self._handlers.reject_all()
        await asyncio.sleep(min(REJECTING_S, grace_s))
        await self._server.stop(grace_s)


class Handlers(grpc.GenericRpcHandler):
    """Methods as gRPC takes them, without deserializers: they get the bytes as they came."""

    # grpc.aio answers bytes it cannot parse itself with UNKNOWN.

    def __init__(self, methods: Iterable[Method], authenticator: Authenticator) -> None:
        self._enter = _Entrance(authenticator)
        self._handlers = {
            method.path: _handler(method, self._enter) for method in methods
        }

    def reject_all(self) -> None:
        """Reject every call from now on."""
        outcomes = Outcomes()
        self._handlers = {
            path: _handler(_rejecting(path, outcomes), self._enter)
            for path in self._handlers
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Return the handler of a path, None if there is no such method."""
        return self._handlers.get(handler_call_details.method)


def _rejecting(path: str, outcomes: Outcomes) -> Method:
    """Return a method that rejects its calls, whether they stream or not."""

    async def answer(_: object, calling: Calling) -> Status:
        refusal = StoreUnavailable(
            "服务正在停止, 未写入任何内容, 请稍后用同一请求编号重试。"
        )
        return outcomes.reject(path, calling.identity, refusal)

    return Method(path, streams_in=True, streams_out=True, answer=answer)


class _Entrance:
    """Where each call is asked who makes it, before its request is read."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._outcomes = Outcomes()

    def call(self, path: str, context: Any) -> _GrpcCall | Status:
        """Return the call of a context; the status of one that nobody may make."""
        try:
            metadata = _metadata(context.invocation_metadata() or ())
            identity = self._authenticator.identify(metadata, context.auth_context())
        except Refusal as refusal:
            return self._outcomes.reject(path, ANYBODY, refusal)
        return _GrpcCall(context, identity)


def _metadata(entries: Sequence[tuple[str, str | bytes]]) -> dict[str, str | bytes]:
    """Return a call's metadata by key. CredentialInvalid if who calls is said twice."""
    by_key = dict(entries)
    if len(by_key) < len(entries):
        # A proxy may have judged the one, and we would believe the other.
        counts = Counter(key for key, _ in entries)
        for key, count in counts.items():
            if count > 1 and key.startswith(SAYS_WHO):
                raise CredentialInvalid(f"元数据 {key} 只能有一个")
    return by_key


def _handler(method: Method, entrance: _Entrance) -> Handler:
    if method.streams_out:
        behaviour = _behaviour(method.path, method.answer, entrance)
        return grpc.stream_stream_rpc_method_handler(behaviour)
    if method.streams_in:
        complete = _with_complete_requests(method.answer)
        behaviour = _behaviour(method.path, complete, entrance)
        return grpc.stream_unary_rpc_method_handler(behaviour)
    behaviour = _behaviour(method.path, method.answer, entrance)
    return grpc.unary_unary_rpc_method_handler(behaviour)


def _behaviour(path: str, answer: Answers, entrance: _Entrance) -> Any:
    """Return an answer as gRPC calls it."""

    # gRPC ignores what is returned if replies stream.
    async def call(raw: Any, context: Any) -> bytes:
        entered = entrance.call(path, context)
        ended = entered if isinstance(entered, Status) else await answer(raw, entered)
        if isinstance(ended, bytes):
            return ended
        _end(context, ended)
        return b""

    return call


def _end(context: Any, status: Status) -> None:
    """Have gRPC end a call with a status once its behaviour returns."""
    # Not `abort`: the error it raises and the call hold each other, and the request.
    context.set_code(status.code)
    context.set_details(status.message)
    context.set_trailing_metadata(status.trailing)


def _with_complete_requests(answer: Answers) -> Answers:
    """Return the same answer, cancelled if the caller goes before the last request."""

    async def answer_complete(raw: AsyncIterator[bytes], call: _GrpcCall) -> Ending:
        requests = _CompleteRequests(raw, call)
        try:
            return await answer(requests.all(), call)
        finally:
            await requests.wait_sent()

    return answer_complete


class _CompleteRequests:
    """The requests of a call that counts only if they have all come."""

    # grpc.aio ends the iterator in the same way if the caller has sent them all and if
    # it has gone, and cancels the call later, when a handler may have taken a part for
    # the whole. Sending the caller its initial metadata first fails if it has gone.

    def __init__(self, raw: AsyncIterator[bytes], call: _GrpcCall) -> None:
        self._raw = raw
        self._call = call
        self._sending: asyncio.Future[bool] | None = None

    async def all(self) -> AsyncIterator[bytes]:
        """Yield the requests as they come. CancelledError if the caller goes before the end."""
        async for request in self._raw:
            yield request
        self._sending = asyncio.ensure_future(self._caller_is_there())
        if not await asyncio.shield(self._sending):
            raise asyncio.CancelledError

    async def _caller_is_there(self) -> bool:
        """Return whether the initial metadata reach the caller."""
        # It raises nothing: nobody may be left to hear of it, and asyncio would log that.
        try:
            await self._call.send_metadata()
        except grpc.aio.BaseError:
            return False
        return True

    async def wait_sent(self) -> None:
        """Wait until no metadata is being sent: gRPC sends one thing at a time."""
        if self._sending is not None:
            await asyncio.wait((self._sending,))


class _GrpcCall:
    """A call that gRPC carries; see `method.Writing`."""

    def __init__(self, context: Any, identity: CallerIdentity) -> None:
        self._context = context
        self.remaining_s: float | None = context.time_remaining()
        self.identity = identity

    async def send_metadata(self) -> None:
        """Send the initial metadata, empty. grpc.aio.BaseError if the caller has gone."""
        await self._context.send_initial_metadata(())

    async def write(self, reply: bytes) -> None:
        """Send one of several replies."""
        await self._context.write(reply)


class _Health(health.aio.HealthServicer):
    """Health of the server, its services and its cities."""

    def __init__(
        self, names: Iterable[str], ping: Callable[[], Awaitable[None]] | None
    ) -> None:
        super().__init__()
        # The empty name stands for the server as a whole.
        self._names = {health.OVERALL_HEALTH, *names}
        self._ping = ping
        self._watches: set[asyncio.Task[Any]] = set()

    async def Check(
        self, request: health_pb2.HealthCheckRequest, context: Any
    ) -> health_pb2.HealthCheckResponse:
        """Return the health now; no answer while calls get none either."""
        if self._ping:
            await self._ping()
        if request.service not in self._names:
            _end(context, _NO_SUCH_HEALTH)
            return health_pb2.HealthCheckResponse()
        reply: health_pb2.HealthCheckResponse = await super().Check(request, context)
        return reply

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:
        """Report each change until the server stops, then end as UNAVAILABLE."""
        # A task of its own, to be cancelled: a watcher would hold up the stop.
        watch = asyncio.ensure_future(super().Watch(request, context))
        self._watches.add(watch)
        try:
            await asyncio.wait([watch])
        finally:
            self._watches.discard(watch)
            watch.cancel()
        _end(context, _STOPPING)

    async def enter(self) -> None:
        """Report SERVING for each name."""
        for name in self._names:
            await self.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def leave(self) -> None:
        """Report NOT_SERVING for good, then end every watch."""
        await self.enter_graceful_shutdown()
        await asyncio.sleep(0)  # lets the watchers write the change
        for watch in list(self._watches):
            watch.cancel()
