"""Laws of waiting over one file: who waits for it is who writes; reads and the loop go on."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from gongji.model.account import Account
from gongji.model.refusals import StoreUnavailable
from gongji.store import open_store, queues
from gongji.store.base import Clock
from gongji.store.loop_queues import PAUSE_S
from gongji.store.sqlite.engine import SqliteEngine
from gongji.store.sqlite.store import SqliteStore

from tests.patience import PATIENCE_S
from tests.store.conftest import outcomes
from tests.store.test_condition import Heard

MakeMove = Callable[..., Any]

_SEVERAL = 5


@pytest.fixture
async def store(clock: Clock, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = open_store(tmp_path / "gongji.db", clock)
    assert isinstance(store, SqliteStore)
    yield store
    await store.close()


@pytest.fixture
def heard(store: SqliteStore) -> Heard:
    heard = Heard()
    store.condition.observe(heard)
    return heard


@contextmanager
def taken(path: Path) -> Iterator[None]:
    """Another process's connection writes to the file and has not committed."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def turns(loop_turns: int = 3) -> None:
    """Return when writes have been tried several times, and the loop has gone on."""
    for _ in range(loop_turns):
        await asyncio.sleep(2 * PAUSE_S)


async def test_reads_go_on_while_another_process_writes(
    store: SqliteStore, tmp_path: Path, move: MakeMove
) -> None:
    """Commands keep their place behind another process and are executed after it, each
    once; whoever reads is answered meanwhile."""
    await store.commit(move("r0"))
    with taken(tmp_path / "gongji.db"):
        waiting = [
            asyncio.ensure_future(store.commit(move(f"r{number}")))
            for number in range(1, _SEVERAL)
        ]
        for _ in range(3):
            await turns()
            assert await store.get(Account, "P1")
        assert [False] * len(waiting) == [task.done() for task in waiting]
        assert len(waiting) == store.waiting
    answers = await asyncio.gather(*waiting)
    assert [200, 300, 400, 500] == [answer.value for answer in answers]


async def test_who_goes_while_it_waits_has_asked_for_nothing(
    store: SqliteStore, tmp_path: Path, move: MakeMove
) -> None:
    """A command whose deadline passes behind another process is not executed later."""
    with taken(tmp_path / "gongji.db"):
        gone, stays = (asyncio.ensure_future(store.commit(move(r))) for r in "ab")
        await turns()
        gone.cancel()
        await turns()
    assert 100 == (await stays).value


async def test_nobody_waits_for_ever(
    store: SqliteStore,
    heard: Heard,
    tmp_path: Path,
    move: MakeMove,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Behind a process that keeps the file, commands are refused in time, as one loss; it
    ends with the next commit."""
    monkeypatch.setattr(queues, "HELD_S", 5 * PAUSE_S)
    with taken(tmp_path / "gongji.db"):
        refused = await outcomes(store.commit(move(f"r{i}")) for i in range(3))
        assert [StoreUnavailable] * 3 == [type(one) for one in refused]
        assert (False, "locked") == (store.available, store.condition.reason)
    assert 100 == (await store.commit(move("r1"))).value
    assert store.available
    # The file's other connection is this process's own.
    assert f"进程 {os.getpid()}（" in str(heard.told[0])
    names = [str(told[0]) for told in heard.told]
    assert ["waited", "lost", "committed", "back"] == names


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Commits that wait for the disk until the event is set."""
    flushed = threading.Event()
    commit = SqliteEngine.commit

    def slowly(engine: SqliteEngine) -> None:
        assert flushed.wait(PATIENCE_S)
        commit(engine)

    monkeypatch.setattr(SqliteEngine, "commit", slowly)
    yield flushed
    flushed.set()


async def test_reads_go_on_while_the_disk_is_waited_for(
    store: SqliteStore, slow: threading.Event, heard: Heard, move: MakeMove
) -> None:
    """During a flush reads see what stood before; what is asked for meanwhile is the next
    batch."""
    first = asyncio.ensure_future(store.commit(move("r0")))
    await turns()
    later = [asyncio.ensure_future(store.commit(move(f"r{i}"))) for i in range(1, 4)]
    await turns()
    assert await store.get(Account, "P1") is None
    assert (False, 3) == (first.done(), store.waiting)
    slow.set()
    await asyncio.gather(first, *later)
    assert [("committed", 1, True), ("committed", 3, True)] == heard.told


async def test_closing_waits_for_the_disk(
    store: SqliteStore, slow: threading.Event, move: MakeMove
) -> None:
    """A store that is closed during a flush has answered everybody first."""
    calls = [asyncio.ensure_future(store.commit(move("r0")))]
    await turns()
    calls.append(asyncio.ensure_future(store.commit(move("r1"))))
    await turns()
    closing_: Awaitable[None] = asyncio.ensure_future(store.close())
    await turns()
    slow.set()
    await closing_
    assert [100, 200] == [answer.value for answer in await asyncio.gather(*calls)]


def test_a_loop_that_ends_during_a_flush_holds_up_no_other(
    clock: Clock, tmp_path: Path, slow: threading.Event, move: MakeMove
) -> None:
    """A batch whose loop is gone when it is durable is forgotten by its callers alone."""
    store = open_store(tmp_path / "gongji.db", clock)

    async def leave() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.commit(move("r0")), 3 * PAUSE_S)

    async def stay() -> int:
        later = asyncio.ensure_future(store.commit(move("r1")))
        await turns()
        slow.set()
        try:
            value: int = (await later).value
            return value
        finally:
            await store.close()

    asyncio.run(leave())
    assert 200 == asyncio.run(stay())
