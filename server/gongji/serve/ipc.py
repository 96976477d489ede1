"""Calls passed between two processes of one machine (IPC): frames over a wire.

Plain calls share one connection, numbered; each streaming call has a connection of its
own, and so its own pace. A process that goes away takes its calls with it: the server
cancels them, and for the client there is no more to do.
"""

# connect_ipc                                     serve_ipc
# _Client.call     ── CallRequest ─────────────▶ _Connection   the wire's `calls`
#                  ◀─ CallReply, CallFailure ───
#                  ── CallCancel ──────────────▶               the caller has gone
#
# _Client.stream   ── CallRequest ─────────────▶ _serve_stream a socket of its own
#                  ── CallChunk …, CallEnd ────▶               requests
#                  ◀─ CallChunk … ──────────────               replies that stream
#                  ◀─ CallReply, CallFailure ───               then the client closes

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from gongji.access.identity import ANYBODY, CallerIdentity
from gongji.model.refusals import Overloaded, StoreUnavailable
from gongji.rpc.method import (
    Answers,
    Calling,
    Ending,
    Method,
    Ready,
    Writing,
    always,
)
from gongji.rpc.origin import CallOrigin
from gongji.rpc.outcome import Outcomes
from gongji.rpc.status import Status
from gongji.serve.descriptors import lacking
from gongji.serve.frames import (
    CallCancel,
    CallChunk,
    CallEnd,
    CallFailure,
    CallReply,
    CallRequest,
    FrameProtocol,
    FrameStream,
    failure_frame,
    status_of,
)
from gongji.serve.shares import NO_DESCRIPTORS
from gongji.serve.turns import Turns
from gongji.serve.wire import StreamAccepter, StreamOpener, WireEnd, new_wire

_READY: Final = "ready"
"""Path of a method every server has: one byte, 1 if it is ready to serve."""

_ASKING: Final = CallRequest(0, _READY, ANYBODY, None)

MAX_PENDING_CALLS: Final = 1024
"""Plain calls under way at once; one more is rejected.

As many as may queue for the database, for there they all go. They are rejected here,
unread, because here it costs least.
"""


class MethodShape(NamedTuple):
    """A method's path, whether its requests and its replies stream, and for ever."""

    path: str
    streams_in: bool
    streams_out: bool
    endless: bool = False


def shapes_of(methods: Mapping[str, Method]) -> tuple[MethodShape, ...]:
    """Return the shapes of methods, for `connect_ipc`."""
    return tuple(
        MethodShape(method.path, method.streams_in, method.streams_out, method.endless)
        for method in methods.values()
    )


class _ForwardedStream(msgspec.Struct):
    """A streaming call as the server knows it; see `method.Writing`."""

    identity: CallerIdentity
    remaining_s: float | None
    origin: CallOrigin
    stream: FrameStream

    async def write(self, reply: bytes) -> None:
        """Send one of several replies."""
        with _cancelled_if_lost():
            await self.stream.send(CallChunk(reply))

    async def requests(self) -> AsyncIterator[bytes]:
        """Yield the requests as they arrive."""
        with _cancelled_if_lost():
            while isinstance(frame := await self.stream.receive(), CallChunk):
                yield frame.raw


@contextmanager
def _cancelled_if_lost() -> Iterator[None]:
    """Turn a lost connection into a cancelled call: its caller has gone."""
    try:
        yield
    except ConnectionError as lost:
        raise asyncio.CancelledError from lost


# --- the server -----------------------------------------------------------------------


class IpcServer:
    """Answers the calls of other processes over the wires it makes."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        self._methods = methods
        self._connected: set[FrameProtocol] = set()
        self._streaming: _Streaming = {}
        self._accepters: list[StreamAccepter] = []

    async def new_client(self) -> WireEnd:
        """Return the far end of a new wire, for `connect_ipc`. OSError."""
        near, far = new_wire()
        connection = _Connection(self._methods, self._connected, self._streaming)
        # Those of processes that are gone have closed.
        self._accepters = [one for one in self._accepters if one.is_open]
        self._accepters.append(StreamAccepter(near.openings, self._serve_stream))
        await near.attach(connection.protocol)
        return far

    async def _serve_stream(self, stream: FrameStream) -> None:
        await _serve_stream(self._methods, stream, self._streaming)

    def close(self) -> None:
        """Close every wire."""
        for accepter in self._accepters:
            accepter.close()
        for protocol in list(self._connected):
            protocol.close()


@asynccontextmanager
async def serve_ipc(
    methods: Mapping[str, Method], ready: Ready = always
) -> AsyncIterator[IpcServer]:
    """Answer calls until the end, of whoever has a wire."""

    async def answer_ready(raw: bytes, calling: Calling) -> bytes:
        del raw, calling
        return bytes([await ready()])

    asked = Method(_READY, streams_in=False, streams_out=False, answer=answer_ready)
    with closing(IpcServer({**methods, _READY: asked})) as server:
        yield server


class _Connection:
    """The plain calls of one connection, which is in `connected` until it is lost."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        connected: set[FrameProtocol],
        streaming: _Streaming,
    ) -> None:
        self._methods = methods
        self._connected = connected
        self._streaming = streaming
        self._calls: dict[int, asyncio.Task[None]] = {}
        self.protocol = FrameProtocol(self._on_frame, self._on_lost)
        connected.add(self.protocol)

    def _on_frame(self, frame: CallRequest | CallCancel) -> None:
        # hot path: one task a call, nothing more.
        if isinstance(frame, CallRequest):
            task = asyncio.get_running_loop().create_task(self._serve(frame))
            self._calls[frame.number] = task
            # Not the last step of `_serve`: a call cancelled before it began has none.
            task.add_done_callback(partial(self._forget, frame.number))
        elif call := self._calls.get(frame.number) or self._streaming.get(frame.number):
            call.cancel()

    def _forget(self, number: int, _: asyncio.Task[None]) -> None:
        del self._calls[number]

    async def _serve(self, request: CallRequest) -> None:
        method = self._methods[request.path]
        self.protocol.send(await _outcome(method, request, request.raw, request))

    def _on_lost(self) -> None:
        self._connected.discard(self.protocol)
        for call in self._calls.values():
            call.cancel()


_Streaming: TypeAlias = dict[int, "asyncio.Task[Any]"]
"""The streaming calls being answered, by number."""


async def _serve_stream(
    methods: Mapping[str, Method], stream: FrameStream, streaming: _Streaming
) -> None:
    """Answer one streaming call; the client closes the connection."""
    try:
        # A caller that has gone ends the call as cancelled.
        with suppress(ConnectionError, asyncio.CancelledError):
            request = await stream.receive()
            # Cancelled by number: of a connection that is not read just now nobody hears
            # that it has been closed, and the work would go on to its end.
            task = asyncio.current_task()
            if task is not None:
                streaming[request.number] = task
                task.add_done_callback(lambda _: streaming.pop(request.number, None))
            calling = _ForwardedStream(
                request.identity, request.remaining_s, request.origin, stream
            )
            method = methods[request.path]
            requests = calling.requests()
            await stream.send(await _outcome(method, request, requests, calling))
            # Closing here while requests are unread would discard the reply.
            await stream.wait_closed_by_peer()
    finally:
        stream.close()


async def _outcome(
    method: Method, request: CallRequest, raw: Any, calling: Calling
) -> CallReply | CallFailure:
    """Answer a call; return the frame that ends it."""
    ended = await method.answer(raw, calling)
    if isinstance(ended, Status):
        return failure_frame(request.number, ended)
    return CallReply(request.number, ended)


# --- the client -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RemoteMethods:
    """Methods by path that pass their calls to the server.

    `ready` tells whether the server is, however many calls are pending; it returns
    once that answers.
    """

    methods: Mapping[str, Method]
    ready: Ready


async def connect_ipc(
    wire: WireEnd, shapes: Iterable[MethodShape], on_lost: Callable[[], None]
) -> RemoteMethods:
    """Return the methods of the server at the other end of a wire.

    `on_lost` is called once when the server, or the wire, is lost.
    """
    client = _Client(wire, on_lost)
    await wire.attach(client.protocol)
    methods = {
        shape.path: Method(
            shape.path,
            shape.streams_in,
            shape.streams_out,
            client.stream(shape.path) if shape.streams_in else client.call(shape.path),
            shape.endless,
        )
        for shape in shapes
    }
    return RemoteMethods(methods, client.ready)


class _Client:
    """One connection to a server for plain calls, and further ones for streams."""

    def __init__(self, wire: WireEnd, on_lost: Callable[[], None]) -> None:
        self._opener = StreamOpener(wire.openings)
        self._pending: dict[int, asyncio.Future[CallReply | CallFailure]] = {}
        self._last_number = 0
        self._turns = Turns()
        self._outcomes = Outcomes()
        self.protocol = FrameProtocol(self._on_frame, on_lost)

    async def ready(self) -> bool:
        """Return whether the server is ready, once it answers."""
        return await self._request(_READY, b"", _ASKING) == bytes([True])

    def call(self, path: str) -> Answers:
        """Return what answers the plain calls of a path."""

        async def answer(raw: bytes, calling: Calling) -> Ending:
            if self._turns.under_way >= MAX_PENDING_CALLS:
                refusal = Overloaded(
                    f"正在办理的请求已达上限（{MAX_PENDING_CALLS}），"
                    "请稍后用同一请求编号重试。"
                )
                return self._outcomes.reject(path, calling, refusal)
            await self._turns.enter(calling.identity.caller)
            try:
                return await self._request(path, raw, calling)
            finally:
                self._turns.leave(calling.identity.caller)

        return answer

    async def _request(self, path: str, raw: bytes, calling: Calling) -> Ending:
        """Send one request, return how it ended."""
        self._last_number = number = self._last_number + 1
        future = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        self.protocol.send(CallRequest.of(number, path, calling, raw))
        try:
            frame = await future
        except asyncio.CancelledError:
            self._pending.pop(number, None)
            self.protocol.send(CallCancel(number))
            raise
        return _ending(frame)

    def _on_frame(self, frame: CallReply | CallFailure) -> None:
        # None: the call was cancelled while its reply was on the way.
        future = self._pending.pop(frame.number, None)
        if future is not None and not future.done():
            future.set_result(frame)

    def stream(self, path: str) -> Answers:
        """Return what answers the streaming calls of a path."""

        async def answer(requests: AsyncIterator[bytes], calling: Writing) -> Ending:
            try:
                return await self._stream(path, requests, calling)
            # A plain call needs no such clause: if the server is lost the process exits.
            except OSError as fault:
                if lacking(fault):
                    raise Overloaded(NO_DESCRIPTORS) from fault
                refusal = StoreUnavailable(
                    "与服务进程的连接已断，结果未知，请稍后用同一请求编号重试。"
                )
                return self._outcomes.reject(path, calling, refusal)

        return answer

    async def _stream(
        self, path: str, requests: AsyncIterator[bytes], calling: Writing
    ) -> Ending:
        """Pass one streaming call on. OSError if the server is lost."""
        stream = await self._opener.open()
        self._last_number = number = self._last_number + 1
        await stream.send(CallRequest.of(number, path, calling))
        sending = asyncio.ensure_future(_send_all(stream, requests))
        try:
            while isinstance(frame := await stream.receive(), CallChunk):
                await calling.write(frame.raw)
        except asyncio.CancelledError:
            self.protocol.send(CallCancel(number))
            raise
        finally:
            sending.cancel()
            stream.close()
        return _ending(frame)


def _ending(frame: CallReply | CallFailure) -> Ending:
    """Return the reply or the status a frame carries."""
    return status_of(frame) if isinstance(frame, CallFailure) else frame.raw


async def _send_all(stream: FrameStream, requests: AsyncIterator[bytes]) -> None:
    """Send all requests, as long as the server takes them."""
    # Whoever has gone is noticed where its frames are awaited.
    with suppress(ConnectionError):
        async for raw in requests:
            await stream.send(CallChunk(raw))
        await stream.send(CallEnd())
