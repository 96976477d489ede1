"""A service that only answers: the bill decoded, a reply as large as a real one built
and encoded, nothing decided.

.venv/bin/python -m tests.bench.echo ADDRESS REPLIES [--dressed]
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
from gongji.rpc.calls import Calls
from gongji.serve import logs, port
from gongji.serve.supervisor import new_event_loop
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import types_pb2
from google.protobuf.message import Message

SERVICE = "gongji.v1.SettlementService"


class Echo:
    """Answers each bill with one of a few settlements, in turn, under the request's id."""

    def __init__(self, replies: Sequence[bytes]) -> None:
        self._replies = cycle(
            [_values(pb.SettleResponse.FromString(reply)) for reply in replies]
        )

    async def settle(
        self, request: pb.SettleRequest, context: Any
    ) -> pb.SettleResponse:
        """The next reply, built from its values for this request and bill."""
        values, request_id = next(self._replies), request.request_id
        return pb.SettleResponse(
            settlement=pb.Settlement(
                **values["settlement"]
                | {"request_id": request_id, "bill": request.bill}
            ),
            receipt=types_pb2.Receipt(**values["receipt"] | {"request_id": request_id}),
        )


def _values(message: Message) -> dict[str, Any]:
    """A message's fields as keywords to build it from again."""
    values: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.message_type is None:
            values[field.name] = list(value) if field.is_repeated else value
        elif field.message_type.GetOptions().map_entry:
            values[field.name] = dict(value)
        else:
            values[field.name] = (
                [_values(one) for one in value] if field.is_repeated else _values(value)
            )
    return values


async def serve(address: str, replies: Sequence[bytes], *, dressed: bool) -> None:
    """Serves until the process is ended; dressed as the real server is: caller, checks
    and log line."""
    logs.configure()
    settle = grpc.unary_unary_rpc_method_handler(
        Echo(replies).settle,
        pb.SettleRequest.FromString,
        pb.SettleResponse.SerializeToString,
    )
    server = grpc.aio.server(
        options=port.OPTIONS, maximum_concurrent_rpcs=port.MAX_CALLS
    )
    if dressed:
        calls = Calls()
        calls.add_registered_method_handlers(SERVICE, {"Settle": settle})
        server.add_generic_rpc_handlers((port.Handlers(calls.methods.values()),))
    else:
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, {"Settle": settle}),)
        )
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


def main(address: str, replies: str, *how: str) -> None:
    """Runs the echo on the loop the real server has."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        decoded = msgspec.msgpack.decode(Path(replies).read_bytes(), type=list[bytes])
        runner.run(serve(address, decoded, dressed="--dressed" in how))


if __name__ == "__main__":
    main(*sys.argv[1:])
