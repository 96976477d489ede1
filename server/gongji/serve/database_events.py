"""What happens to the database, as lines of the log: when it begins, and when it ends."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

import structlog

SLOW_FLUSH_S: Final = 0.25
"""A commit that takes longer is told of, in seconds: a disk that is well takes a hundredth."""

_MS: Final = 1000


class LoggedStore:
    """Logs what happens to a store; see `store.condition.StoreObserver`."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._log = structlog.get_logger()
        self._now = now
        self._lost_at = now()

    def committed(self, jobs: int, seconds: float) -> None:
        """Log a commit that was slow."""
        # hot path: of every batch.
        if seconds >= SLOW_FLUSH_S:
            self._log.warning("slow_flush", ms=round(seconds * _MS), jobs=jobs)

    def waited(self, seconds: float, why: str) -> None:
        """Log a wait for somebody else, and for whom."""
        self._log.warning("lock_waited", ms=round(seconds * _MS), why=why)

    def lost(self, reason: str) -> None:
        """Log that the database cannot be used, and why."""
        self._lost_at = self._now()
        self._log.error("database_lost", reason=reason)

    def back(self) -> None:
        """Log that it can be used again, and after how long."""
        seconds = round(self._now() - self._lost_at, 1)
        self._log.info("database_back", seconds=seconds)
