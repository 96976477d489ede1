"""What an address of a database means."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest
from gongji.store.databases import (
    MEMORY,
    Database,
    MemoryDatabase,
    PostgresDatabase,
    SqliteDatabase,
    database_at,
)

ADDRESSES: dict[str, type[Database]] = {
    "": SqliteDatabase,
    "var/x.db": SqliteDatabase,
    "sqlite:///var/x.db": SqliteDatabase,
    "mysql://host/x": SqliteDatabase,
    MEMORY: MemoryDatabase,
    "postgres://host/x": PostgresDatabase,
    "postgresql:///x?host=/run": PostgresDatabase,
}


@pytest.mark.parametrize(("address", "kind"), ADDRESSES.items())
def test_the_address_names_the_engine(address: str, kind: type[Database]) -> None:
    """An address is of one engine, and only PostgreSQL may be shared by servers."""
    database = database_at(address)
    assert kind is type(database)
    assert database.shared == (kind is PostgresDatabase)


UNSUPPORTED = ["mysql://host/x", "sqlite://var/x.db", "sqlite:///"]


@pytest.mark.parametrize("address", UNSUPPORTED)
def test_an_unsupported_address_is_refused_when_it_is_used(
    address: str, clock: Callable[[], datetime]
) -> None:
    """Whatever is done with it, it is refused by name."""
    database = database_at(address)
    with pytest.raises(ValueError, match=f"{re.escape(address)} 不受支持"):
        database.open(clock)
    with pytest.raises(ValueError, match="不受支持"):
        database.migrate()
    with pytest.raises(ValueError, match="不受支持"):
        database.hold_alone()


class TestHoldAlone:
    """One server a file."""

    def test_a_file_is_held_by_one(self, tmp_path: Path) -> None:
        """While one holds a file no other does; after it the next may."""
        database = database_at(tmp_path / "x.db")
        with database.hold_alone():
            refused = pytest.raises(ValueError, match="已有服务在使用")
            with refused, database.hold_alone():
                pass
        with database.hold_alone():
            pass

    @pytest.mark.parametrize("address", [MEMORY, "postgresql:///x?host=/nowhere"])
    def test_what_is_shared_or_private_is_left(self, address: str) -> None:
        """Servers may share PostgreSQL; nobody else reaches a process's own memory."""
        holds = [database_at(address).hold_alone() for _ in ("one", "another")]
        with ExitStack() as held:
            entered = [held.enter_context(hold) for hold in holds]
            assert len(holds) == len(entered)


class TestPostgres:
    """What must be there before a PostgreSQL is opened."""

    def test_its_key_file_must_be_named(self, clock: Callable[[], datetime]) -> None:
        """There is no place beside it where a key could lie."""
        database = database_at("postgresql:///x?host=/nowhere")
        with pytest.raises(ValueError, match="须指明密钥文件"):
            database.open(clock)
        with pytest.raises(ValueError, match="须指明密钥文件"):
            database.migrate()

    def test_without_psycopg(
        self,
        clock: Callable[[], datetime],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """An installation without the extra is told what to install."""
        monkeypatch.setitem(sys.modules, "psycopg", None)
        database = database_at("postgresql:///x?host=/nowhere")
        with pytest.raises(ValueError, match=r"pip install 'gongji\[postgres\]'"):
            database.open(clock, tmp_path / "x.key")
