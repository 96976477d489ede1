"""What becomes of purses, wallets, transfers and bills, reckoned without the program.

Written from the terms (S11, T91 to T97) in plain numbers: hours of a day, fen, a list.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

MOST, TIMES, OPENS, CLOSES = 2000_00, 3, 6, 22


@dataclass
class Sent:
    """A transfer: where it is, and since when it goes back."""

    sender: str
    receiver: str
    fen: int
    back: datetime
    state: str = "waiting"


@dataclass
class Paid:
    """A bill: what purse and wallet of its patient paid, and whether that came back."""

    patient: str
    purse: int
    wallet: int
    reversed: bool = False


@dataclass
class Money:
    """All the money there is, and where; a wallet pays for those who use it `here`."""

    here: set[str] = field(default_factory=set)
    bills: dict[str, Paid] = field(default_factory=dict)

    purses: Counter[str] = field(default_factory=Counter)
    wallets: Counter[str] = field(default_factory=Counter)
    transfers: dict[str, Sent] = field(default_factory=dict)
    sent: Counter[tuple[str, date]] = field(default_factory=Counter)
    credited: int = 0

    def credit(self, person: str, fen: int) -> str:
        """Credit a purse."""
        self.purses[person] += fen
        self.credited += fen
        return ""

    def send(self, name: str, at: datetime, who: str, to: str, fen: int) -> str:
        """Return "" if the transfer is made, else the name of what refuses it."""
        if fen > MOST:
            return "TransferTooLarge"
        if not OPENS <= at.hour < CLOSES:
            return "TransfersClosed"
        if self.sent[who, at.date()] >= TIMES:
            return "TransfersUsedUp"
        if any(t.state == "waiting" and at < t.back for t in self._of(who)):
            return "TransferWaiting"
        if self.purses[who] < fen:
            return "BalanceShort"
        midnight = datetime.combine(at.date() + timedelta(days=1), at.min.time())
        back = midnight.replace(hour=OPENS, tzinfo=at.tzinfo)
        self.purses[who] -= fen
        self.sent[who, at.date()] += 1
        self.transfers[name] = Sent(who, to, fen, back)
        return ""

    def answer(self, name: str, at: datetime, *, accept: bool) -> str:
        """Return "" if a transfer is accepted or declined, else what refuses it."""
        transfer = self.transfers[name]
        if transfer.state != "waiting" or at >= transfer.back:
            return "TransferEnded"
        transfer.state = "accepted" if accept else "declined"
        if accept:
            self.wallets[transfer.receiver] += transfer.fen
        return ""

    def give_back(self, name: str, at: datetime) -> bool:
        """Return whether a transfer's money goes back now."""
        transfer = self.transfers[name]
        due = transfer.state in {"waiting", "declined"} and at >= transfer.back
        if due:
            transfer.state = "returned"
            self.purses[transfer.sender] += transfer.fen
        return due

    def pay(self, name: str, who: str, fen: int, *, use_wallet: bool) -> str:
        """Pay a bill that is nobody else's to pay: purse, wallet if asked, cash."""
        of_purse = min(self.purses[who], fen)
        asked = use_wallet and who in self.here
        of_wallet = min(self.wallets[who], fen - of_purse) if asked else 0
        self.purses[who] -= of_purse
        self.wallets[who] -= of_wallet
        self.bills[name] = Paid(who, of_purse, of_wallet)
        return ""

    def reverse(self, name: str) -> str:
        """Return "" if a bill's money goes back where it came from."""
        bill = self.bills[name]
        if bill.reversed:
            return "AlreadyReversed"
        bill.reversed = True
        self.purses[bill.patient] += bill.purse
        self.wallets[bill.patient] += bill.wallet
        return ""

    @property
    def paid(self) -> int:
        """Return what purses and wallets have paid of the bills that stand."""
        standing = [b for b in self.bills.values() if not b.reversed]
        return sum(b.purse + b.wallet for b in standing)

    @property
    def held(self) -> dict[str, int]:
        """Return what each transfer holds."""
        open_states = {"waiting", "declined"}
        transfers = self.transfers.items()
        return {name: t.fen for name, t in transfers if t.state in open_states}

    def _of(self, who: str) -> list[Sent]:
        return [t for t in self.transfers.values() if t.sender == who]
