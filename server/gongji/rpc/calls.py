"""What happens around every call: caller, deadline, parsing, constraints, log, status."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from contextvars import ContextVar
from functools import lru_cache, partial
from time import perf_counter
from typing import Any, Final, Protocol, TypeAlias

from google.protobuf.message import DecodeError, Message

from gongji.access.policy import AccessPolicy
from gongji.access.rights import ON_SANDBOXES
from gongji.model.commands import Request, listed
from gongji.model.ids import CALLER
from gongji.model.refusals import MalformedField, Refusal
from gongji.model.subject import Subject
from gongji.rpc.about import about
from gongji.rpc.accessed import people_in
from gongji.rpc.constraints import enforce
from gongji.rpc.faults import FaultOrders
from gongji.rpc.method import Answers, Calling, Ending, Method, Writing
from gongji.rpc.origin import FAULT_KEY
from gongji.rpc.outcome import Call, Outcomes
from gongji.rpc.permission import Permit
from gongji.rpc.recording import Recording
from gongji.rpc.size import check_fields
from gongji.rpc.spans import span_seam
from gongji.rpc.watching import call_watch
from gongji.store.timing import job_timings

LONGEST_CALL_S: Final = 60.0
"""How long a call without a deadline may take."""

ENDLESS: Final = frozenset({"Watch"})
"""Methods whose replies do not end by themselves."""

Parse: TypeAlias = Callable[[bytes], Message]

Pack: TypeAlias = Callable[[Message], bytes]

Keep: TypeAlias = Callable[[Message], Awaitable[None]]
"""Keeps whose data a reply shows."""

ReadSubject: TypeAlias = Callable[[bytes], Awaitable[Subject]]
"""Reads the packed subject of a call."""


class MethodHandler(Protocol):
    """A method as generated code hands it over (`grpc.RpcMethodHandler`)."""

    request_streaming: bool
    response_streaming: bool
    request_deserializer: Any
    response_serializer: Any
    unary_unary: Any
    unary_stream: Any
    stream_unary: Any
    stream_stream: Any


_call: ContextVar[Call] = ContextVar("call")


def command_request(request_id: str) -> Request:
    """Return the request of a command: caller, method, id and for whom.

    ScopePendingError.
    """
    call = _call.get()
    call.permit.require_shown()
    # A UUID in capitals is the same id.
    call.request_id = request_id = request_id.lower()
    permit = call.permit
    caller, subject = permit.caller, permit.subject.person_no
    return Request(
        request_id, caller.name, call.name, subject, caller.former, call.accesses
    )


def own_request_id(request_key: str) -> str:
    """Return the id in a request's key if that request is the caller's own, else ""."""
    if not request_key:
        return ""
    caller = _call.get().permit.caller
    request_id, _, name = request_key.partition(CALLER)
    # Of before callers were known only that somebody called is known here.
    if not name:
        return request_id if caller.former else ""
    return request_id if name in {caller.name, *listed(caller.former)} else ""


def current_call() -> Call:
    """Return the call being answered."""
    return _call.get()


def current_permit() -> Permit:
    """Return what the call being answered may do."""
    return _call.get().permit


class Calls:
    """The methods of all services added to it, as generated code adds them to a server."""

    def __init__(
        self,
        policy: AccessPolicy,
        subject_of: ReadSubject,
        recorder: Recording,
        *,
        pseudonym: Callable[[str], str],
        sandbox: bool,
        faults: FaultOrders | None = None,
    ) -> None:
        """Answer by a policy; the log shows people by their `pseudonym` only.

        Faults happen as they are ordered; without orders nobody may order any.
        """
        self._faults = faults
        self._permit = partial(Permit.of, policy, sandbox=sandbox)
        self._subject_of = subject_of
        self._pseudonym = lru_cache(4096)(pseudonym)
        self._recorder = recorder
        self.methods: dict[str, Method] = {}
        self.services: list[str] = []
        self._outcomes = Outcomes()

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Do nothing: generated code adds every method in the other way as well."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, MethodHandler]
    ) -> None:
        """Add the methods of a service."""
        self.services.append(service)
        for name, handler in handlers.items():
            path = f"/{service}/{name}"
            streams = handler.request_streaming or handler.response_streaming
            method = Method(
                path,
                # A lone request before a stream of replies is a stream of one.
                streams,
                handler.response_streaming,
                partial(
                    self._answer,
                    f"{service}/{name}",
                    _work_of(handler, self._kept),
                    # What streams may take longer than any limit of ours.
                    bounded=not streams,
                ),
                name in ENDLESS,
            )
            # Faults do not happen to these: a fault ordered for every call could not be
            # withdrawn.
            if self._faults and name not in ON_SANDBOXES:
                method = self._faults.over(method)
            self.methods[path] = method

    async def _answer(
        self, method: str, work: Answers, raw: Any, calling: Calling, *, bounded: bool
    ) -> Ending:
        """Answer one call and log it. CancelledError."""
        # hot path: every call comes through here; a timer costs a sixth of it all, so it
        # is made only for calls that need one.
        call = _begun(method, calling)
        try:
            work = self._permitted(call, calling, work)
            limit_s = _limit_s(calling.remaining_s, bounded=bounded)
            if limit_s is None:
                reply = await self._worked(work, raw, calling)
            else:
                async with asyncio.timeout(limit_s):
                    reply = await self._worked(work, raw, calling)
        except Refusal as refusal:
            return self._outcomes.refused(call, refusal)
        except DecodeError:
            # Nothing but a request is parsed on the way of a call.
            return self._outcomes.refused(call, _unreadable())
        except TimeoutError:
            return self._outcomes.timed_out(call)
        except asyncio.CancelledError:
            # The client went away or its deadline passed; gRPC answers in our place.
            self._outcomes.log(call, "CANCELLED")
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, the caller gets a bare INTERNAL
            return self._outcomes.faulted(call, fault)
        self._outcomes.log(call, "OK")
        return reply

    def _permitted(self, call: Call, calling: Calling, work: Answers) -> Answers:
        """Return the work of a call that its caller has a right to.

        CallerUnknown; MalformedField; NotPermitted, SubjectRequired.
        """
        call.permit = permit = self._permit(calling.identity, call.name)
        if calling.origin.fault and self._faults is None:
            raise MalformedField(
                f"元数据 {FAULT_KEY} 只有沙盒才收：请去掉", field=FAULT_KEY
            )
        if not calling.identity.subject:
            permit.require_subject()
            return work

        # Whatever the method needs: a request id is bound to the subject, and who looked
        # at a person's data for whom is recorded of every call.
        async def with_subject(raw: Any, calling: Any) -> Ending:
            permit.subject = await self._subject_of(calling.identity.subject)
            if permit.identified:
                call.subject = self._pseudonym(permit.subject.person_no)
            permit.require_subject()
            return await work(raw, calling)

        return with_subject

    async def _worked(self, work: Answers, raw: Any, calling: Calling) -> Ending:
        """Return the reply; what a refusal tells of a person is kept first."""
        try:
            return await work(raw, calling)
        except Refusal as refusal:
            # No name but its own may hold the refusal here: its traceback holds this frame.
            call = _call.get()
            if call.touched is not None:
                await self._recorder.keep_of_refused(
                    call.touched, call.permit.told(refusal)
                )
            raise

    async def _kept(self, reply: Message) -> None:
        """Keep whose data a reply shows, before it is sent. StoreUnavailable."""
        call = _call.get()
        city, settlement = about(reply)
        if city:
            call.city, call.settlement = city, settlement
        people = people_in(reply)
        if people:
            call.accesses.note(*people)
        if call.touched is not None:
            await self._recorder.keep(call.touched)
        call_watch.watcher.answered(call.name, call.about, reply)


def _begun(method: str, calling: Calling) -> Call:
    """Return a call that begins, which now is the current one."""
    call = Call(method, perf_counter(), calling.identity.caller, calling.origin)
    _call.set(call)
    if span_seam.spans.samples(call.origin):
        call.timings = []
        job_timings.set(call.timings)
    return call


def _limit_s(remaining_s: float | None, *, bounded: bool) -> float | None:
    """Return how long a call may take; None if gRPC bounds it, or nobody does.

    TimeoutError if the caller's deadline has passed before the work begins.
    """
    if remaining_s is None:
        return LONGEST_CALL_S if bounded else None
    if remaining_s <= 0:
        raise TimeoutError
    # gRPC cancels the call when the caller's deadline passes: no timer of ours.
    return None


def _work_of(handler: MethodHandler, keep: Keep) -> Answers:
    """Return how a method's bytes are answered, each reply after `keep` of it."""
    if handler.response_streaming:
        make = _both_ways if handler.request_streaming else _telling
    else:
        make = _streaming if handler.request_streaming else _unary
    return make(handler, keep)


def _unary(handler: MethodHandler, keep: Keep) -> Answers:
    """Return how one request is parsed, checked and answered."""
    behaviour = handler.unary_unary
    parse = _parser(handler)
    pack = _permitted(handler.response_serializer)

    async def work(raw: bytes, calling: Calling) -> bytes:
        call = _call.get()
        call.bytes_in = len(raw)
        request = parse(raw)
        enforce(request)
        # For the log only once it is known to be a UUID.
        call.request_id = getattr(request, "request_id", "")
        reply = await behaviour(request, calling)
        # Bytes are packed once for everybody: they show nobody's data.
        if not isinstance(reply, bytes):
            await keep(reply)
        return pack(reply)

    return work


def _streaming(handler: MethodHandler, keep: Keep) -> Answers:
    """Return how a stream is answered; the handler itself checks and reports bad rows."""
    behaviour = handler.stream_unary
    parse = _parser(handler)
    pack = _permitted(handler.response_serializer)

    async def work(raw: AsyncIterator[bytes], calling: Calling) -> bytes:
        reply = await behaviour(_parsed(parse, raw), calling)
        await keep(reply)
        return pack(reply)

    return work


def _telling(handler: MethodHandler, keep: Keep) -> Answers:
    """Return how one request is answered by a stream of replies."""
    behaviour = handler.unary_stream
    parse = _parser(handler)
    pack = _permitted(handler.response_serializer)

    async def work(raw: AsyncIterator[bytes], calling: Writing) -> bytes:
        request = await anext(_parsed(parse, raw), None) or parse(b"")
        enforce(request)
        # Closed at once if the caller goes away, as below.
        async with aclosing(behaviour(request, calling)) as replies:
            async for reply in replies:
                await keep(reply)
                await calling.write(pack(reply))
        return b""

    return work


def _both_ways(handler: MethodHandler, keep: Keep) -> Answers:
    """Return how a stream is answered by a stream; a refusal follows replies already sent."""
    behaviour = handler.stream_stream
    parse = _parser(handler)
    pack = _permitted(handler.response_serializer)

    async def work(raw: AsyncIterator[bytes], calling: Writing) -> bytes:
        # Closed at once if the caller goes away: its reading of the store ends with it.
        async with aclosing(behaviour(_parsed(parse, raw), calling)) as replies:
            async for reply in replies:
                await keep(reply)
                await calling.write(pack(reply))
        return b""

    return work


def _permitted(pack: Pack) -> Callable[[Message | bytes], bytes]:
    """Return how replies are packed that every scope of their call is shown for."""

    def packed(reply: Message | bytes) -> bytes:
        call = _call.get()
        call.permit.require_shown()
        raw = reply if isinstance(reply, bytes) else pack(reply)
        call.bytes_out += len(raw)
        return raw

    return packed


def _parser(handler: MethodHandler) -> Parse:
    """Return how a method's requests are parsed: counted first. DecodeError; MalformedField."""
    parse: Parse = handler.request_deserializer
    # Generated code hands over the `FromString` of the request's class.
    kind: type[Message] = parse.__self__  # type: ignore[attr-defined]

    def counted(raw: bytes) -> Message:
        check_fields(raw, kind.DESCRIPTOR)  # type: ignore[arg-type] # upb's are alike
        return parse(raw)

    return counted


async def _parsed(parse: Parse, raw: AsyncIterator[bytes]) -> AsyncIterator[Message]:
    call = _call.get()
    async for part in raw:
        call.bytes_in += len(part)
        yield parse(part)


def _unreadable() -> MalformedField:
    return MalformedField(
        "请求不是有效的 protobuf 报文，或其中的文本不是 UTF-8", field="request"
    )
