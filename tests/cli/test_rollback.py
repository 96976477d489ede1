"""A database that is behind what was answered: refused at the start, until it is accepted."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from gongji.serve.settings import DATABASE

from tests.cli.command import gongji
from tests.cli.started import Caller, run, started

WAL = f"{DATABASE}-wal"


def lose_the_log(data: Path, _: Path) -> None:
    """Remove what SQLite has not copied back yet, as a copy without it does."""
    (data / WAL).unlink()
    (data / f"{DATABASE}-shm").unlink()


def put_back(data: Path, copy: Path) -> None:
    """Put an earlier database in the place of this one."""
    for end in ("-wal", "-shm"):
        (data / f"{DATABASE}{end}").unlink(missing_ok=True)
    shutil.copy(copy, data / DATABASE)


@pytest.mark.parametrize("roll_back", [lose_the_log, put_back])
def test_a_database_behind_what_was_answered_is_refused(
    tmp_path: Path, roll_back: Callable[[Path, Path], None]
) -> None:
    """It says what to do; accepted once it serves again, and so it does from then on."""
    data, copy = tmp_path / "var", tmp_path / "copy"
    at = ("--data", str(data))
    with started(*at, "--sample") as server:
        server.end()
    shutil.copy(data / DATABASE, copy)
    with started(*at) as server, Caller(server) as clinic:
        clinic.settle()
        server.end(signal.SIGKILL)
    roll_back(data, copy)
    refused = run("serve", "--address", "127.0.0.1:0", *at)
    assert (1, True) == (refused.returncode, "--accept-rollback" in refused.stderr)
    assert "--accept-rollback" in gongji("doctor", *at).output
    for more in ("--accept-rollback", "--no-gateway"):
        with started(*at, more) as server, Caller(server) as clinic:
            clinic.settle()
            assert 0 == server.end()
