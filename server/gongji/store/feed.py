"""A store's log as it is followed (`audit.following`): over the connection that lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from gongji.audit.checkpoint import StoredCheckpoint
from gongji.audit.following import SLICE, FoundId, IncludedLeaf
from gongji.audit.leaf import Leaf
from gongji.model.commands import Listing
from gongji.store.base import Store
from gongji.store.engine import StoreEngine


class StoreLog:
    """See `audit.following.LogSource`. Everything raises StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def writers(self) -> Mapping[str, int]:
        """Return the number of the last leaf of each writer there is."""
        return dict(await self._store.read(_writers))

    async def last_checkpoint(self) -> IncludedLeaf | None:
        """Return the newest checkpoint."""
        listing: Listing[StoredCheckpoint] = Listing(
            kind=StoredCheckpoint, descending=True, limit=1
        )
        for found in await self._store.page(listing):
            return _included(found)
        return None

    async def checkpoint(self, number: int) -> IncludedLeaf | None:
        """Return a checkpoint; None if there is none of that number."""
        found = await self._store.read(partial(_checkpoint, number=number))
        return _included(found[0]) if found else None

    async def below(self, leaf_id: str) -> Sequence[FoundId]:
        """Return `SLICE` leaves below a leaf_id, the highest first."""
        return await self._store.read(partial(_below, leaf_id=leaf_id))

    async def leaves(self, ids: Sequence[str]) -> Sequence[Leaf]:
        """Return leaves by id, ascending."""
        return await self._store.read(partial(_leaves, ids=ids))


def _included(found: StoredCheckpoint) -> IncludedLeaf:
    number = int(found.checkpoint_id)
    return IncludedLeaf(number, found.root, found.through, found.included)


def _writers(engine: StoreEngine) -> list[tuple[str, int]]:
    rows = engine.rows("SELECT writer, number FROM log_writer", ())
    return [(writer, number) for writer, number in rows]


def _checkpoint(engine: StoreEngine, number: int) -> list[StoredCheckpoint]:
    (found,) = engine.fetch([(StoredCheckpoint, "", [f"{number:016d}"])])
    return list(found)


def _below(engine: StoreEngine, leaf_id: str) -> list[FoundId]:
    rows = engine.rows(
        f"SELECT leaf_id, writer, number FROM leaf WHERE leaf_id < {engine.dialect.mark} "  # noqa: S608 - a mark
        f"ORDER BY leaf_id DESC LIMIT {SLICE}",
        [leaf_id],
    )
    return [(leaf_id, writer, number) for leaf_id, writer, number in rows]


def _leaves(engine: StoreEngine, ids: Sequence[str]) -> list[Leaf]:
    (found,) = engine.fetch([(Leaf, "", list(ids))])
    return sorted(found, key=lambda leaf: leaf.leaf_id)
