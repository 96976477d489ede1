"""The misbehaving server: answers, refuses, drops or ignores each call by script."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio
from gongji.v1 import binding_pb2, settlement_pb2
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from gongji_conformance.client.acts import (
    Act,
    After,
    DropReply,
    Metadata,
    Refuse,
    Respond,
    Script,
    Silence,
)
from gongji_conformance.client.backend import Backend
from gongji_conformance.client.proxy import TcpProxy

Context = grpc.aio.ServicerContext[Any, Any]

AFTER_S: Final = 0.1
"""How long after a reply the connection ends, if it ends."""
_GRACE_S: Final = 5.0
_REPLAYED: Final = "重放第一次的答复"
_NO_DEADLINE_S: Final = 1e6
"""More than a million seconds is a library's way to write that there is no deadline."""
_SERVICES: Final = (
    settlement_pb2.DESCRIPTOR.services_by_name["SettlementService"],
    binding_pb2.DESCRIPTOR.services_by_name["BindingService"],
)


@dataclass(
    frozen=True,
    slots=True,
)
class ObservedCall:
    """One call as the server saw it.

    `at_s` counts from the scenario's start, `left_s` is None without a deadline.
    """

    method: str
    at_s: float
    left_s: float | None
    metadata: Metadata
    request: Message
    ending: str

    @property
    def request_id(self) -> str:
        """The request's id; empty if its kind has none."""
        return str(getattr(self.request, "request_id", ""))


class ScriptedServer:
    """A server that plays one script over one backend.

    `address` is there once it has started, `fault` is what broke in the server itself.
    """

    def __init__(self, script: Script, backend: Backend) -> None:
        self.address = ""
        self.observed: list[ObservedCall] = []
        self.fault: Exception | None = None
        self._backend = backend
        self._acts: dict[str, Iterator[Act]] = {
            method: iter(acts) for method, acts in script.items()
        }
        self._proxy = TcpProxy()
        self._servers: list[grpc.aio.Server] = []
        self._later: set[asyncio.Task[None]] = set()
        self._began = time.monotonic()

    async def start(self) -> None:
        """Listen; the scenario's time begins."""
        self.address = await self._proxy.open()
        await self._serve()
        self._began = time.monotonic()

    async def stop(self) -> None:
        """End all calls and connections."""
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        await self._proxy.close()
        for server in self._servers:
            await server.stop(None)

    async def _serve(self) -> None:
        """Start a new server behind the proxy."""
        # Off: with SO_REUSEPORT two servers may listen on one port.
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((_Methods(self, self._backend),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self._proxy.lead_to(port)
        self._servers.append(server)

    async def handle(
        self,
        method: str,
        request: Any,
        context: Context,
    ) -> bytes:
        """Record the call and do what the script says."""
        act = next(self._acts.get(method, iter(())), Respond())
        reply = act if isinstance(act, Refuse) else self._backend.execute(request)
        self._record(method, request, context, _ending(act, reply))
        if isinstance(reply, Refuse):
            await context.abort(reply.code, reply.message, reply.trailing)
        if isinstance(act, DropReply):
            self._proxy.cut()
        if isinstance(act, DropReply | Silence):
            # Until the call is over for its caller, which cancels this one.
            await asyncio.Event().wait()
        assert isinstance(act, Respond)
        if act.after:
            self._do_later(act.after)
        return act.change(reply)

    def _record(
        self,
        method: str,
        request: Message,
        context: Context,
        ending: str,
    ) -> None:
        """Add a call to those observed."""
        left_s: float | None = context.time_remaining()
        if left_s is not None and left_s > _NO_DEADLINE_S:
            left_s = None
        metadata = context.invocation_metadata() or ()
        self.observed.append(
            ObservedCall(
                method=method,
                at_s=time.monotonic() - self._began,
                left_s=left_s,
                metadata=tuple((key, value) for key, value in metadata),
                request=request,
                ending=ending,
            )
        )

    def _do_later(self, after: After) -> None:
        """End the connection in the background."""
        task = asyncio.create_task(self._end_connection(after))
        # Kept, because the loop holds its tasks by weak references only.
        self._later.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Keep a fault of the background task."""
        self._later.discard(task)
        if not task.cancelled() and isinstance(fault := task.exception(), Exception):
            self.fault = fault

    async def _end_connection(self, after: After) -> None:
        """End the connection a moment after the reply."""
        await asyncio.sleep(AFTER_S)
        if after == "cut":
            self._proxy.cut()
            return
        (old,) = self._servers
        await self._serve()
        # Sends GOAWAY, and lets calls in flight finish.
        await old.stop(_GRACE_S)
        self._servers.remove(old)


def _ending(act: Act, reply: Message | Refuse) -> str:
    """Return how a call ends, for the report."""
    if isinstance(reply, Refuse):
        return reply.label
    replayed = getattr(getattr(reply, "receipt", None), "replayed", False)
    if replayed:
        return _REPLAYED
    return act.label


class _Methods(grpc.GenericRpcHandler):
    """The unary methods whose requests the backend understands.

    Others are UNIMPLEMENTED.
    """

    def __init__(self, server: ScriptedServer, backend: Backend) -> None:
        self._server = server
        self._kinds: dict[str, type[Message]] = {}
        for service in _SERVICES:
            for method in service.methods:
                kind = GetMessageClass(method.input_type)
                if kind in backend.requests:
                    self._kinds[f"/{service.full_name}/{method.name}"] = kind

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Return the handler of one method."""
        kind = self._kinds.get(handler_call_details.method)
        if kind is None:
            return None
        name = handler_call_details.method.rpartition("/")[2]

        async def behave(request: Message, context: Context) -> bytes:
            try:
                return await self._server.handle(name, request, context)
            except grpc.aio.AbortError:
                raise
            except Exception as fault:
                # Told to whoever runs the scenario; a client sees UNKNOWN only.
                self._server.fault = fault
                raise

        return grpc.unary_unary_rpc_method_handler(behave, kind.FromString)
