"""Serve replies as large as real ones: the bill decoded, the reply built, nothing decided.

.venv/bin/python -m tests.bench.echo ADDRESS REPLIES [--dressed [DOORS]]
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import grpc
import msgspec
from gongji.model.subject import NO_SUBJECT, Subject
from gongji.rpc.calls import Calls, current_permit
from gongji.rpc.method import Services
from gongji.serve import logs, port
from gongji.serve.admission import admission_of
from gongji.serve.metrics.outcomes import watch_outcomes
from gongji.serve.service import port_options
from gongji.serve.settings import Settings
from gongji.serve.supervisor import new_event_loop
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import types_pb2
from google.protobuf.message import Message

_DRESSED = "--dressed"

SERVICE = "gongji.v1.SettlementService"


class Echo:
    """Answers each bill with one of a few settlements, in turn, under the request's id."""

    def __init__(self, replies: Sequence[bytes]) -> None:
        messages = [pb.SettleResponse.FromString(reply) for reply in replies]
        self._replies = cycle([_values(message) for message in messages])

    async def settle(
        self, request: pb.SettleRequest, context: Any
    ) -> pb.SettleResponse:
        """Return the next reply, built from its values for this request and bill."""
        values = next(self._replies)
        request_id = {"request_id": request.request_id}
        settlement = values["settlement"] | request_id | {"bill": request.bill}
        receipt = values["receipt"] | request_id
        return pb.SettleResponse(
            settlement=pb.Settlement(**settlement),
            receipt=types_pb2.Receipt(**receipt),
        )


class DressedEcho(Echo):
    """An echo that shows, as every method must, that its caller may see the reply."""

    async def settle(
        self, request: pb.SettleRequest, context: Any
    ) -> pb.SettleResponse:
        """Return the next reply. Denied, to a hospital that is another."""
        current_permit().institution(request.bill.institution_code)
        return await super().settle(request, context)


class _Unrecorded:
    """Keeps no accesses: an echo looks at nobody's data."""

    async def keep(self, accesses: object) -> None:
        """Do nothing."""

    async def keep_of_refused(self, accesses: object, refusal: object) -> None:
        """Do nothing."""


def _values(message: Message) -> dict[str, Any]:
    """Return a message's fields as keywords to build it from again."""
    values: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.message_type is None:
            values[field.name] = list(value) if field.is_repeated else value
        elif field.message_type.GetOptions().map_entry:
            values[field.name] = dict(value)
        elif field.is_repeated:
            values[field.name] = [_values(item) for item in value]
        else:
            values[field.name] = _values(value)
    return values


async def serve(
    address: str, replies: Sequence[bytes], *, dressed: bool, doors: Path | None
) -> None:
    """Serve until the process is ended; dressed as the real server's port.

    It knows the caller, checks, counts and logs a line; by TLS and a policy if there are
    `doors`.
    """
    logs.configure()
    settle = grpc.unary_unary_rpc_method_handler(
        (DressedEcho if dressed else Echo)(replies).settle,
        pb.SettleRequest.FromString,
        pb.SettleResponse.SerializeToString,
    )
    if dressed:
        opened = _dressed(address, settle, doors)
        await opened.start()
        await opened.keep()
    server = grpc.aio.server(options=port.OPTIONS)
    handler = grpc.method_handlers_generic_handler(SERVICE, {"Settle": settle})
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


def _dressed(address: str, settle: Any, doors: Path | None) -> port.OpenPort:
    """Return a port like the real server's, with its doors or none."""
    settings = Settings(address=address, data=Path(), sandbox=True)
    if doors:
        settings = Settings(
            address=address,
            data=doors,
            tls_cert=doors / "server.pem",
            tls_key=doors / "server.key",
            client_ca=doors / "ca.pem",
            policy=doors / "policy.toml",
        )
    admission = admission_of(settings)
    calls = Calls(
        admission.policy,
        _nobody,
        _Unrecorded(),
        pseudonym=str,
        sandbox=settings.sandbox,
    )
    calls.add_registered_method_handlers(SERVICE, {"Settle": settle})
    watch_outcomes()
    return port.OpenPort(
        Services(calls.methods, (SERVICE,), (SERVICE,)),
        address,
        admission.authenticator,
        port_options(settings, admission.tls),
    )


async def _nobody(packed: bytes) -> Subject:
    """Return no subject: the bench states none."""
    del packed
    return NO_SUBJECT


def main(address: str, replies: str, *options: str) -> None:
    """Run the echo on the loop the real server has."""
    decoded = msgspec.msgpack.decode(Path(replies).read_bytes(), type=list[bytes])
    folders = [Path(option) for option in options if option != _DRESSED]
    doors = folders[0] if folders else None
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        serving = serve(address, decoded, dressed=_DRESSED in options, doors=doors)
        runner.run(serving)


if __name__ == "__main__":
    main(*sys.argv[1:])
