"""A sandbox server in a process of its own, with the sample population."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import grpc

from gongji.client import imports
from gongji.client.connection import connect
from gongji.v1 import account_pb2, account_pb2_grpc, types_pb2

START_TIMEOUT_S: Final = 60
"""Seconds in which the server must have loaded the sample."""

_INTERVAL_S: Final = 0.1

_STOP_TIMEOUT_S: Final = 20


@contextmanager
def running_sandbox() -> Iterator[str]:
    """Run a sandbox on a free port of the loopback; yield its address.

    OSError with what the server printed if it does not come up.
    """
    command = [sys.executable, "-m", "gongji", "serve", "--sandbox", "--sample"]
    with tempfile.TemporaryDirectory(prefix="gongji-demo-") as name:
        folder = Path(name)
        address = f"127.0.0.1:{_free_port()}"
        log = folder / "server.log"
        with log.open("wb") as output:
            server = subprocess.Popen(  # noqa: S603 - our own command
                [*command, "--address", address, "--data", str(folder / "var")],
                stdout=output,
                stderr=output,
                env=_bare_environment(),
            )
        try:
            _wait_until_loaded(server, address, log)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=_STOP_TIMEOUT_S)


def _bare_environment() -> dict[str, str]:
    """Return the environment without settings of ours."""
    # A sandbox must not open the database of a service that this shell is set up for.
    return {name: value for name, value in os.environ.items() if name[:7] != "GONGJI_"}


def _free_port() -> int:
    # Chosen here, since what the server announces goes to its log; if another takes the
    # port before the server does, the server says so and ends.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _wait_until_loaded(
    server: subprocess.Popen[bytes], address: str, log: Path
) -> None:
    """Wait until the last row of the sample is served. OSError."""
    *_, (_, balances) = imports.sample()
    last = types_pb2.PersonRef(person_no=balances[-1].cells["person_no"])
    request = account_pb2.GetAccountRequest(person=last)
    with connect(address) as channel:
        accounts = account_pb2_grpc.AccountServiceStub(channel)
        for _ in range(int(START_TIMEOUT_S / _INTERVAL_S)):
            try:
                accounts.GetAccount(request, timeout=1)
            except grpc.RpcError:
                if server.poll() is not None:
                    output = log.read_text(encoding="utf-8")
                    raise OSError(f"服务未能启动：\n{output}") from None
                time.sleep(_INTERVAL_S)
            else:
                return
    raise OSError(f"服务在 {START_TIMEOUT_S:.0f} 秒内没有应答")
