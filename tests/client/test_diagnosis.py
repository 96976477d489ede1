"""Why nobody answered, in a sentence that says what to do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from gongji.cli.devcerts.authority import TrialAuthority
from gongji.client.connection import connect
from gongji.client.credentials import Credentials
from gongji.client.diagnosis import why_unreached

from tests.client.listing import (
    ListingService,
    list_cities,
    listing,
    secret,
    server_credentials,
    written,
)

OURS, OTHERS = TrialAuthority.new(), TrialAuthority.new("another authority")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Roots and pairs: ours, and of an authority the server does not know."""
    secret(tmp_path / "ca.pem", OURS.root.certificate_pem())
    secret(tmp_path / "other-ca.pem", OTHERS.root.certificate_pem())
    written(tmp_path, "app", OURS.caller("app"))
    written(tmp_path, "stranger", OTHERS.caller("app"))
    return tmp_path


@contextmanager
def server(how: str) -> Iterator[str]:
    """Serve in one of several ways; yield the address."""
    longer_ago = datetime.now(UTC) - timedelta(days=400)
    match how:
        case "plain":
            credentials = None
        case "mutual":
            credentials = server_credentials(OURS)
        case "other name":
            credentials = server_credentials(OURS, "gongji.invalid")
        case _:
            pair = OURS.server(at=longer_ago)
            credentials = grpc.ssl_server_credentials(
                [(pair.key_pem(), pair.certificate_pem())]
            )
    with listing(ListingService(), credentials) as address:
        yield address


@pytest.mark.parametrize(
    ("how", "shown", "sentence"),
    [
        ("mutual", (), "服务使用 TLS，而本方没有：请以 --ca 指明"),
        ("plain", ("ca.pem",), "服务没有使用 TLS，而本方给出了 --ca"),
        ("mutual", ("other-ca.pem", "app"), "服务的证书不是"),
        (
            "mutual",
            ("ca.pem",),
            "服务要求客户端证书：请以 --cert 与 --key 出示；只有令牌的",
        ),
        ("mutual", ("ca.pem", "stranger"), "stranger.pem"),
        ("other name", ("ca.pem", "app"), "服务的证书上没有 127.0.0.1"),
        ("expired", ("ca.pem",), "服务的证书已过期：请运营方换发"),
    ],
)
def test_each_mistake_has_its_sentence(
    folder: Path, how: str, shown: tuple[str, ...], sentence: str
) -> None:
    """Each way in which two sides do not fit is told apart, and the call indeed failed."""
    ca, pair = (*shown, "", "")[:2]
    credentials = Credentials(
        ca=folder / ca if ca else None,
        cert=folder / f"{pair}.pem" if pair else None,
        key=folder / f"{pair}.key" if pair else None,
    )
    with server(how) as address:
        with (
            connect(address, credentials=credentials) as channel,
            pytest.raises(grpc.RpcError) as caught,
        ):
            list_cities(channel)
        assert grpc.StatusCode.UNAVAILABLE is caught.value.code()
        assert sentence in why_unreached(address, credentials)


def test_nothing_is_said_of_what_works(folder: Path) -> None:
    """If the two sides fit, no reason is invented."""
    shown = Credentials(
        ca=folder / "ca.pem", cert=folder / "app.pem", key=folder / "app.key"
    )
    with server("mutual") as address:
        assert not why_unreached(address, shown)
    with server("plain") as address:
        assert not why_unreached(address, Credentials())


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9\r\n", b"\x00" * 9],
)
def test_another_protocol(answer: bytes) -> None:
    """A port of something else is named as such."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with _answering(other, answer):
            assert "不是 gRPC 服务" in why_unreached(address, Credentials())


@contextmanager
def _answering(other: socket.socket, answer: bytes) -> Iterator[None]:
    """Answer each connection with the same bytes."""

    def run() -> None:
        while True:
            try:
                connection, _ = other.accept()
            except OSError:
                return
            with connection:
                connection.recv(64)
                connection.sendall(answer)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        other.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("foo", "地址须写作 主机:端口"),
        ("127.0.0.1:0", "地址须写作 主机:端口"),
        ("127.0.0.1:99999", "地址须写作 主机:端口"),
        (":50051", "地址须写作 主机:端口"),
        ("gongji.invalid:50051", "找不到主机 gongji.invalid"),
    ],
)
def test_an_address_that_leads_nowhere(address: str, sentence: str) -> None:
    """An address that is none, or of no machine, is repeated."""
    assert sentence in why_unreached(address, Credentials())


def test_a_port_nobody_listens_on() -> None:
    """If nobody listens, the command that starts a service is what is missing."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    assert "没有服务在监听" in why_unreached(address, Credentials())
