"""Whether two bills may be one: of one visit and amount, and no invoice tells them apart."""

from __future__ import annotations

from collections.abc import Iterator

from gongji.model.claim import Claim
from gongji.model.facts import Facts, Need
from gongji.model.settlement import Bill, Settlement


def alike(bill: Bill, other: Bill, returned_fen: int = 0) -> bool:
    """Return whether a bill has the institution, day and amount of another.

    `returned_fen` is what was returned of the other one.
    """
    # Its paper says what the bill came to before a part of it was returned, or after.
    totals = {other.total_fen, other.total_fen + returned_fen}
    of_one_visit = (bill.institution_code, bill.service_day) == (
        other.institution_code,
        other.service_day,
    )
    return of_one_visit and bill.total_fen in totals


def needs_of_alike_since(settlement: Settlement) -> Iterator[Need]:
    """Yield the patient's settlements, and the claims that paid some of them."""
    yield Need(Settlement, "patient", settlement.bill.patient)
    yield Need(Claim, "patient", settlement.bill.patient)


def alike_since(settlement: Settlement, facts: Facts) -> bool:
    """Return whether a like bill was brought after a settlement was taken back.

    Also if that was undone: it would not tell that this settlement stands again.
    """
    bill, taken_back = settlement.bill, settlement.reversed_at
    claims = facts.where(Claim, "patient", bill.patient)
    numbered = {claim.claim_id for claim in claims if claim.numbered}
    for other in facts.where(Settlement, "patient", bill.patient):
        # What was settled again since was brought when its visit was first settled.
        brought = other.decided_as_of
        since = taken_back and brought and brought > taken_back
        told_apart = _numbered(bill, numbered) and _numbered(other.bill, numbered)
        if since and not told_apart and alike(bill, other.bill, other.returned_fen):
            return True
    return False


def _numbered(bill: Bill, numbered: set[str]) -> bool:
    """Return whether each invoice of a bill has a number, given the claims of which so."""
    return bill.claim_id in numbered if bill.claim_id else bool(bill.invoice_no)
