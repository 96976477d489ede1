"""The wire without a network: the same stubs and services in one thread, many times faster than a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import grpc
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.rpc.method import CallFailed as CallEnded
from gongji.rpc.method import Method
from gongji.rpc.services import services_of
from gongji.serve.clock import SandboxClock
from gongji.store import Store
from gongji.v1 import (
    account_pb2_grpc,
    binding_pb2_grpc,
    city_pb2_grpc,
    registry_pb2_grpc,
    settlement_pb2_grpc,
)

from gongji_conformance.city.wire import Wire

Metadata = tuple[tuple[str, str | bytes], ...]


class Inside(Wire):
    """All services of one server over some cities, in this process; messages are packed and parsed as on the wire."""

    def __init__(self, loop: asyncio.AbstractEventLoop, store: Store, cities: Cities, clock: SandboxClock) -> None:
        desk: Any = _Desk(loop, services_of(store, cities, Workdays(), clock).methods)
        self.target = ""
        self.cities = city_pb2_grpc.CityServiceStub(desk)
        self.bindings = binding_pb2_grpc.BindingServiceStub(desk)
        self.settlements = settlement_pb2_grpc.SettlementServiceStub(desk)
        self.accounts = account_pb2_grpc.AccountServiceStub(desk)
        self.registry = registry_pb2_grpc.RegistryServiceStub(desk)
        self._clock = clock

    def reach(self) -> None:
        """Always there."""

    def close(self) -> None:
        """Nothing to hang up."""

    def set_clock(self, now: datetime) -> None:
        """Sets the clock."""
        self._clock.set(now)


class _Desk:
    """A channel to the stubs: a call is handed to its method."""

    def __init__(self, loop: asyncio.AbstractEventLoop, methods: Mapping[str, Method]) -> None:
        self._loop = loop
        self._methods = methods

    def unary_unary(
        self, method: str, request_serializer: Any, response_deserializer: Any, **_: object
    ) -> Callable[[Any], Any]:
        """A call of one message."""

        def call(request: Any) -> Any:
            raw = request_serializer(request)
            return response_deserializer(self._run(method, raw))

        return call

    def stream_unary(
        self, method: str, request_serializer: Any, response_deserializer: Any, **_: object
    ) -> Callable[[Iterable[Any]], Any]:
        """A call of many messages."""

        def call(requests: Iterable[Any]) -> Any:
            rows = [request_serializer(request) for request in requests]
            told = self._run(method, _each(rows))
            return response_deserializer(told)

        return call

    def unary_stream(self, method: str, *_: object, **__: object) -> None:
        """No case asks for a stream."""

    stream_stream = unary_stream

    def _run(self, method: str, raw: bytes | AsyncIterator[bytes]) -> bytes:
        """The reply's bytes. grpc.RpcError as a channel raises it."""
        try:
            return self._loop.run_until_complete(_answer(self._methods[method], raw))
        except CallEnded as ended:
            raise Ended(ended.status.code, ended.status.message, ended.status.trailing) from None


async def _answer(method: Method, raw: bytes | AsyncIterator[bytes]) -> bytes:
    return await method.answer(raw, _Calling())


class _Calling:
    """A call without caller or deadline."""

    caller = None
    remaining_s = None


class Ended(grpc.RpcError, grpc.Call):
    """A call that ended otherwise than well, as a channel raises it."""

    def __init__(self, code: grpc.StatusCode, message: str, trailing: Metadata) -> None:
        super().__init__(message)
        self._code, self._message, self._trailing = code, message, trailing

    def code(self) -> grpc.StatusCode:
        """Its status."""
        return self._code

    def details(self) -> str:
        """Its sentence."""
        return self._message

    def trailing_metadata(self) -> Any:
        """What else it says."""
        return self._trailing

    def initial_metadata(self) -> Any:
        """Nothing was said before."""
        return ()

    def is_active(self) -> bool:
        """It has ended."""
        return False

    def time_remaining(self) -> float:
        """It has ended."""
        return 0.0

    def cancel(self) -> bool:
        """It has ended."""
        return False

    def add_callback(self, callback: object) -> bool:
        """It has ended."""
        return False


async def _each(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    for row in rows:
        yield row
