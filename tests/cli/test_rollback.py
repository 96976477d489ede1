"""A database that is behind what was answered: refused at the start, until it is accepted."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from gongji.client.connection import refusal_of
from gongji.serve.settings import DATABASE

from tests import postgres
from tests.cli.command import gongji
from tests.cli.started import Caller, started
from tests.patience import PATIENCE_S

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


@pytest.mark.sampled(1)
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
    refused = gongji("serve", "--address", "127.0.0.1:0", *at)
    assert (1, True) == (refused.exit_code, "--accept-rollback" in refused.stderr)
    assert "--accept-rollback" in gongji("doctor", *at).output
    for more in ("--accept-rollback", "--no-gateway"):
        with started(*at, more) as server, Caller(server) as clinic:
            clinic.settle()
            assert 0 == server.end()


def test_a_server_whose_database_goes_back_ends(tmp_path: Path) -> None:
    """PostgreSQL comes back as it was earlier, as from a replica that was behind: nothing
    is settled over it, the server ends with the reason, and starts only if told to."""
    with postgres.own(*postgres.QUICK) as server:
        at = ("--data", str(tmp_path), "--database", server.url)
        with started("--no-gateway", *at, "--sample") as service:
            with Caller(service) as clinic:
                go_back(server, clinic)
                with pytest.raises(grpc.RpcError) as refused:
                    settled_again(clinic)
                assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            assert "--accept-rollback" in service.silence()
            assert 1 == service.process.wait(PATIENCE_S)
        again = ("--no-gateway", "--address", "127.0.0.1:0", *at)
        assert "--accept-rollback" in gongji("serve", *again).stderr


def go_back(server: postgres.OwnPostgres, clinic: Caller) -> None:
    """Put the data of before a settlement in the place of those after it."""
    clinic.settle()
    server.stop()
    copy = server.folder / "copy"
    subprocess.run(["cp", "-a", server.data, copy], check=True)  # noqa: S603, S607 - as an operator does
    server.start()
    settled_again(clinic)
    server.stop()
    shutil.rmtree(server.data)
    copy.rename(server.data)
    server.start()


def settled_again(clinic: Caller) -> None:
    """Settle, once the database is found again. RpcError if the server has ended."""
    request = str(uuid.uuid4())
    while True:
        try:
            clinic.settle(request)
        except grpc.RpcError as error:
            if refusal_of(error).reason != "STORE_UNAVAILABLE":
                raise
            time.sleep(0.1)
        else:
            return
