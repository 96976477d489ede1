"""The current time by which decisions are made: the machine's, or a sandbox's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gongji.rules.codes import SHANGHAI

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the machine's time, in Shanghai."""
    return datetime.now(SHANGHAI)


class SandboxClock:
    """A clock that stands still until it is set; it starts at the machine's time."""

    rewinds = True
    """A store need not commit at or after the latest instant on record."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or system_clock()

    def __call__(self) -> datetime:
        """Return the instant the clock stands at."""
        return self._now

    def set(self, now: datetime) -> None:
        """Move the clock, forward or back."""
        self._now = now.astimezone(SHANGHAI)
