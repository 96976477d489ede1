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
        other = settlement.bill
        # What a claim was paid by is told by the claim.
        if other.claim_id:
            if not settlement.replaced_by:
                paid[other.claim_id] = settlement
            continue
        told_apart = claim.numbered and bool(other.invoice_no)
        if not told_apart and _stands(settlement, bill):
            yield settlement.settlement_id
    for one in facts.where(Claim, "patient", bill.patient):
        told_apart = claim.numbered and one.numbered
        counts = not one.closed and one.claim_id != claim.claim_id
        if counts and not told_apart and _like(bill, one, paid.get(one.claim_id)):
            yield one.claim_id


def _stands(settlement: Settlement, bill: Bill) -> bool:
    """Return whether a settlement of a like bill stands."""
    like = alike(bill, settlement.bill, settlement.returned_fen)
    return like and settlement.reversed_at is None


def _like(bill: Bill, claim: Claim, paid_by: Settlement | None) -> bool:
    """Return whether a claim is of a like bill, also once a part of it was returned."""
    paid = paid_by and alike(bill, paid_by.bill, paid_by.returned_fen)
    return bool(paid) or alike(bill, claim.bill)
