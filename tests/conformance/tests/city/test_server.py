"""A server is looked at before anything is written to it."""

# ruff: noqa: N802 - methods are named by the proto

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from gongji.v1 import sandbox_pb2, sandbox_pb2_grpc
from gongji_conformance.city.access import Access
from gongji_conformance.city.server import ServerUnderTest, SetupFault


class DoubtfulService(sandbox_pb2_grpc.SandboxServiceServicer):
    """Refuses to tell its clock; whatever else is asked is written down."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def GetClock(
        self, request: sandbox_pb2.GetClockRequest, context: grpc.ServicerContext
    ) -> sandbox_pb2.GetClockResponse:
        context.abort(self._code, "不在此告知")

    def SetClock(
        self, request: sandbox_pb2.SetClockRequest, context: grpc.ServicerContext
    ) -> sandbox_pb2.SetClockResponse:
        raise AssertionError

    def OrderFault(
        self, request: sandbox_pb2.OrderFaultRequest, context: grpc.ServicerContext
    ) -> sandbox_pb2.OrderFaultResponse:
        raise AssertionError

    def IssueVoucher(
        self,
        request: sandbox_pb2.IssueVoucherRequest,
        context: grpc.ServicerContext,
    ) -> sandbox_pb2.IssueVoucherResponse:
        raise AssertionError

    def Reset(
        self, request: sandbox_pb2.ResetRequest, context: grpc.ServicerContext
    ) -> sandbox_pb2.ResetResponse:
        raise AssertionError


class Listening(grpc.ServerInterceptor):
    """Keeps the methods a server is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        self.asked.append(details.method)
        return continuation(details)


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.INTERNAL,
    ],
)
def test_what_does_not_say_so_is_no_sandbox(code: grpc.StatusCode) -> None:
    """Only a clock that is told makes a sandbox; nothing else has been asked by then."""
    listening = Listening()
    server = grpc.server(futures.ThreadPoolExecutor(1), interceptors=[listening])
    sandbox_pb2_grpc.add_SandboxServiceServicer_to_server(DoubtfulService(code), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with pytest.raises(SetupFault, match=f"{code.name}：不在此告知.*没有写入任何内容"):
        ServerUnderTest(Access(target=f"127.0.0.1:{port}"))
    server.stop(None).wait()
    assert ["/gongji.v1.SandboxService/GetClock"] == listening.asked


@pytest.fixture
def address() -> Iterator[str]:
    """A server that knows no service, and so no SandboxService."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None)


def test_what_is_no_sandbox_is_not_written_to(address: str) -> None:
    """A server without SandboxService is refused by a sentence that says what to start."""
    with pytest.raises(SetupFault, match="--sandbox"):
        ServerUnderTest(Access(target=address))
