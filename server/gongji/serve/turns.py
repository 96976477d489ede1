"""Turns: calls go on to the service one of each caller after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

WINDOW: Final = 64
"""Calls with the service at once; what comes beyond waits for its caller's turn."""


class Turns:
    """Places with the service, given to callers in turn.

    A caller alone has them all; one that asks seldom waits behind no other's queue.
    """

    def __init__(self, window: int = WINDOW) -> None:
        self._free = window
        self.under_way = 0
        """Calls that have a place or wait for one."""
        # In the order of their turns.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def enter(self, caller: str) -> None:
        """Wait for a place; to be given back by `leave`. Nothing is kept of who goes."""
        self.under_way += 1
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self.under_way -= 1
            else:
                # It had the place already.
                self.leave()
            raise

    def leave(self) -> None:
        """Give the place to the next caller that waits."""
        self.under_way -= 1
        while self._waiting:
            caller, queue = next(iter(self._waiting.items()))
            del self._waiting[caller]
            turn = queue.popleft()
            if queue:
                self._waiting[caller] = queue
            if not turn.cancelled():
                turn.set_result(None)
                return
        self._free += 1
