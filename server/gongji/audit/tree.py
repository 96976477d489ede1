"""The Merkle tree over the bodies of leaves (RFC 6962, 2.1), kept in tiles of 256 hashes.

A tile (C2SP tlog-tiles, height 8) of level L and index N holds the hashes of the complete
subtrees of 256**L leaves with numbers 256 * N and following. The last one of a level is
partial; any other never changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from gongji.audit.hashing import HASH_BYTES, Hasher

TILE_HEIGHT: Final = 8
"""Levels of the tree between two levels of tiles."""

TILE_WIDTH: Final = 1 << TILE_HEIGHT
"""Hashes of a full tile."""

MOST_LEAVES: Final = 1 << 63
"""A tree has fewer leaves: what claims more is no tree of ours."""


class ProofError(ValueError):
    """A proof does not hold, or none can be made of what is kept."""


class Tile(Struct, frozen=True):
    """Up to 256 hashes of the tree, one after the other; see `tile_id`."""

    tile_id: str
    hashes: bytes


ReadTile = Callable[[int, int], bytes]
"""Returns the hashes of a tile by level and index, as many as are kept."""


def tile_id(level: int, index: int) -> str:
    """Return the key of a tile."""
    return f"{level}/{index:015d}"


def leaf_hash(hasher: Hasher, body: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hasher(b"\x00" + body)


def node_hash(hasher: Hasher, left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over two others."""
    return hasher(b"\x01" + left + right)


class Tree:
    """A tree of so many leaves, over the tiles kept of it or of a larger one.

    Everything raises ProofError if a hash that is needed is not there.
    """

    def __init__(self, hasher: Hasher, size: int, read: ReadTile) -> None:
        self._hasher = hasher
        self._read = read
        self.size = size

    def root(self) -> bytes:
        """Return the root; of no leaves the hash of nothing."""
        return self._over(0, self.size) if self.size else self._hasher(b"")

    def inclusion(self, index: int) -> list[bytes]:
        """Return the path from a leaf to the root (RFC 9162, 2.1.3.1)."""
        if not 0 <= index < self.size:
            raise ProofError(f"树中没有第 {index} 号叶，只有 {self.size} 叶")
        path = []
        start, end = 0, self.size
        while end - start > 1:
            middle = start + _left_of(end - start)
            if index < middle:
                path.append(self._over(middle, end))
                end = middle
            else:
                path.append(self._over(start, middle))
                start = middle
        return path[::-1]

    def consistency(self, size: int) -> list[bytes]:
        """Return what shows that this tree begins with the first so many leaves.

        RFC 9162, 2.1.4.1.
        """
        if not 0 < size <= self.size:
            raise ProofError(f"没有从 {size} 叶到 {self.size} 叶的一致性证明")
        path = []
        start, end = 0, self.size
        while end != size:
            middle = start + _left_of(end - start)
            if size <= middle:
                path.append(self._over(middle, end))
                end = middle
            else:
                path.append(self._over(start, middle))
                start = middle
        # What begins at the first leaf whoever checks has as his root.
        if start:
            path.append(self._over(start, end))
        return path[::-1]

    def leaf(self, index: int) -> bytes:
        """Return the hash of a leaf."""
        return self._complete(0, index)

    def _over(self, start: int, end: int) -> bytes:
        """Return the hash over some leaves, as they lie together under one node."""
        count = end - start
        left = _left_of(count) if count > 1 else 1
        if count == 1 or left * 2 == count:
            height = count.bit_length() - 1
            return self._complete(height, start >> height)
        middle = start + left
        return node_hash(
            self._hasher, self._over(start, middle), self._over(middle, end)
        )

    def _complete(self, height: int, index: int) -> bytes:
        """Return the hash of a complete subtree of a height."""
        level, above = divmod(height, TILE_HEIGHT)
        first = index << above
        hashes = self._read(level, first >> TILE_HEIGHT)
        start = (first % TILE_WIDTH) * HASH_BYTES
        wanted = hashes[start : start + (HASH_BYTES << above)]
        if len(wanted) != HASH_BYTES << above:
            raise ProofError(f"没有第 {level} 层第 {first} 号散列")
        return _folded(self._hasher, wanted)


def edge_of(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield level, index and width of the last tile of each level, of which 0 may be empty."""
    level = 0
    while size:
        yield level, size >> TILE_HEIGHT, size % TILE_WIDTH
        level, size = level + 1, size >> TILE_HEIGHT


class Growing:
    """A tree that grows at its right edge; it knows the last tile of each level.

    Begins over a tree of so many leaves. ProofError if a tile of that is not whole.
    """

    def __init__(self, hasher: Hasher, size: int, read: ReadTile) -> None:
        self._hasher = hasher
        self.size = size
        self._last: list[bytes] = []
        self._changed: dict[tuple[int, int], bytes] = {}
        for level, index, width in edge_of(size):
            # A tile may have more: of a larger tree that nobody signed.
            hashes = read(level, index)[: width * HASH_BYTES] if width else b""
            if len(hashes) != width * HASH_BYTES:
                raise ProofError(f"第 {level} 层第 {index} 片不完整")
            self._last.append(hashes)

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Append leaves by their hashes."""
        # hot path: once for each leaf.
        for digest in leaf_hashes:
            self._append(0, self.size, digest)
            self.size += 1

    def root(self) -> bytes:
        """Return the root."""
        return Tree(self._hasher, self.size, self._edge).root()

    def changed(self) -> list[Tile]:
        """Return every tile that was filled, and the last ones."""
        tiles = dict(self._changed)
        for level, index, width in edge_of(self.size):
            if width:
                tiles[level, index] = self._last[level]
        return [Tile(tile_id(*place), tiles[place]) for place in sorted(tiles)]

    def take_full(self) -> list[Tile]:
        """Return every tile that was filled since it was last asked."""
        full = [Tile(tile_id(*place), self._changed[place]) for place in self._changed]
        self._changed.clear()
        return full

    def forget_full(self) -> None:
        """Forget the tiles that are full: whoever wants the root alone needs none."""
        self._changed.clear()

    def _append(self, level: int, number: int, digest: bytes) -> None:
        """Append the hash of that number to a level of tiles."""
        if level == len(self._last):
            self._last.append(b"")
        hashes = self._last[level] + digest
        if len(hashes) < TILE_WIDTH * HASH_BYTES:
            self._last[level] = hashes
            return
        index = number >> TILE_HEIGHT
        self._changed[level, index] = hashes
        self._last[level] = b""
        self._append(level + 1, index, _folded(self._hasher, hashes))

    def _edge(self, level: int, index: int) -> bytes:
        """Return a tile of the edge: the root needs no other."""
        return self._last[level] if level < len(self._last) else b""


def root_of_path(
    hasher: Hasher, digest: bytes, index: int, size: int, path: Sequence[bytes]
) -> bytes:
    """Return the root to which a path leads from the leaf of a hash. ProofError.

    RFC 9162, 2.1.3.2: the length of a path follows from index and size, which are those
    of the checkpoint, never of the proof.
    """
    if not 0 <= index < size < MOST_LEAVES:
        raise ProofError(f"第 {index} 号叶不在 {size} 叶的树中")
    _check_hashes([digest, *path])
    for sibling, is_left in _sides(index, size - 1, path):
        pair = (sibling, digest) if is_left else (digest, sibling)
        digest = node_hash(hasher, *pair)
    return digest


def _sides(
    place: int, last: int, path: Iterable[bytes]
) -> Iterator[tuple[bytes, bool]]:
    """Yield the hashes of a path upwards, and whether each lies left. ProofError.

    It begins at a place of a level whose last place is given.
    """
    for sibling in path:
        if not last:
            raise ProofError("证明过长")
        is_left = bool(place & 1) or place == last
        yield sibling, is_left
        if is_left:
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    if last:
        raise ProofError("证明过短")


def check_consistency(
    hasher: Hasher,
    old: tuple[int, bytes],
    new: tuple[int, bytes],
    path: Sequence[bytes],
) -> None:
    """Check that the newer of two trees, by size and root, begins with the older.

    RFC 9162, 2.1.4.2. ProofError.
    """
    (old_size, old_root), (size, root) = old, new
    if not 0 <= old_size <= size < MOST_LEAVES:
        raise ProofError(f"树由 {old_size} 叶变为 {size} 叶：尾部被截去")
    _check_hashes([old_root, root, *path])
    if old_size in {0, size}:
        _check_trivial(hasher, old, new, path)
        return
    if old_size & (old_size - 1) == 0:
        path = [old_root, *path]
    if _continued(hasher, old_size, size, path) != (old_root, root):
        raise ProofError(
            f"{size} 叶的树不是由 {old_size} 叶的树续成：两份检查点互相矛盾"
        )


def _continued(
    hasher: Hasher, old_size: int, size: int, path: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Return the roots of the older and the newer tree that a path leads to. ProofError."""
    if not path:
        raise ProofError("证明过短")
    place, last = old_size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = path[0]
    for sibling, is_left in _sides(place, last, path[1:]):
        if is_left:
            before = node_hash(hasher, sibling, before)
        pair = (sibling, after) if is_left else (after, sibling)
        after = node_hash(hasher, *pair)
    return before, after


def _check_trivial(
    hasher: Hasher,
    old: tuple[int, bytes],
    new: tuple[int, bytes],
    path: Sequence[bytes],
) -> None:
    """Check the consistency of no leaves with any, or of two trees of one size."""
    if path:
        raise ProofError("证明过长")
    if not old[0] and old[1] != hasher(b""):
        raise ProofError("空树的根不符")
    if old[0] == new[0] and old[1] != new[1]:
        raise ProofError(f"{new[0]} 叶的树有两个根：日志分叉")


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(digest) != HASH_BYTES for digest in hashes):
        raise ProofError(f"散列不是 {HASH_BYTES} 字节")


def _folded(hasher: Hasher, hashes: bytes) -> bytes:
    """Return the root over a power of two of hashes."""
    width = 2 * HASH_BYTES
    while len(hashes) > HASH_BYTES:
        hashes = b"".join(
            [
                hasher(b"\x01" + hashes[start : start + width])
                for start in range(0, len(hashes), width)
            ]
        )
    return hashes


def _left_of(count: int) -> int:
    """Return the largest power of two that is smaller."""
    return 1 << ((count - 1).bit_length() - 1)
