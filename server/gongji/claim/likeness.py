"""Which settlements and claims may be of the same bill: nobody pays one without looking."""

from __future__ import annotations

from collections.abc import Iterator

from gongji.model.claim import Claim
from gongji.model.facts import Facts, Need
from gongji.model.settlement import Bill, Settlement
from gongji.settlement.alike import alike


def likeness_needs(bill: Bill) -> tuple[Need, Need]:
    """Return the patient's settlements and claims."""
    return (
        Need(Settlement, "patient", bill.patient),
        Need(Claim, "patient", bill.patient),
    )


def similar_to(claim: Claim, facts: Facts) -> tuple[str, ...]:
    """Return the ids of what has the same patient, institution, day and amount.

    Left out are settlements taken back, claims closed unpaid, and what has invoice
    numbers if each invoice of the claim has one: those tell them apart. A paid claim
    stays, also if its settlement was taken back.
    """
    return tuple(_similar(claim, facts))


def _similar(claim: Claim, facts: Facts) -> Iterator[str]:
    bill = claim.bill
    paid: dict[str, Settlement] = {}
    for settlement in facts.where(Settlement, "patient", bill.patient):
        if not settlement.replaced_by:
            paid[settlement.bill.claim_id] = settlement
        other = settlement.bill
        told_apart = claim.numbered and bool(other.invoice_no)
        # What a claim was paid by is told by the claim.
        counts = settlement.reversed_at is None and not other.claim_id
        if counts and not told_apart and alike(bill, other, settlement.returned_fen):
            yield settlement.settlement_id
    for one in facts.where(Claim, "patient", bill.patient):
        told_apart = claim.numbered and one.numbered
        counts = not one.closed and one.claim_id != claim.claim_id
        last = paid.get(one.claim_id)
        # Of what it was paid a part may have been returned.
        like = alike(bill, last.bill, last.returned_fen) if last else False
        if counts and not told_apart and (like or alike(bill, one.bill)):
            yield one.claim_id
