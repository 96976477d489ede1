"""What was written is remembered outside the database: one that lacks it is found out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gongji.audit.leaf import Leaf
from gongji.model.commands import Listing
from gongji.store import Store, open_store
from gongji.store.last_leaf import (
    FOLDER,
    LastLeafFile,
    LeafMissingError,
    LeafPlace,
    check,
    check_own,
    forget,
    noting,
    of_the_dead,
    place_of,
)
from gongji.store.process_files import locked_new
from gongji.store.schema import Schema
from gongji.store.seal import Vault

from tests.store.conftest import Clock, MakeMove, engine_at


@pytest.fixture
async def store(engine_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Store]:
    """Return a store in which nothing is yet."""
    store = open_store(engine_url, clock, tmp_path / "gongji.key")
    yield store
    await store.close()


async def last(store: Store) -> LeafPlace:
    """Return the place of the last leaf."""
    (leaf,) = await store.page(Listing(kind=Leaf, descending=True, limit=1))
    return place_of(leaf)


async def test_the_last_leaf_is_remembered_over_starts(
    store: Store, move: MakeMove, clock: Clock, tmp_path: Path
) -> None:
    """A process that writes nothing hands on what it found; one that writes, its own."""
    for number in range(3):
        with noting(store, tmp_path, await check(store, tmp_path)):
            clock.tick(seconds=1)
            await store.commit(move(f"r{number}"))
            written = await last(store)
        for _ in range(2):
            assert written == await check(store, tmp_path)
            with noting(store, tmp_path, written):
                pass
    assert 1 == len(list((tmp_path / FOLDER).iterdir()))


async def test_a_database_that_lacks_it_is_refused(
    store: Store, engine_url: str, move: MakeMove, tmp_path: Path
) -> None:
    """Whoever takes the leaf away, or puts an older database there, is told, until it is
    said that the database shall be taken as it is."""
    with noting(store, tmp_path, None):
        await store.commit(move("r1"))
        await store.commit(move("r2"))
    engine = engine_at(engine_url, Schema(Vault.ephemeral()))
    engine.connection.execute("DELETE FROM leaf WHERE number = 2")
    engine.close()
    for _ in range(2):
        with pytest.raises(LeafMissingError, match="--accept-rollback"):
            await check(store, tmp_path)
    forget(tmp_path)
    assert await check(store, tmp_path) is None


async def test_a_process_misses_its_own(store: Store, move: MakeMove) -> None:
    """Whoever has committed finds out while it runs that the database lacks that."""
    await check_own(store)
    await store.commit(move("r1"))
    await check_own(store)
    await store._between_writes(
        lambda engine: engine.connection.execute("DELETE FROM leaf")
    )
    with pytest.raises(LeafMissingError, match="--accept-rollback"):
        await check_own(store)


async def test_another_leaf_of_its_number_is_not_it(
    store: Store, move: MakeMove, tmp_path: Path
) -> None:
    """Writers are told apart, and so are instants."""
    await store.commit(move("r1"))
    place = await last(store)
    for other in (
        LeafPlace("0" * 16, place.number, place.at),
        LeafPlace(place.writer, place.number + 1, place.at),
        LeafPlace(place.writer, place.number, place.at + 1),
    ):
        noted(tmp_path, other)
        with pytest.raises(LeafMissingError):
            await check(store, tmp_path)
        forget(tmp_path)


def noted(data: Path, *places: LeafPlace) -> Path:
    """Write a file as a process that has ended."""
    (data / FOLDER).mkdir(exist_ok=True)
    path = data / FOLDER / "0a"
    with locked_new(path, 2 * 44) as own:
        file = LastLeafFile(own)
        for place in places:
            file.put(place)
        file.close()
    return path


def test_a_file_torn_at_any_byte_says_one_of_the_last_two(tmp_path: Path) -> None:
    """A process killed while it writes leaves what it wrote before."""
    first, second = LeafPlace("a" * 16, 7, 70), LeafPlace("a" * 16, 8, 80)
    path = noted(tmp_path, first, second)
    whole = path.read_bytes()
    said = set()
    for place in range(len(whole)):
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
        )
        ((_, found),) = of_the_dead(tmp_path)
        said.add(found)
    assert {first, second} == said


KILLED = """
import os, signal, sys
from pathlib import Path
from gongji.store.last_leaf import *
from gongji.store.last_leaf import _SLOT, _SLOTS
from gongji.store.process_files import locked_new
path = Path(sys.argv[1]) / FOLDER / "0b"
path.parent.mkdir()
with locked_new(path, _SLOT * _SLOTS) as own:
    file = LastLeafFile(own)
    for number in range(1000):
        file.put(LeafPlace("b" * 16, number, number))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_has_said_its_last(tmp_path: Path) -> None:
    """Nothing has to be flushed for it."""
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    killed = subprocess.run(command, check=False)  # noqa: S603 - our own
    assert -signal.SIGKILL == killed.returncode
    ((_, place),) = of_the_dead(tmp_path)
    assert LeafPlace("b" * 16, 999, 999) == place


def test_a_living_process_says_nothing_yet(tmp_path: Path) -> None:
    """Its file is its own until it ends."""
    (tmp_path / FOLDER).mkdir()
    with locked_new(tmp_path / FOLDER / "0c", 88):
        assert [] == list(of_the_dead(tmp_path))
    assert os.name == "posix"
