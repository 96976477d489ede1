"""What a checkpoint's row says beside its signed note, against the leaves it includes.

Size and root are signed; the rest is said again by the leaves: how far each writer had
written, the latest instant on record, the highest leaf_id, and each of theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import zip_longest
from typing import Final, Protocol

from gongji.audit.checkpoint import StoredCheckpoint
from gongji.audit.order import IdRanges, NumberedLeaf, ids_in
from gongji.store.checkpoints import GONE
from gongji.store.table import micros

_GONE: Final = GONE // timedelta(microseconds=1)


class DatedLeaf(NumberedLeaf, Protocol):
    """What of a leaf counts here."""

    @property
    def at(self) -> int:
        """When, in microseconds."""


class CheckpointChain:
    """Each checkpoint against the one before it: `follow` is told them all in order."""

    def __init__(self) -> None:
        self._size = 0
        self._through = ""
        self._done: dict[str, int] = {}

    def follow(self, checkpoint: StoredCheckpoint) -> Iterator[str]:
        """Yield what does not follow from the one before."""
        included = checkpoint.included
        grown = checkpoint.size - self._size
        more = [number - self._done.get(who, 0) for who, number in included.items()]
        if grown <= 0:
            yield "叶数不多于前一个检查点"
        elif min(more, default=0) < 0 or sum(more) != grown:
            yield "included 比前一个检查点多出的叶数与 size 不符"
        if checkpoint.through < self._through:
            yield "through 小于前一个检查点的"
        self._size, self._through = checkpoint.size, checkpoint.through
        self._done.update(included)


class CheckpointReach:
    """Each checkpoint against the leaves in their places: `place` is told them in order.

    `exact` says that no process had a clock that runs back: then every writer that has
    been silent for long is forgotten.
    """

    def __init__(self, *, exact: bool) -> None:
        self._exact = exact
        self._last: dict[str, tuple[int, int]] = {}
        self._since: set[str] = set()
        self._before: Mapping[str, int] = {}
        self._through = ""
        self._ids = IdRanges()
        self._key = ""
        self.before = ""
        """The highest leaf_id that the checkpoint reached last includes."""

    def place(self, leaf: DatedLeaf) -> None:
        """Go on by one leaf."""
        # hot path: once for each leaf.
        self._last[leaf.writer] = leaf.number, leaf.at
        self._since.add(leaf.writer)
        self._through = max(self._through, leaf.leaf_id)
        self._ids.add(leaf.leaf_id)

    def reach(self, checkpoint: StoredCheckpoint) -> Iterator[str]:
        """Yield what does not agree with the leaves up to this checkpoint's last."""
        included = checkpoint.included
        if fault := self._wrong_writer(checkpoint):
            yield f"included 中写入方 {fault}"
        instants = [self._last[who][1] for who in included if who in self._last]
        if micros(checkpoint.at) != max(instants, default=0):
            yield "at 不是其叶中最近的时刻"
        if checkpoint.through != self._through:
            yield f"through 应为 {self._through}"
        if fault := _other_ids(self._ids.text, checkpoint.ids):
            yield f"ids {fault}"
        self._ids = IdRanges()
        self._before, self.before = included, self._through
        self._key = checkpoint.checkpoint_id
        self._since.clear()

    def _wrong_writer(self, checkpoint: StoredCheckpoint) -> str:
        """Return who is missing, too many, or of another number, and how; "" if nobody."""
        included = checkpoint.included
        limit = micros(checkpoint.at) - _GONE
        for who in sorted({*self._before, *self._since, *included}):
            number, at = self._last.get(who, (0, 0))
            spoken = who in self._since or at >= limit
            known = who in self._before or who in self._since
            if who not in included:
                if spoken and known:
                    return f"{who} 缺少"
            elif number and not known:
                return f"{who} 又出现，而检查点 {self._key} 已不记：该检查点被改动"
            elif included[who] != number or not known or (self._exact and not spoken):
                return f"{who} 与日志不符"
        return ""


def _other_ids(found: str, stored: str) -> str:
    """Return where the ids of leaves are not those of a checkpoint, "" if nowhere."""
    if found == stored:
        return ""
    try:
        for now, then in zip_longest(ids_in(found), ids_in(stored)):
            if now != then:
                return f"与其叶不符：日志叶 {now} 的编号当时是 {then}"
    except ValueError:
        pass
    return "不是其叶的编号"
