"""Leaves of the log as messages: in full or by their hash alone, in bounded replies."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Final

from gongji.access.callers import ALL
from gongji.audit.hashing import HASH_BYTES, Hasher
from gongji.audit.leaf import Leaf, body_of
from gongji.audit.tree import leaf_hash
from gongji.rules.codes import pooling_area
from gongji.store.told import ToldText
from gongji.v1 import log_pb2 as pb

_MOST_BYTES: Final = 1 << 20
"""Content of a reply, but for a single row that is larger."""

_ROWS_TOGETHER: Final = 500


class ShownLeaves:
    """Leaves as they are told to a caller: those of its cities in full."""

    def __init__(self, hasher: Hasher, areas: Container[str]) -> None:
        self._hasher = hasher
        self._areas = areas

    def parts(
        self, index: int, leaf: Leaf, texts: Sequence[ToldText]
    ) -> Iterator[pb.LogLeaf]:
        """Yield a leaf in parts that fit into a reply."""
        part = self._leaf_to(index, leaf)
        size = part.ByteSize()
        for one in texts:
            size += len(one.text)
            if size > _MOST_BYTES:
                yield part
                part, size = pb.LogLeaf(index=index), len(one.text)
            part.records.add(position=one.position, text=one.text)
        yield part

    def _leaf_to(self, index: int, leaf: Leaf) -> pb.LogLeaf:
        if self.whole(leaf):
            return pb.LogLeaf(index=index, body=leaf.body, record_hashes=leaf.hashes)
        return pb.LogLeaf(index=index, leaf_hash=leaf_hash(self._hasher, leaf.body))

    def whole(self, leaf: Leaf) -> bool:
        """Return whether a leaf is told in full."""
        if self._areas is ALL:
            return True
        decided_by = body_of(leaf).decided_by
        return any(pooling_area(one.area_code) in self._areas for one in decided_by)


class LeafReplies:
    """Gathers leaves into replies."""

    def __init__(self) -> None:
        self._reply = pb.ListLeavesResponse()
        self._size = 0

    def add(self, part: pb.LogLeaf) -> Iterator[pb.ListLeavesResponse]:
        """Add a leaf, or a part of one; yield the reply before it if that is full."""
        size = part.ByteSize()
        if self._size + size > _MOST_BYTES:
            yield from self.rest()
        self._reply.leaves.append(part)
        self._size += size

    def rest(self) -> Iterator[pb.ListLeavesResponse]:
        """Yield what was gathered, if anything."""
        if self._reply.leaves:
            yield self._reply
        self._reply, self._size = pb.ListLeavesResponse(), 0


def together(leaves: Sequence[Leaf]) -> Iterator[Sequence[Leaf]]:
    """Yield leaves in groups that wrote few rows, or one by one."""
    group: list[Leaf] = []
    rows = 0
    for leaf in leaves:
        count = len(leaf.hashes) // HASH_BYTES
        if group and rows + count > _ROWS_TOGETHER:
            yield group
            group, rows = [], 0
        group.append(leaf)
        rows += count
    if group:
        yield group
