"""`gongji serve --workers N`: several processes over PostgreSQL that are one service to
whoever calls."""

from __future__ import annotations

import os
import signal
import socket
import uuid
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner
from gongji.cli import main
from gongji.serve.workers import hold_port

from tests.cli.started import Caller, connections, started
from tests.postgres import Postgres

NOWHERE = "postgresql:///x?host=/nowhere"


def caller_of(pid: int, address: str, stack: ExitStack) -> Caller:
    """A connection that this worker has accepted; the system decides which does, so
    some more may be made."""
    port = int(address.rpartition(":")[2])
    for _ in range(64):
        before = connections(pid, port)
        caller = stack.enter_context(Caller(address))
        caller.balance()
        if connections(pid, port) > before:
            return caller
    msg = f"worker {pid} is given no connection"
    raise AssertionError(msg)


def test_one_service_in_two_processes(postgres: Postgres, tmp_path: Path) -> None:
    """What one worker commits the other replays; nobody sits down beside them; a killed
    one comes back."""
    request = str(uuid.uuid4())
    arguments = [
        "--database",
        postgres.fresh(),
        "--data",
        str(tmp_path),
        "--workers",
        "2",
        "--sample",
    ]
    with started(*arguments) as service, ExitStack() as stack:
        pids = [service.event("worker_up")["pid"] for _ in range(2)]
        one, other = (caller_of(pid, service.address, stack) for pid in pids)
        first, again = one.settle(request), other.settle(request)
        assert (False, True) == (first.receipt.replayed, again.receipt.replayed)
        assert first.settlement == again.settlement
        assert one.balance() == other.balance()

        taken = f"无法监听 {service.address}: 端口被占用"
        assert taken in refused(
            "--address", service.address, "--data", str(tmp_path / "another")
        )
        assert taken in refused("--address", service.address, *arguments)

        os.kill(pids[1], signal.SIGKILL)
        ended, back = service.event("worker_ended"), service.event("worker_up")
        assert (2, 2) == (ended["worker"], back["worker"])
        assert "-9" in ended["told"]
        assert one.settle(request).receipt.replayed
        assert (
            caller_of(back["pid"], service.address, stack)
            .settle(request)
            .receipt.replayed
        )
        assert "2 个进程" in service.announced[-1]
        assert 0 == service.end()


def test_no_worker_outlives_its_parent(postgres: Postgres, tmp_path: Path) -> None:
    """Where the parent is killed its workers end by themselves, and the port is free again."""
    with started(
        "--database", postgres.fresh(), "--data", str(tmp_path), "--workers", "2"
    ) as service:
        assert -signal.SIGKILL == service.end(signal.SIGKILL)
    with hold_port(service.address) as address:
        assert service.address == address


def refused(*arguments: str) -> str:
    """What is said by a service that does not start; it ends with 1 and no traceback."""
    result = CliRunner().invoke(main, ["serve", *arguments], catch_exceptions=False)
    assert 1 == result.exit_code
    assert "Traceback" not in result.output
    return result.output


REFUSED = {
    "SQLite by default": ([], "SQLite 只供一个进程使用"),
    "a file named": (["--database", "sqlite:///x.db"], "SQLite 只供一个进程使用"),
    "a sandbox": (["--database", NOWHERE, "--sandbox"], "沙盒的时钟只在一个进程之内"),
    "no port": (
        ["--database", NOWHERE, "--address", "127.0.0.1"],
        "监听地址应写作 主机:端口",
    ),
    "a host elsewhere": (
        ["--database", NOWHERE, "--address", "203.0.113.1:1"],
        "无法监听 203.0.113.1:1",
    ),
    "a city not served": (
        ["--database", NOWHERE, "--adopt", "340100:V2@2025-01-01"],
        "没有接入医保区划为 340100",
    ),
    "a database that does not answer": (
        ["--database", NOWHERE, "--address", "127.0.0.1:0"],
        "无法连接 PostgreSQL",
    ),
}


@pytest.mark.parametrize(("arguments", "told"), REFUSED.values(), ids=REFUSED)
def test_refused_with_a_sentence(
    arguments: list[str], told: str, tmp_path: Path
) -> None:
    """What two workers cannot do together ends with one sentence and exit code 1."""
    assert told in refused("--workers", "2", "--data", str(tmp_path), *arguments)


class TestHolding:
    """The parent's port, before any worker listens there."""

    @pytest.mark.parametrize("reuse", [0, 1])
    def test_nobody_else_may_bind(self, reuse: int) -> None:
        """A held port is taken for everybody who does not share, though nobody listens
        there yet."""
        with hold_port("127.0.0.1:0") as address, socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
            with pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", port_of(address)))

    def test_nobody_else_may_hold(self) -> None:
        """A port is held once."""
        with (
            hold_port("localhost:0") as address,
            pytest.raises(OSError, match=f"无法监听 {address}"),
            hold_port(address),
        ):
            pass

    def test_workers_share(self) -> None:
        """Those who share listen beside each other, and both are given connections."""
        with hold_port("127.0.0.1:0") as address, ExitStack() as stack:
            where = ("127.0.0.1", port_of(address))
            workers = [
                stack.enter_context(socket.create_server(where, reuse_port=True))
                for _ in range(2)
            ]
            for _ in range(64):
                stack.enter_context(socket.create_connection(where))
            assert [True, True] == [accepted(worker) for worker in workers]

    def test_what_lingers_does_not_matter(self) -> None:
        """Connections that have ended and linger keep nobody from the port; while it is
        held others still are."""
        with hold_port("127.0.0.1:0") as address:
            pass
        where = ("127.0.0.1", port_of(address))
        with (
            socket.create_server(where) as server,
            socket.create_connection(where) as client,
        ):
            accepted_by_server, _ = server.accept()
            accepted_by_server.close()  # the side that ends first lingers
            client.recv(1)
        with (
            hold_port(address),
            pytest.raises(OSError, match="无法监听"),
            hold_port(address),
        ):
            pass


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def accepted(server: socket.socket) -> bool:
    """Whether a connection waits to be accepted."""
    server.setblocking(False)  # noqa: FBT003 - the method's only argument
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True
