"""Books back what transfers hold past their time: before a call, and by a timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from gongji.model.commands import Listing
from gongji.model.refusals import Refusal
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.store import Store
from gongji.wallet.ending import ReturnTransfer

WATCH_S: Final = 1.0
"""How often a process looks for holds that are due, in seconds."""

_MOST: Final = 50
"""Holds ended at a time, before it is looked again."""

# Bounds of a listing are exclusive: the very instant is due.
_MOMENT: Final = timedelta(microseconds=1)


class Holds:
    """The holds of transfers; any process may end one, and it ends once."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def watch(self, every_s: float = WATCH_S) -> None:
        """End, for ever, what is due."""
        while True:
            # A database out of reach now is looked at the next time.
            with suppress(Refusal):
                await self.end_due()
            await asyncio.sleep(every_s)

    async def end_due(self) -> None:
        """End every hold that is due now."""
        due = Listing(
            kind=WalletTransfer,
            below={"due_at": self._clock() + _MOMENT},
            order="due_at",
            limit=_MOST,
        )
        while transfers := await self._store.page(due):
            # All of a city fall due in one instant: together they share commits.
            await asyncio.gather(
                *[
                    self._store.apply(ReturnTransfer(transfer.transfer_id))
                    for transfer in transfers
                ]
            )
            if len(transfers) < _MOST:
                return

    async def end_due_of(self, person_no: str) -> None:
        """End what is due of the transfers a person has sent."""
        wallet = await self._store.get(WalletAccount, person_no)
        now = self._clock()
        for transfer_id in wallet.held if wallet else ():
            transfer = await self._store.get(WalletTransfer, transfer_id)
            if transfer and transfer.due_at and transfer.due_at <= now:
                await self._store.apply(ReturnTransfer(transfer_id))
