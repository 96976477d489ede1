"""What does not hold, by name: phase, table, key, column, leaf, and a Chinese sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

PHASES: Final = ("file", "log", "rows", "sums", "decisions")
"""In the order in which they are told."""

PHASE_OF: Final = {
    "file": "file",
    "leaves": "log",
    "rows": "rows",
    "order": "log",
    "join": "rows",
    "sums": "sums",
    "decisions": "decisions",
}
"""The phase that each stage of the work belongs to; stages are done in this order."""

_SHOWN: Final = 2
"""Characters of a personal key that are shown at each end."""


class Discrepancy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that does not hold. `key` is masked if it says who somebody is."""

    phase: str
    message: str
    table: str = ""
    key: str = ""
    column: str = ""
    leaf_id: str = ""
    checkpoint: str = ""

    @property
    def order(self) -> tuple[int, str, str, str, str]:
        """Return its place among findings."""
        return PHASES.index(self.phase), self.leaf_id, self.table, self.key, self.column

    @property
    def sentence(self) -> str:
        """Return where it is, and what."""
        where = [
            f"表 {self.table}" if self.table else "",
            f"键 {self.key}" if self.key else "",
            f"列 {self.column}" if self.column else "",
            f"日志叶 {self.leaf_id}" if self.leaf_id else "",
            f"检查点 {self.checkpoint}" if self.checkpoint else "",
        ]
        told = "，".join(filter(None, where))
        return f"{told}：{self.message}" if told else self.message


def unchecked(error: Exception) -> str:
    """Return what is said of what is stored and cannot be checked."""
    return f"所存的内容不能核对（{type(error).__name__}）：格式被改动"


Find = Callable[[Discrepancy], None]


def masked(key: object) -> str:
    """Return a key without what tells who: both ends, and each part after a slash."""
    text = key if isinstance(key, str) else repr(key)
    head, slash, rest = text.partition("/")
    name, colon, number = head.rpartition(":")
    hidden = len(number) - 2 * _SHOWN
    if hidden > 0:
        number = f"{number[:_SHOWN]}{'*' * hidden}{number[-_SHOWN:]}"
    else:
        number = "*" * len(number)
    return f"{name}{colon}{number}{slash}{rest}"
