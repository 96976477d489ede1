"""Events (事件): what happened to whom, as it is told to whoever may see it."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Final, TypeAlias

from msgspec import Struct

from gongji.rules.codes import BindingState, ClaimState, EntryKind, TransferState


class EventKind(IntEnum):
    """What happened; numbers as on the wire."""

    BINDING_SUBMITTED = 1
    BINDING_CONSENTED = 2
    BINDING_REVIEWED = 3
    BINDING_EXPIRED = 4
    BINDING_ENDED = 5
    BINDING_SUSPENDED = 6
    BINDING_RESUMED = 7
    SETTLED = 8
    REVERSED = 9
    RESETTLED = 10
    CREDITED = 11
    PREMIUM_PAID = 12
    PREMIUM_REFUNDED = 13
    FILED = 14
    FILING_ENDED = 15
    CLAIM_SUBMITTED = 16
    CLAIM_REVIEWED = 17
    CLAIM_DECIDED = 18
    CLAIM_WITHDRAWN = 19
    TRANSFER_SENT = 20
    TRANSFER_ACCEPTED = 21
    TRANSFER_DECLINED = 22
    TRANSFER_RETURNED = 23


OF_BINDINGS: Final = frozenset(
    {
        EventKind.BINDING_SUBMITTED,
        EventKind.BINDING_CONSENTED,
        EventKind.BINDING_REVIEWED,
        EventKind.BINDING_EXPIRED,
        EventKind.BINDING_ENDED,
        EventKind.BINDING_SUSPENDED,
        EventKind.BINDING_RESUMED,
    }
)

OF_SETTLEMENTS: Final = frozenset(
    {EventKind.SETTLED, EventKind.REVERSED, EventKind.RESETTLED}
)


OF_FILINGS: Final = frozenset({EventKind.FILED, EventKind.FILING_ENDED})

OF_CLAIMS: Final = frozenset(
    {
        EventKind.CLAIM_SUBMITTED,
        EventKind.CLAIM_REVIEWED,
        EventKind.CLAIM_DECIDED,
        EventKind.CLAIM_WITHDRAWN,
    }
)

OF_TRANSFERS: Final = frozenset(
    {
        EventKind.TRANSFER_SENT,
        EventKind.TRANSFER_ACCEPTED,
        EventKind.TRANSFER_DECLINED,
        EventKind.TRANSFER_RETURNED,
    }
)


class BindingChange(Struct, frozen=True):
    """A binding's change of state; from None if it was applied for."""

    binding_id: str
    holder: str
    member: str
    from_state: BindingState | None
    to_state: BindingState
    why: str


class SettlementChange(Struct, frozen=True):
    """A settlement made or taken back; to a holder, what its purse paid for another."""

    settlement_id: str
    patient: str
    institution_code: str
    purse: str = ""
    charged_fen: int = 0
    replaces: str = ""


class CreditChange(Struct, frozen=True):
    """Money that came into a purse from outside, or went back."""

    person_no: str
    entry_kind: EntryKind
    fen: int
    version_after: int


class PremiumChange(Struct, frozen=True):
    """A premium paid or refunded."""

    premium_id: str
    holder: str
    member: str
    year: int
    fen: int


class FilingChange(Struct, frozen=True):
    """A filing made or ended."""

    filing_no: str
    person_no: str


class ClaimChange(Struct, frozen=True):
    """A claim's change of state, and why."""

    claim_id: str
    patient: str
    state: ClaimState
    why: str


class TransferChange(Struct, frozen=True):
    """A transfer's change of state."""

    transfer_id: str
    sender: str
    receiver: str
    fen: int
    state: TransferState


Change: TypeAlias = (
    BindingChange
    | SettlementChange
    | CreditChange
    | PremiumChange
    | FilingChange
    | ClaimChange
    | TransferChange
)


class Event(Struct, frozen=True):
    """One event; `people` are its parties, `area_code` where it was decided.

    `institution_code` is "" if no institution has a part in it.
    """

    kind: EventKind
    at: datetime
    what: Change
    people: tuple[str, ...]
    area_code: str
    institution_code: str = ""
