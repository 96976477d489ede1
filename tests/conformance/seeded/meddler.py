"""A dishonest server: passes every call on to an honest one, and changes some."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from typing import Any, Final, Self, TypeVar

import grpc
from google.protobuf.message import Message

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)

Bytes = Callable[[bytes], bytes]
"""The honest server's answer to a request, both as bytes; raises its refusal."""
Meddling = Callable[[bytes, Bytes], bytes]
"""What is answered instead."""

STREAMED: Final = frozenset({"ImportPersons", "ImportInstitutions"})
_RESERVED: Final = ("grpc-", "user-agent", ":", "te", "content-type")


class Lied(Exception):  # noqa: N818 - a refusal the honest server did not give
    """The call ends with this status."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def meddle(
    request: type[Q], answer: type[A], change: Callable[[Q, Callable[[Q], A]], A]
) -> Meddling:
    """Meddling written over messages instead of bytes."""

    def meddling(sent: bytes, honest: Bytes) -> bytes:
        def ask(message: Q) -> A:
            return answer.FromString(honest(message.SerializeToString()))

        return change(request.FromString(sent), ask).SerializeToString()

    return meddling


class Meddler(grpc.GenericRpcHandler):
    """A server over an honest one; `meddling` by the method's short name, e.g. "Settle"."""

    def __init__(
        self,
        target: str,
        meddling: Mapping[str, Meddling],
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self._channel = grpc.insecure_channel(target)
        self._meddling = dict(meddling)
        self.heard: list[tuple[str, dict[str, Any]]] = []
        """Method and metadata of each call."""
        self._server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[self])
        self.address = self._listen(credentials)

    def _listen(self, credentials: grpc.ServerCredentials | None) -> str:
        if credentials is None:
            return f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        # By name: a certificate is made out to one.
        port = self._server.add_secure_port("localhost:0", credentials)
        return f"localhost:{port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(0).wait()
        self._channel.close()

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Every method there is."""
        method: str = handler_call_details.method
        self.heard.append((method, dict(handler_call_details.invocation_metadata)))
        name = method.rpartition("/")[2]
        if name in STREAMED:
            return grpc.stream_unary_rpc_method_handler(
                lambda rows, context: self._stream(method, rows, context)
            )
        return grpc.unary_unary_rpc_method_handler(
            lambda sent, context: self._one(method, name, sent, context)
        )

    def _one(self, method: str, name: str, sent: bytes, context: Any) -> bytes:
        call: Any = self._channel.unary_unary(method)
        metadata = _passed(context)
        meddling = self._meddling.get(name, _honestly)

        def honest(request: bytes) -> bytes:
            reply: bytes = call(request, metadata=metadata)
            return reply

        return self._answered(context, lambda: meddling(sent, honest))

    def _stream(self, method: str, rows: Iterator[bytes], context: Any) -> bytes:
        call: Any = self._channel.stream_unary(method)
        return self._answered(context, lambda: call(rows, metadata=_passed(context)))

    @staticmethod
    def _answered(context: Any, answer: Callable[[], bytes]) -> bytes:
        try:
            return answer()
        except Lied as lie:
            context.abort(lie.code, str(lie))
        except grpc.RpcError as refusal:
            context.set_trailing_metadata(tuple(refusal.trailing_metadata()))
            context.abort(refusal.code(), refusal.details())
        raise AssertionError


def _honestly(sent: bytes, honest: Bytes) -> bytes:
    return honest(sent)


def _passed(context: Any) -> list[tuple[str, Any]]:
    return [
        (key, value)
        for key, value in context.invocation_metadata()
        if not key.startswith(_RESERVED)
    ]
