"""A server is looked at before anything is written to it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest
from gongji_conformance.city.access import Access
from gongji_conformance.city.server import ServerUnderTest, SetupFault


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
