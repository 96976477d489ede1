"""Laws of the tree: it is RFC 6962's, and no proof of anything else holds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from random import Random

import pytest
from gongji.audit.hashing import HASH_BYTES, Hasher, sha256, sm3
from gongji.audit.tree import (
    TILE_WIDTH,
    Growing,
    ProofError,
    Tree,
    check_consistency,
    leaf_hash,
    root_of_path,
    tile_id,
)
from pymerkle import InmemoryTree

_INPUTS = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]

_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Certificate transparency's own vectors, by number of leaves."""


class Kept:
    """Tiles as they are kept, and a tree grown over them in steps."""

    def __init__(self, hasher: Hasher = sha256) -> None:
        self.hasher = hasher
        self.tiles: dict[str, bytes] = {}
        self.size = 0

    def read(self, level: int, index: int) -> bytes:
        return self.tiles.get(tile_id(level, index), b"")

    def grow(self, bodies: Sequence[bytes]) -> bytes:
        """Append leaves and keep the tiles; return the root."""
        growing = Growing(self.hasher, self.size, self.read)
        growing.extend([leaf_hash(self.hasher, body) for body in bodies])
        self.tiles |= {tile.tile_id: tile.hashes for tile in growing.changed()}
        self.size = growing.size
        return growing.root()

    def at(self, size: int) -> Tree:
        return Tree(self.hasher, size, self.read)


def bodies(count: int, first: int = 0) -> list[bytes]:
    return [b"leaf %d" % number for number in range(first, first + count)]


def grown(*steps: int) -> Kept:
    """A tree grown by so many leaves at a time."""
    kept = Kept()
    for step in steps:
        kept.grow(bodies(step, kept.size))
    return kept


def judge(count: int) -> InmemoryTree:
    """The same leaves in an independent implementation."""
    return InmemoryTree.init_from_entries(bodies(count), algorithm="sha256")


def test_roots_are_those_of_the_published_vectors() -> None:
    """Of no leaves to eight."""
    kept = Kept()
    roots = [kept.at(0).root().hex()]
    roots += [kept.grow([bytes.fromhex(text)]).hex() for text in _INPUTS]
    assert _ROOTS == roots


def test_a_tree_is_the_same_however_it_grew() -> None:
    """Steps that end at, before and behind the edge of a tile."""
    for steps in ((700,), (1,) * 300 + (400,), (255, 1, 1, 255, 188), (256, 444)):
        assert grown(700).tiles == grown(*steps).tiles


@pytest.fixture(scope="module")
def large() -> tuple[Kept, InmemoryTree]:
    """A tree over three levels of tiles, and the same in another implementation."""
    size = TILE_WIDTH * TILE_WIDTH + 5000
    return grown(size), judge(size)


SIZES = [TILE_WIDTH * TILE_WIDTH + 5000, TILE_WIDTH**2, 256, 257, 1]


@pytest.mark.parametrize("seed", range(8))
def test_roots_and_paths_are_those_of_another_implementation(
    large: tuple[Kept, InmemoryTree], seed: int
) -> None:
    """Random sizes and leaves."""
    kept, other = large
    chance = Random(seed)  # noqa: S311 - samples
    for end in (*SIZES, *chance.sample(range(2, SIZES[0]), 5)):
        tree, root, index = kept.at(end), other.get_root(end), chance.randrange(end)
        assert root == tree.root()
        path, digest = tree.inclusion(index), tree.leaf(index)
        assert leaf_hash(sha256, b"leaf %d" % index) == digest
        assert {one.hex() for one in (digest, *path)} == set(
            hexes(other.prove_inclusion(index + 1, end))
        )
        assert root == root_of_path(sha256, digest, index, end, path)


@pytest.mark.parametrize("seed", range(8))
def test_a_tree_is_shown_to_begin_with_what_another_implementation_had(
    large: tuple[Kept, InmemoryTree], seed: int
) -> None:
    """Random sizes before and after; its roots are those of the two."""
    kept, other = large
    chance = Random(seed)  # noqa: S311 - samples
    for end in (*SIZES, *chance.sample(range(2, SIZES[0]), 5)):
        before = chance.randint(1, end)
        old, new = (before, other.get_root(before)), (end, other.get_root(end))
        check_consistency(sha256, old, new, kept.at(end).consistency(before))


def hexes(proof: object) -> list[str]:
    """The hashes of the judge's proof."""
    path: list[str] = proof.serialize()["path"]  # type: ignore[attr-defined]
    return path


def test_every_small_tree_proves_every_leaf_and_every_earlier_size() -> None:
    """All pairs up to 40 leaves, with SM3 as well."""
    for hasher in (sha256, sm3):
        kept = Kept(hasher)
        kept.grow(bodies(40))
        for size in range(1, 41):
            tree = kept.at(size)
            for index in range(size):
                path = tree.inclusion(index)
                found = root_of_path(hasher, tree.leaf(index), index, size, path)
                assert tree.root() == found
                before = index + 1, kept.at(index + 1).root()
                shown = tree.consistency(index + 1)
                check_consistency(hasher, before, (size, tree.root()), shown)


def test_a_proof_holds_for_its_own_place_and_size_only() -> None:
    """A verifier trusts the checkpoint's size, never what a proof is for."""
    kept = grown(40)
    tree = kept.at(37)
    for index, other, size in product((0, 5, 31, 32, 36), range(40), range(1, 41)):
        if (other, size) == (index, 37):
            continue
        path = tree.inclusion(index)
        try:
            found = root_of_path(sha256, tree.leaf(index), other, size, path)
        except ProofError:
            continue
        # Paths of two sizes may have one shape; the root tells them apart.
        assert size != 37 or found != tree.root()


@pytest.mark.parametrize("size", [2, 3, 255, 256, 257, 513])
def test_a_changed_shortened_or_lengthened_path_leads_elsewhere(size: int) -> None:
    """Of inclusion and of consistency alike."""
    kept = grown(size + 300)
    tree = kept.at(size)
    index, before = size // 2, size - 1
    path, shown = tree.inclusion(index), tree.consistency(before)
    old, new = (before, kept.at(before).root()), (size, tree.root())
    for bent in spoiled(path):
        with pytest.raises(ProofError):
            assert tree.root() == root_or_fault(tree, index, bent)
    for bent in spoiled(shown):
        with pytest.raises(ProofError):
            check_consistency(sha256, old, new, bent)


def root_or_fault(tree: Tree, index: int, path: Sequence[bytes]) -> bytes:
    """The root of a path; ProofError also if it is another tree's."""
    found = root_of_path(sha256, tree.leaf(index), index, tree.size, path)
    if found != tree.root():
        raise ProofError("another tree")
    return found


def spoiled(path: Sequence[bytes]) -> list[list[bytes]]:
    """A path changed in each place, shortened, lengthened, turned round."""
    bent = [
        [*path[:place], bytes([one[0] ^ 1]) + one[1:], *path[place + 1 :]]
        for place, one in enumerate(path)
    ]
    cut = [list(path[1:]), list(path[:-1])] if path else []
    more = [[*path, bytes(32)], [bytes(32), *path], [*path[:-1], path[-1][:-1]]]
    return [*bent, *cut, *more]


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 512, 600])
def test_swapped_leaves_are_another_tree(size: int) -> None:
    """At the edges of tiles as elsewhere: whoever kept the first of them finds it."""
    honest, other = grown(size + 1), Kept()
    *same, last, first = bodies(size + 1)
    other.grow([*same, first, last])
    tree = other.at(size + 1)
    assert honest.at(size + 1).root() != tree.root()
    for before in {1, size // 2, size - 1} - {0, size}:
        assert continues(honest.at(before), tree)
    assert not continues(honest.at(size), tree)


def continues(old: Tree, new: Tree) -> bool:
    """Whether the newer tree can be shown to begin with the older."""
    shown = new.consistency(old.size)
    try:
        check_consistency(sha256, (old.size, old.root()), (new.size, new.root()), shown)
    except ProofError:
        return False
    return True


ROOT, OTHER_ROOT, EMPTY = bytes(31) + b"1", bytes(31) + b"2", sha256(b"")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((600, ROOT), (512, OTHER_ROOT)),
        ((512, ROOT), (256, ROOT)),
        ((256, ROOT), (256, OTHER_ROOT)),
        ((0, ROOT), (256, OTHER_ROOT)),
        ((-1, EMPTY), (256, ROOT)),
        ((256, ROOT), (1 << 63, ROOT)),
    ],
)
def test_a_tree_cut_off_or_with_another_root_is_not_consistent(
    old: tuple[int, bytes], new: tuple[int, bytes]
) -> None:
    """A smaller size, one size with two roots, an empty tree with a root."""
    with pytest.raises(ProofError):
        check_consistency(sha256, old, new, [])


def test_any_tree_begins_with_no_leaf_and_with_itself() -> None:
    """Without a proof."""
    check_consistency(sha256, (0, EMPTY), (600, ROOT), [])
    check_consistency(sha256, (600, ROOT), (600, ROOT), [])


def test_nothing_is_proved_beyond_the_tree() -> None:
    """Neither a leaf behind its end, nor an earlier size that is none."""
    tree = grown(256).at(256)
    for index in (-1, 256, 1 << 70):
        with pytest.raises(ProofError):
            tree.inclusion(index)
        with pytest.raises(ProofError):
            root_of_path(sha256, bytes(32), index, 256, [])
    for size in (0, -1, 257):
        with pytest.raises(ProofError):
            tree.consistency(size)


@pytest.mark.parametrize("size", [255, 256, 257, 65_536, 65_700])
def test_a_tile_cut_short_or_gone_is_no_smaller_tree(size: int) -> None:
    """Whoever needs it is told; nothing is proved of what is left."""
    kept = grown(size)
    whole = dict(kept.tiles)
    used = tile_id(0, (size - 1) // TILE_WIDTH)
    for rest in (b"", whole[used][:-HASH_BYTES], whole[used][:-1]):
        kept.tiles = {**whole, used: rest}
        with pytest.raises(ProofError):
            kept.at(size).leaf(size - 1)
        if size % TILE_WIDTH:
            with pytest.raises(ProofError):
                kept.grow(bodies(1))


def test_more_hashes_in_the_last_tile_than_the_tree_has_are_ignored() -> None:
    """They are of a larger tree that nobody signed."""
    kept = grown(300)
    kept.tiles[tile_id(0, 1)] += bytes(HASH_BYTES * 3)
    kept.grow(bodies(100, 300))
    assert judge(400).get_root() == kept.at(400).root()
