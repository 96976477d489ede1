"""The wire without a network: the same stubs and services in one thread, many times faster than a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NoReturn

import grpc
from gongji.cities import Cities
from gongji.clock import SandboxClock
from gongji.rpc.account import Accounts
from gongji.rpc.binding import Bindings
from gongji.rpc.city import CityDesk
from gongji.rpc.interceptors import Calls
from gongji.rpc.registry import Registry
from gongji.rpc.settlement import Settlements
from gongji.store import Store
from gongji.v1 import account_pb2_grpc, binding_pb2_grpc, city_pb2_grpc, registry_pb2_grpc, settlement_pb2_grpc
from gongji.workdays import Workdays

from gongji_conformance.wire import Wire

Metadata = tuple[tuple[str, str | bytes], ...]


class Inside(Wire):
    """All services of one server over some cities, in this process; messages are packed and parsed as on the wire."""

    def __init__(self, loop: asyncio.AbstractEventLoop, store: Store, cities: Cities, clock: SandboxClock) -> None:
        desk: Any = _Desk(loop)
        workdays = Workdays()
        city_pb2_grpc.add_CityServiceServicer_to_server(CityDesk(cities, clock), desk)
        binding_pb2_grpc.add_BindingServiceServicer_to_server(Bindings(store, cities, workdays, clock), desk)
        settlement_pb2_grpc.add_SettlementServiceServicer_to_server(Settlements(store, cities), desk)
        account_pb2_grpc.add_AccountServiceServicer_to_server(Accounts(store, cities), desk)
        registry_pb2_grpc.add_RegistryServiceServicer_to_server(Registry(store, cities, clock), desk)
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
    """A server to the services and a channel to the stubs: a call is handed from one to the other."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls = Calls()
        self._handlers: dict[str, Any] = {}

    # --- as the services see it -----------------------------------------------------------------------------------

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Told twice by generated code; the other way names the methods."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """The methods of a service."""
        self._handlers |= {f"/{service}/{method}": handler for method, handler in handlers.items()}

    # --- as the stubs see it --------------------------------------------------------------------------------------

    def unary_unary(
        self, method: str, request_serializer: Any, response_deserializer: Any, **_: object
    ) -> Callable[[Any], Any]:
        """A call of one message."""

        def call(request: Any) -> Any:
            raw = request_serializer(request)
            return response_deserializer(self._run(method, lambda handler, calling: handler.unary_unary(raw, calling)))

        return call

    def stream_unary(
        self, method: str, request_serializer: Any, response_deserializer: Any, **_: object
    ) -> Callable[[Iterable[Any]], Any]:
        """A call of many messages."""

        def call(requests: Iterable[Any]) -> Any:
            rows = [request_serializer(request) for request in requests]
            told = self._run(method, lambda handler, calling: handler.stream_unary(_each(rows), calling))
            return response_deserializer(told)

        return call

    def unary_stream(self, method: str, *_: object, **__: object) -> None:
        """No case asks for a stream."""

    stream_stream = unary_stream

    def _run(self, method: str, behave: Callable[[Any, Any], Awaitable[Any]]) -> bytes:
        """The reply's bytes. grpc.RpcError as a channel raises it."""

        async def answer() -> bytes:
            wrapped: Any = await self._calls.intercept_service(self._found, _Called(method))
            packed: bytes = wrapped.response_serializer(await behave(wrapped, _Calling()))
            return packed

        return self._loop.run_until_complete(answer())

    async def _found(self, called: grpc.HandlerCallDetails) -> Any:
        return self._handlers[called.method]


class _Called(grpc.HandlerCallDetails):
    """Which method is called."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.invocation_metadata = ()


class _Calling:
    """The context of a call without caller, deadline or peer."""

    def invocation_metadata(self) -> Metadata:
        """No metadata."""
        return ()

    def time_remaining(self) -> None:
        """No deadline."""

    async def abort(self, code: grpc.StatusCode, message: str, trailing: Metadata) -> NoReturn:
        """Ends the call."""
        raise Ended(code, message, trailing)


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
