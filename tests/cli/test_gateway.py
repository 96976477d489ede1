"""`gongji serve --gateway`: the port in a process of its own, and yet one service."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import grpc
import pytest
from gongji.v1 import account_pb2, registry_pb2, settlement_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.cli.command import gongji
from tests.cli.started import (
    PERSON,
    Caller,
    Started,
    children,
    connections,
    ended_with,
    listening,
    started,
    wait_for_request,
)
from tests.patience import PATIENCE_S
from tests.scaffold.service import Service

ANY = "127.0.0.1:0"
SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Started]:
    arguments = ["--gateway", "--data", str(tmp_path), "--sample", "--reflection"]
    with started(*arguments) as service:
        yield service


def test_every_service_is_described(service: Started) -> None:
    """Reflection describes every service it names, though another process answers them."""
    with Caller(service) as caller:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(caller.channel)
        ask = reflection_pb2.ServerReflectionRequest
        (listed,) = stub.ServerReflectionInfo(iter([ask(list_services="")]))
        names = [found.name for found in listed.list_services_response.service]
        questions = [ask(file_containing_symbol=name) for name in names]
        replies = list(stub.ServerReflectionInfo(iter(questions)))
    assert "gongji.v1.ConsequenceService" in names
    undescribed = [
        name
        for name, reply in zip(names, replies, strict=True)
        if not reply.file_descriptor_response.file_descriptor_proto
    ]
    assert [] == undescribed


def port_of(service: Started) -> int:
    return int(service.address.rpartition(":")[2])


def health(caller: Caller, name: str = "", *, timeout_s: float = PATIENCE_S) -> int:
    """Return the status of the server, or of one of its services or cities."""
    stub: Any = health_pb2_grpc.HealthStub(caller.channel)  # its types lack the calls
    status: int = stub.Check(
        health_pb2.HealthCheckRequest(service=name), timeout=timeout_s
    ).status
    return status


def test_another_process_has_the_port(service: Started) -> None:
    """The server's only child accepts the connections, answers about health and
    describes the services."""
    (gateway,) = children(service.process.pid)
    with Caller(service) as caller:
        assert not caller.settle().receipt.replayed
        assert 1 == connections(gateway, port_of(service))
        assert SERVING == health(caller, "gongji.city.341100")
    assert 0 == service.end()


def test_health_is_that_of_who_answers(service: Started) -> None:
    """While the server does not answer, the gateway does not report that it is healthy."""
    with Caller(service) as caller:
        health(caller)
        service.process.send_signal(signal.SIGSTOP)
        with pytest.raises(grpc.RpcError) as silent:
            health(caller, timeout_s=0.5)
        service.process.send_signal(signal.SIGCONT)
        assert SERVING == health(caller)
    assert grpc.StatusCode.DEADLINE_EXCEEDED == silent.value.code()


def test_a_killed_gateway_is_replaced(service: Started) -> None:
    """Its calls end as UNAVAILABLE; a successor on the same port answers the same
    request from the record."""
    gateway, request = service.event("gateway_up")["pid"], str(uuid.uuid4())
    with Caller(service) as caller:
        first = caller.settle(request)
        os.kill(gateway, signal.SIGKILL)
        assert "-9" in service.event("gateway_ended")["told"]
        assert gateway != service.event("gateway_up")["pid"]
    with Caller(service) as caller:
        again = caller.settle(request)
    assert again.receipt.replayed
    assert first.settlement == again.settlement


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, its path longer than that of a socket may be."""
    folder = tmp_path / ("t" * 120)
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_none_outlives_its_server(tmp_path: Path, temporary: Path) -> None:
    """If the server is killed its gateway ends at once, the port is free again, and
    nothing is left behind: there never was anything of it in a folder."""
    data = tmp_path / "var"
    with (
        started("--gateway", "--data", str(data), "--sample") as service,
        Caller(service) as caller,
    ):
        caller.settle()
        assert [] == list(temporary.iterdir())
        assert listening(port_of(service))
        with ended_with(children(service.process.pid)):
            assert -signal.SIGKILL == service.end(signal.SIGKILL)
    assert not listening(port_of(service))


def test_a_cleaner_of_temporary_files_takes_nothing(
    tmp_path: Path, temporary: Path
) -> None:
    """Without the folder for temporary files a server goes on, streams and all, and a
    gateway that is killed has a successor."""
    settings = ["--gateway", "--data", str(tmp_path / "var")]
    with started(*settings) as service:
        gateway = service.event("gateway_up")["pid"]
        shutil.rmtree(temporary)
        first, second = import_twice(service, import_of(100))
        assert (100, True) == (first.summary.received, second.receipt.replayed)
        os.kill(gateway, signal.SIGKILL)
        assert gateway != service.event("gateway_up")["pid"]
        third, _ = import_twice(service, import_of(100))
        assert 100 == third.summary.received
        assert 0 == service.end()


@pytest.mark.sampled(1)
@pytest.mark.parametrize("whose", ["server", "gateway"])
def test_an_import_cut_off_can_be_sent_again(tmp_path: Path, whose: str) -> None:
    """It ends as UNAVAILABLE, whoever is killed, and is no import of its own: the same
    id sent again whole executes."""
    settings = ("--gateway", "--data", str(tmp_path))
    messages = import_of(1_200)
    with started(*settings) as service:
        gateway = service.event("gateway_up")["pid"]
        killed = service.process.pid if whose == "server" else gateway

        cut_off = import_cut_off(service, tmp_path, messages, killed)
        assert grpc.StatusCode.UNAVAILABLE == cut_off
        successor = started(*settings) if whose == "server" else nullcontext(service)
        with successor as again:
            again.event("gateway_up")
            first, second = import_twice(again, messages)
    summary = first.summary
    assert (1_200, 0) == (summary.received, summary.refused)
    assert 1_200 == summary.written + summary.unchanged
    assert (False, True) == (first.receipt.replayed, second.receipt.replayed)
    assert summary == second.summary


def import_of(persons: int) -> list[registry_pb2.ImportPersonsRequest]:
    """Return the messages of an import, its header first."""
    header = registry_pb2.ImportHeader(request_id=str(uuid.uuid4()))
    return [
        registry_pb2.ImportPersonsRequest(header=header),
        *(
            registry_pb2.ImportPersonsRequest(person=Service.person(number))
            for number in range(persons)
        ),
    ]


def import_cut_off(
    service: Started,
    data: Path,
    messages: list[registry_pb2.ImportPersonsRequest],
    pid: int,
) -> grpc.StatusCode:
    """Send a part of an import, kill a process, and return how the call ended."""
    over = threading.Event()

    def some() -> Iterator[registry_pb2.ImportPersonsRequest]:
        yield from messages[:1_000]
        wait_for_request(data)
        os.kill(pid, signal.SIGKILL)
        over.wait(PATIENCE_S)

    with Caller(service) as caller, pytest.raises(grpc.RpcError) as lost:
        caller.registry.ImportPersons(some(), timeout=PATIENCE_S)
    over.set()
    code: grpc.StatusCode = lost.value.code()
    return code


def import_twice(
    service: Started, messages: list[registry_pb2.ImportPersonsRequest]
) -> list[registry_pb2.ImportPersonsResponse]:
    """Send an import whole, two times."""
    with Caller(service) as caller:
        return [
            caller.registry.ImportPersons(iter(messages), timeout=PATIENCE_S)
            for _ in range(2)
        ]


def test_a_call_under_way_is_finished(service: Started, tmp_path: Path) -> None:
    """Ctrl-C lets calls in flight finish: what waits for the database is answered
    before the end."""
    with under_way(service, tmp_path):
        service.process.send_signal(signal.SIGINT)
    assert 0 == service.process.wait(PATIENCE_S)


def test_a_gateway_told_to_end_finishes_its_calls(
    service: Started, tmp_path: Path
) -> None:
    """A signal to the gateway alone: calls in flight are answered before its end, then
    another takes its place."""
    gateway = service.event("gateway_up")["pid"]
    with under_way(service, tmp_path):
        os.kill(gateway, signal.SIGTERM)
        wait_until_it_leaves(service)
    assert "状态 0" in service.event("gateway_ended")["told"]
    assert gateway != service.event("gateway_up")["pid"]
    with Caller(service) as caller:
        assert not caller.settle().receipt.replayed
    assert 0 == service.end()


@contextmanager
def under_way(service: Started, data: Path) -> Iterator[None]:
    """A call that waits for the database until this ends; then it must be answered."""
    with Caller(service) as caller:
        request = settlement_pb2.SettleRequest(
            request_id=str(uuid.uuid4()), bill=caller.bill(10_000)
        )
        with held_up(data / "gongji.sqlite3"):
            call = caller.settlements.Settle.future(request, timeout=PATIENCE_S)
            # Reads go on; calls of one connection are taken in their order.
            caller.balance()
            assert not call.done()
            yield
            assert not call.done()
        assert not call.result().receipt.replayed


def wait_until_it_leaves(service: Started) -> None:
    """Wait until calls are turned away, though the server itself, held up, answers none."""
    with Caller(service) as caller:
        while True:
            with pytest.raises(grpc.RpcError) as ended:
                caller.accounts.GetAccount(
                    account_pb2.GetAccountRequest(person=PERSON), timeout=0.1
                )
            if ended.value.code() is grpc.StatusCode.UNAVAILABLE:
                return


@contextmanager
def held_up(path: Path) -> Iterator[None]:
    """Hold the database's write lock: whoever wants to write must wait."""
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        yield
        writer.execute("ROLLBACK")


@pytest.mark.parametrize("how", ["--gateway", "--no-gateway"])
def test_a_taken_port_is_told_in_a_sentence(how: str, tmp_path: Path) -> None:
    """If the port is taken, with or without a gateway, the command says so and exits with 1."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        ended = gongji("serve", how, "--data", str(tmp_path), "--address", address)
    assert 1 == ended.exit_code
    assert "端口被占用" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_database_is_served_once(service: Started, tmp_path: Path) -> None:
    """A second server over a file is refused in a sentence, the first goes on; after
    its end another may come."""
    second = gongji("serve", "--data", str(tmp_path), "--address", "127.0.0.1:0")
    assert 1 == second.exit_code
    assert "已有服务在使用" in second.stderr
    with Caller(service) as caller:
        caller.settle()
    service.end(signal.SIGKILL)
    with started("--data", str(tmp_path)) as again, Caller(again) as caller:
        caller.settle()


def test_a_lock_that_cannot_be_had_is_no_other_server(tmp_path: Path) -> None:
    """If the lock cannot be taken for another reason, that reason is given."""
    (tmp_path / "gongji.sqlite3.lock").mkdir()
    ended = gongji("serve", "--data", str(tmp_path), "--address", "127.0.0.1:0")
    assert 1 == ended.exit_code
    assert "无法锁定" in ended.stderr
    assert "已有服务" not in ended.stderr


def test_without_a_gateway_there_is_one_process(tmp_path: Path) -> None:
    """The server itself has the port."""
    with (
        started("--no-gateway", "--data", str(tmp_path), "--sample") as service,
        Caller(service) as caller,
    ):
        assert not caller.settle().receipt.replayed
        assert [] == children(service.process.pid)
        assert 0 == service.end()
