"""Laws of what a process holds in memory: it stays there."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.started import started

# Root may read anything: it is tried without that right, which any other user lacks.
LIKE_ANYBODY = ("setpriv", "--bounding-set", "-sys_ptrace") if os.geteuid() == 0 else ()


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    below = [one for child in children for one in _descendants(int(child))]
    return [pid, *below]


def _is_readable(pid: int) -> bool:
    """Return whether another process of its user reads what it holds."""
    read = [*LIKE_ANYBODY, "sh", "-c", f"exec 3</proc/{pid}/mem"]
    return not subprocess.run(read, capture_output=True, check=False).returncode  # noqa: S603 - our own


@contextmanager
def _running(*command: str) -> Iterator[int]:
    """Run a program for the block; yield its process id."""
    with subprocess.Popen([*LIKE_ANYBODY, *command]) as process:  # noqa: S603 - our own
        try:
            yield process.pid
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_no_process_of_a_server_leaves_a_core_or_lets_itself_be_read(
    tmp_path: Path,
) -> None:
    """Of a running server, its gateway included, no core file is written and no other
    process of its user reads the memory, as it could of any other program."""
    data = str(tmp_path / "var")
    with (
        _running("sleep", "600") as other,
        started("--data", data, "--gateway", under=LIKE_ANYBODY) as server,
    ):
        pids = _descendants(server.process.pid)
        assert len(pids) >= 2
        assert dict.fromkeys(pids, False) == {pid: _is_readable(pid) for pid in pids}
        assert _is_readable(other)
        for pid in pids:
            limits = Path(f"/proc/{pid}/limits").read_text("ascii").splitlines()
            (core,) = (line for line in limits if line.startswith("Max core file size"))
            assert ["0", "0"] == core.split()[4:6]


ASKED = """
import os, sys
try:
    open(f"/proc/{os.getppid()}/mem").close()
    found = "can be read"
except PermissionError:
    found = "cannot"
with open(sys.argv[1], "a") as told:
    told.write(f"{os.getppid()} {found}\\n")
print(bytes(range(32)).hex())
"""


@pytest.mark.sampled(1)
@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize("command", ["verify --jobs 2", "keys"])
def test_whoever_is_given_the_key_lets_itself_not_be_read(
    command: str, tmp_path: Path
) -> None:
    """The command that prints the key cannot read the process that asked for it, be it
    one that was spawned for a part of the work."""
    told = tmp_path / "told"
    key = shlex.join([sys.executable, "-c", ASKED, str(told)])
    at = ["--data", str(tmp_path / "var"), "--key-command", key]
    with started(*at, "--no-gateway", under=LIKE_ANYBODY) as server:
        server.end()
    told.write_text("", encoding="ascii")
    words = [sys.executable, "-m", "gongji", *command.split(), *at]
    done = subprocess.run([*LIKE_ANYBODY, *words], capture_output=True, check=False)  # noqa: S603 - our own
    assert 0 == done.returncode, done.stderr.decode()
    asked = dict(
        line.split(maxsplit=1) for line in told.read_text("ascii").splitlines()
    )
    assert len(asked) == (3 if "jobs" in command else 1)
    assert {"cannot"} == set(asked.values())
