"""What time it is: the machine's clock, or a sandbox's that stands where it was set.
The only module that reads one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gongji.rules.codes import SHANGHAI

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Now in Shanghai."""
    return datetime.now(SHANGHAI)


class SandboxClock:
    """A clock that stands still until it is set; it starts at the machine's time."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or system_clock()

    def __call__(self) -> datetime:
        """The instant the clock stands at."""
        return self._now

    def set(self, now: datetime) -> None:
        """Moves the clock, forward or back."""
        self._now = now.astimezone(SHANGHAI)
