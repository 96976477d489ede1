"""What a server says on standard error: a line of JSON each, whoever says it, and
nothing of the libraries' own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from gongji.rpc.services.stream import BATCH
from gongji.v1 import registry_pb2

from tests.cli.started import Caller, Started, run, started, wait_for_request
from tests.patience import PATIENCE_S
from tests.scaffold.service import Service

HOW = ["--gateway", "--no-gateway"]
METHOD = "gongji.v1.RegistryService/ImportPersons"


@pytest.mark.parametrize("how", HOW)
def test_an_aborted_import_leaves_json_only(how: str, tmp_path: Path) -> None:
    """An import whose caller goes away in its midst is one line of the log, and the log
    is lines of JSON only."""
    with started(how, "--data", str(tmp_path)) as service:
        _abort_an_import(service, tmp_path)
        service.end()

    assert [] == [line for line in service.logged if not line.startswith("{")]
    told = [json.loads(line) for line in service.logged]
    assert ["CANCELLED"] == [
        line["code"] for line in told if line.get("method") == METHOD
    ]
    assert {"call", "gateway_up"} >= {line["event"] for line in told}


def _abort_an_import(service: Started, data: Path) -> None:
    """Send a batch, go away once the import has begun and more is waited for, and wait
    until the server has noticed."""
    gone = threading.Event()

    def rows() -> Iterator[registry_pb2.ImportPersonsRequest]:
        yield registry_pb2.ImportPersonsRequest(
            header=registry_pb2.ImportHeader(request_id=str(uuid.uuid4()))
        )
        for number in range(BATCH):
            yield registry_pb2.ImportPersonsRequest(person=Service.person(number))
        gone.wait(PATIENCE_S)

    with Caller(service) as caller:
        call = caller.registry.ImportPersons.future(rows(), timeout=PATIENCE_S)
        wait_for_request(data)
        call.cancel()
        gone.set()
        with pytest.raises(grpc.FutureCancelledError):
            call.result()
    while service.event("call")["method"] != METHOD:
        pass


@pytest.mark.parametrize("how", HOW)
def test_a_taken_port_is_told_by_us_alone(how: str, tmp_path: Path) -> None:
    """GRPC adds no line of its own to the sentence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run("serve", how, "--data", str(tmp_path), "--address", address)

    assert f"Error: 无法监听 {address}: 端口被占用, 或地址不在本机\n" == ended.stderr


def test_who_wants_to_hear_grpc_hears_it() -> None:
    """The environment's own word about gRPC stands."""
    code = "import os, gongji.__main__; print(os.environ['GRPC_VERBOSITY'])"
    said = [
        subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-c", code], env=own, capture_output=True, check=True
        ).stdout.split()
        for own in ({}, {"GRPC_VERBOSITY": "DEBUG"})
    ]

    assert [[b"NONE"], [b"DEBUG"]] == said


LIBRARIES = """
import logging
from gongji.serve import logs
logs.configure()
logs.configure()
logging.getLogger("asyncio").error("Task exception was never retrieved\\nfuture: <赵某某>")
try:
    raise ValueError("赵某某")
except ValueError:
    logging.getLogger("grpc._cython.cygrpc").exception("Unexpected %s", "end")
logging.getLogger("asyncio").info("Using selector")
"""


def test_libraries_log_json_too() -> None:
    """What a library logs is one line, with its first line and an exception's type and
    place: never personal data."""
    command = [sys.executable, "-X", "utf8", "-c", LIBRARIES]
    ended = subprocess.run(command, capture_output=True, check=True, encoding="utf-8")  # noqa: S603 - our own
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    for line in lines:
        del line["timestamp"]

    assert [
        {
            "event": "library",
            "level": "error",
            "logger": "asyncio",
            "text": "Task exception was never retrieved",
        },
        {
            "event": "library",
            "level": "error",
            "logger": "grpc._cython.cygrpc",
            "text": "Unexpected end",
            "error": "ValueError",
            "places": ["<string>:8"],
        },
    ] == lines
