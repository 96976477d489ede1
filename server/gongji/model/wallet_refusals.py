"""Every refusal of the wallet (医保钱包), one class a reason; categories as in `refusals`.

Refusal
├── NotFound
│   ├── WalletNotFound
│   └── TransferNotFound
├── NotNow
│   └── TransfersClosed
└── Refused
    ├── PersonDeceased
    ├── WalletOpened
    ├── NotARelative
    ├── TransferTooLarge
    ├── TransfersUsedUp
    ├── TransferWaiting
    └── TransferEnded
"""

from __future__ import annotations

from gongji.model.refusals import NotFound, NotNow, Refused


class WalletNotFound(NotFound):
    """The person has no wallet open."""


class TransferNotFound(NotFound):
    """There is no such transfer to the person."""


class TransfersClosed(NotNow):
    """No transfer is made to a wallet at this time of day."""


class PersonDeceased(Refused):
    """The registry knows that who opens, sends or accepts is dead."""


class WalletOpened(Refused):
    """The person's wallet is open already."""


class NotARelative(Refused):
    """The receiver of a transfer is no relative whom the city's rule names."""


class TransferTooLarge(Refused):
    """One transfer may not be that large."""


class TransfersUsedUp(Refused):
    """The wallet has made all the transfers it may make today."""


class TransferWaiting(Refused):
    """A transfer before this one still waits for its receiver."""


class TransferEnded(Refused):
    """The transfer was answered already, or its money goes back."""
