"""Calls carried from one process to another of the same machine: bytes in frames over sockets in a private folder.

Plain calls share one connection, numbered; a streaming call has a connection of its own, and so its own pace. Whoever
goes away takes his calls with him: at the answering end they are cancelled, at the carrying end there is no more to do.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import Any, Final, TypeAlias

import grpc
import msgspec

from gongji.errors import Overloaded, Refusal
from gongji.rpc.calls import Answers, Call, Calling, Ended, Ends, Method, named
from gongji.rpc.status import Status

_CALLS, _STREAMS = "calls", "streams"
"""The two sockets in the folder."""

ALIVE: Final = "alive"
"""A method every answering end has: it answers, no more."""

MOST: Final = 1024
"""Plain calls under way at once: as many as may queue for the database, for there they all go; the next is turned away.

Here, where it costs least: unread, with a turn to come again.
"""

_LENGTH: Final = 4
"""Bytes before each frame that say how many follow."""

_READ: Final = 65_536


class _Asks(msgspec.Struct, array_like=True, tag=0):
    """A call: its request, where it has just one; its caller's name and seconds left, as `Calling` tells them."""

    number: int
    path: str
    caller: str | None
    remaining_s: float | None
    raw: bytes = b""


class _Leaves(msgspec.Struct, array_like=True, tag=1):
    """The caller has gone."""

    number: int


class _More(msgspec.Struct, array_like=True, tag=2):
    """One of several requests or replies."""

    raw: bytes


class _NoMore(msgspec.Struct, array_like=True, tag=3):
    """All requests have come."""


class _Replies(msgspec.Struct, array_like=True, tag=4):
    """The call has ended well."""

    number: int
    raw: bytes


class _Refuses(msgspec.Struct, array_like=True, tag=5):
    """The call has ended otherwise; see `status.Status`."""

    number: int
    code: int
    reason: str
    message: str
    trailing: tuple[tuple[str, bytes], ...]


_Frame: TypeAlias = _Asks | _Leaves | _More | _NoMore | _Replies | _Refuses

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Frame).decode
_NOBODY: Final = Status(grpc.StatusCode.UNAVAILABLE, "", "服务进程已结束; 结果未知, 请用同一 request_id 重试", ())
"""How a streaming call ends that nobody answers any more; plain ones end with the process that carries them."""

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


def _framed(frame: _Frame) -> bytes:
    packed = _pack(frame)
    return len(packed).to_bytes(_LENGTH) + packed


def _refuses(number: int, told: Status) -> _Refuses:
    trailing = tuple([(key, value.encode() if isinstance(value, str) else value) for key, value in told.trailing])
    return _Refuses(number, told.code.value[0], told.reason, told.message, trailing)


def _ended(frame: _Refuses) -> Ended:
    # gRPC's own rule: the values of keys that end so are bytes, all others text.
    trailing = tuple([(key, value if key.endswith("-bin") else value.decode()) for key, value in frame.trailing])
    return Ended(Status(_CODES[frame.code], frame.reason, frame.message, trailing))


class _Wire(asyncio.Protocol):
    """Frames both ways over one connection; `got` is handed each, `lost` is told of the end."""

    def __init__(self, got: Callable[[Any], None], lost: Callable[[], None]) -> None:
        self._got, self._lost = got, lost
        self._unread = b""
        self._transport: Any = None

    def send(self, frame: _Frame) -> None:
        """Sends a frame; nobody hears it where the other has gone."""
        self._transport.write(_framed(frame))

    def close(self) -> None:
        """Ends the connection."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The beginning."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Takes what came; the last frame may be cut in two."""
        data = self._unread + data if self._unread else data
        at, end = 0, len(data)
        while end - at >= _LENGTH:
            start = at + _LENGTH
            stop = start + int.from_bytes(data[at:start])
            if stop > end:
                break
            self._got(_unpack(memoryview(data)[start:stop]))
            at = stop
        self._unread = data[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._lost()


class _Pipe:
    """Frames both ways over one connection, at the pace of who reads them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, frame: _Frame) -> None:
        """Sends a frame as soon as there is room. ConnectionError where the other has gone."""
        self._writer.write(_framed(frame))
        await self._writer.drain()

    async def receive(self) -> Any:
        """The next frame. ConnectionError where the other has gone."""
        try:
            length = int.from_bytes(await self._reader.readexactly(_LENGTH))
            return _unpack(await self._reader.readexactly(length))
        except asyncio.IncompleteReadError as cut:
            raise ConnectionResetError from cut

    async def ended(self) -> None:
        """Waits until the other has gone; whatever else he sends means nothing."""
        while await self._reader.read(_READ):
            pass

    def close(self) -> None:
        """Ends the connection."""
        self._writer.close()


class _Passed(msgspec.Struct):
    """A plain call that was passed on; see `calls.Calling`."""

    caller: str | None
    remaining_s: float | None

    async def write(self, reply: bytes) -> None:
        """No plain call has several replies."""
        raise NotImplementedError


class _PassedStream(_Passed):
    """A streaming call that was passed on."""

    pipe: _Pipe

    async def write(self, reply: bytes) -> None:
        """Sends one of several replies."""
        with _gone_is_cancelled():
            await self.pipe.send(_More(reply))

    async def requests(self) -> AsyncIterator[bytes]:
        """The requests as they come."""
        with _gone_is_cancelled():
            while isinstance(frame := await self.pipe.receive(), _More):
                yield frame.raw


@contextmanager
def _gone_is_cancelled() -> Iterator[None]:
    """A call whose caller has gone ends as a cancelled one does."""
    try:
        yield
    except ConnectionError as gone:
        raise asyncio.CancelledError from gone


# --- the answering end --------------------------------------------------------------------------------------------


@asynccontextmanager
async def answering(methods: Mapping[str, Method]) -> AsyncIterator[Path]:
    """Answers calls while this lasts: the folder whoever carries them is told of."""
    loop = asyncio.get_running_loop()
    methods = {**methods, ALIVE: Method(ALIVE, streams_in=False, streams_out=False, answer=_alive)}
    with tempfile.TemporaryDirectory(prefix="gongji-hop-", ignore_cleanup_errors=True) as name:
        folder = Path(name)  # ours alone to enter
        connected: set[_Wire] = set()
        plain = await loop.create_unix_server(lambda: _Answering(methods, connected).wire, folder / _CALLS)
        streams = await asyncio.start_unix_server(
            lambda reader, writer: _answer_stream(methods, _Pipe(reader, writer)), folder / _STREAMS
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

    def __init__(self, methods: Mapping[str, Method], connected: set[_Wire]) -> None:
        self._methods = methods
        self._connected = connected
        self._calls: dict[int, asyncio.Task[None]] = {}
        self.wire = _Wire(self._got, self._lost)
        connected.add(self.wire)

    def _got(self, frame: _Asks | _Leaves) -> None:
        if isinstance(frame, _Asks):
            self._calls[frame.number] = asyncio.get_running_loop().create_task(self._answer(frame))
        elif call := self._calls.get(frame.number):
            call.cancel()

    async def _answer(self, asked: _Asks) -> None:
        try:
            calling = _Passed(asked.caller, asked.remaining_s)
            self.wire.send(await _outcome(self._methods[asked.path], asked, asked.raw, calling))
        finally:
            del self._calls[asked.number]

    def _lost(self) -> None:
        self._connected.discard(self.wire)
        for call in self._calls.values():
            call.cancel()


async def _answer_stream(methods: Mapping[str, Method], pipe: _Pipe) -> None:
    """One streaming call. Who carries it hangs up: whoever did so over requests not yet read would cut off the end."""
    try:
        with suppress(ConnectionError):
            asked = await pipe.receive()
            calling = _PassedStream(asked.caller, asked.remaining_s, pipe)
            await pipe.send(await _outcome(methods[asked.path], asked, calling.requests(), calling))
            await pipe.ended()
    finally:
        pipe.close()


async def _outcome(method: Method, asked: _Asks, raw: Any, calling: Calling) -> _Replies | _Refuses:
    try:
        return _Replies(asked.number, await method.answer(raw, calling))
    except Ended as ended:
        return _refuses(asked.number, ended.status)


# --- the carrying end ---------------------------------------------------------------------------------------------


async def carrying(folder: Path, methods: Iterable[tuple[str, bool, bool]], lost: Callable[[], None]) -> list[Method]:
    """Methods, given by path and what streams, that pass their calls on; `lost` is told when nobody answers any more.

    OSError where nobody ever did.
    """
    carrier = _Carrier(folder, lost)
    await asyncio.get_running_loop().create_unix_connection(lambda: carrier.wire, str(folder / _CALLS))
    return [
        Method(path, streams_in, streams_out, carrier.streaming(path) if streams_in else carrier.plain(path))
        for path, streams_in, streams_out in methods
    ]


async def alive(carried: Method) -> None:
    """Waits until calls are answered, given `ALIVE` as it is carried."""
    await carried.answer(b"", _Passed(None, None))


class _Carrier:
    """Passes calls on."""

    def __init__(self, folder: Path, lost: Callable[[], None]) -> None:
        self._folder = folder
        self._waiting: dict[int, asyncio.Future[_Replies | _Refuses]] = {}
        self._last = 0
        self._ends = Ends()
        self.wire = _Wire(self._got, lost)

    def plain(self, path: str) -> Answers:
        """How a plain call is answered."""

        async def answer(raw: bytes, calling: Calling) -> bytes:
            if len(self._waiting) >= MOST:
                raise self._turned_away(path, calling)
            self._last = number = self._last + 1
            future = self._waiting[number] = asyncio.get_running_loop().create_future()
            self.wire.send(_Asks(number, path, calling.caller, calling.remaining_s, raw))
            try:
                frame = await future
            except asyncio.CancelledError:
                self._waiting.pop(number, None)
                self.wire.send(_Leaves(number))
                raise
            if isinstance(frame, _Refuses):
                raise _ended(frame)
            reply: bytes = frame.raw
            return reply

        return answer

    def _turned_away(self, path: str, calling: Calling) -> Ended:
        call = Call(path.removeprefix("/"), perf_counter())
        try:
            call.caller = named(calling.caller)
        except Refusal as refusal:
            return self._ends.refused(call, refusal)
        return self._ends.refused(call, Overloaded(f"正在办理的请求已达上限({MOST}), 请稍后用同一请求编号重试。"))

    def _got(self, frame: _Replies | _Refuses) -> None:
        future = self._waiting.pop(frame.number, None)
        if future is not None and not future.done():
            future.set_result(frame)

    def streaming(self, path: str) -> Answers:
        """How a call with many requests is answered."""

        async def answer(requests: AsyncIterator[bytes], calling: Calling) -> bytes:
            try:
                return await self._stream(path, requests, calling)
            except OSError:
                raise Ended(_NOBODY) from None

        return answer

    async def _stream(self, path: str, requests: AsyncIterator[bytes], calling: Calling) -> bytes:
        """Passes one streaming call on. Ended; OSError where nobody answers any more."""
        pipe = _Pipe(*await asyncio.open_unix_connection(self._folder / _STREAMS))
        await pipe.send(_Asks(0, path, calling.caller, calling.remaining_s))
        sending = asyncio.ensure_future(_send_all(pipe, requests))
        try:
            while isinstance(frame := await pipe.receive(), _More):
                await calling.write(frame.raw)
        finally:
            sending.cancel()
            pipe.close()
        if isinstance(frame, _Refuses):
            raise _ended(frame)
        reply: bytes = frame.raw
        return reply


async def _send_all(pipe: _Pipe, requests: AsyncIterator[bytes]) -> None:
    """Sends all requests, or as many as are wanted."""
    with suppress(ConnectionError):
        async for raw in requests:
            await pipe.send(_More(raw))
        await pipe.send(_NoMore())
