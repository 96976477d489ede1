"""`gongji national serve` as a process: started, refused in a sentence, ended in order."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from gongji.client.connection import connect
from gongji.rules.codes import SHANGHAI
from gongji.serve.national import assembly
from gongji.serve.national.assembly import assembled
from gongji.serve.national.settings import NationalSettings

from tests.cli.command import StartSandbox
from tests.cli.started import run
from tests.national.messages import request
from tests.patience import PATIENCE_S
from tests.scaffold.credentials import DoorFiles
from tests.serve.national.sender import settings

SIGN_IN = request("9001", {}) | {
    "input": {"signIn": {"opter_no": "1", "mac": "0", "ip": "127.0.0.1"}}
}


@contextmanager
def started(
    target: str, folder: Path, *options: str, **variables: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the command on a free port; give it and where it listens."""
    command = [sys.executable, "-m", "gongji", "national", "serve", *options]
    own = {"GONGJI_NATIONAL_SERVE_ADDRESS": "127.0.0.1:0", "GONGJI_TARGET": target}
    with subprocess.Popen(  # noqa: S603 - our own
        command,
        cwd=folder,
        env={**os.environ, **own, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stderr
        try:
            line = json.loads(process.stderr.readline())
            assert "started" == line["event"]
            yield process, line["address"]
        finally:
            process.kill()


def posted(url: str, context: ssl.SSLContext | None = None) -> dict[str, Any]:
    """Return the answer to a sign-in."""
    asked = urllib.request.Request(url, json.dumps(SIGN_IN).encode())  # noqa: S310 - ours
    with urllib.request.urlopen(asked, timeout=20, context=context) as reply:  # noqa: S310 - ours
        answer: dict[str, Any] = json.loads(reply.read())
    return answer


def test_a_process(serving: StartSandbox, tmp_path: Path) -> None:
    """It answers, keeps its folder to itself, writes lines of JSON alone, and ends with 0."""
    target = serving()
    with started(target, tmp_path) as (process, address):
        number = posted(f"http://{address}/")["output"]["signinoutb"]["sign_no"]
        process.send_signal(signal.SIGTERM)
        assert process.stderr
        events = [json.loads(line)["event"] for line in process.stderr]
        assert 0 == process.wait(PATIENCE_S)
    assert ["call"] == events
    kept = tmp_path / "var" / "national.sqlite3"
    assert (0o700, 0o600) == (
        kept.parent.stat().st_mode & 0o777,
        kept.stat().st_mode & 0o777,
    )
    # What was signed in stays so, whatever process answers.
    with started(target, tmp_path) as (_, address):
        again = posted(f"http://{address}/")["output"]["signinoutb"]
        assert number == again["sign_no"]


def test_over_tls_by_a_file(serving: StartSandbox, tmp_path: Path) -> None:
    """A configuration file says where, how and for whom it listens; a path of its own too."""
    doors = DoorFiles.at(tmp_path / "doors")
    file = tmp_path / "national.toml"
    file.write_text(
        '[national.serve]\npath = "/national"\ntls_cert = "doors/server.pem"\n'
        'tls_key = "doors/server.key"\n',
        encoding="utf-8",
    )
    context = ssl.create_default_context(cafile=str(doors.folder / "ca.pem"))
    with started(serving(), tmp_path, GONGJI_CONFIG=str(file)) as (_, address):
        port = address.rpartition(":")[2]
        reply = posted(f"https://localhost:{port}/national/9001", context)
        assert 0 == reply["infcode"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"address": "0.0.0.0:0"}, "须用 TLS"),
        (
            {"address": "0.0.0.0:0", "tls_cert": Path("a"), "tls_key": Path("b")},
            "核对签名",
        ),
        ({"tls_cert": Path("a")}, "同时给出"),
        ({"signature": "csb"}, "同时给出"),
        ({"signature_keys": Path("keys.toml")}, "同时给出"),
        ({"signature": "tif", "signature_keys": Path("none.toml")}, "none.toml"),
        ({"tls_cert": Path("none.pem"), "tls_key": Path("none.key")}, "none.pem"),
        ({"path": "national"}, "--path"),
        ({"dialect": Path("none.toml")}, "none.toml"),
        ({"address": "nowhere"}, "监听地址"),
    ],
)
def test_what_cannot_be(tmp_path: Path, options: dict[str, Any], told: str) -> None:
    """Options that cannot be met are refused in one sentence, and nothing is made."""
    stated = settings(tmp_path, **options)
    with pytest.raises((ValueError, OSError), match=told) as fault:
        asyncio.run(during(stated, 0))
    assert 1 == len(str(fault.value).splitlines())
    assert [] == list(tmp_path.iterdir())


async def during(stated: NationalSettings, seconds: float) -> None:
    """Have the service put together for so long."""
    with connect("127.0.0.1:1") as channel:
        async with assembled(
            stated, channel, lambda: datetime.now(SHANGHAI), lambda _: None
        ):
            await asyncio.sleep(seconds)


def test_a_watch_of_keys_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the keys can no longer be read again, the service ends and says why."""

    async def failing(_: object) -> None:
        raise OSError("the watch failed")

    monkeypatch.setattr(assembly, "watch", failing)
    with pytest.raises(OSError, match="the watch failed"):
        asyncio.run(during(settings(tmp_path), PATIENCE_S))


def test_a_dialect_is_read_once(tmp_path: Path) -> None:
    """A table of another province that is changed counts from the next start on."""
    table = tmp_path / "dialect.toml"
    table.write_text('name = "X"\n', encoding="utf-8")
    stated = settings(tmp_path, dialect=table)
    assert "X" == stated.edition.name
    table.unlink()
    assert "X" == stated.edition.name


def test_its_own_page_of_metrics(serving: StartSandbox, tmp_path: Path) -> None:
    """Told where, it shows what it has answered, and nothing of who sent it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        metrics = f"127.0.0.1:{free.getsockname()[1]}"
    options = ("--metrics-address", metrics)
    with started(serving(), tmp_path, *options) as (_, address):
        posted(f"http://{address}/")
        counted = 'gongji_national_messages_total{infno="9001",result="done"} 1.0'
        until = monotonic() + PATIENCE_S
        # A process tells its numbers once a second.
        while counted not in (page := fetched(f"http://{metrics}/metrics")):
            assert monotonic() < until, page
            sleep(0.1)
    assert SIGN_IN["fixmedins_code"] not in page
    assert "gongji_process_resident_bytes" in page


def fetched(url: str) -> str:
    """Return a page."""
    with urllib.request.urlopen(url, timeout=20) as reply:  # noqa: S310 - ours
        text: str = reply.read().decode()
    return text


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """A port that another has is told by name, in one line of the command."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        memory = str(tmp_path / "n")
        ended = run("national", "serve", "--memory", memory, "--address", address)
    assert (1, 1) == (ended.returncode, len(ended.stderr.splitlines()))
    assert address in ended.stderr


def test_without_the_extra() -> None:
    """Without the HTTP server it says in one sentence what to install."""
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from gongji.cli import main; main(['national', 'serve'])"
    )
    ended = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False
    )
    assert 1 == ended.returncode
    assert "pip install 'gongji[national]'" in ended.stderr
    assert 1 == len(ended.stderr.splitlines())
