"""Reflection (grpc.reflection.v1alpha) as a method like any other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha.reflection import SERVICE_NAME, aio
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from gongji.rpc.method import Ending, Method, Writing
from gongji.serve.health import UNREADABLE

PATH: Final = f"/{SERVICE_NAME}/ServerReflectionInfo"


def reflection_of(services: Iterable[str]) -> Method:
    """Return the method that describes services."""
    # Any: its stubs know the synchronous one only.
    servicer: Any = aio.ReflectionServicer([*services, SERVICE_NAME])

    async def answer(requests: AsyncIterator[bytes], calling: Writing) -> Ending:
        asked = _parsed(requests)
        try:
            async for reply in servicer.ServerReflectionInfo(asked, None):
                await calling.write(reply.SerializeToString())
        except DecodeError:
            return UNREADABLE
        return b""

    return Method(PATH, streams_in=True, streams_out=True, answer=answer)


async def _parsed(
    requests: AsyncIterator[bytes],
) -> AsyncIterator[ServerReflectionRequest]:
    async for raw in requests:
        yield ServerReflectionRequest.FromString(raw)
