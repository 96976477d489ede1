"""What a database does is told by the log: once why, once when it is over, and by whom."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from gongji.model.account import Account
from gongji.model.commands import Write
from gongji.model.refusals import StoreUnavailable
from gongji.serve.clock import system_clock
from gongji.serve.database_events import LoggedStore
from gongji.store import Store, open_store, queues
from gongji.store.condition import WRITING, StoreCondition
from gongji.store.engine import REASONS, EngineDown
from gongji.store.loop_queues import PAUSE_S
from gongji.store.sqlite.engine import SqliteEngine, reason_of
from structlog.testing import capture_logs

# What the disk of this machine takes is another matter.
_SLOW = "slow_flush"

_PURSE = Write((Account("P1"),))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(tmp_path / "gongji.db", system_clock)
    yield store
    await store.close()


async def test_a_full_disk_is_two_lines(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many calls are refused, the log says once why and once that it is over."""

    def full(_: SqliteEngine) -> None:
        raise EngineDown("database or disk is full", "disk_full")

    with capture_logs() as lines:
        store.condition.observe(LoggedStore())
        with monkeypatch.context() as patched:
            patched.setattr(SqliteEngine, "commit", full)
            for _ in range(3):
                with pytest.raises(StoreUnavailable):
                    await store.apply(_PURSE)
        await store.apply(_PURSE)
    told = [line for line in lines if line["event"] != _SLOW]
    assert [("database_lost", "disk_full"), ("database_back", None)] == [
        (line["event"], line.get("reason")) for line in told
    ]
    assert told[1]["seconds"] >= 0


async def test_who_holds_the_file_is_told(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that another process keeps is a wait, a loss, and an end."""
    monkeypatch.setattr(queues, "HELD_S", 3 * PAUSE_S)
    monkeypatch.setattr(queues, "TOLD_S", PAUSE_S)
    with capture_logs() as lines:
        store.condition.observe(LoggedStore())
        with closing(sqlite3.connect(tmp_path / "gongji.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable):
                await store.apply(_PURSE)
        await store.apply(_PURSE)
    told = [line for line in lines if line["event"] != _SLOW]
    names = [line["event"] for line in told]
    assert ["lock_waited", "database_lost"] == names[:2]
    assert {"lock_waited", "database_back"} == set(names[2:])
    assert "locked" == told[1]["reason"]


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_explained(reason: str) -> None:
    """docs/events.md says what each reason of a loss means."""
    page = Path(__file__).parents[2] / "docs" / "events.md"
    assert f"| `{reason}` |" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [("query_only = 1", "read_only"), ("max_page_count = 1", "disk_full")],
)
async def test_sqlite_says_why(store: Store, broken: str, reason: str) -> None:
    """What SQLite itself refuses becomes the reason that it is."""
    store._writing.connection.execute(f"PRAGMA {broken}")
    many = Write(tuple(Account(f"P{number}") for number in range(5_000)))
    with pytest.raises(StoreUnavailable):
        await store.apply(many)
    assert (False, reason) == (store.available, store.condition.reason)


def test_an_error_without_a_code_is_unavailable() -> None:
    """An engine that does not say why is unavailable, which is a reason too."""
    assert "unavailable" == reason_of(sqlite3.OperationalError("odd"))
    condition = StoreCondition()
    condition.failed(WRITING, EngineDown("odd"))
    assert "unavailable" == condition.reason
