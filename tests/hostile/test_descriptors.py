"""With descriptors used up, who is connected is answered, and who comes is not kept waiting."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import grpc
import pytest

from tests.cli.started import Started
from tests.hostile import wire
from tests.hostile.attacks import CITIES
from tests.patience import PATIENCE_S
from tests.scaffold.kept import give_kept

LIMIT: Final = 128

GREETING: Final = wire.PREFACE + wire.settings()


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Started]:
    """Run a sandbox that may have so many descriptors and no more."""
    serve = f"{sys.executable} -m gongji serve --address 127.0.0.1:0"
    command = f"ulimit -n {LIMIT}; exec {serve} --sandbox --data {tmp_path}"
    give_kept(tmp_path)
    with subprocess.Popen(  # noqa: S603 - our own
        ["/bin/sh", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        server = Started(process, tmp_path)
        try:
            server.announcement()
            yield server
        finally:
            process.kill()
            server.reader.join(PATIENCE_S)


def asked(channel: Any) -> object:
    """Ask once; return the error, if there is one."""
    try:
        channel.unary_unary(CITIES)(b"", timeout=PATIENCE_S)
    except grpc.RpcError as error:
        return error
    return None


def test_connections_end_before_descriptors(limited: Started) -> None:
    """Connections beyond what there is room for are closed; the others go on."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    with (
        grpc.insecure_channel(limited.address, options) as channel,
        ExitStack() as all_,
    ):
        assert asked(channel) is None
        closed = sum(not opened(limited, all_) for _ in range(2 * LIMIT))
        assert closed >= LIMIT
        assert asked(channel) is None
        with grpc.insecure_channel(limited.address, options) as late:
            assert isinstance(asked(late), grpc.RpcError)
    # Those that were open have gone.
    with grpc.insecure_channel(limited.address, options) as late:
        until = time.monotonic() + PATIENCE_S
        while asked(late) is not None and time.monotonic() < until:
            time.sleep(0.1)
        assert asked(late) is None
    assert [] == [line for line in limited.logged if not line.startswith("{")]


IMPORTS: Final = "/gongji.v1.RegistryService/ImportPersons"


def test_streams_end_before_descriptors(limited: Started) -> None:
    """Streams beyond what there is room for are refused by what is true of them; calls,
    health and the log go on, and the streams that were open too."""
    gone = threading.Event()
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(limited.address, options) as channel:
        calls = idle_imports(channel, gone)
        refused = [call for call in calls if call.done()]
        assert asked(channel) is None
        gone.set()
        told = {str(call.details()) for call in calls}
    assert {grpc.StatusCode.RESOURCE_EXHAUSTED} == {call.code() for call in refused}
    assert not any("已结束" in one for one in told)
    assert [] == [line for line in limited.logged if not line.startswith("{")]


def idle_imports(channel: Any, gone: threading.Event) -> list[Any]:
    """Open streams that send nothing until they may go, and wait until one is refused."""

    def nothing() -> Iterator[bytes]:
        gone.wait(PATIENCE_S)
        yield from ()

    importing = channel.stream_unary(IMPORTS)
    calls = [importing.future(nothing()) for _ in range(LIMIT // 2)]
    until = time.monotonic() + PATIENCE_S
    while not any(call.done() for call in calls):
        assert time.monotonic() < until
        time.sleep(0.05)
    return calls


def opened(server: Started, stack: ExitStack) -> bool:
    """Open a connection; return whether the server greets it."""
    host, _, port = server.address.rpartition(":")
    with suppress(OSError):
        connection = socket.create_connection((host, int(port)), PATIENCE_S)
        stack.callback(connection.close)
        connection.sendall(GREETING)
        return bool(connection.recv(1))
    return False
