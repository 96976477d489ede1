"""The misbehaving server: every call is written down, then answered, refused, lost or left waiting by script."""

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
    Answer,
    Lose,
    Refuse,
    Script,
    Silence,
)
from gongji_conformance.client.desk import Desk
from gongji_conformance.client.line import Line

AFTER_S: Final = 0.1
"""How long after a reply the connection ends, where it ends."""
_GRACE_S: Final = 5.0
_REPLAYED: Final = "重放第一次的答复"
_NO_DEADLINE_S: Final = 1e6
"""More than a million seconds is no deadline but a library's way to write that there is none."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One call as the server saw it; `at_s` counts from the scenario's start, `left_s` is None without a deadline."""

    method: str
    at_s: float
    left_s: float | None
    metadata: tuple[tuple[str, str | bytes], ...]
    request: Message
    ending: str

    @property
    def request_id(self) -> str:
        """The request's id; empty where its kind has none."""
        return str(getattr(self.request, "request_id", ""))


class ScriptedServer:
    """A server that plays one script over one desk; `address` is there once it has started.

    `fault` is what broke in the server itself.
    """

    def __init__(self, script: Script, desk: Desk) -> None:
        self.address = ""
        self.seen: list[Seen] = []
        self.fault: Exception | None = None
        self._desk = desk
        self._acts: dict[str, Iterator[Act]] = {method: iter(acts) for method, acts in script.items()}
        self._line = Line()
        self._servers: list[grpc.aio.Server] = []
        self._later: set[asyncio.Task[None]] = set()
        self._began = time.monotonic()

    async def start(self) -> None:
        """Listens; the scenario's time begins."""
        self.address = await self._line.open()
        await self._serve()
        self._began = time.monotonic()

    async def stop(self) -> None:
        """Ends all calls and connections."""
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        await self._line.close()
        for server in self._servers:
            await server.stop(None)

    async def _serve(self) -> None:
        """A new server at the end of the line."""
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((_Everything(self, self._desk),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self._line.lead_to(port)
        self._servers.append(server)

    async def handle(self, method: str, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        """Writes the call down and does what the script says."""
        act = next(self._acts.get(method, iter(())), Answer())
        reply = act if isinstance(act, Refuse) else self._desk.execute(request)
        replayed = getattr(getattr(reply, "receipt", None), "replayed", False)
        ending = reply.told if isinstance(reply, Refuse) else _REPLAYED if replayed else act.told
        self._note(method, request, context, ending)
        if isinstance(reply, Refuse):
            await context.abort(reply.code, reply.message, reply.trailing)
        if isinstance(act, Lose):
            self._line.cut()
        if isinstance(act, Lose | Silence):
            await asyncio.Event().wait()  # until the call is over for its caller
        assert isinstance(act, Answer)
        if act.after:
            self._do_later(act.after)
        return act.change(reply)

    def _note(self, method: str, request: Message, context: grpc.aio.ServicerContext[Any, Any], ending: str) -> None:
        left_s = context.time_remaining()
        self.seen.append(
            Seen(
                method,
                time.monotonic() - self._began,
                None if left_s is None or left_s > _NO_DEADLINE_S else left_s,
                tuple((key, value) for key, value in context.invocation_metadata() or ()),
                request,
                ending,
            )
        )

    def _do_later(self, after: After) -> None:
        task = asyncio.create_task(self._end_connection(after))
        self._later.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._later.discard(task)
        if not task.cancelled() and isinstance(fault := task.exception(), Exception):
            self.fault = fault

    async def _end_connection(self, after: After) -> None:
        await asyncio.sleep(AFTER_S)
        if after == "cut":
            self._line.cut()
            return
        (old,) = self._servers
        await self._serve()
        await old.stop(_GRACE_S)  # says GOAWAY, and lets calls in flight finish
        self._servers.remove(old)


class _Everything(grpc.GenericRpcHandler):
    """The unary methods whose requests the desk understands; others are UNIMPLEMENTED."""

    def __init__(self, server: ScriptedServer, desk: Desk) -> None:
        self._server = server
        self._kinds = {
            f"/{service.full_name}/{method.name}": GetMessageClass(method.input_type)
            for service in (
                settlement_pb2.DESCRIPTOR.services_by_name["SettlementService"],
                binding_pb2.DESCRIPTOR.services_by_name["BindingService"],
            )
            for method in service.methods
            if GetMessageClass(method.input_type) in desk.requests
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler of one method."""
        kind = self._kinds.get(handler_call_details.method)
        if kind is None:
            return None
        name = handler_call_details.method.rpartition("/")[2]

        async def behave(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
            try:
                return await self._server.handle(name, request, context)
            except grpc.aio.AbortError:
                raise
            except Exception as fault:
                self._server.fault = fault
                raise

        return grpc.unary_unary_rpc_method_handler(behave, kind.FromString)
