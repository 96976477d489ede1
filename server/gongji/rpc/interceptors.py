"""What happens around every call: caller, deadline, parsing, constraints, one log line, and exceptions into statuses.

Requests are parsed here and not by grpc.aio, which answers bytes it cannot parse with UNKNOWN.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, TypeAlias, TypeVar

import grpc
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

_OURS: Final = "/gongji.v1."
_CALLER: Final = re.compile(r"[A-Za-z0-9._-]{1,60}")

T = TypeVar("T")
Work: TypeAlias = Callable[[], Awaitable[T]]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic in its stubs only


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


class Calls(grpc.aio.ServerInterceptor):
    """The only interceptor; health and reflection pass it untouched."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("gongji.rpc")
        self._handlers: dict[str, Handler] = {}
        self._turns = Turns()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wraps a method's handler, once."""
        method = handler_call_details.method
        if (ready := self._handlers.get(method)) is not None:
            return ready
        handler = await continuation(handler_call_details)
        if handler is None or not method.startswith(_OURS):
            return handler
        wrapped = self._handlers[method] = self._wrap(method.removeprefix("/"), handler)
        return wrapped

    def _wrap(self, method: str, handler: Handler) -> Handler:
        # Without a deserializer the handler gets the bytes as they came.
        if handler.request_streaming and handler.response_streaming:
            both = self._both_ways(method, handler.request_deserializer, handler.stream_stream)
            return grpc.stream_stream_rpc_method_handler(both, None, handler.response_serializer)
        if handler.request_streaming:
            streaming = self._streaming(method, handler.request_deserializer, handler.stream_unary)
            return grpc.stream_unary_rpc_method_handler(streaming, None, handler.response_serializer)
        unary = self._unary(method, handler.request_deserializer, handler.unary_unary)
        return grpc.unary_unary_rpc_method_handler(unary, None, handler.response_serializer)

    def _unary(self, method: str, parse: Any, behaviour: Any) -> Callable[[bytes, Any], Awaitable[Message]]:
        """One request: parsed, checked, answered."""

        async def call(raw: bytes, context: Any) -> Message:
            async def work() -> Message:
                request = _parsed(parse, raw)
                enforce(request)
                _call.get().request_id = getattr(request, "request_id", "")
                reply: Message = await behaviour(request, context)
                return reply

            return await self._answer(method, context, work, bounded=True)

        return call

    def _streaming(self, method: str, parse: Any, behaviour: Any) -> Callable[[Any, Any], Awaitable[Message]]:
        """Rows are parsed here but checked by the handler, which reports a bad row and goes on."""

        async def call(raw: AsyncIterator[bytes], context: Any) -> Message:
            async def work() -> Message:
                reply: Message = await behaviour(_all_parsed(parse, raw), context)
                return reply

            return await self._answer(method, context, work, bounded=False)

        return call

    def _both_ways(self, method: str, parse: Any, behaviour: Any) -> Callable[[Any, Any], Awaitable[None]]:
        """Replies go out as they come; a refusal ends the call after those already sent."""

        async def call(raw: AsyncIterator[bytes], context: Any) -> None:
            async def work() -> None:
                async with aclosing(behaviour(_all_parsed(parse, raw), context)) as replies:
                    async for reply in replies:
                        await context.write(reply)

            await self._answer(method, context, work, bounded=False)

        return call

    async def _answer(self, method: str, context: Any, work: Work[T], *, bounded: bool) -> T:
        call = Call(method, perf_counter())
        _call.set(call)
        try:
            call.caller = _caller_of(context.invocation_metadata())
            reply = await _in_time(work, context.time_remaining(), bounded=bounded)
        except Refusal as refusal:
            ended = self._turned_away(refusal) if isinstance(refusal, status.AGAIN) else status.of_refusal(refusal)
        except TimeoutError:
            ended = status.of_deadline()
        except asyncio.CancelledError:  # the client went away or its deadline passed; grpc.aio answers for us
            self._tell(call, "CANCELLED", "")
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, the caller gets a bare INTERNAL
            ended = self._fault(call, fault)
        else:
            self._tell(call, "OK", "")
            return reply
        self._tell(call, ended.code.name, ended.reason)
        await context.abort(ended.code, ended.message, ended.trailing)
        raise AssertionError  # abort never returns

    def _turned_away(self, refusal: Refusal) -> status.Status:
        """A refusal that passes by itself, with a turn to come again."""
        return status.of_refusal(refusal, self._turns.wait_ms(perf_counter() * 1000))

    def _fault(self, call: Call, fault: Exception) -> status.Status:
        """Logs a fault by its type and place only: an exception's own text may quote personal data."""
        error_id = secrets.token_hex(6)
        places = [
            f"{f.filename.rpartition('gongji/')[2]}:{f.lineno}" for f in traceback.extract_tb(fault.__traceback__)
        ]
        self._log.error("fault", error_id=error_id, method=call.method, error=type(fault).__name__, places=places)
        return status.of_fault(error_id)

    def _tell(self, call: Call, code: str, reason: str) -> None:
        self._log.info(
            "call",
            method=call.method,
            code=code,
            reason=reason,
            caller=call.caller,
            request_id=call.request_id,
            ms=round((perf_counter() - call.started) * 1000, 2),
        )


def _parsed(parse: Callable[[bytes], Message], raw: bytes) -> Message:
    try:
        return parse(raw)
    except DecodeError:
        raise MalformedField("请求不是有效的 protobuf 报文, 或其中的文本不是 UTF-8", field="request") from None


async def _all_parsed(parse: Callable[[bytes], Message], raw: AsyncIterator[bytes]) -> AsyncIterator[Message]:
    async for one in raw:
        yield _parsed(parse, one)


def _caller_of(metadata: Any) -> str:
    """The caller's name from the metadata. MalformedField where it is no name."""
    for key, value in metadata or ():
        if key == CALLER_KEY:
            if isinstance(value, str) and _CALLER.fullmatch(value):
                return value
            raise MalformedField(f"元数据 {CALLER_KEY} 须为 1 至 60 个字母、数字、点、下划线或连字符", field=CALLER_KEY)
    return ANONYMOUS


async def _in_time(work: Work[T], remaining: float | None, *, bounded: bool) -> T:
    """Runs a call; grpc.aio cancels it when the caller's deadline passes, ours bounds a call that has none.

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
