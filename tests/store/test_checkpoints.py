"""Checkpoints include every leaf once, whoever makes them, and say if one is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gongji.audit.checkpoint import StoredCheckpoint, opened
from gongji.audit.hashing import default_hasher
from gongji.audit.leaf import Leaf
from gongji.audit.order import LogFaultError, PlacedLeaf, tree_order
from gongji.audit.tree import Growing, Tree, leaf_hash, tile_id
from gongji.store import Store, open_store
from gongji.store.checkpoints import SLICE, stored_checkpoints, stored_leaves
from gongji.store.leaves import LeafBatch, LeafLog, LeafOrigin
from gongji.store.schema import Schema

from tests.scaffold.log_keys import log_key
from tests.store.conftest import AnyEngine, Clock, MakeMove, engine_at

HASH = default_hasher()

KEY = log_key()

ORIGIN = "gongji.example/store"


@pytest.fixture
def beside(
    engine_url: str, schema: Schema, tmp_path: Path, clock: Clock
) -> Iterator[tuple[Store, AnyEngine]]:
    """A store, and a connection of somebody else to its database."""
    store = open_store(engine_url, clock, tmp_path / "x.key")
    engine = engine_at(engine_url, schema)
    yield store, engine
    engine.close()
    asyncio.run(store.close())


Beside = tuple[Store, AnyEngine]


async def moved(store: Store, move: MakeMove, *names: str) -> None:
    """Leave a leaf for each name."""
    await asyncio.gather(*[store.commit(move(name, f"P-{name}")) for name in names])


def checked(engine: AnyEngine, schema: Schema) -> list[PlacedLeaf[Leaf]]:
    """Recompute the tree, its tiles and every checkpoint; return the leaves placed."""
    checkpoints = list(stored_checkpoints(engine))
    placed = list(tree_order(stored_leaves(engine, schema), checkpoints))
    included = [leaf_hash(HASH, one.leaf.body) for one in placed if one.index >= 0]
    growing = Growing(HASH, 0, lambda *_: b"")
    tiles: dict[str, bytes] = {}
    for checkpoint in checkpoints:
        growing.extend(included[growing.size : checkpoint.size])
        grown = growing.size, growing.root()
        for says in (checkpoint, opened(checkpoint.note, ORIGIN, KEY.named(ORIGIN))):
            assert grown == (says.size, says.root)
        tiles |= {tile.tile_id: tile.hashes for tile in growing.changed()}
    assert tiles == stored_tiles(engine)
    return placed


def stored_tiles(engine: AnyEngine) -> dict[str, bytes]:
    """The hashes of every tile."""
    rows = engine.rows("SELECT tile_id, hashes FROM tile", [])
    return {tile: bytes(hashes) for tile, hashes in rows}


async def test_checkpoints_include_every_leaf_once(
    beside: Beside, schema: Schema, move: MakeMove
) -> None:
    """Over several checkpoints and tiles."""
    store, engine = beside
    total = 0
    for step in (1, 254, 1, 2, SLICE + 3):
        await moved(store, move, *[f"r{total + i}" for i in range(step)])
        total += step
        made = await store.checkpoints.sign(KEY, ORIGIN)
        assert made
        assert total == made.size
    await moved(store, move, "tail")
    placed = checked(engine, schema)
    assert [*range(total), -1] == [one.index for one in placed]


async def test_without_a_new_leaf_there_is_no_new_checkpoint(
    beside: Beside, move: MakeMove
) -> None:
    """Nor one before the first leaf; they come page by page."""
    store, _ = beside
    assert await store.checkpoints.sign(KEY, ORIGIN) is None
    made = []
    for step in range(4):
        await moved(store, move, f"r{step}")
        made.append(await store.checkpoints.sign(KEY, ORIGIN))
        assert made[-1] == await store.checkpoints.sign(KEY)
        assert made[-1] == await store.checkpoints.last()
    pages = await store.checkpoints.checkpoints()
    assert made == pages
    assert pages[2:] == await store.checkpoints.checkpoints(pages[1].checkpoint_id)


async def signed_after(
    store: Store, move: MakeMove, clock: Clock, hours: float, name: str
) -> set[str]:
    """Leave a leaf after some hours, sign, and return the writers that are known."""
    clock.tick(hours=hours)
    await moved(store, move, name)
    made = await store.checkpoints.sign(KEY, ORIGIN)
    assert made
    return set(made.included)


async def test_a_writer_that_was_silent_for_long_is_another(
    beside: Beside, schema: Schema, move: MakeMove, clock: Clock
) -> None:
    """Who is gone is forgotten, his leaves are not."""
    store, engine = beside
    first = await signed_after(store, move, clock, 0, "r1")
    assert first == await signed_after(store, move, clock, 11, "r2")
    second = await signed_after(store, move, clock, 13, "r3")
    assert first < second
    third = await signed_after(store, move, clock, 12, "r4")
    assert second - first == third
    await signed_after(store, move, clock, 1, "r5")
    assert list(range(5)) == [one.index for one in checked(engine, schema)]


def written(schema: Schema, engine: AnyEngine, clock: Clock) -> Callable[[], None]:
    """Returns what another process would leave behind: a leaf that commits only now."""
    log = LeafLog(schema, HASH)

    def write() -> None:
        batch: LeafBatch = log.begin(clock.now)
        batch.add(LeafOrigin("Late"), [])
        engine.begin()
        batch.append_to(engine)
        engine.commit()
        log.committed(batch)

    return write


async def test_a_leaf_that_commits_late_is_included_later(
    beside: Beside, schema: Schema, move: MakeMove, clock: Clock
) -> None:
    """Though its leaf_id is lower than those of an earlier checkpoint."""
    store, engine = beside
    write = written(schema, engine, clock)
    write()
    await moved(store, move, "r1", "r2", "r3")
    withheld = engine.rows("SELECT * FROM leaf ORDER BY leaf_id LIMIT 1", [])
    writer = engine.rows("SELECT * FROM log_writer WHERE number = 1", [])
    engine.connection.execute("DELETE FROM leaf WHERE number = 1 AND leaf_id LIKE '%1'")
    engine.connection.execute("DELETE FROM log_writer WHERE number = 1")
    assert await store.checkpoints.sign(KEY, ORIGIN)
    put_back(engine, "leaf", withheld)
    put_back(engine, "log_writer", writer)
    await moved(store, move, "r4")
    assert await store.checkpoints.sign(KEY)
    ids = [one.leaf.leaf_id[-1] for one in checked(engine, schema)]
    assert ["2", "3", "4", "1", "5"] == ids


def put_back(engine: AnyEngine, table: str, rows: list[Any]) -> None:
    """Write rows as they were."""
    for row in rows:
        marks = ", ".join([engine.dialect.mark] * len(row))
        engine.connection.execute(f"INSERT INTO {table} VALUES ({marks})", tuple(row))  # noqa: S608


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM leaf WHERE number = 6", "第 6 号叶不在日志中"),
        ("DELETE FROM leaf WHERE number = 8", "第 8 号叶不在日志中"),
        ("DELETE FROM leaf WHERE number = 5", "第 5 号叶不在日志中"),
        ("UPDATE leaf SET number = 9 WHERE number = 7", "第 7 号叶不在日志中"),
        ("UPDATE leaf SET writer = 'x' WHERE number = 7", "第 7 号叶不在日志中"),
        ("DELETE FROM log_writer", "记载倒退"),
        ("UPDATE log_writer SET number = 3", "记载倒退"),
        ("UPDATE log_writer SET number = 9", "第 9 号叶不在日志中"),
        ("DELETE FROM tile", "树不完整"),
        ("UPDATE checkpoint SET size = 3", "检查点不符"),
        ("UPDATE checkpoint SET note = 'x'", "读不懂"),
        ("UPDATE checkpoint SET included = root", "读不懂"),
        ("UPDATE checkpoint SET at = 9223372036854775807", "读不懂"),
    ],
)
async def test_nothing_is_signed_over_a_log_that_contradicts_itself(
    beside: Beside, move: MakeMove, statement: str, fault: str
) -> None:
    """A leaf gone at either end or between, a writer set back, a tile gone."""
    store, engine = beside
    await moved(store, move, *[f"r{i}" for i in range(4)])
    before = await store.checkpoints.sign(KEY, ORIGIN)
    await moved(store, move, *[f"r{i}" for i in range(4, 8)])
    engine.connection.execute(statement)
    with pytest.raises(LogFaultError, match=fault):
        await store.checkpoints.sign(KEY)
    assert before
    assert [(1,)] == [tuple(one) for one in engine.rows(_COUNT, [])]


_COUNT = "SELECT count(*) FROM checkpoint"


async def test_what_is_included_twice_no_recomputation_has(
    beside: Beside, schema: Schema, move: MakeMove
) -> None:
    """A checkpoint whose numbers were set back leads to a tree with leaves too many."""
    store, engine = beside
    await moved(store, move, "r1", "r2")
    await store.checkpoints.sign(KEY, ORIGIN)
    engine.connection.execute("UPDATE checkpoint SET included = '{}'")
    await moved(store, move, "r3")
    await store.checkpoints.sign(KEY)
    with pytest.raises(LogFaultError):
        checked(engine, schema)


async def test_a_log_has_one_name(beside: Beside, move: MakeMove) -> None:
    """Given by the operator, or made up at the first checkpoint; kept by all others."""
    store, _ = beside
    await moved(store, move, "r1")
    made = await store.checkpoints.sign(KEY)
    assert made
    assert made.note.startswith("gongji/")
    await moved(store, move, "r2")
    with pytest.raises(LogFaultError, match="不能改为"):
        await store.checkpoints.sign(KEY, ORIGIN)


async def test_a_reset_begins_another_log(
    beside: Beside, schema: Schema, move: MakeMove
) -> None:
    """Whose checkpoints are not the former's."""
    store, engine = beside
    await moved(store, move, "r1", "r2")
    former = await store.checkpoints.sign(KEY)
    await store.reset()
    assert await store.checkpoints.last() is None
    await moved(store, move, "r3")
    made = await store.checkpoints.sign(KEY)
    assert former
    assert made
    assert former.note.split("\n")[0] != made.note.split("\n")[0]
    assert 1 == len([one for one in stored_leaves(engine, schema) if one.number == 1])


async def test_servers_that_sign_at_once_make_one_chain(
    stores: list[Store], move: MakeMove
) -> None:
    """Each number is made by one; together they include everything."""
    for turn in range(5):
        names = [f"r{turn}-{i}" for i in range(20)]
        for i, store in enumerate(stores):
            await moved(store, move, *[f"{name}-{i}" for name in names])
        await asyncio.gather(*[one.checkpoints.sign(KEY, ORIGIN) for one in stores])
    last = await stores[0].checkpoints.sign(KEY)
    assert last
    assert 300 == last.size
    ids = [one.checkpoint_id for one in await stores[1].checkpoints.checkpoints()]
    assert [f"{i + 1:016d}" for i in range(len(ids))] == ids


async def test_a_proof_is_made_of_tiles_alone(beside: Beside, move: MakeMove) -> None:
    """Of any leaf up to any size that was signed."""
    store, engine = beside
    for step in range(3):
        await moved(store, move, *[f"r{step}-{i}" for i in range(150)])
        await store.checkpoints.sign(KEY, ORIGIN)
    tiles = stored_tiles(engine)
    last: StoredCheckpoint | None = await store.checkpoints.last()
    assert last
    tree = Tree(HASH, last.size, lambda *place: tiles.get(tile_id(*place), b""))
    assert last.root == tree.root()
