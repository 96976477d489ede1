"""Proofs from the log of a store: where a leaf stands, and that the tree only grew."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from gongji.audit.checkpoint import StoredCheckpoint
from gongji.audit.hashing import HASH_BYTES, Hasher
from gongji.audit.leaf import Leaf, private_of
from gongji.audit.order import LogFaultError, between
from gongji.audit.tree import TILE_WIDTH, Tree, leaf_hash
from gongji.model.commands import Listing, Placed
from gongji.store.checkpoints import (
    SLICE,
    Alone,
    CheckpointEngine,
    FoundLeaves,
    read_tiles,
)

T = TypeVar("T")

_FULL: Final = bytes(TILE_WIDTH * HASH_BYTES)

_PAGE: Final = 256

_MICROSECOND: Final = timedelta(microseconds=1)


class IncludedLeaves(Struct, frozen=True):
    """The leaves that a checkpoint is the first to include: first index, and ids."""

    first: int
    ids: tuple[str, ...]


class LogProofs:
    """Reads a log and proves from its tiles. Everything raises StoreUnavailable."""

    def __init__(self, read: Alone, hasher: Hasher) -> None:
        self._read = read
        self.hasher = hasher

    async def proved(self, size: int, prove: Callable[[Tree], T]) -> T:
        """Return what is proved of the tree of so many leaves. ProofError."""
        places: dict[tuple[int, int], None] = {}

        def noted(level: int, index: int) -> bytes:
            places[level, index] = None
            return _FULL

        # Once for the tiles it takes, which do not depend on what is in them.
        prove(Tree(self.hasher, size, noted))
        tiles = await self._read(lambda engine: read_tiles(engine, list(places)))
        return prove(Tree(self.hasher, size, tiles))

    async def naming(self, at: datetime, table: str, key: str) -> Leaf | None:
        """Return the leaf of an instant that names a row, None if there is none."""
        async for leaf in self._at(at):
            if any((one[0], one[-1]) == (table, key) for one in private_of(leaf).keys):
                return leaf
        return None

    async def place_of(self, leaf: Leaf) -> int | None:
        """Return the index of a leaf, None if no checkpoint includes it yet.

        LogFaultError, ProofError if a leaf is missing, or the tree has another there.
        """
        checkpoint = await self._including(leaf)
        if checkpoint is None:
            return None
        before = await self._before(checkpoint)
        rank = LeafRank(leaf, before.included if before else {}, checkpoint.included)
        index = (before.size if before else 0) + await rank.read(self._read)
        found = await self.proved(checkpoint.size, lambda tree: tree.leaf(index))
        if found != leaf_hash(self.hasher, leaf.body):
            raise LogFaultError(f"第 {index} 叶与树中的不符：日志叶 {leaf.leaf_id}")
        return index

    async def leaves(
        self, start: int, end: int
    ) -> AsyncIterator[tuple[int, list[Leaf]]]:
        """Yield the leaves of some indexes: the first index, and some leaves.

        LogFaultError if one is not there.
        """
        while start < end:
            checkpoint = await self._containing(start)
            if checkpoint is None:
                return
            included = await self._included(checkpoint)
            ids = included.ids[start - included.first : end - included.first]
            for place in range(0, len(ids), SLICE):
                chosen = ids[place : place + SLICE]
                yield start, await self._read(partial(_by_id, ids=chosen))
                start += len(chosen)

    async def _included(self, checkpoint: StoredCheckpoint) -> IncludedLeaves:
        """Return the leaves a checkpoint includes first. LogFaultError."""
        before = await self._before(checkpoint)
        due = between(before.included if before else {}, checkpoint.included)
        found = await FoundLeaves(self.hasher, due).read(self._read, checkpoint.through)
        return IncludedLeaves(before.size if before else 0, tuple(found.ids))

    async def _before(self, checkpoint: StoredCheckpoint) -> StoredCheckpoint | None:
        """Return the checkpoint before one, None before the first."""
        key = f"{int(checkpoint.checkpoint_id) - 1:016d}"

        def read(engine: CheckpointEngine) -> list[StoredCheckpoint]:
            (found,) = engine.fetch([(StoredCheckpoint, "", [key])])
            return list(found)

        found: list[StoredCheckpoint] = await self._read(read)
        return found[0] if found else None

    async def _containing(self, index: int) -> StoredCheckpoint | None:
        """Return the checkpoint that includes the leaf of an index first."""
        listing = Listing(
            kind=StoredCheckpoint, at_least={"size": index + 1}, order="size"
        )
        async for checkpoint in self._listed(listing):
            found: StoredCheckpoint = checkpoint
            return found
        return None

    async def _including(self, leaf: Leaf) -> StoredCheckpoint | None:
        """Return the checkpoint that includes a leaf first."""
        listing = Listing(
            kind=StoredCheckpoint, at_least={"through": leaf.leaf_id}, order="through"
        )
        checkpoint: StoredCheckpoint
        async for checkpoint in self._listed(listing):
            if checkpoint.included.get(leaf.writer, 0) >= leaf.number:
                return checkpoint
        return None

    async def _at(self, at: datetime) -> AsyncIterator[Leaf]:
        """Yield the leaves of an instant."""
        listing = Listing(
            kind=Leaf,
            at_least={"at": at},
            below={"at": at + _MICROSECOND},
            order="at",
        )
        async for leaf in self._listed(listing):
            yield leaf

    async def _listed(self, listing: Listing[Any]) -> AsyncIterator[Any]:
        after = None
        while True:
            narrowed = replace(listing, after=after, limit=_PAGE)
            page = await self._read(partial(_page_of, listing=narrowed))
            for record, place in page:
                after = place
                yield record
            if len(page) < _PAGE:
                return


class LeafRank:
    """How many leaves of the checkpoint of a leaf come before it.

    A writer's leaves are numbered in their order: the nearest one of each writer, on
    either side, says how many of them do.
    """

    def __init__(
        self, leaf: Leaf, before: Mapping[str, int], after: Mapping[str, int]
    ) -> None:
        self._due = between(before, after)
        self._count = 0
        self._below = self._above = leaf.leaf_id
        self._note(leaf.writer, leaf.number - 1)

    async def read(self, read: Alone) -> int:
        """Return it. LogFaultError if a writer has no leaf."""
        while self._due:
            if not await read(self._read_slices):
                missing = ", ".join(sorted(self._due))
                raise LogFaultError(f"写入方 {missing} 的叶不在日志中")
        return self._count

    def _read_slices(self, engine: CheckpointEngine) -> bool:
        """Read the next leaves on both sides; return whether there were any."""
        below = _slice(engine, "<", self._below, "DESC")
        for leaf_id, writer, number in below:
            self._below = leaf_id
            self._note(writer, number)
        above = _slice(engine, ">", self._above, "ASC")
        for leaf_id, writer, number in above:
            self._above = leaf_id
            self._note(writer, number - 1)
        return bool(below or above)

    def _note(self, writer: str, last: int) -> None:
        """Note the last number of a writer that comes before."""
        if writer in self._due:
            after, up_to = self._due.pop(writer)
            self._count += max(min(last, up_to) - after, 0)


def _slice(
    engine: CheckpointEngine, side: str, leaf_id: str, direction: str
) -> list[Any]:
    return engine.rows(
        "SELECT leaf_id, writer, number FROM leaf "  # noqa: S608 - our own words
        f"WHERE leaf_id {side} {engine.dialect.mark} "
        f"ORDER BY leaf_id {direction} LIMIT {SLICE}",
        [leaf_id],
    )


def _by_id(engine: CheckpointEngine, ids: Sequence[str]) -> list[Leaf]:
    (found,) = engine.fetch([(Leaf, "", list(ids))])
    return sorted(found, key=lambda leaf: leaf.leaf_id)


def _page_of(engine: CheckpointEngine, listing: Listing[T]) -> list[Placed[T]]:
    return engine.page(listing)
