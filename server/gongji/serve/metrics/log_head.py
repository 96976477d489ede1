"""The end of the log as this process knows it: its last checkpoint, and how far that reaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import time
from typing import Final

from gongji.serve.metrics.cells import LabelValues, metrics
from gongji.serve.metrics.families import CHECKPOINT_AT, CHECKPOINT_SIZE, SIGNED_UNTIL


class LogHead:
    """The last checkpoint; instants are Unix seconds, 0 if there is none."""

    def __init__(self, now: Callable[[], float] = time) -> None:
        self._now = now
        self.size = 0
        self.at_s = 0.0
        self.until_s = 0.0
        """Until when all that was written is under a checkpoint."""

    def signed(self, size: int, at_s: float) -> None:
        """Note that all written until now is under a checkpoint over so many leaves."""
        self.size, self.at_s, self.until_s = size, at_s, self._now()


log_head: Final = LogHead()
"""Whoever signs or reads checkpoints notes them here."""


def watch_log() -> None:
    """Have the end of the log read; it is not shown before there is a checkpoint."""
    metrics.read(CHECKPOINT_SIZE, lambda: _shown(log_head.size))
    metrics.read(CHECKPOINT_AT, lambda: _shown(log_head.at_s))
    metrics.read(SIGNED_UNTIL, lambda: _shown(log_head.until_s))


def _shown(figure: float) -> Mapping[LabelValues, float]:
    return {(): figure} if log_head.at_s else {}
