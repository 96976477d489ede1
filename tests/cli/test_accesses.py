"""`gongji accesses`: who looked at a person's data; a kill loses a second at most, counted."""

from __future__ import annotations

import itertools
import json
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from gongji.client.connection import connect
from gongji.rpc import recording
from gongji.v1 import account_pb2, account_pb2_grpc

from tests.cli.command import StartSandbox, gongji
from tests.cli.started import PERSON, Caller, started


@pytest.fixture
def looked_at(serving: StartSandbox) -> str:
    """Return the address of a sandbox that was asked for the balance of CZ001."""
    address = serving()
    with connect(address) as channel:
        request = account_pb2.GetAccountRequest(person=PERSON)
        account_pb2_grpc.AccountServiceStub(channel).GetAccount(request)
    time.sleep(recording.WAIT_S + 0.3)
    return address


def test_in_chinese(looked_at: str) -> None:
    """The import that brought a person and a query of him are listed, newest first."""
    result = gongji("accesses", "CZ001", "--target", looked_at)
    assert 0 == result.exit_code, result.output
    head, *rows = [row.split("\t") for row in result.stdout.splitlines() if "\t" in row]
    assert ["时刻", "调用方", "调用方类别", "方法"] == head[:4]
    assert ("查询余额", "导入人员") == (rows[0][3], rows[-1][3])


def test_as_json(looked_at: str) -> None:
    """Programs get every access as the service tells it."""
    result = gongji("--json", "accesses", "CZ001", "--target", looked_at)
    methods = [row["method"] for row in json.loads(result.stdout)["accesses"]]
    assert {"GetAccount", "ImportPersons"} <= set(methods)


def test_days_and_an_unknown_person(serving: StartSandbox) -> None:
    """Nobody looked on days long past; a person nobody knows is refused in one line."""
    address = serving()
    early = gongji("accesses", "CZ001", "--to", "2020-01-01", "--target", address)
    lines = [line for line in early.stdout.splitlines() if "\t" in line]
    assert (0, 1) == (early.exit_code, len(lines))
    unknown = gongji("accesses", "NOBODY", "--target", address)
    assert (1, True) == (unknown.exit_code, "NOBODY" in unknown.stderr)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("gateway", ["--gateway", "--no-gateway"])
def test_a_kill_loses_a_second_at_most_and_says_how_much(
    tmp_path: Path, gateway: str
) -> None:
    """Of the reads answered before a SIGKILL, those older than a second are listed; the
    next start says how many of the others may be missing, and no fewer are. An orderly
    end loses nothing, and nothing is counted a second time."""
    options = ("--data", str(tmp_path), "--sandbox", "--sample", gateway)
    with started(*options) as server, Caller(server) as caller:
        early = _read_for(1.5, caller)
        # What was answered so far is durable a second after it.
        late = _read_for(1.0, caller)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    listed, lost = _found(options)
    assert listed >= early
    assert early + late - listed <= lost <= late
    assert (listed, 0) == _found(options)


def _read_for(seconds: float, caller: Caller) -> int:
    """Ask for the balance for so long; return how often it was answered."""
    until = time.monotonic() + seconds
    for answers in itertools.count():
        if time.monotonic() >= until:
            return answers
        caller.balance()
    return 0


def _found(options: Sequence[str]) -> tuple[int, int]:
    """Start again; return how many reads are listed, and how many may be lost."""
    with started(*options) as server:
        listed = _reads(server.address)
        assert 0 == server.end()
        lines = [line for line in server.logged if '"accesses_lost"' in line]
    return listed, sum(json.loads(line)["most"] for line in lines)


def _reads(address: str) -> int:
    """Return how many reads of the balance are listed."""
    listed = gongji("--json", "accesses", "CZ001", "--target", address)
    rows = json.loads(listed.stdout)["accesses"]
    return sum(row["method"] == "GetAccount" for row in rows)
