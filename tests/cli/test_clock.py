"""`gongji serve` on a machine whose clock is set while it runs, and before it starts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from gongji.client.connection import refusal_of
from gongji.rules.codes import SHANGHAI

from tests.cli.command import opening_a_database
from tests.cli.started import Caller, Started, run, started
from tests.days import FAKED, preloaded_libraries

DAY_S = 86_400


class Machine:
    """A machine on which servers run, and whose clock a test sets."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "var"
        self._set = folder / "clock"
        self.set("+0")
        self.environment = {
            **FAKED,
            "LD_PRELOAD": preloaded_libraries(),
            "FAKETIME_TIMESTAMP_FILE": str(self._set),
            "FAKETIME_NO_CACHE": "1",
        }

    def set(self, faked: str) -> None:
        """Set it, as libfaketime understands it: so far away, or @ an instant."""
        self._set.write_text(faked, encoding="utf-8")

    @contextmanager
    def serving(self, *options: str) -> Iterator[Started]:
        """A server on it."""
        words = [f"{name}={value}" for name, value in self.environment.items()]
        arguments = ["--no-gateway", "--data", str(self.data), *options]
        with started(*arguments, under=["env", *words]) as server:
            yield server

    def refused(self, monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
        """Return why a server does not start on it."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        ended = run("serve", "--no-gateway", "--data", str(self.data), *options)
        for name in self.environment:
            monkeypatch.delenv(name)
        assert 1 == ended.returncode
        return ended.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def visits(server: Started) -> list[dict[str, Any]]:
    """The rows of a purse's statement, which is refused if it does not add up."""
    target = ["--target", server.address, "--data", str(server.data)]
    printed = run(
        "statement", "CZ001", "--side", "account", *target, "--format", "json"
    )
    assert 0 == printed.returncode, printed.stderr
    rows: list[dict[str, Any]] = json.loads(printed.stdout)["statement"]["rows"]
    return rows


def test_set_back_two_days_for_one_call(machine: Machine) -> None:
    """What is settled meanwhile is not before what was settled: a purse's statement
    of those days adds up; both steps are told."""
    with machine.serving("--sample") as server, Caller(server) as caller:
        settled = [caller.settle().settlement.settled_at]
        machine.set("-2d")
        settled.append(caller.settle().settlement.settled_at)
        assert -2 * DAY_S == round(server.event("clock_stepped")["seconds"])
        machine.set("+0")
        settled.append(caller.settle().settlement.settled_at)
        assert 2 * DAY_S == round(server.event("clock_stepped")["seconds"])
        moments = [moment.ToNanoseconds() for moment in settled]
        assert sorted(moments) == moments
        assert 3 <= len(visits(server))
        server.end()


def test_set_ahead_by_years(machine: Machine) -> None:
    """Nothing is settled in another time: who writes is told so, who reads is answered;
    set right again the same request is executed."""
    request = "11111111-1111-4111-8111-111111111111"
    with machine.serving("--sample") as server, Caller(server) as caller:
        balance = caller.balance()
        machine.set("+40y")
        server.event("clock_refused")
        with pytest.raises(grpc.RpcError) as refused:
            caller.settle(request)
        told = refusal_of(refused.value)
        assert (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE") == (
            told.code,
            told.reason,
        )
        assert "时钟忽然快了" in told.message
        assert balance == caller.balance()
        machine.set("+0")
        server.event("clock_stepped")
        assert not caller.settle(request).receipt.replayed
        server.end()


@pytest.mark.long
def test_a_start_in_another_time(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first start in 1970 makes nothing; one days before the last record is refused
    until the day is said."""
    machine.set("@1970-01-02 00:00:00")
    assert "--accept-clock 1970-01-0" in machine.refused(monkeypatch)
    assert not (machine.data / "gongji.sqlite3").exists()
    machine.set("+3d")
    with machine.serving("--sample") as server:
        server.end()
    machine.set("+0")
    assert "早于库中最后的记录" in machine.refused(monkeypatch)
    # Before the server starts: at midnight the day would be another.
    today = datetime.now(SHANGHAI).date()
    with machine.serving("--accept-clock", str(today)) as server:
        with Caller(server) as caller:
            assert today < caller.settle().settlement.settled_at.ToDatetime().date()
        server.end()


WRITING = {"serve", "migrate", "rekey", "retention plan", "retention run"}
"""The commands that write to a database by this machine's clock, or would."""

READING = {"backup", "keys", "restore", "verify", "doctor"}


def test_every_command_that_writes_can_be_told_the_day() -> None:
    """Of each command that opens a database it is known whether it writes; one that does
    asks whether the clock can be right, and so takes --accept-clock."""
    opening = dict(opening_a_database())
    assert WRITING | READING == opening.keys()
    for name, command in opening.items():
        told = "accept_clock" in {one.name for one in command.params}
        assert told is (name in WRITING), name


def test_a_command_in_another_time(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a server whose clock is right a command on a machine that is years ahead
    removes nothing, and writes nothing that would take the server along."""
    policy, ahead = tmp_path / "retention.toml", tmp_path / "ahead"
    policy.write_text("version = 1\n[access]\nafter_days = 180\n", encoding="ascii")
    ahead.write_text("+2y", encoding="ascii")
    with machine.serving("--sample") as server, Caller(server) as caller:
        caller.settle()
        with monkeypatch.context() as there:
            for name, value in machine.environment.items():
                there.setenv(name, value)
            there.setenv("FAKETIME_TIMESTAMP_FILE", str(ahead))
            for words in (["retention", "run", str(policy)], ["rekey"]):
                ended = run(*words, "--data", str(machine.data))
                assert (1, True) == (ended.returncode, "--accept-clock" in ended.stderr)
        settled = caller.settle().settlement.settled_at.ToDatetime()
        assert settled < datetime.now(SHANGHAI).replace(tzinfo=None)
