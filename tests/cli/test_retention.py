"""`gongji retention`: a policy checked, planned and run."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest
from gongji.model.access import LostAccesses
from gongji.model.commands import Write
from gongji.rules.codes import SHANGHAI
from gongji.serve.clock import system_clock
from gongji.serve.settings import DATABASE, KEY_FILE
from gongji.store import open_store

from tests.cli.command import gongji, tables
from tests.postgres import Postgres

OLD = datetime(2023, 3, 1, tzinfo=SHANGHAI)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """Return a policy that keeps for a year."""
    path = tmp_path / "retention.toml"
    path.write_text(
        'version = 1\nexport = "gone"\n[lost_accesses]\nafter_days = 365\n'
        "[access]\nafter_days = 365\n",
        "utf-8",
    )
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Return the options of a database in which one row is old."""
    data, database = tmp_path / "var", ""
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        database = server.fresh()

    async def fill() -> None:
        # It is in use still: a command asks whether the clock can be right.
        for name, noticed_at in (("x", OLD), ("y", system_clock())):
            await note(LostAccesses(name, noticed_at, 3))

    async def note(lost: LostAccesses) -> None:
        at = database or data / DATABASE
        store = open_store(at, lambda: lost.noticed_at, data / KEY_FILE)
        await store.apply(Write((lost,)))
        await store.close()

    asyncio.run(fill())
    named = ["--database", database] if database else []
    return ["--data", str(data), *named]


def test_planned_and_run(policy: Path, where: list[str], tmp_path: Path) -> None:
    """A plan says what a run then does; the copy lies where the policy says."""
    for verb, rows in (("plan", "1"), ("run", "1"), ("run", "0")):
        done = gongji("--json", "retention", verb, policy, *where)
        assert 0 == done.exit_code, done.output
        found = {row["kind"]: row for row in tables(done)["retention"]}
        assert rows == found["lost_accesses"]["rows"]
        assert "0" == found["access"]["rows"]
    assert 1 == len(list((tmp_path / "gone").iterdir()))


def test_a_policy_is_checked(policy: Path) -> None:
    """What is wrong is said with the file's name; what is right, in days."""
    assert "access 365 天" in gongji("retention", "check", policy).output
    policy.write_text("version = 1\n[entry]\nafter_days = 9999\n", "utf-8")
    done = gongji("retention", "check", policy)
    assert 1 == done.exit_code
    assert f"{policy}：[entry] 不可设期限：会计凭证与账簿保管 30 年" in done.output
