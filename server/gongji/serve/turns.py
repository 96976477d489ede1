"""Turns: calls go on to the service one of each caller after the other."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import Final

FEW: Final = 64
"""Calls with the service at once while several callers call; the others wait their turn."""

MANY: Final = 256
"""Calls with the service at once while one caller is alone: a whole batch of the store.

Measured: with 64 a Settle of 250 at once costs a quarter more.
"""


class Turns:
    """Places with the service, given to callers in turn.

    One that asks seldom waits behind no other's queue.
    """

    def __init__(self, few: int = FEW, many: int = MANY) -> None:
        self._few, self._many = few, many
        self._inside = 0
        self._callers: Counter[str] = Counter()
        # In the order of their turns.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def under_way(self) -> int:
        """Return how many calls have a place or wait for one."""
        return self._callers.total()

    async def enter(self, caller: str) -> None:
        """Wait for a place; to be given back by `leave`. Nothing is kept of who goes."""
        self._callers[caller] += 1
        if self._room():
            self._inside += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                # It had the place already.
                self._inside -= 1
            self._forget(caller)
            raise

    def leave(self, caller: str) -> None:
        """Give the place to the next caller that waits."""
        self._inside -= 1
        self._forget(caller)

    def _room(self) -> bool:
        alone = len(self._callers) <= 1
        return self._inside < (self._many if alone else self._few)

    def _forget(self, caller: str) -> None:
        """Count a call no longer, and let in who has room now."""
        self._callers[caller] -= 1
        if not self._callers[caller]:
            del self._callers[caller]
        while self._waiting and self._room():
            self._let_in()

    def _let_in(self) -> None:
        """Give the caller whose turn it is a place; it comes again behind the others."""
        caller, queue = next(iter(self._waiting.items()))
        del self._waiting[caller]
        turn = queue.popleft()
        if queue:
            self._waiting[caller] = queue
        if not turn.cancelled():
            turn.set_result(None)
            self._inside += 1
