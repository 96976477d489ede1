"""What happens around every call: caller, deadline, parsing, constraints, one log line,
and exceptions into statuses.

Whatever carries the calls hands over bytes and takes bytes: gRPC in this process
(`port`), or another's (`hop`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from contextvars import ContextVar
from functools import partial
from time import perf_counter
from typing import Any, Final, TypeAlias, TypeVar

from google.protobuf.message import DecodeError, Message

from gongji.model.commands import Request
from gongji.model.refusals import MalformedField, Refusal
from gongji.rpc.constraints import enforce
from gongji.rpc.method import Answers, Calling, Method, Writing
from gongji.rpc.outcome import Call, Outcomes, _named

LONGEST_CALL_S: Final = 60.0
"""How long a call without a deadline may take."""

T = TypeVar("T")

Work: TypeAlias = Callable[[], Awaitable[T]]


_call: ContextVar[Call] = ContextVar("call")


def asked(request_id: str) -> Request:
    """Return the request a command carries: who calls which method under which id."""
    call = _call.get()
    call.request_id = request_id = request_id.lower()
    return Request(request_id, call.caller, call.name)


def current() -> Call:
    """The call being answered."""
    return _call.get()


class Calls:
    """The methods of all services added to it, as generated code adds them to a server."""

    def __init__(self) -> None:
        self.methods: dict[str, Method] = {}
        self._ends = Outcomes()

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Generated code tells everything twice; the other way names the methods."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, Any]
    ) -> None:
        """Adds the methods of a service."""
        for name, handler in handlers.items():
            self.methods[f"/{service}/{name}"] = self._method(
                f"{service}/{name}", handler
            )

    def _method(self, name: str, handler: Any) -> Method:
        parse, pack = handler.request_deserializer, handler.response_serializer
        streams_in, streams_out = handler.request_streaming, handler.response_streaming
        if streams_out:
            work = _both_ways(parse, handler.stream_stream, pack)
        elif streams_in:
            work = _streaming(parse, handler.stream_unary, pack)
        else:
            work = _unary(parse, handler.unary_unary, pack)
        return Method(
            f"/{name}",
            streams_in,
            streams_out,
            partial(self._answer, name, work, bounded=not streams_in),
        )

    async def _answer(
        self, method: str, work: Answers, raw: Any, calling: Calling, *, bounded: bool
    ) -> bytes:
        call = Call(method, perf_counter())
        _call.set(call)
        try:
            call.caller = _named(calling.caller)
            reply = await _in_time(
                partial(work, raw, calling), calling.remaining_s, bounded=bounded
            )
        except Refusal as refusal:
            ended = self._ends.refused(call, refusal)
        except TimeoutError:
            ended = self._ends.late(call)
        except (
            asyncio.CancelledError
        ):  # the client went away or its deadline passed; gRPC answers for us
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
        raise MalformedField(
            "请求不是有效的 protobuf 报文, 或其中的文本不是 UTF-8", field="request"
        ) from None


async def _all_parsed(
    parse: Callable[[bytes], Message], raw: AsyncIterator[bytes]
) -> AsyncIterator[Message]:
    async for one in raw:
        yield _parsed(parse, one)


async def _in_time(work: Work[T], remaining: float | None, *, bounded: bool) -> T:
    """Runs a call; gRPC has it cancelled when the caller's deadline passes, ours bounds
    a call that has none.

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
