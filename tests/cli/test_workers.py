"""`gongji serve --workers N`: several processes over PostgreSQL, one service to callers."""

from __future__ import annotations

import os
import signal
import socket
import uuid
from contextlib import ExitStack
from pathlib import Path

import pytest
from gongji.serve.listening import hold_port

from tests.cli.command import gongji
from tests.cli.started import (
    Caller,
    Started,
    children,
    connections,
    ended_with,
    listening,
    started,
)
from tests.postgres import Postgres

NOWHERE = "postgresql:///x?host=/nowhere"


def caller_of(pid: int, service: Started, stack: ExitStack) -> Caller:
    """Connect until this worker accepts: the system decides which one does."""
    port = port_of(service.address)
    for _ in range(64):
        before = connections(pid, port)
        caller = stack.enter_context(Caller(service))
        caller.balance()
        if connections(pid, port) > before:
            return caller
    message = f"worker {pid} is given no connection"
    raise AssertionError(message)


def test_one_service_in_two_processes(postgres: Postgres, tmp_path: Path) -> None:
    """What one worker commits the other replays; no other server joins them; a killed
    one comes back."""
    request = str(uuid.uuid4())
    database = ["--database", postgres.fresh(), "--data", str(tmp_path)]
    arguments = [*database, "--workers", "2", "--sample"]
    with started(*arguments) as service, ExitStack() as stack:
        pids = [service.event("worker_up")["pid"] for _ in range(2)]
        first, second = (caller_of(pid, service, stack) for pid in pids)
        check_same_service(first, second, request)
        check_port_taken(service, tmp_path / "another", arguments)

        os.kill(pids[1], signal.SIGKILL)
        third = caller_of(replacement(service), service, stack)
        for caller in (first, third):
            assert caller.settle(request).receipt.replayed
        assert "2 个进程" in "".join(service.announced)
        assert 0 == service.end()


def replacement(service: Started) -> int:
    """Return the process that replaces the second worker, which was killed."""
    ended, successor = service.event("worker_ended"), service.event("worker_up")
    assert (2, 2) == (ended["worker"], successor["worker"])
    assert "-9" in ended["told"]
    pid: int = successor["pid"]
    return pid


def check_same_service(first: Caller, second: Caller, request: str) -> None:
    """Settle through one, then through the other: a replay, and one balance."""
    settled, again = first.settle(request), second.settle(request)
    assert (False, True) == (settled.receipt.replayed, again.receipt.replayed)
    assert settled.settlement == again.settlement
    assert first.balance() == second.balance()


def check_port_taken(service: Started, data: Path, arguments: list[str]) -> None:
    """No second service starts on the port, alone or as the first one was started."""
    message = f"无法监听 {service.address}：端口被占用"
    address = ("--address", service.address)
    assert message in refused(*address, "--data", str(data))
    assert message in refused(*address, *arguments)


def test_no_worker_outlives_its_parent(postgres: Postgres, tmp_path: Path) -> None:
    """If the parent is killed its workers end by themselves, and the port is free again."""
    with started(
        "--database", postgres.fresh(), "--data", str(tmp_path), "--workers", "2"
    ) as service:
        with ended_with(children(service.process.pid)):
            assert listening(port_of(service.address))
            assert -signal.SIGKILL == service.end(signal.SIGKILL)
        assert not listening(port_of(service.address))


def refused(*arguments: str) -> str:
    """Return what a service prints that does not start: it ends with 1, untraced."""
    result = gongji("serve", *arguments)
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
        "203.0.113.1:1 不是本机回环地址",
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


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_with_a_sentence(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    """What two workers cannot do together ends with one sentence and exit code 1."""
    assert message in refused("--workers", "2", "--data", str(tmp_path), *arguments)


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
