"""A shell in which the sections of docs/operate.md are typed as a reader would."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks_in(path: Path) -> list[str]:
    """Return the blocks of a whole page."""
    return _BLOCK.findall(path.read_text(encoding="utf-8"))


def blocks_of(title: str) -> list[str]:
    """Return the blocks of a section of the operator's page."""
    text = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {title}\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert section
    return _BLOCK.findall(section[1])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


class Shell:
    """One shell in which everything is typed, as a reader would."""

    def __init__(
        self, folder: Path, ports: Mapping[str, int], own: Mapping[str, str]
    ) -> None:
        """Type other ports than are written; `own` is added to the environment."""
        self._ports = ports
        # Closed with the shell.
        self._log = tempfile.TemporaryFile("a+", encoding="utf-8")  # noqa: SIM115
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

        # What it has started holds its output open: without this line nobody would
        # hear of its end at a command that fails.
        self._say("trap 'echo ended $?' EXIT")

    def _say(self, text: str) -> None:
        assert self._shell.stdin
        self._shell.stdin.write(f"{text}\n")
        self._shell.stdin.flush()

    def type(self, block: str) -> list[str]:
        """Type a block; return the lines that it prints. AssertionError if it fails."""
        for stated, own in self._ports.items():
            block = block.replace(f":{stated}", f":{own}")
        assert self._shell.stdout
        self._say(f"{block}\necho ended $?")
        lines: list[str] = []
        for line in self._shell.stdout:
            if line.startswith("ended "):
                assert "ended 0\n" == line, self.log()
                return lines
            lines.append(line)
        raise AssertionError(self.log())

    def wait_serving(self) -> None:
        """Wait until the proxy takes connections and the server has its sample's people.

        AssertionError.
        """
        until = time.monotonic() + PATIENCE_S
        for port in self._ports.values():
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    assert time.monotonic() < until, self.log()
                    time.sleep(0.1)
        while '"event":"started"' not in self.log():
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
def shell(
    folder: Path, ports: Mapping[str, int], own: Mapping[str, str]
) -> Iterator[Shell]:
    """Open a shell; end it and all that it started."""
    one = Shell(folder, ports, own)
    try:
        yield one
    finally:
        one.end()
