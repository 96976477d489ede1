"""The places of leaves in the tree: checkpoint by checkpoint, in each by leaf_id.

A checkpoint includes of each writer all leaves up to a number. What it includes is
therefore the same whoever works it out, although a transaction that ended late may have
left a leaf with a lower leaf_id than leaves of an earlier checkpoint.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from gongji.audit.checkpoint import StoredCheckpoint


class LogFaultError(ValueError):
    """The log contradicts itself: something was removed, added or changed."""


class NumberedLeaf(Protocol):
    """What of a leaf says where it stands."""

    @property
    def leaf_id(self) -> str:
        """Ascends as the transactions did."""

    @property
    def writer(self) -> str:
        """Who wrote it."""

    @property
    def number(self) -> int:
        """Counts the leaves of its writer without a gap."""


L = TypeVar("L", bound=NumberedLeaf)


class PlacedLeaf(Struct, Generic[L], frozen=True):
    """A leaf and its index in the tree; -1 if no checkpoint includes it yet."""

    index: int
    leaf: L


class _Waiting(Struct, Generic[L], order=True):
    """A leaf that was found before those of its checkpoint were due."""

    checkpoint: int
    position: int
    leaf: L


def tree_order(
    leaves: Iterable[L], checkpoints: Iterable[StoredCheckpoint]
) -> Iterator[PlacedLeaf[L]]:
    """Yield every leaf in its place in the tree; last those that have none yet.

    `leaves` come by leaf_id, `checkpoints` in their order; few of either are held.
    LogFaultError names the first leaf that is missing, too many, or out of its writer's
    order.
    """
    places = _Places(checkpoints)
    # Few: only what transactions at work during a checkpoint have left.
    waiting: list[_Waiting[L]] = []
    index = 0
    for position, leaf in enumerate(leaves):
        checkpoint = places.checkpoint_of(leaf)
        heapq.heappush(waiting, _Waiting(checkpoint, position, leaf))
        while waiting and waiting[0].checkpoint == places.at_index(index):
            yield PlacedLeaf(index, heapq.heappop(waiting).leaf)
            index += 1
    if index < (size := places.last_size()):
        raise LogFaultError(f"日志缺少叶：检查点说有 {size} 叶，只找到 {index} 叶")
    while waiting:
        yield PlacedLeaf(-1, heapq.heappop(waiting).leaf)


class _Places:
    """Of which checkpoint each leaf is, asked in the order of leaf_id.

    Checkpoints are counted from 0; only those whose leaves are not all found are held.
    """

    def __init__(self, checkpoints: Iterable[StoredCheckpoint]) -> None:
        self._source = iter(checkpoints)
        self._held: deque[StoredCheckpoint] = deque()
        self._first = 0
        self._size = 0
        self._done: Mapping[str, int] = {}
        self._numbers: dict[str, int] = {}

    def last_size(self) -> int:
        """Return how many leaves the last checkpoint includes."""
        for checkpoint in self._source:
            self._held.append(checkpoint)
        return self._held[-1].size if self._held else self._size

    def at_index(self, index: int) -> int:
        """Return which checkpoint an index is of, -1 if of none; indexes ascend."""
        while (checkpoint := self._at(0)) is not None:
            if index < checkpoint.size:
                return self._first
            self._held.popleft()
            self._first += 1
            self._size, self._done = checkpoint.size, checkpoint.included
        return -1

    def checkpoint_of(self, leaf: NumberedLeaf) -> int:
        """Return which checkpoint includes a leaf, one behind all if none does yet."""
        writer, number = leaf.writer, leaf.number
        expected = self._numbers.get(writer, 0) + 1
        if number != expected:
            raise LogFaultError(
                f"写入方 {writer} 的第 {expected} 号叶不在其位，其后是第 {number} 号"
                f"（{leaf.leaf_id}）"
            )
        self._numbers[writer] = number
        if self._done.get(writer, 0) >= number:
            raise LogFaultError(f"日志多出一叶：{leaf.leaf_id} 所在的检查点已经满了")
        place = 0
        while (checkpoint := self._at(place)) is not None:
            if checkpoint.included.get(writer, 0) >= number:
                break
            place += 1
        return self._first + place

    def _at(self, place: int) -> StoredCheckpoint | None:
        """Return one of those held, None behind the last there is."""
        while len(self._held) <= place:
            following = next(self._source, None)
            if following is None:
                return None
            self._held.append(following)
        return self._held[place]


class IdRanges:
    """The ids of leaves in their order, as text: "1-57,60".

    Of a sequence some are never given: which were, the numbers alone do not tell.
    """

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._ended: list[str] = []
        self._first = self._last = -1
        for leaf_id in ids:
            self.add(leaf_id)

    def add(self, leaf_id: str) -> None:
        """Append one; what is no number stands for itself."""
        # hot path: once for each leaf.
        number = int(leaf_id) if leaf_id.isdecimal() else -1
        if number == self._last + 1 and self._first >= 0:
            self._last = number
            return
        self._ended += self._open
        if number < 0:
            self._ended.append(leaf_id)
        self._first = self._last = number

    @property
    def _open(self) -> list[str]:
        if self._first < 0:
            return []
        return ["-".join(map(str, dict.fromkeys((self._first, self._last))))]

    @property
    def text(self) -> str:
        """Return the ranges, "" of none."""
        return ",".join([*self._ended, *self._open])


def ids_in(ranges: str) -> Iterator[str]:
    """Yield the ids of ranges. ValueError of a text that is none."""
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield f"{number:016d}"


def pending(
    included: Mapping[str, int], written: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """Return of each writer what it has written since a checkpoint: (after, up to).

    LogFaultError if it has written less than the checkpoint includes.
    """
    for writer, number in included.items():
        if written.get(writer, 0) < number:
            raise LogFaultError(
                f"写入方 {writer} 的记载倒退：检查点含其 {number} 叶，"
                f"现记为 {written.get(writer, 0)} 叶"
            )
    return between(included, written)


def between(
    before: Mapping[str, int], after: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """Return of each writer what came between: (after, up to)."""
    return {
        writer: (before.get(writer, 0), number)
        for writer, number in after.items()
        if number > before.get(writer, 0)
    }


class Backwards:
    """Collects the leaves that are pending, found from the highest leaf_id down."""

    def __init__(self, due: Mapping[str, tuple[int, int]]) -> None:
        # The number of each writer that must come next, and the one not to come.
        self._next = {writer: up_to for writer, (_, up_to) in due.items()}
        self._end = {writer: after for writer, (after, _) in due.items()}
        self._begun: set[str] = set()
        self.left = sum([up_to - after for after, up_to in due.values()])
        """How many are still to be found."""

    def wants(self, writer: str, number: int) -> bool:
        """Return whether the leaf is one of them. LogFaultError if another is missing."""
        wanted = self._next.get(writer)
        if wanted is None or wanted == self._end[writer]:
            return False
        if number > wanted and writer not in self._begun:
            # Written since.
            return False
        if number != wanted:
            raise LogFaultError(f"写入方 {writer} 的第 {wanted} 号叶不在日志中")
        self._begun.add(writer)
        self._next[writer] = wanted - 1
        self.left -= 1
        return True

    def check_complete(self) -> None:
        """LogFaultError if there are no more leaves and some were not found."""
        for writer, wanted in self._next.items():
            if wanted > self._end[writer]:
                raise LogFaultError(f"写入方 {writer} 的第 {wanted} 号叶不在日志中")
