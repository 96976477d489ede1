"""What is read of a log does not grow with it: neither for a checkpoint nor for a proof."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from gongji.audit.hashing import default_hasher
from gongji.audit.leaf import Leaf, LogWriter
from gongji.audit.order import LogFaultError
from gongji.audit.tree import ProofError, leaf_hash, root_of_path
from gongji.store.checkpoints import SLICE, CheckpointLog
from gongji.store.engine import Lookup
from gongji.store.proofs import LogProofs

from tests.store.conftest import AnyEngine, Clock
from tests.store.test_checkpoints import KEY, ORIGIN

HASH = default_hasher()

WRITERS = ["a" * 16, "b" * 16, "c" * 16]


class CountedEngine:
    """An engine that counts the rows it is read."""

    def __init__(self, engine: AnyEngine) -> None:
        self._engine = engine
        self.read = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        found = list(self._engine.rows(statement, values))
        self.read += len(found)
        return found

    def fetch(self, lookups: Sequence[Lookup]) -> list[list[Any]]:
        found = [list(records) for records in self._engine.fetch(lookups)]
        self.read += sum(map(len, found))
        return found

    def page(self, listing: Any) -> list[Any]:
        found = self._engine.page(listing)
        self.read += len(found)
        return found


class GrownLog:
    """A log of a database whose reads are counted."""

    def __init__(self, engine: AnyEngine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock
        self.counted = CountedEngine(engine)
        self.checkpoints = CheckpointLog(self._alone, self._alone, HASH, clock)
        self.proofs = LogProofs(self._alone, HASH)
        self.size = 0
        self._numbers = dict.fromkeys(WRITERS, 0)

    async def _alone(self, run: Callable[[Any], Any]) -> Any:
        return run(self.counted)

    async def grow(self, count: int, writers: Sequence[str] = WRITERS) -> int:
        """Leave leaves of several writers, and sign; return how many rows that read."""
        leaves = [self._leaf(writers[number % len(writers)]) for number in range(count)]
        self._engine.begin()
        self._engine.insert(Leaf, leaves)
        stand = [LogWriter(*said, self._clock()) for said in self._numbers.items()]
        self._engine.upsert(LogWriter, stand)
        self._engine.commit()
        self.size += count
        made, read = await self.counting(self.checkpoints.sign(KEY, ORIGIN))
        assert made.size == self.size
        return read

    async def counting(self, asked: Any) -> tuple[Any, int]:
        """What is found, and how many rows that read."""
        before = self.counted.read
        return await asked, self.counted.read - before

    def _leaf(self, writer: str) -> Leaf:
        self._numbers[writer] += 1
        number = self._numbers[writer]
        body = f"{writer}/{number}".encode()
        return Leaf("", writer, number, self._clock(), body, b"", b"{}")

    def leaves(self, *places: int) -> list[tuple[int, Leaf]]:
        """The leaves of these indexes, each with its own."""
        rows = self._engine.rows("SELECT leaf_id FROM leaf ORDER BY leaf_id", [])
        keys = [rows[place][0] for place in places]
        (found,) = self._engine.fetch([(Leaf, "", keys)])
        ordered = sorted(found, key=lambda leaf: leaf.leaf_id)
        return list(zip(places, ordered, strict=True))

    async def proved(self, place: int, leaf: Leaf) -> tuple[bytes, int]:
        """The root to which a leaf is proved to lead, and how many rows that read."""
        path, read = await self.counting(
            self.proofs.proved(self.size, lambda tree: tree.inclusion(place))
        )
        digest = leaf_hash(HASH, leaf.body)
        return root_of_path(HASH, digest, place, self.size, path), read


@pytest.fixture
def log(engine: AnyEngine, clock: Clock) -> GrownLog:
    return GrownLog(engine, clock)


async def test_a_checkpoint_reads_what_is_new(log: GrownLog) -> None:
    """And the edge of the tree, however large that is; the writers; the last one."""
    read = []
    for before in (100, 2_000, 10_000):
        await log.grow(before)
        read.append(await log.grow(10))
    most_edge, last = 3, 2
    assert max(read) <= SLICE + most_edge + last + len(WRITERS)


async def test_a_proof_reads_a_tile_of_each_level_and_side(log: GrownLog) -> None:
    """For any leaf, though a checkpoint may have included thousands with it."""
    for count in (1, 255, 2_000, 5_000):
        await log.grow(count)
    last = await log.checkpoints.last()
    assert last
    for place, leaf in log.leaves(0, 1, 255, 256, 4_000, log.size - 1):
        index, placing = await log.counting(log.proofs.place_of(leaf))
        root, proving = await log.proved(place, leaf)
        assert (place, last.root) == (index, root)
        checkpoints, tiles = 4 + 1, 1
        assert placing <= 2 * SLICE + checkpoints + tiles
        assert proving <= 2 * 2


async def test_two_trees_are_compared_by_a_tile_of_each_level_and_side(
    log: GrownLog,
) -> None:
    """Whatever lies between them."""
    await log.grow(7_000)
    for size in (1, 256, 300, 6_999):
        _, comparing = await log.counting(
            log.proofs.proved(log.size, lambda tree, of=size: tree.consistency(of))  # type: ignore[misc]
        )
        assert comparing <= 2 * 2


async def test_a_place_counts_leaves_of_every_writer(log: GrownLog) -> None:
    """Those before and behind, however far the nearest one of a writer lies."""
    await log.grow(5)
    await log.grow(2 * SLICE + 9, WRITERS[:1])
    await log.grow(2, WRITERS[1:])
    one, other, _ = WRITERS
    await log.grow(3, [other, *[one] * 2])
    await log.grow(SLICE * 2, [*[one] * (SLICE * 2 - 1), other])
    for place, leaf in log.leaves(*range(0, log.size, 7), log.size - 1):
        assert place == await log.proofs.place_of(leaf)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM leaf WHERE writer = 'bbbbbbbbbbbbbbbb'", "不在日志中"),
        ("UPDATE leaf SET number = 0 WHERE writer = 'bbbbbbbbbbbbbbbb'", "不符"),
        ("UPDATE tile SET hashes = root FROM checkpoint", "没有第 0 层第 2 号"),
    ],
)
async def test_no_place_is_told_over_a_log_that_contradicts_itself(
    log: GrownLog, engine: AnyEngine, statement: str, fault: str
) -> None:
    """A writer's leaves gone, numbers moved, another tree."""
    await log.grow(3)
    ((_, leaf),) = log.leaves(2)
    engine.connection.execute(statement)
    with pytest.raises((LogFaultError, ProofError), match=fault):
        await log.proofs.place_of(leaf)
