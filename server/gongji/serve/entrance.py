"""Where calls come in: who calls, within which share, and then the request is read."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Any, Final, TypeAlias

import grpc
from msgspec.structs import replace

from gongji.access.callers import Caller
from gongji.access.identity import ANYBODY, CallerIdentity
from gongji.model.refusals import (
    CallerOverLimit,
    CredentialExpired,
    CredentialInvalid,
    CredentialRevoked,
    Exhausted,
    Overloaded,
    Refusal,
    StoreUnavailable,
)
from gongji.rpc import status
from gongji.rpc.method import Calling, Ending, Method
from gongji.rpc.origin import FAULT_KEY, NOWHERE, CallOrigin, origin_of
from gongji.rpc.outcome import Call, Outcomes
from gongji.rpc.status import Status
from gongji.rpc.watching import call_watch
from gongji.serve.authentication import SAYS_WHO, Authenticator
from gongji.serve.metrics.calls import CallMeter, MethodMetrics
from gongji.serve.requests import CompleteRequests, RefusedStreams, RequestReader
from gongji.serve.shares import PAUSE_S, READ_S, Lease, Share, Shares

_STOPPING: Final = "服务正在停止，未写入任何内容，请稍后用同一请求编号重试。"

_LOOK_S: Final = 0.01
"""Seconds between two looks whether calls have ended."""

_AT_ONCE: Final = 256
"""Calls judged again before others have their turn; about 2 ms."""

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic in its stubs only


class Handlers(grpc.GenericRpcHandler):
    """Methods as gRPC takes them, without deserializers: they get the bytes as they came."""

    # grpc.aio answers bytes it cannot parse itself with UNKNOWN.

    def __init__(self, methods: Iterable[Method], entrance: Entrance) -> None:
        self._entrance = entrance
        self._handlers = {method.path: _handler(method, entrance) for method in methods}

    def reject_all(self) -> None:
        """Reject every call from now on."""
        outcomes = Outcomes()
        self._handlers = {
            path: _handler(_rejecting(path, outcomes), self._entrance)
            for path in self._handlers
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Return the handler of a path, None if there is no such method."""
        return self._handlers.get(handler_call_details.method)


def _rejecting(path: str, outcomes: Outcomes) -> Method:
    """Return a method that rejects its calls, whether they stream or not."""

    async def answer(_: object, calling: Calling) -> Status:
        refusal = StoreUnavailable(_STOPPING)
        return outcomes.reject(path, calling, refusal)

    return Method(path, streams_in=True, streams_out=True, answer=answer)


def _handler(method: Method, entrance: Entrance) -> Handler:
    counted = MethodMetrics(method.path)

    # Requests stream as far as gRPC is concerned: of a plain call it would read the
    # request before anybody is asked, and wait for it for ever.
    async def call(_: object, context: Any) -> bytes:
        meter = CallMeter(counted)
        reader = RequestReader(context)
        try:
            return await _ended(method, context, entrance, reader, meter)
        except grpc.aio.AbortError as aborted:
            # gRPC raises it again by itself. The call holds it, and its traceback would
            # hold this frame, and that the call: memory until cycles are collected.
            aborted.__traceback__ = None
        except grpc.aio.BaseError:
            # The caller has gone, and gRPC would log that it could not be told.
            return b""
        finally:
            reader.close()
            meter.received = reader.received
            meter.ended()
        return b""

    if method.streams_out:
        return grpc.stream_stream_rpc_method_handler(call)
    return grpc.stream_unary_rpc_method_handler(call)


async def _ended(
    method: Method,
    context: Any,
    entrance: Entrance,
    reader: RequestReader,
    meter: CallMeter,
) -> bytes:
    """Return the reply of a call that ends well. grpc.aio.AbortError if it does not."""
    origin = origin_of(context.peer(), context.invocation_metadata() or ())
    ended = await entrance.answer(method, context, origin, reader, meter)
    meter.status = _status_of(ended)
    trailing = origin.trailing()
    if isinstance(ended, bytes):
        context.set_trailing_metadata(trailing)
        # gRPC ignores what is returned if replies stream.
        meter.sent += len(ended)
        return ended
    if method.streams_in:
        await entrance.refused.read_on(reader)
    await context.abort(ended.code, ended.message, ended.trailing + trailing)
    return b""


class Entrance:
    """Admits each call before its request is read, and ends it if its caller stalls."""

    def __init__(
        self, authenticator: Authenticator, shares: Shares, *, anonymous: bool = False
    ) -> None:
        """Admit whom the authenticator knows; others, by their connection, to health.

        `anonymous` says that this is the entrance of health.
        """
        self._authenticator = authenticator
        self._shares = shares
        self._anonymous = anonymous
        self._outcomes = Outcomes()
        self._under_way: dict[_GrpcCall, None] = {}
        self.refused = RefusedStreams()

    async def answer(
        self,
        method: Method,
        context: Any,
        origin: CallOrigin,
        reader: RequestReader,
        meter: CallMeter,
    ) -> Ending:
        """Return how a call ends."""
        try:
            identity = self._identity(context)
        except Refusal as refusal:
            stranger = _Stranger(origin)
            return self._outcomes.reject(method.path, stranger, refusal)
        name = identity.caller
        share = self._shares.of(context.peer() if identity is ANYBODY else name)
        try:
            streams = method.streams_in or method.streams_out
            lease = self._shares.enter(share, stream=streams)
        except Exhausted as refusal:
            return await self._turned_away(share, refusal)
        now = self._shares.now
        call = _GrpcCall(context, identity, lease, now, reader=reader, meter=meter)
        if identity.address:
            origin = replace(origin, peer=identity.address)
        call.origin = origin
        call.policy = self._authenticator.policy_of(name)
        call.endless = method.endless
        return await self._answer(method, call)

    async def _answer(self, method: Method, call: _GrpcCall) -> Ending:
        """Return how an admitted call ends."""
        self._under_way[call] = None
        try:
            return await _answered(method, call)
        except Exhausted as refusal:
            return await self._turned_away(call.lease.share, refusal)
        except asyncio.CancelledError:
            if not (call.lease.overdue or call.withdrawn):
                raise
            # Cancelled by nobody but ourselves.
            call.lease.task.uncancel()
        finally:
            del self._under_way[call]
        if call.withdrawn:
            return self._outcomes.reject(method.path, call, call.withdrawn)
        return self._outcomes.timed_out(
            Call(method.path[1:], perf_counter(), call.identity.caller, call.origin)
        )

    async def finished(self) -> None:
        """Wait until the calls that are under way now have ended; end what would not."""
        calls = list(self._under_way)
        for call in calls:
            if call.endless and call.withdrawn is None:
                call.withdrawn = StoreUnavailable(_STOPPING)
                call.lease.task.cancel()
        while any(call in self._under_way for call in calls):  # noqa: ASYNC110 - rare
            await asyncio.sleep(_LOOK_S)
        await self.refused.finished()

    async def judge_again(self) -> None:
        """End the calls under way whose callers are no longer admitted."""
        for number, call in enumerate(list(self._under_way)):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
            if call.withdrawn is None and call in self._under_way:
                call.withdrawn = self._withdrawal(call)
                if call.withdrawn:
                    call.lease.task.cancel()

    def _withdrawal(self, call: _GrpcCall) -> Refusal | None:
        """Return why the caller of a call is no longer admitted; None if it is."""
        # By the same evidence, in the same way: there is no second judgement.
        try:
            again = self._identity(call.context)
        except CredentialExpired as refusal:
            return refusal
        except Refusal as refusal:
            return CredentialRevoked(f"凭据已被收回：{refusal.message}")
        if again.caller != call.identity.caller:
            return CredentialRevoked("凭据已被收回：它现在属于另一调用方")
        # Streams keep what they were permitted at their beginning.
        policy = self._authenticator.policy_of(again.caller)
        if call.policy and policy and not policy.keeps(call.policy):
            return CredentialRevoked("策略已收窄调用方的权限：请重新发起这一调用")
        return None

    def _identity(self, context: Any) -> CallerIdentity:
        """Return who calls. Unauthenticated; MalformedField."""
        try:
            metadata = _metadata(context.invocation_metadata() or ())
            return self._authenticator.identify(metadata, context.auth_context())
        except Refusal:
            if self._anonymous and self._authenticator.health_for_anybody:
                return ANYBODY
            raise

    async def _turned_away(self, share: Share, refusal: Exhausted) -> Status:
        """Return the status of a call beyond a share, if need be not at once."""
        now = self._shares.now()
        share.refused(now)
        call_watch.watcher.refused(refusal.reason(), "")
        retry_ms = share.retries.wait_ms(now * 1000)
        if share.hold_back(now):
            share.held += 1
            try:
                await asyncio.sleep(retry_ms / 1000)
            finally:
                share.held -= 1
        caller = isinstance(refusal, CallerOverLimit)
        return _over_limit(refusal.message, retry_ms, caller=caller)


def _metadata(entries: Sequence[tuple[str, str | bytes]]) -> dict[str, str | bytes]:
    """Return a call's metadata by key. CredentialInvalid if who calls is said twice."""
    by_key = dict(entries)
    if len(by_key) < len(entries):
        # A proxy may have judged the one, and we would believe the other.
        counts = Counter(key for key, _ in entries)
        for key, count in counts.items():
            if count > 1 and key.startswith(SAYS_WHO) and key != FAULT_KEY:
                raise CredentialInvalid(f"元数据 {key} 只能有一个")
    return by_key


def _status_of(ended: Ending) -> str:
    return "OK" if isinstance(ended, bytes) else ended.code.name


@lru_cache(4096)
def _over_limit(message: str, retry_ms: int, *, caller: bool) -> Status:
    # Measured: making it anew is the greater part of refusing a call.
    kind = CallerOverLimit if caller else Overloaded
    return status.of_refusal(kind(message), retry_ms)


async def _answered(method: Method, call: _GrpcCall) -> Ending:
    """Read what a method needs and answer it."""
    if method.streams_out:
        ended = await method.answer(call.requests(), call)
    elif method.streams_in:
        ended = await _answered_complete(method, call)
    else:
        raw = await call.read(READ_S)
        # Many may have been read at once.
        call.lease.share.check_bytes()
        ended = await method.answer(raw or b"", call)
    if not isinstance(ended, Status):
        call.lease.hold(len(ended))
    return ended


async def _answered_complete(method: Method, call: _GrpcCall) -> Ending:
    """Return an answer; cancelled if the caller goes before the last request."""
    requests = CompleteRequests(call)
    try:
        return await method.answer(requests.all(), call)
    finally:
        await requests.wait_sent()


@dataclass(frozen=True, slots=True)
class _Stranger:
    """A call of whom nobody knows; see `method.Calling`."""

    origin: CallOrigin
    identity: CallerIdentity = ANYBODY
    remaining_s: float | None = None


class _GrpcCall:
    """A call that gRPC carries; see `method.Writing`."""

    def __init__(
        self,
        context: Any,
        identity: CallerIdentity,
        lease: Lease,
        now: Callable[[], float],
        *,
        reader: RequestReader,
        meter: CallMeter,
    ) -> None:
        self.context = context
        self._reader = reader
        self._meter = meter
        self.policy: Caller | None = None
        """What the policy said of its caller when it began; None without one."""
        self.endless = False
        self.withdrawn: Refusal | None = None
        """Why its caller is no longer admitted; the call has been cancelled then."""
        self.remaining_s: float | None = context.time_remaining()
        self.identity = identity
        self.origin = NOWHERE
        self.lease = lease
        self._now = now

    async def read(self, seconds: float) -> bytes | None:
        """Return the next request, None behind the last or if the caller has gone."""
        stream = self.lease.stream
        self.lease.read_by = self._now() + seconds
        try:
            request = await (self._reader.next() if stream else self._reader.lone())
        finally:
            self.lease.read_by = None
        if request is not None and not stream:
            self.lease.hold(len(request))
            self.lease.share.volume.take(len(request))
        return request

    async def requests(self) -> AsyncIterator[bytes]:
        """Yield the requests as they come."""
        while (request := await self.read(PAUSE_S)) is not None:
            yield request

    async def send_metadata(self) -> None:
        """Send the initial metadata, empty. grpc.aio.BaseError if the caller has gone."""
        await self.context.send_initial_metadata(())

    async def write(self, reply: bytes) -> None:
        """Send one of several replies."""
        self.lease.taken_by = self._now() + PAUSE_S
        try:
            await self.context.write(reply)
            self._meter.sent += len(reply)
        finally:
            self.lease.taken_by = None
