"""The section on running for real, typed line by line in a folder with nothing in it.

It needs node, npm and its registry, HAProxy, and a JDK with Debian's grpc-java.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.examples import java, node
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
SECTION = re.compile(r"^## 正式运行\n(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROMISED = re.compile(r"# ([A-Z_]+) (.+?)…")
"""A reason and the beginning of its sentence, as a comment beside a command."""
INSTALLED = ("apt-get install", "make .venv/.installed")
"""What the test finds installed, and does not install."""

EXPECTED = [
    # Two hospital clients: the fund pays beyond the deductible, once a year.
    ["done", "done", "NOT_PERMITTED"],
    ["done", "done", "NOT_PERMITTED"],
    ["CREDENTIAL_MISSING"] * 3,
    ["CREDENTIAL_EXPIRED"] * 3,
    ["NOT_PERMITTED"] * 3,
    ["SUBJECT_REQUIRED", "SUBJECT_NOT_PARTY", "done"],
    ["done"],
]
"""How the tasks of each block with a client end."""


def typed() -> list[str]:
    """Return the blocks of the section, without what is installed already."""
    text = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    section = SECTION.search(text)
    assert section
    blocks = BLOCK.findall(section[1])
    assert INSTALLED[0] in blocks[0]
    return [block.replace(INSTALLED[1], "true") for block in blocks[1:]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder beside what a clone has, and a `.venv` as the section makes it."""
    for name in ("deploy", "examples", "protos"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    return tmp_path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


class Shell:
    """One shell in which everything is typed, as a reader would."""

    def __init__(self, folder: Path) -> None:
        self._ports = {"50051": str(free_port()), "50443": str(free_port())}
        own = {
            "GONGJI_ADDRESS": f"127.0.0.1:{self._ports['50051']}",
            "GONGJI_BEHIND": f"127.0.0.1:{self._ports['50051']}",
            "GONGJI_FRONT": f"127.0.0.1:{self._ports['50443']}",
        }
        self._log = (folder / "log").open("w+", encoding="utf-8")
        self._shell = subprocess.Popen(
            ["/bin/sh"],
            cwd=folder,
            env={**os.environ, **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            encoding="utf-8",
            # Whatever it starts ends with it.
            start_new_session=True,
        )

    def type(self, block: str) -> list[dict[str, Any]]:
        """Type a block; return the results that clients print. AssertionError if it fails."""
        for stated, own in self._ports.items():
            block = block.replace(f":{stated}", f":{own}")
        assert self._shell.stdin
        assert self._shell.stdout
        self._shell.stdin.write(f"{block}\necho ended $?\n")
        self._shell.stdin.flush()
        lines: list[str] = []
        for line in self._shell.stdout:
            if line.startswith("ended "):
                assert "ended 0\n" == line, self.log()
                return [json.loads(one) for one in lines if one.startswith("{")]
            lines.append(line)
        raise AssertionError(self.log())

    def wait_listening(self) -> None:
        """Wait until the server and the proxy take connections. AssertionError."""
        until = time.monotonic() + PATIENCE_S
        for port in self._ports.values():
            while True:
                try:
                    socket.create_connection(("127.0.0.1", int(port))).close()
                    break
                except ConnectionRefusedError:
                    assert time.monotonic() < until, self.log()
                    time.sleep(0.1)

    def log(self) -> str:
        """Return what was printed on standard error."""
        self._log.seek(0)
        return self._log.read()

    def end(self) -> None:
        """End the shell and all that it started."""
        os.killpg(self._shell.pid, signal.SIGTERM)
        self._shell.wait(PATIENCE_S)
        self._log.close()


@contextmanager
def shell(folder: Path) -> Iterator[Shell]:
    """Open a shell; end it and all that it started."""
    one = Shell(folder)
    try:
        yield one
    finally:
        one.end()


def test_the_section_as_it_is_typed(folder: Path) -> None:
    """A Node and a Java client are served; whoever does not belong reads why."""
    node.node()
    java.require()
    if shutil.which("haproxy") is None:
        pytest.fail("没有找到 haproxy: make examples 用它作前置代理")
    begin, *blocks = typed()
    ended = []
    with shell(folder) as one:
        one.type(begin)
        one.wait_listening()
        for block in blocks:
            results = one.type(block)
            if results:
                ended.append([*map(outcome, results)])
                explained(block, results)
    assert EXPECTED == ended
    assert 5 == len(PROMISED.findall("".join(blocks)))


def outcome(result: dict[str, Any]) -> str:
    """Return the reason of a refusal, else how a task ended."""
    return str(result.get("reason") or result["outcome"])


def explained(block: str, results: list[dict[str, Any]]) -> None:
    """Check that each sentence the section promises is the one that came."""
    promised = PROMISED.findall(block)
    said = {outcome(result): result.get("message", "") for result in results}
    for reason, sentence in promised:
        assert said[reason].startswith(sentence), (reason, said[reason])
