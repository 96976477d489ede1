"""Records of the medical insurance wallet (医保钱包) and of transfers into it."""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct

from gongji.model.decided import DecidedBy, RuleRef
from gongji.model.people import Discreet
from gongji.rules.codes import TransferState


class WalletAccount(Discreet, frozen=True, kw_only=True):
    """A person's wallet: where it is used, what is in it, and what it has sent.

    The version counts the movements of its money. `sent` transfers were made on
    `sent_on`; `held` are the ids of those sent whose money is held.
    """

    hidden = frozenset({"phone"})

    person_no: str
    use_place: str
    phone: str
    opened_at: datetime
    decided_by: DecidedBy
    balance_fen: int = 0
    version: int = 0
    sent_on: date | None = None
    sent: int = 0
    held: tuple[str, ...] = ()

    def sent_by(self, day: date) -> int:
        """Return how many transfers were made on a day, today or later."""
        return self.sent if self.sent_on == day else 0


class WalletTransfer(Struct, frozen=True, kw_only=True):
    """Money from the sender's purse to the receiver's wallet, held until it has an end.

    `returns_at` is when it goes back unless it is accepted before; `answered_at` when
    the receiver accepted or declined it; `ended_at` when it went to the wallet or back.
    `relation` is what the receiver is to the sender, as the sender says.
    """

    transfer_id: str
    sender: str
    receiver: str
    relation: str
    fen: int
    sent_at: datetime
    returns_at: datetime
    rules: tuple[RuleRef, ...]
    decided_by: DecidedBy
    state: TransferState = TransferState.WAITING
    answered_at: datetime | None = None
    ended_at: datetime | None = None

    def waits_at(self, at: datetime) -> bool:
        """Return whether it can be accepted: at `returns_at` it no more can."""
        return self.state is TransferState.WAITING and at < self.returns_at

    @property
    def due_at(self) -> datetime | None:
        """Return when its hold must end; None if it has ended."""
        return self.returns_at if self.ended_at is None else None
