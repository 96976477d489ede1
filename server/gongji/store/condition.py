"""Whether the database can be reached and what it costs, told to whoever observes.

What happens on several connections is one condition: the database is available if none
of them has lost it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Final, Protocol

from gongji.store.engine import EngineDown, Held

WRITING: Final = "writing"
"""The part that commits."""

READING: Final = "reading"
"""The parts that only read."""


class StoreObserver(Protocol):
    """Hears what happens to a store, on whichever thread it does: must not wait."""

    def committed(self, jobs: int, seconds: float) -> None:
        """So many jobs are durable, by one commit that took so many seconds."""

    def waited(self, seconds: float, why: str) -> None:
        """Jobs waited so long for somebody else, who is named, or for the disk."""

    def lost(self, reason: str) -> None:
        """The database cannot be used; the reason is one of `engine.REASONS`."""

    def back(self) -> None:
        """The database can be used again."""


class StoreCondition:
    """What is known of the database of a store; safe to use from any thread."""

    def __init__(self) -> None:
        self._observers: list[StoreObserver] = []
        self._lock = threading.Lock()
        # Why each part cannot use the database.
        self._lost: dict[str, str] = {}
        self.changed_at = monotonic()
        """Since when it has been available, or not; as all instants here of the
        monotonic clock, in seconds."""
        self.committed_at = self.changed_at
        """When a batch was committed last."""
        self.last_jobs = 0
        """Jobs of that batch."""
        self.last_commit_s = 0.0
        """How long its commit took, in seconds."""

    @property
    def available(self) -> bool:
        """Whether every connection can use the database, as far as is known."""
        return not self._lost

    @property
    def reason(self) -> str:
        """Why it is not available; empty if it is."""
        return next(iter(self._lost.values()), "")

    def observe(self, observer: StoreObserver) -> None:
        """Tell an observer of all that happens from now on."""
        self._observers.append(observer)

    def committed(self, jobs: int, seconds: float) -> None:
        """Note a commit and tell of it."""
        self.committed_at = monotonic()
        self.last_jobs = jobs
        self.last_commit_s = seconds
        for observer in self._observers:
            # The log of an observer may be closed, say: no call fails over that.
            with suppress(Exception):
                observer.committed(jobs, seconds)

    def waited(self, seconds: float, why: str) -> None:
        """Tell of a wait for somebody else."""
        for observer in self._observers:
            with suppress(Exception):
                observer.waited(seconds, why)

    def failed(self, part: str, down: EngineDown) -> None:
        """Note that a part cannot use the database; tell of the first.

        Somebody's lock is no loss, unless nobody at all can write behind it.
        """
        if isinstance(down, Held) and not down.whole:
            return
        reason = down.reason
        with self._lock:
            told = bool(self._lost)
            self._lost[part] = reason
            if told:
                return
            self.changed_at = monotonic()
        for observer in self._observers:
            with suppress(Exception):
                observer.lost(reason)

    @contextmanager
    def noted(self, part: str) -> Iterator[None]:
        """Note whether a part can use the database in the block, unless it must wait."""
        try:
            yield
        except Held:
            raise
        except EngineDown as down:
            self.failed(part, down)
            raise
        self.well(part)

    def well(self, part: str) -> None:
        """Note that a part can use the database; tell if that was the last that could not."""
        # hot path: so it is for every batch.
        if not self._lost:
            return
        with self._lock:
            if self._lost.pop(part, None) is None or self._lost:
                return
            self.changed_at = monotonic()
        for observer in self._observers:
            with suppress(Exception):
                observer.back()
