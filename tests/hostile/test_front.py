"""Behind the documented front: floods stay before it, and each refusal has its sentence."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from gongji.client.connection import connect
from gongji.client.credentials import Credentials
from gongji.v1 import city_pb2, city_pb2_grpc

from tests.cli.started import Started
from tests.hostile import wire
from tests.hostile.attacks import Victim
from tests.hostile.beside import memory_mb
from tests.patience import PATIENCE_S
from tests.tls.test_scan import front, serving

MOST_MB = 100


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("front")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Started]:
    with serving(folder) as started:
        yield started


@pytest.fixture(scope="module")
def address(folder: Path, server: Started) -> Iterator[str]:
    with front(folder, server.address) as port:
        yield f"localhost:{port}"


def credentials(folder: Path) -> Credentials:
    """Return what the auditor shows."""
    certs = folder / "certs"
    return Credentials(
        ca=certs / "ca.pem", cert=certs / "auditor.pem", key=certs / "auditor.key"
    )


def cities(folder: Path, address: str) -> int:
    """Ask as the auditor does, over a connection of its own; return how many there are."""
    with connect(address, credentials=credentials(folder)) as channel:
        stub = city_pb2_grpc.CityServiceStub(channel)
        reply = stub.ListCities(city_pb2.ListCitiesRequest(), timeout=PATIENCE_S)
        return len(reply.cities)


def resets(number: int, block: bytes) -> bytes:
    """Return a call begun and taken back."""
    head = wire.frame(wire.HEADERS, wire.END_HEADERS, number, block)
    return head + wire.reset(number)


FLOODS: list[tuple[str, Callable[[int, bytes], bytes]]] = [
    ("resets", resets),
    ("calls", lambda n, b: wire.frame(wire.HEADERS, 5, n, b)),
]


@pytest.mark.parametrize("flood", [f for _, f in FLOODS], ids=[n for n, _ in FLOODS])
def test_a_flood_stays_before_the_front(
    folder: Path,
    server: Started,
    address: str,
    flood: Callable[[int, bytes], bytes],
) -> None:
    """Calls begun, and calls begun and reset, by the hundred thousand: others are answered."""
    before_mb = memory_mb(server.process.pid)
    block = Victim(address, (), 0).block("/gongji.v1.CityService/ListCities")
    answers = 0
    with wire.RawConnection(address, tls=True) as connection:
        for first in range(1, 200_001, 400):
            frames = [flood(number, block) for number in range(first, first + 400, 2)]
            connection.drain()
            connection.send(b"".join(frames))
            if first % 40_000 == 1:
                answers += bool(cities(folder, address))
    assert (5, True) == (answers, bool(cities(folder, address)))
    assert memory_mb(server.process.pid) - before_mb <= MOST_MB


def test_an_address_has_so_many_connections(folder: Path, address: str) -> None:
    """Beyond its connections an address is refused new ones; those it has go on."""
    shown = credentials(folder)
    host, _, port = address.rpartition(":")
    with connect(address, credentials=shown) as channel, ExitStack() as stack:
        stub = city_pb2_grpc.CityServiceStub(channel)
        assert stub.ListCities(city_pb2.ListCitiesRequest(), timeout=PATIENCE_S).cities
        for _ in range(300):
            crowd = socket.create_connection((host, int(port)), PATIENCE_S)
            stack.callback(crowd.close)
        with (
            pytest.raises((ssl.SSLError, ConnectionError)),
            wire.RawConnection(address, tls=True),
        ):
            pass
        assert stub.ListCities(city_pb2.ListCitiesRequest(), timeout=PATIENCE_S).cities


def test_refusals_have_their_sentence(folder: Path, address: str) -> None:
    """Without a certificate a caller is told so, not cut off."""
    ca = (folder / "certs" / "ca.pem").read_bytes()
    channel: Any
    with grpc.secure_channel(address, grpc.ssl_channel_credentials(ca)) as channel:
        stub = city_pb2_grpc.CityServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.ListCities(city_pb2.ListCitiesRequest(), timeout=PATIENCE_S)
    assert grpc.StatusCode.UNAUTHENTICATED == refused.value.code()
