"""Claims on paper (手工结算), and which invoices have been paid or claimed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from gongji.model.binding import Material
from gongji.model.decided import DecidedBy, RuleRef
from gongji.model.settlement import Bill
from gongji.rules.codes import ClaimReason, ClaimState

CLOSED = frozenset({ClaimState.RETURNED, ClaimState.REFUSED, ClaimState.WITHDRAWN})
"""States of a claim that was closed unpaid: its invoices are free again."""


class ClaimInvoice(Struct, frozen=True):
    """One invoice of a claim (票据); without a number it is told by its bill alone."""

    invoice_no: str
    total_fen: int


def numbers_of(invoices: Iterable[ClaimInvoice]) -> tuple[str, ...]:
    """Return the numbers of the invoices that have one."""
    return tuple([one.invoice_no for one in invoices if one.invoice_no])


class ClaimItem(Struct, frozen=True):
    """One item of a claimed bill (费用明细), with its national code."""

    code: str
    fen: int


class ClaimForm(Struct, frozen=True, kw_only=True):
    """What is handed in: a bill that was paid by oneself, and its papers."""

    bill: Bill
    invoices: tuple[ClaimInvoice, ...]
    items: tuple[ClaimItem, ...] = ()
    reason: ClaimReason
    materials: tuple[Material, ...] = ()


class ClaimEvent(Struct, frozen=True):
    """One change of a claim's state."""

    at: datetime
    state: ClaimState
    who: str
    why: str


class Claim(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A claim of one bill, by the rules of the city the patient was insured in.

    `bill` bears its id. `similar` are settlements and claims that may be of the same bill.
    `settlement_id` and `paid_fen` are as it was paid; whether that stands, and what took
    its place, the settlement says.
    """

    claim_id: str
    bill: Bill
    invoices: tuple[ClaimInvoice, ...]
    items: tuple[ClaimItem, ...] = ()
    reason: ClaimReason
    materials: tuple[Material, ...] = ()
    state: ClaimState
    submitted_at: datetime
    due_at: datetime
    due_provisional: bool = False
    similar: tuple[str, ...] = ()
    settlement_id: str = ""
    paid_fen: int = 0
    rule: RuleRef
    decided_by: DecidedBy
    history: tuple[ClaimEvent, ...] = ()

    @property
    def numbers(self) -> tuple[str, ...]:
        """Return the numbers of its invoices that have one."""
        return numbers_of(self.invoices)

    @property
    def numbered(self) -> bool:
        """Return whether every invoice has a number."""
        return len(self.numbers) == len(self.invoices)

    @property
    def closed(self) -> bool:
        """Return whether it was closed unpaid."""
        return self.state in CLOSED


class Invoice(Struct, frozen=True):
    """An institution's invoice, and what was last paid or claimed with it.

    It is free again once that settlement is reversed, or that claim closed unpaid.
    """

    invoice_id: str
    settlement_id: str = ""
    claim_id: str = ""

    @staticmethod
    def key_of(institution_code: str, invoice_no: str) -> str:
        """Return the key of an invoice: H34110000001/0123456789."""
        return f"{institution_code}/{invoice_no}"
