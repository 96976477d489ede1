"""Where the money of a transfer is: purse, hold, wallet; each change a balanced transaction.

A hold begins when the transfer is made and ends exactly once: by acceptance into the
receiver's wallet, or by the return to the sender's purse.
"""

from __future__ import annotations

from datetime import datetime

from gongji.account import ledger
from gongji.account.ledger import Posting
from gongji.model.account import Account, Entry, PurseMovement
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.rules.codes import EntryKind


def sent(
    transfer: WalletTransfer, purse: Account
) -> tuple[Account, PurseMovement, tuple[Entry, ...]]:
    """Return the sender's purse without the money, and the entries that hold it."""
    account, movement = ledger.moved(purse, -transfer.fen)
    posting = ledger.purse_posting(movement, EntryKind.WALLET_SENT)
    entries = _entries(transfer, posting, transfer.transfer_id, transfer.sent_at)
    return account, movement, entries


def returned(
    transfer: WalletTransfer, purse: Account, at: datetime
) -> tuple[Account, tuple[Entry, ...]]:
    """Return the sender's purse with the money again, and the entries."""
    account, movement = ledger.moved(purse, transfer.fen)
    posting = ledger.purse_posting(movement, EntryKind.WALLET_RETURNED)
    return account, _entries(transfer, posting, _end(transfer), at)


def accepted(
    transfer: WalletTransfer, wallet: WalletAccount, at: datetime
) -> tuple[WalletAccount, PurseMovement, tuple[Entry, ...]]:
    """Return the receiver's wallet with the money, and the entries."""
    after, movement = ledger.moved(wallet, transfer.fen)
    posting = ledger.purse_posting(movement, EntryKind.WALLET_RECEIVED)
    return after, movement, _entries(transfer, posting, _end(transfer), at)


def _entries(
    transfer: WalletTransfer, posting: Posting, transaction_id: str, at: datetime
) -> tuple[Entry, ...]:
    """Return the transaction between a transfer's hold and a purse or wallet."""
    hold = Posting(ledger.hold_account(transfer.transfer_id), -posting.fen)
    return ledger.balanced(
        transaction_id, [hold, posting], at, reference=transfer.transfer_id
    )


def _end(transfer: WalletTransfer) -> str:
    """Return the transaction that ends a hold: accepted and returned, it has one id."""
    return f"{transfer.transfer_id}-E"
