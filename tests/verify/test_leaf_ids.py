"""The id of a leaf says where it stands; whoever changes it is found, whatever it moves."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from gongji.store import open_store
from gongji.store.signing_key import signing_key

from tests.verify.conftest import FindAll
from tests.verify.everything import BROUGHT_FORWARD_AT


@pytest.fixture
def moved(data: Path) -> Callable[[int, int], None]:
    """Give a leaf another id, counted from the highest there was."""
    path = data / "gongji.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        ((last,),) = connection.execute("SELECT max(leaf_id) FROM leaf")

    def move(before: int, after: int) -> None:
        ids = [f"{int(last) + place:016d}" for place in (after, before)]
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE leaf SET leaf_id = ? WHERE leaf_id = ?", ids)
            connection.commit()

    return move


async def sign(data: Path) -> None:
    """Make a checkpoint of what none includes yet."""
    key_file = data / "gongji.key"
    store = open_store(
        f"sqlite:///{data / 'gongji.sqlite3'}", lambda: BROUGHT_FORWARD_AT, key_file
    )
    key = signing_key(data / "checkpoint.key", store.signature)
    await store.checkpoints.sign(key)
    await store.close()


async def test_an_id_beside_which_there_is_none(
    data: Path, find: FindAll, moved: Callable[[int, int], None]
) -> None:
    """A transaction that fails leaves a gap; a leaf moved in one is named, though its
    place in the tree is the same."""
    path, key_file = data / "gongji.sqlite3", data / "gongji.key"
    moved(0, 5)
    await sign(data)
    assert [] == find(path, key_file)
    moved(5, 3)
    told = [finding.sentence for finding in find(path, key_file)]
    assert any("的编号当时是" in sentence for sentence in told), told
