"""Stubs without a network: the same services in one thread, many times faster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import grpc
from gongji.access.identity import ANYBODY
from gongji.access.policy import AnybodyPolicy
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.rpc.method import Ending, Method
from gongji.rpc.origin import NOWHERE
from gongji.rpc.services import services_of
from gongji.rpc.status import Status
from gongji.serve.clock import SandboxClock
from gongji.store import Store

from gongji_conformance.city.stubs import Stubs

Metadata = tuple[tuple[str, str | bytes], ...]


class InProcessStubs(Stubs):
    """All services of one server in this process.

    Messages are packed and parsed as on the wire.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        store: Store,
        cities: Cities,
        clock: SandboxClock,
    ) -> None:
        methods = services_of(store, cities, Workdays(), clock, AnybodyPolicy()).methods
        channel: Any = _MethodChannel(loop, methods)
        self.target = ""
        self._add_stubs(channel)
        self._clock = clock

    def reach(self) -> None:
        """Do nothing: the services are here."""

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def set_clock(self, now: datetime) -> None:
        """Set the clock."""
        self._clock.set(now)


class _MethodChannel:
    """A channel to the stubs: a call is handed to its method."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, methods: Mapping[str, Method]
    ) -> None:
        self._loop = loop
        self._methods = methods

    def unary_unary(
        self,
        method: str,
        request_serializer: Any,
        response_deserializer: Any,
        **_: object,
    ) -> Callable[[Any], Any]:
        """Return a call of one message."""

        def call(request: Any) -> Any:
            raw = request_serializer(request)
            return response_deserializer(self._run(method, raw))

        return call

    def stream_unary(
        self,
        method: str,
        request_serializer: Any,
        response_deserializer: Any,
        **_: object,
    ) -> Callable[[Iterable[Any]], Any]:
        """Return a call of many messages."""

        def call(requests: Iterable[Any]) -> Any:
            rows = [request_serializer(request) for request in requests]
            return response_deserializer(self._run(method, _stream(rows)))

        return call

    def unary_stream(
        self,
        method: str,
        request_serializer: Any,
        response_deserializer: Any,
        **_: object,
    ) -> Callable[[Any], Iterator[Any]]:
        """Return a call of one message that is answered by many."""

        def call(request: Any) -> Iterator[Any]:
            calling = _Calling()
            rows = _stream([request_serializer(request)])
            self._run(method, rows, calling)
            return map(response_deserializer, calling.replies)

        return call

    def stream_stream(self, method: str, *_: object, **__: object) -> None:
        """Return nothing: no case asks for streams both ways."""

    def _run(
        self,
        method: str,
        raw: bytes | AsyncIterator[bytes],
        calling: _Calling | None = None,
    ) -> bytes:
        """Return the reply's bytes. grpc.RpcError as a channel raises it."""
        answer = _answer(self._methods[method], raw, calling or _Calling())
        ended = self._loop.run_until_complete(answer)
        if isinstance(ended, Status):
            raise InProcessError(ended.code, ended.message, ended.trailing)
        return ended


async def _answer(
    method: Method, raw: bytes | AsyncIterator[bytes], calling: _Calling
) -> Ending:
    return await method.answer(raw, calling)


async def _stream(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    for row in rows:
        yield row


class _Calling:
    """A call without caller or deadline."""

    identity = ANYBODY
    remaining_s = None
    origin = NOWHERE

    def __init__(self) -> None:
        self.replies: list[bytes] = []

    async def write(self, reply: bytes) -> None:
        """Keep one of several replies."""
        self.replies.append(reply)


class InProcessError(grpc.RpcError, grpc.Call):
    """A call that failed, as a channel raises it."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        trailing: Metadata,
    ) -> None:
        super().__init__(message)
        self._code = code
        self._message = message
        self._trailing = trailing

    def code(self) -> grpc.StatusCode:
        """Return its status."""
        return self._code

    def details(self) -> str:
        """Return its sentence."""
        return self._message

    def trailing_metadata(self) -> Any:
        """Return its trailing metadata, with google.rpc.Status."""
        return self._trailing

    def initial_metadata(self) -> Any:
        """Return no metadata: none was sent before."""
        return ()

    def is_active(self) -> bool:
        """Say that it is over."""
        return False

    def time_remaining(self) -> float:
        """Return no time: it is over."""
        return 0.0

    def cancel(self) -> bool:
        """Refuse: it is over."""
        return False

    def add_callback(self, callback: object) -> bool:
        """Refuse: it is over."""
        return False
