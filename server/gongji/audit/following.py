"""Leaves of a log as they come: each once, in order, from wherever a reader has come to.

A leaf may become visible after one with a higher leaf_id, so that no leaf_id says what has
been read. What does is the number of the last leaf of each writer: they have no gaps.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct

from gongji.audit.leaf import Leaf
from gongji.audit.order import Backwards, LogFaultError, between

SLICE: Final = 256
"""Leaves that are read together."""

BEHIND_ALL: Final = "~"
"""Behind every leaf_id."""

FoundId = tuple[str, str, int]
"""A leaf's id, its writer, its number."""


class IncludedLeaf(Struct, frozen=True):
    """What a checkpoint says of where a log stood: its number, root, last leaf_id."""

    number: int
    root: bytes
    through: str
    included: Mapping[str, int]


class LogSource(Protocol):
    """A log that is read while it is written."""

    async def writers(self) -> Mapping[str, int]:
        """Return the number of the last leaf of each writer there is."""

    async def last_checkpoint(self) -> IncludedLeaf | None:
        """Return the newest checkpoint."""

    async def checkpoint(self, number: int) -> IncludedLeaf | None:
        """Return a checkpoint; None if there is none of that number."""

    async def below(self, leaf_id: str) -> Sequence[FoundId]:
        """Return `SLICE` leaves below a leaf_id, the highest first."""

    async def leaves(self, ids: Sequence[str]) -> Sequence[Leaf]:
        """Return leaves by id, ascending."""


class Position(Struct, frozen=True, array_like=True):
    """How far a reader is: all leaves of each writer up to a number have been read.

    `checkpoint` is the newest whose leaves all have been, 0 if none, `root` its root: only
    a log that has that one is the same.
    """

    checkpoint: int
    root: bytes
    numbers: dict[str, int]

    def has(self, leaf: Leaf) -> bool:
        """Return whether a leaf has been read."""
        return self.numbers.get(leaf.writer, 0) >= leaf.number

    def behind(self, leaf: Leaf) -> Position:
        """Return the position behind a leaf, which is the next of its writer."""
        numbers = {**self.numbers, leaf.writer: leaf.number}
        return Position(self.checkpoint, self.root, numbers)

    def covers(self, numbers: Mapping[str, int]) -> bool:
        """Return whether all those leaves have been read."""
        return not between(self.numbers, numbers)


class ReadLeaves(Struct, frozen=True):
    """Leaves in order, and the position behind the last of them."""

    leaves: Sequence[Leaf]
    position: Position


async def newest(source: LogSource) -> Position:
    """Return the position behind everything there is now."""
    last = await source.last_checkpoint()
    numbers = dict(await source.writers())
    if last is None:
        return Position(0, b"", numbers)
    return Position(last.number, last.root, {**last.included, **numbers})


async def follow(
    source: LogSource, position: Position, most: Mapping[str, int] | None = None
) -> AsyncIterator[ReadLeaves]:
    """Yield what comes behind a position, or of that up to some numbers; a last one empty.

    In the order of the tree as far as there are checkpoints, the rest by leaf_id: leaves
    that wrote over one another's rows come as they did. LogFaultError if the log is not
    the one of that position.
    """
    written = await check(source, position)
    async for read in _included(source, position, most, written):
        position = read.position
        yield read
    up_to = written if most is None else most
    async for read in _found(source, position, up_to, BEHIND_ALL):
        position = read.position
        yield read
    yield ReadLeaves((), position)


async def _included(
    source: LogSource,
    position: Position,
    most: Mapping[str, int] | None,
    written: Mapping[str, int],
) -> AsyncIterator[ReadLeaves]:
    """Yield what checkpoints include, if that is asked for."""
    # Of one checkpoint's leaves the ids are held, not those of a whole outage.
    while (following := await source.checkpoint(position.checkpoint + 1)) is not None:
        if most is not None and between(most, following.included):
            return
        async for read in _found(
            source, position, following.included, following.through
        ):
            position = read.position
            yield read
        # A writer that is not named is gone, unless it has begun since. One that was there
        # at first stays: its leaves are asked for up to what it had written then.
        named = following.included.keys() | written.keys()
        numbers = {w: n for w, n in position.numbers.items() if w in named}
        position = Position(following.number, following.root, numbers)
        yield ReadLeaves((), position)


async def check(source: LogSource, position: Position) -> Mapping[str, int]:
    """Return the log's writers. LogFaultError if it does not hold what was read of it."""
    written = await source.writers()
    if position.checkpoint:
        known = await source.checkpoint(position.checkpoint)
        if known is None or known.root != position.root:
            raise LogFaultError("日志没有所读过的检查点")
    for writer, number in position.numbers.items():
        # Without checkpoints no writer is ever forgotten.
        if written.get(writer, number if position.checkpoint else 0) < number:
            raise LogFaultError(f"日志没有写入方 {writer} 的第 {number} 号叶")
    return written


async def _found(
    source: LogSource, position: Position, up_to: Mapping[str, int], through: str
) -> AsyncIterator[ReadLeaves]:
    """Yield the leaves up to some numbers, none above an id. LogFaultError if one is missing."""
    wanted = Backwards(between(position.numbers, up_to))
    ids: list[str] = []
    before = f"{through}~"
    while wanted.left:
        found = await source.below(before)
        if not found:
            wanted.check_complete()
        ids += [one for one, writer, number in found if wanted.wants(writer, number)]
        before = found[-1][0] if found else before
    ids.reverse()
    for start in range(0, len(ids), SLICE):
        leaves = await source.leaves(ids[start : start + SLICE])
        for leaf in leaves:
            position = position.behind(leaf)
        yield ReadLeaves(leaves, position)
