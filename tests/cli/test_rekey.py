"""`gongji rekey` beside a server under load, killed and run again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from gongji.serve.settings import DATABASE, KEY_FILE
from gongji.store.databases import database_at

from tests.cli.clinic import LONG, PEOPLE, Clinic, begin_and_kill, fill, options_at
from tests.cli.started import Caller, run, started

KILLED_AFTER_S = (0.9, 1.3, 1.5, 1.1, 1.7, 2.5) if LONG else (1.3, 1.6)
"""Some before it does anything, the others somewhere in between."""


@pytest.fixture(params=["sqlite", "postgres"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """The options of a data folder and its database."""
    return options_at(request, tmp_path)


@pytest.mark.sampled(1)
def test_killed_under_load_and_run_again(at: list[str], tmp_path: Path) -> None:
    """While a server settles for people named by certificate its keys are changed by a
    command that is killed again and again: no call fails, and after the last run
    nothing is sealed by an old key."""
    data = tmp_path / "var"
    database: str | Path = at[3] if len(at) > 2 else data / DATABASE
    asyncio.run(fill(database, data))
    old = (data / KEY_FILE).read_bytes()
    with started(*at) as server:
        clinic = Clinic(server)
        with clinic.running():
            for after_s in KILLED_AFTER_S:
                begin_and_kill(at, after_s)
            ended = run("rekey", *at)
            assert 0 == ended.returncode, ended.stderr
        assert [] == clinic.failed
        assert clinic.answered
        # Each of them, by the server that was there all the time.
        with Caller(server) as caller:
            for person in range(0, PEOPLE, 40):
                clinic.settle(caller, person)
    assert old != (data / KEY_FILE).read_bytes()
    assert_changed(database, data)


def assert_changed(database: str | Path, data: Path) -> None:
    """Nothing is sealed by an old key, and only the requests' are there."""
    with database_at(database).administered(data / KEY_FILE) as administration:
        keys = administration.catalog.keys()
        administration.schema.vault.load(keys)
        assert 0 == administration.rekeying.remaining()
    assert {"digest"} == {key.purpose for key in keys.keys if not key.current}


def test_a_new_master_is_prepared_first(tmp_path: Path) -> None:
    """With --prepare there is a file to be brought to other servers, and nothing else has
    changed; the change itself uses that one."""
    data = tmp_path / "var"
    asyncio.run(fill(data / DATABASE, data))
    old = (data / KEY_FILE).read_bytes()
    assert 0 == run("rekey", "--data", str(data), "--prepare").returncode
    successor = data / f"{KEY_FILE}.new"
    prepared = successor.read_bytes()
    assert old == (data / KEY_FILE).read_bytes()
    assert 0 == run("rekey", "--data", str(data)).returncode
    assert prepared == (data / KEY_FILE).read_bytes()
    assert not successor.exists()
