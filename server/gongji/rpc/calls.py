"""What happens around every call: caller, deadline, parsing, constraints, one log line, and exceptions into statuses.

Whatever carries the calls hands over bytes and takes bytes: gRPC in this process (`port`), or another's (`hop`).
"""

from __future__ import annotations

import asyncio
import re
import secrets
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import structlog
from google.protobuf.message import DecodeError, Message

from gongji.errors import MalformedField, Refusal
from gongji.facts import Request
from gongji.rpc import status
from gongji.rpc.constraints import enforce
from gongji.rpc.turns import Turns

CALLER_KEY: Final = "x-gongji-caller"
ANONYMOUS: Final = "anonymous"
LONGEST_CALL_S: Final = 60.0
"""How long a call without a deadline may take."""

_CALLER: Final = re.compile(r"[A-Za-z0-9._-]{1,60}")

T = TypeVar("T")
Work: TypeAlias = Callable[[], Awaitable[T]]
Answers: TypeAlias = Callable[[Any, Any], Awaitable[bytes]]
"""How a request, or an iterator of requests, of a call is answered; see `Method`."""


class Calling(Protocol):
    """A call as whoever carries it knows it."""

    @property
    def caller(self) -> str | None:
        """What it says under `CALLER_KEY`, None where it says nothing."""

    @property
    def remaining_s(self) -> float | None:
        """Seconds until its deadline, None where it has none."""


class Writing(Calling, Protocol):
    """A call that is answered by several replies."""

    async def write(self, reply: bytes) -> None:
        """Sends one of them."""


class Ended(Exception):  # noqa: N818 - a state, told to who carries the call
    """A call that ends otherwise than well."""

    def __init__(self, ended: status.Status) -> None:
        super().__init__(ended.message)
        self.status = ended


@dataclass(frozen=True, slots=True)
class Method:
    """One method: its path, what streams, and how bytes are answered.

    `answer` takes the request, or an iterator of requests, and returns the reply; replies that stream are written to
    the call, and what it returns means nothing. It raises Ended, or CancelledError where the caller has gone.
    """

    path: str
    streams_in: bool
    streams_out: bool
    answer: Answers


@dataclass(slots=True)
class Call:
    """One call as its log line tells it; `request_id` only once it is known to be a UUID."""

    method: str
    started: float
    caller: str = ANONYMOUS
    request_id: str = ""

    @property
    def name(self) -> str:
        """The method's own name, e.g. "Settle"; no two services share one."""
        return self.method.rpartition("/")[2]


_call: ContextVar[Call] = ContextVar("call")


def asked(request_id: str, **content: object) -> Request:
    """The request a command carries: who calls, which method, under which id, with what parsed content."""
    call = _call.get()
    call.request_id = request_id = request_id.lower()
    return Request(request_id, call.caller, call.name, content)


def current() -> Call:
    """The call being answered."""
    return _call.get()


class Ends:
    """How calls end: told in the log, a line each; who is turned away for now gets a turn to come again."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("gongji.rpc")
        self._turns = Turns()

    def unread(self, path: str, calling: Calling, refusal: Refusal) -> Ended:
        """The end of a call that is refused whatever it asks; a caller who gives no proper name hears of that."""
        call = Call(path.removeprefix("/"), perf_counter())
        try:
            call.caller = _named(calling.caller)
        except Refusal as malformed:
            refusal = malformed
        return self.refused(call, refusal)

    def refused(self, call: Call, refusal: Refusal) -> Ended:
        """The end of a refused call."""
        again = isinstance(refusal, status.AGAIN)
        ms = self._turns.wait_ms(perf_counter() * 1000) if again else 0
        return self.ended(call, status.of_refusal(refusal, ms))

    def late(self, call: Call) -> Ended:
        """The end of a call whose time ran out."""
        return self.ended(call, status.of_deadline())

    def failed(self, call: Call, fault: Exception) -> Ended:
        """The end of a call by a fault, logged by its type and place only: its own text may quote personal data."""
        error_id = secrets.token_hex(6)
        places = [
            f"{f.filename.rpartition('gongji/')[2]}:{f.lineno}" for f in traceback.extract_tb(fault.__traceback__)
        ]
        self._log.error("fault", error_id=error_id, method=call.method, error=type(fault).__name__, places=places)
        return self.ended(call, status.of_fault(error_id))

    def ended(self, call: Call, told: status.Status) -> Ended:
        """The end of a call that has this status."""
        self.tell(call, told.code.name, told.reason)
        return Ended(told)

    def tell(self, call: Call, code: str, reason: str = "") -> None:
        """The line of a call."""
        self._log.info(
            "call",
            method=call.method,
            code=code,
            reason=reason,
            caller=call.caller,
            request_id=call.request_id,
            ms=round((perf_counter() - call.started) * 1000, 2),
        )


class Calls:
    """The methods of all services added to it, as generated code adds them to a server."""

    def __init__(self) -> None:
        self.methods: dict[str, Method] = {}
        self._ends = Ends()

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Generated code tells everything twice; the other way names the methods."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Adds the methods of a service."""
        for name, handler in handlers.items():
            self.methods[f"/{service}/{name}"] = self._method(f"{service}/{name}", handler)

    def _method(self, name: str, handler: Any) -> Method:
        parse, pack = handler.request_deserializer, handler.response_serializer
        streams_in, streams_out = handler.request_streaming, handler.response_streaming
        if streams_out:
            work = _both_ways(parse, handler.stream_stream, pack)
        elif streams_in:
            work = _streaming(parse, handler.stream_unary, pack)
        else:
            work = _unary(parse, handler.unary_unary, pack)
        return Method(f"/{name}", streams_in, streams_out, partial(self._answer, name, work, bounded=not streams_in))

    async def _answer(self, method: str, work: Answers, raw: Any, calling: Calling, *, bounded: bool) -> bytes:
        call = Call(method, perf_counter())
        _call.set(call)
        try:
            call.caller = _named(calling.caller)
            reply = await _in_time(partial(work, raw, calling), calling.remaining_s, bounded=bounded)
        except Refusal as refusal:
            ended = self._ends.refused(call, refusal)
        except TimeoutError:
            ended = self._ends.late(call)
        except asyncio.CancelledError:  # the client went away or its deadline passed; gRPC answers for us
            self._ends.tell(call, "CANCELLED")
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, the caller gets a bare INTERNAL
            ended = self._ends.failed(call, fault)
        else:
            self._ends.tell(call, "OK")
            return reply
        raise ended


def _unary(parse: Any, behaviour: Any, pack: Any) -> Answers:
    """One request: parsed, checked, answered."""

    async def work(raw: bytes, calling: Calling) -> bytes:
        request = _parsed(parse, raw)
        enforce(request)
        _call.get().request_id = getattr(request, "request_id", "")
        reply: bytes = pack(await behaviour(request, calling))
        return reply

    return work


def _streaming(parse: Any, behaviour: Any, pack: Any) -> Answers:
    """Rows are parsed here but checked by the handler, which reports a bad row and goes on."""

    async def work(raw: AsyncIterator[bytes], calling: Calling) -> bytes:
        reply: bytes = pack(await behaviour(_all_parsed(parse, raw), calling))
        return reply

    return work


def _both_ways(parse: Any, behaviour: Any, pack: Any) -> Answers:
    """Replies go out as they come; a refusal ends the call after those already sent."""

    async def work(raw: AsyncIterator[bytes], calling: Writing) -> bytes:
        async with aclosing(behaviour(_all_parsed(parse, raw), calling)) as replies:
            async for reply in replies:
                await calling.write(pack(reply))
        return b""

    return work


def _parsed(parse: Callable[[bytes], Message], raw: bytes) -> Message:
    try:
        return parse(raw)
    except DecodeError:
        raise MalformedField("请求不是有效的 protobuf 报文, 或其中的文本不是 UTF-8", field="request") from None


async def _all_parsed(parse: Callable[[bytes], Message], raw: AsyncIterator[bytes]) -> AsyncIterator[Message]:
    async for one in raw:
        yield _parsed(parse, one)


def _named(caller: str | None) -> str:
    """The caller's name as the call states it. MalformedField where it is no name."""
    if caller is None:
        return ANONYMOUS
    if _CALLER.fullmatch(caller):
        return caller
    raise MalformedField(f"元数据 {CALLER_KEY} 须为 1 至 60 个字母、数字、点、下划线或连字符", field=CALLER_KEY)


async def _in_time(work: Work[T], remaining: float | None, *, bounded: bool) -> T:
    """Runs a call; gRPC has it cancelled when the caller's deadline passes, ours bounds a call that has none.

    TimeoutError where the deadline had passed before the work began, or ours passes.
    """
    if remaining is not None:
        if remaining <= 0:
            raise TimeoutError
        return await work()
    if not bounded:
        return await work()
    async with asyncio.timeout(LONGEST_CALL_S):
        return await work()
