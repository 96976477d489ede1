"""Laws of addresses to listen at."""

from __future__ import annotations

import socket

import pytest
from gongji.serve.listening import check_free, host_and_port, is_loopback

WRITTEN = {
    "127.0.0.1:50051": ("127.0.0.1", 50051),
    "localhost:0": ("localhost", 0),
    "[::1]:65535": ("::1", 65535),
}

MISWRITTEN = [
    "foo",
    "",
    ":",
    ":50051",
    "127.0.0.1:",
    "127.0.0.1:-1",
    "127.0.0.1:99999",
    "127.0.0.1:65536",
    "127.0.0.1:5005\uff11",
    "::1:50051",
    "[]:1",
    "[::1]50051",
    "unix:/tmp/x",
    "http://127.0.0.1:1",
    "127.0.0.1:1 ",
    "127.0.0.1:1\n",
]

PUBLIC = ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "0:1", "[2001:db8::1]:1"]


@pytest.mark.parametrize("address", WRITTEN)
def test_host_and_port(address: str) -> None:
    """An address is a host and a port, an IPv6 host in brackets."""
    assert WRITTEN[address] == host_and_port(address)


@pytest.mark.parametrize("address", MISWRITTEN)
def test_what_is_no_address_is_refused(address: str) -> None:
    """Whatever else is written is refused by a Chinese sentence."""
    with pytest.raises(ValueError, match="监听地址"):
        host_and_port(address)


@pytest.mark.parametrize("address", WRITTEN)
def test_loopback(address: str) -> None:
    """Addresses of this machine alone are known, by name too."""
    assert is_loopback(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    """An address that others may reach is none of them, however it is written."""
    assert not is_loopback(address)


@pytest.mark.parametrize("host", ["gongji.invalid", "x" * 64])
def test_a_name_nobody_knows_is_told(host: str) -> None:
    """A name without an address is told as such, also one that no DNS could know."""
    with pytest.raises(OSError, match="主机名无法解析"):
        is_loopback(f"{host}:1")


def test_a_taken_port_is_not_free() -> None:
    """A port somebody listens at is taken, and free again after him."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match="端口被占用"):
            check_free(address)
    check_free(address)
