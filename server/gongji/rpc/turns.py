"""When those turned away should come again: one after the other, so that turning them away costs little."""

from __future__ import annotations

from typing import Final

SOONEST_MS: Final = 500
LATEST_MS: Final = 10_000
APART_MS: Final = 5
"""Refusing a call costs about a third of serving it: 200 of them a second leave nearly everything to those served."""


class Turns:
    """Hands out moments to come again, `APART_MS` apart; used by one thread."""

    def __init__(self) -> None:
        self._last_ms = 0.0

    def wait_ms(self, now_ms: float) -> int:
        """How long the next one should wait, given the time of any steady clock."""
        at = max(now_ms + SOONEST_MS, min(self._last_ms + APART_MS, now_ms + LATEST_MS))
        self._last_ms = at
        return round(at - now_ms)
