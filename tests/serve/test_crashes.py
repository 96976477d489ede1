"""Where a process was that crashed is told by the next start."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from gongji.serve.crashes import FOLDER, crashes_kept
from structlog.testing import capture_logs

from tests.patience import PATIENCE_S

CRASHING = """
import os, signal, sys
from pathlib import Path
from gongji.serve.crashes import crashes_kept
with crashes_kept(Path(sys.argv[1])):
    os.kill(os.getpid(), getattr(signal, sys.argv[2]))
"""


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS"])
def test_a_crash_is_told_once(name: str, tmp_path: Path) -> None:
    """A fatal signal leaves the places where it met the process; the start after says
    them, and the one after that nothing."""
    command = [sys.executable, "-c", CRASHING, str(tmp_path), name]
    crashed = subprocess.run(  # noqa: S603 - our own
        command, check=False, capture_output=True, timeout=PATIENCE_S
    )
    assert -getattr(signal, name) == crashed.returncode
    assert b"" == crashed.stderr
    with capture_logs() as lines, crashes_kept(tmp_path), crashes_kept(tmp_path):
        pass
    (line,) = lines
    assert "crashed" == line["event"]
    assert line["text"].startswith("Fatal Python error: ")
    assert ["<string>:6"] == line["places"]
    assert [] == list((tmp_path / FOLDER).iterdir())


def test_a_kill_is_no_crash(tmp_path: Path) -> None:
    """A process that is killed leaves nothing to tell."""
    command = [sys.executable, "-c", CRASHING, str(tmp_path), "SIGKILL"]
    subprocess.run(command, check=False, timeout=PATIENCE_S)  # noqa: S603 - our own
    with capture_logs() as lines, crashes_kept(tmp_path):
        assert 1 == len(list((tmp_path / FOLDER).iterdir()))
    assert [] == lines
