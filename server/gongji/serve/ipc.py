"""Calls carried from one process to another of the same machine: bytes in frames over
sockets in a private folder.

Plain calls share one connection, numbered; a streaming call has a connection of its
own, and so its own pace. Whoever goes away takes his calls with him: at the answering
end they are cancelled, at the carrying end there is no more to do.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from gongji.model.refusals import Overloaded, StoreUnavailable
from gongji.rpc.method import Answers, CallFailed, Calling, Method, Writing
from gongji.rpc.outcome import Outcomes
from gongji.serve.frames import (
    CallCancel,
    CallChunk,
    CallEnd,
    CallFailure,
    CallReply,
    CallRequest,
    FrameProtocol,
    FrameStream,
    ended,
    refuses,
)

_CALLS, _STREAMS = "calls", "streams"
"""The two sockets in the folder."""

_ALIVE: Final = "alive"
"""A method every answering end has: it answers, no more."""

MOST: Final = 1024
"""Plain calls under way at once: as many as may queue for the database, for there they
all go; the next is turned away.

Here, where it costs least: unread, with a turn to come again.
"""


class _Passed(msgspec.Struct):
    """A plain call that was passed on; see `calls.Calling`."""

    caller: str | None
    remaining_s: float | None


class _PassedStream(_Passed):
    """A streaming call that was passed on; see `calls.Writing`."""

    pipe: FrameStream

    async def write(self, reply: bytes) -> None:
        """Sends one of several replies."""
        with _gone_is_cancelled():
            await self.pipe.send(CallChunk(reply))

    async def requests(self) -> AsyncIterator[bytes]:
        """The requests as they come."""
        with _gone_is_cancelled():
            while isinstance(frame := await self.pipe.receive(), CallChunk):
                yield frame.raw


@contextmanager
def _gone_is_cancelled() -> Iterator[None]:
    """A call whose caller has gone ends as a cancelled one does."""
    try:
        yield
    except ConnectionError as gone:
        raise asyncio.CancelledError from gone


# --- the answering end ----------------------------------------------------------------


@asynccontextmanager
async def answering(methods: Mapping[str, Method]) -> AsyncIterator[Path]:
    """Answers calls while this lasts: the folder whoever carries them is told of."""
    loop = asyncio.get_running_loop()
    methods = {
        **methods,
        _ALIVE: Method(_ALIVE, streams_in=False, streams_out=False, answer=_alive),
    }
    with tempfile.TemporaryDirectory(
        prefix="gongji-hop-", ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)  # ours alone to enter
        connected: set[FrameProtocol] = set()
        plain = await loop.create_unix_server(
            lambda: _Answering(methods, connected).wire, folder / _CALLS
        )
        streams = await asyncio.start_unix_server(
            lambda reader, writer: _answer_stream(methods, FrameStream(reader, writer)),
            folder / _STREAMS,
        )
        try:
            yield folder
        finally:
            plain.close()
            streams.close()
            for wire in list(connected):
                wire.close()


async def _alive(raw: bytes, calling: Calling) -> bytes:
    del calling
    return raw


class _Answering:
    """The plain calls of one connection, which is among those `connected` while it lasts."""

    def __init__(
        self, methods: Mapping[str, Method], connected: set[FrameProtocol]
    ) -> None:
        self._methods = methods
        self._connected = connected
        self._calls: dict[int, asyncio.Task[None]] = {}
        self.wire = FrameProtocol(self._got, self._lost)
        connected.add(self.wire)

    def _got(self, frame: CallRequest | CallCancel) -> None:
        if isinstance(frame, CallRequest):
            task = self._calls[frame.number] = asyncio.get_running_loop().create_task(
                self._answer(frame)
            )
            task.add_done_callback(partial(self._forget, frame.number))
        elif call := self._calls.get(frame.number):
            call.cancel()

    def _forget(self, number: int, _: asyncio.Task[None]) -> None:
        """Not the call's own last step: one that is cancelled before it began takes none."""
        del self._calls[number]

    async def _answer(self, asked: CallRequest) -> None:
        calling = _Passed(asked.caller, asked.remaining_s)
        self.wire.send(
            await _outcome(self._methods[asked.path], asked, asked.raw, calling)
        )

    def _lost(self) -> None:
        self._connected.discard(self.wire)
        for call in self._calls.values():
            call.cancel()


async def _answer_stream(methods: Mapping[str, Method], pipe: FrameStream) -> None:
    """One streaming call. Who carries it hangs up: whoever did so over requests not yet
    read would cut off the end."""
    try:
        with suppress(ConnectionError):
            asked = await pipe.receive()
            calling = _PassedStream(asked.caller, asked.remaining_s, pipe)
            await pipe.send(
                await _outcome(methods[asked.path], asked, calling.requests(), calling)
            )
            await pipe.ended()
    finally:
        pipe.close()


async def _outcome(
    method: Method, asked: CallRequest, raw: Any, calling: Calling
) -> CallReply | CallFailure:
    try:
        return CallReply(asked.number, await method.answer(raw, calling))
    except CallFailed as ended:
        return refuses(asked.number, ended.status)


# --- the carrying end -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Carried:
    """Methods by path that pass their calls on; `alive` waits until calls are answered,
    however many there are."""

    methods: Mapping[str, Method]
    alive: Callable[[], Awaitable[None]]


async def carrying(
    folder: Path, methods: Iterable[tuple[str, bool, bool]], lost: Callable[[], None]
) -> Carried:
    """Methods, given by path and what streams, passed on; `lost` is told when nobody
    answers any more.

    OSError where nobody ever did.
    """
    carrier = _Carrier(folder, lost)
    await asyncio.get_running_loop().create_unix_connection(
        lambda: carrier.wire, str(folder / _CALLS)
    )
    carried = {
        path: Method(
            path,
            streams_in,
            streams_out,
            carrier.streaming(path) if streams_in else carrier.plain(path),
        )
        for path, streams_in, streams_out in methods
    }
    return Carried(carried, carrier.alive)


class _Carrier:
    """Passes calls on."""

    def __init__(self, folder: Path, lost: Callable[[], None]) -> None:
        self._folder = folder
        self._waiting: dict[int, asyncio.Future[CallReply | CallFailure]] = {}
        self._last = 0
        self._ends = Outcomes()
        self.wire = FrameProtocol(self._got, lost)

    async def alive(self) -> None:
        """Waits until calls are answered."""
        await self._ask(_ALIVE, b"", _Passed(None, None))

    def plain(self, path: str) -> Answers:
        """How a plain call is answered."""

        async def answer(raw: bytes, calling: Calling) -> bytes:
            if len(self._waiting) >= MOST:
                refusal = Overloaded(
                    f"正在办理的请求已达上限({MOST}), 请稍后用同一请求编号重试。"
                )
                raise self._ends.unread(path, calling, refusal)
            return await self._ask(path, raw, calling)

        return answer

    async def _ask(self, path: str, raw: bytes, calling: Calling) -> bytes:
        """The reply to one request. Ended."""
        self._last = number = self._last + 1
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        self.wire.send(
            CallRequest(number, path, calling.caller, calling.remaining_s, raw)
        )
        try:
            frame = await future
        except asyncio.CancelledError:
            self._waiting.pop(number, None)
            self.wire.send(CallCancel(number))
            raise
        if isinstance(frame, CallFailure):
            raise ended(frame)
        reply: bytes = frame.raw
        return reply

    def _got(self, frame: CallReply | CallFailure) -> None:
        future = self._waiting.pop(frame.number, None)
        if future is not None and not future.done():
            future.set_result(frame)

    def streaming(self, path: str) -> Answers:
        """How a call with many requests is answered."""

        async def answer(requests: AsyncIterator[bytes], calling: Writing) -> bytes:
            try:
                return await self._stream(path, requests, calling)
            except (
                OSError
            ):  # of a plain call this process hears no more: it ends before
                refusal = StoreUnavailable(
                    "服务进程已结束, 结果未知, 请稍后用同一请求编号重试。"
                )
                raise self._ends.unread(path, calling, refusal) from None

        return answer

    async def _stream(
        self, path: str, requests: AsyncIterator[bytes], calling: Writing
    ) -> bytes:
        """Passes one streaming call on. Ended; OSError where nobody answers any more."""
        pipe = FrameStream(*await asyncio.open_unix_connection(self._folder / _STREAMS))
        await pipe.send(CallRequest(0, path, calling.caller, calling.remaining_s))
        sending = asyncio.ensure_future(_send_all(pipe, requests))
        try:
            while isinstance(frame := await pipe.receive(), CallChunk):
                await calling.write(frame.raw)
        finally:
            sending.cancel()
            pipe.close()
        if isinstance(frame, CallFailure):
            raise ended(frame)
        reply: bytes = frame.raw
        return reply


async def _send_all(pipe: FrameStream, requests: AsyncIterator[bytes]) -> None:
    """Sends all requests, or as many as are wanted."""
    with suppress(ConnectionError):
        async for raw in requests:
            await pipe.send(CallChunk(raw))
        await pipe.send(CallEnd())
