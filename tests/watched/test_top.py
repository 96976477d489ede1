"""`gongji top` shows a running server, and says so if nobody answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.served import free_port
from tests.cli.command import TableRow, gongji, tables
from tests.cli.started import Caller
from tests.watched.scraping import Counted, counted, make_load


def test_a_running_server_is_shown(tmp_path: Path) -> None:
    """Once: each table, for programs and for people."""
    with counted(tmp_path, "--gateway") as server:
        make_load(server.server)
        options = ("--once", "--interval", "3", "--metrics-address", server.page)
        with calling(server):
            check_tables(tables(gongji("--json", "top", *options)))
        text = gongji("top", *options).stdout
        assert "# 服务\n数据库\t" in text
        assert "\n可用\t" in text


def check_tables(shown: Mapping[str, list[TableRow]]) -> None:
    """Each table says what the load has left, and what is going on."""
    (now,) = shown["server"]
    # One caller asks, one call after the other.
    assert ("available", True) == (now["database"], now["waiting"] <= 1)
    assert now["leaves"] > 0
    (asked,) = [row for row in shown["methods"] if row["method"] == "GetAccount"]
    assert asked["calls_per_s"] > 0
    assert asked["p99_ms"] > 0
    refused = {(row["reason"], row["city"]) for row in shown["refusals"]}
    assert ("NOT_ELIGIBLE", "341100") in refused
    assert {"service", "gateway"} == {row["process"] for row in shown["processes"]}
    assert "local" in {row["caller"] for row in shown["callers"]}


@contextmanager
def calling(server: Counted) -> Iterator[None]:
    """Ask after a balance again and again during the block."""
    stop = threading.Event()
    thread = threading.Thread(target=keep_calling, args=(server, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def keep_calling(server: Counted, stop: threading.Event) -> None:
    """Ask after a balance again and again."""
    with Caller(server.server) as caller:
        while not stop.wait(0.05):
            caller.balance()


def test_nobody_answers() -> None:
    """One sentence says where nobody answers and what to do; the code is 1."""
    address = f"127.0.0.1:{free_port()}"
    ended = gongji("top", "--once", "--metrics-address", address)
    assert 1 == ended.exit_code
    assert f"没有取得指标（http://{address}/metrics）" in ended.stderr
    assert f"--metrics-address {address}" in ended.stderr


@contextmanager
def answering(content: bytes) -> Iterator[str]:
    """Run a server that answers everybody with the same bytes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *told: Any) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "content",
    [b"<html>{</html>", b"\xff\xfe", b'a{b="c} 1\n', b"a 1 2 3 x\n", b"{} 1\n"],
)
def test_what_is_no_page_is_refused(content: bytes) -> None:
    """Another program's answer is told in a sentence."""
    with answering(content) as address:
        ended = gongji("top", "--once", "--metrics-address", address)
    assert 1 == ended.exit_code
    assert "不是指标" in ended.stderr


@pytest.mark.parametrize("address", ["9464", "localhost", "127.0.0.1:99999", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    """An address that cannot be one is told in a sentence."""
    ended = gongji("top", "--once", "--metrics-address", address)
    assert 1 == ended.exit_code
    assert ended.stderr.startswith("Error: ")


def test_what_a_page_says_is_text() -> None:
    """Controls of a terminal in a page's labels are shown, not obeyed."""
    page = 'gongji_caller_calls_total{caller="\x1b[31mred"} 1\n'
    with answering(page.encode()) as address:
        options = ("--once", "--interval", "0.5", "--metrics-address", address)
        shown = gongji("top", *options)
    assert 0 == shown.exit_code
    assert "red" in shown.stdout
    assert "\x1b" not in shown.stdout
