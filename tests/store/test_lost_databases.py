"""A database that is gone while its key is still there: no new one is made unasked."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from gongji.model.commands import Answer
from gongji.store import Store, open_store
from gongji.store.databases import database_at
from gongji.store.migrations import DatabaseMissingError

from tests.postgres import Postgres

Clock = Callable[[], datetime]
MakeMove = Callable[..., Any]


def deleted(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def without_tables(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM")
    assert path.stat().st_size


def folder_not_mounted(path: Path) -> None:
    shutil.rmtree(path.parent)


@pytest.mark.parametrize("lose", [deleted, emptied, without_tables, folder_not_mounted])
async def test_a_lost_file_is_not_replaced_unasked(
    lose: Callable[[Path], None], clock: Clock, tmp_path: Path, move: MakeMove
) -> None:
    """However a database is gone, its key beside it says that there was one: the start
    is refused and makes none, until a new one is asked for."""
    path, key = tmp_path / "disk" / "x.db", tmp_path / "x.key"
    store = open_store(path, clock, key)
    await store.commit(move("r1"))
    await store.close()
    before = key.read_bytes()
    lose(path)
    left = size_of(path)
    with pytest.raises(DatabaseMissingError, match="--new") as refused:
        open_store(path, clock, key)
    assert all(str(named) in str(refused.value) for named in (path, key))
    assert left == size_of(path)
    assert not (await first_answer(open_store(path, clock, key, new=True), move))
    assert before == key.read_bytes()
    assert await first_answer(open_store(path, clock, key), move)


def size_of(path: Path) -> int | None:
    return path.stat().st_size if path.exists() else None


async def first_answer(store: Store, move: MakeMove) -> bool:
    """Return whether a request was known, which it is afterwards."""
    answer: Answer[int] = await store.commit(move("r1"))
    await store.close()
    return answer.replayed


def test_a_log_without_its_file_is_a_trace(clock: Clock, tmp_path: Path) -> None:
    """Also without the key, what SQLite had not copied back says that there was a file."""
    (tmp_path / "x.db-wal").write_bytes(b"left")
    with pytest.raises(DatabaseMissingError, match=r"x\.db-wal"):
        open_store(tmp_path / "x.db", clock)
    assert ["x.db-wal"] == [path.name for path in tmp_path.iterdir()]


async def test_an_empty_postgres_beside_a_used_key(
    postgres: Postgres, clock: Clock, tmp_path: Path, move: MakeMove
) -> None:
    """A mistyped name or an emptied database is refused beside the key of another."""
    key = tmp_path / "x.key"
    await open_store(postgres.fresh(), clock, key).close()
    other = postgres.fresh()
    with pytest.raises(DatabaseMissingError, match="--new"):
        open_store(other, clock, key)
    assert database_at(other).is_new()
    assert not await first_answer(open_store(other, clock, key, new=True), move)
    assert await first_answer(open_store(other, clock, key), move)


async def test_servers_of_one_folder_may_start_first_together(
    postgres: Postgres, clock: Clock, tmp_path: Path
) -> None:
    """Who finds the key of a server that is just making the tables waits for them."""
    url, key = postgres.fresh(), tmp_path / "x.key"
    opened = await asyncio.gather(
        *(asyncio.to_thread(open_store, url, clock, key) for _ in range(3))
    )
    for store in opened:
        await store.close()
    assert not database_at(url).is_new()
