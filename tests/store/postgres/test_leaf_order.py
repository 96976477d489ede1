"""Leaves of several servers have one order: that of their transactions over a row."""

from __future__ import annotations

import asyncio
from time import monotonic, sleep

from gongji.audit.leaf import Leaf
from gongji.audit.order import tree_order
from gongji.model.commands import Listing
from gongji.store import Store
from gongji.store.checkpoints import stored_checkpoints, stored_leaves
from gongji.store.engine import StoreEngine
from gongji.store.leaves import LeafLog, LeafOrigin
from gongji.store.postgres.engine import PostgresEngine

from tests.patience import PATIENCE_S
from tests.store.conftest import Clock, MakeMove
from tests.store.test_checkpoints import KEY, ORIGIN, checked
from tests.store.test_leaves import assert_log_says_all


def wait_for_a_leaf(engine: PostgresEngine) -> None:
    """Wait until some leaf has its id."""
    ends = monotonic() + PATIENCE_S
    while not engine.rows("SELECT 1 FROM leaf_id WHERE is_called", []):
        assert monotonic() < ends
        sleep(0.01)


async def signed_size(store: Store) -> int:
    """Sign, and return how many leaves are included."""
    made = await store.checkpoints.sign(KEY, ORIGIN)
    assert made
    return made.size


class LateLeaf:
    """A leaf of another server that has its id, and whose transaction has not ended."""

    def __init__(self, url: str, store: Store, clock: Clock) -> None:
        self._late, self.other = (PostgresEngine(url, store.schema) for _ in range(2))
        self._batch = LeafLog(store.schema, store.hasher).begin(clock.now)
        self._batch.add(LeafOrigin("Late"), [])
        self.writer = self._batch.writer.writer
        # Whoever writes behind its leaf waits for this row.
        self.other.connection.execute("BEGIN")
        row = "INSERT INTO log_writer VALUES (%s, 1, 1)"
        self.other.connection.execute(row, (self.writer,))
        self._committing = asyncio.create_task(asyncio.to_thread(self._commit))

    def _commit(self) -> None:
        self._late.begin()
        self._batch.append_to(self._late)
        self._late.commit()

    async def begun(self) -> None:
        """Wait until it has its id."""
        await asyncio.to_thread(wait_for_a_leaf, self.other)

    async def committed(self) -> None:
        """End its transaction."""
        self.other.connection.execute("ROLLBACK")
        await self._committing
        self._late.close()


async def test_a_leaf_committed_behind_a_checkpoint_is_in_the_next(
    store: Store, url: str, clock: Clock, move: MakeMove
) -> None:
    """Its leaf_id lies below what the last one included of another writer, since its
    transaction ended late: it is neither left out nor put before what was signed."""
    late = LateLeaf(url, store, clock)
    await late.begun()
    await store.commit(move("r1"))
    assert 1 == await signed_size(store)
    await late.committed()
    assert 2 == await signed_size(store)
    (first,) = await store.page(Listing(kind=Leaf, limit=1))
    assert (late.writer, 1) == (first.writer, int(first.leaf_id))
    assert 1 == await store.proofs.place_of(first)
    placed = checked(late.other, store.schema)
    assert [2, 1] == [int(one.leaf.leaf_id) for one in placed]
    late.other.close()


async def test_leaves_of_one_row_ascend_as_it_was_written(
    stores: list[Store], move: MakeMove
) -> None:
    """By whichever server: what the last leaf says of a row is what stands there."""
    for turn in range(10):
        moves = [
            one.commit(move(f"r{turn}-{place}-{i}", f"P{i % 2}"))
            for place, one in enumerate(stores)
            for i in range(4)
        ]
        await asyncio.gather(*moves)
    store = stores[0]
    await store.checkpoints.sign(KEY, ORIGIN)

    def recomputed(engine: StoreEngine) -> int:
        assert_log_says_all(engine, store.schema)
        checkpoints = list(stored_checkpoints(engine))
        placed = tree_order(stored_leaves(engine, store.schema), checkpoints)
        return sum([one.index >= 0 for one in placed])

    assert 120 == await store.read(recomputed)
