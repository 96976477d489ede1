"""At a socket: what does not come ends the connection, and what comes is answered."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from gongji.serve.national import port
from gongji.serve.national.port import HttpSettings, server_of

from tests.serve.national.sender import Sender


@pytest.fixture
def address(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, int]]:
    """The application at a port of its own, with little patience."""
    monkeypatch.setattr(port, "HEADERS_S", 0.3)
    up = threading.Event()
    found: list[str] = []

    def on_up(where: str) -> None:
        found.append(where)
        up.set()

    http = HttpSettings(address="127.0.0.1:0")
    server = server_of(sender.client.app, http, on_up)
    thread = threading.Thread(target=server.run)
    thread.start()
    assert up.wait(20)
    host, _, number = found[0].rpartition(":")
    yield host, int(number)
    server.should_exit = True
    thread.join(20)


def received(connection: socket.socket) -> bytes:
    connection.settimeout(10)
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def trickle(connection: socket.socket) -> None:
    """Send a byte now and then for ten seconds."""
    for _ in range(200):
        connection.sendall(b"a")
        time.sleep(0.05)


def test_headers_that_do_not_come(address: tuple[str, int]) -> None:
    """A connection whose headers do not come is closed, also after an answered request."""
    with closing(socket.create_connection(address)) as silent:
        assert b"" == received(silent)
    with closing(socket.create_connection(address)) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\n")
        assert b"" == received(slow)
    with closing(socket.create_connection(address)) as second:
        second.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert second.recv(65_536).startswith(b"HTTP/1.1 200")
        second.sendall(b"POST / HTTP/1.1\r\nX")
        received(second)


def test_a_body_that_nobody_reads(address: tuple[str, int]) -> None:
    """Who is refused before its body has that thrown away, but for no longer than headers
    may take, however it trickles in."""
    with closing(socket.create_connection(address)) as refused:
        refused.sendall(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n"
        )
        assert refused.recv(65_536).startswith(b"HTTP/1.1 413")
        with pytest.raises(ConnectionError):
            trickle(refused)


def test_a_body_that_is_refused_and_comes(address: tuple[str, int]) -> None:
    """After a refused body has come whole the connection takes the next message."""
    with closing(socket.create_connection(address)) as again:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: br\r\n"
        again.sendall(head + b"Content-Length: 3\r\n\r\n")
        assert again.recv(65_536).startswith(b"HTTP/1.1 415")
        again.sendall(
            b"abcGET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        assert b"HTTP/1.1 200" in received(again)


def test_headers_that_are_too_long(address: tuple[str, int]) -> None:
    """Headers beyond their limit end the connection with 400 or none."""
    with closing(socket.create_connection(address)) as long:
        long.sendall(b"POST / HTTP/1.1\r\nX: " + b"a" * 40_000)
        assert received(long)[:12] in {b"", b"HTTP/1.1 400"}


def test_a_message_at_a_socket(sender: Sender, address: tuple[str, int]) -> None:
    """A message is answered over HTTP as it is inside; headers of a proxy are not believed."""
    body = json.dumps(sender.message("2206")).encode()
    head = f"POST /2206 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    with closing(socket.create_connection(address)) as open_connection:
        open_connection.sendall(
            head.encode() + b"X-Forwarded-For: 1.2.3.4\r\n\r\n" + body
        )
        answer = received(open_connection)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"server:" not in answer.lower().partition(b"\r\n\r\n")[0]
    assert 0 == json.loads(answer.partition(b"\r\n\r\n")[2])["infcode"]
