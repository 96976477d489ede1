"""Whether two bills may be one: of one visit and amount, and no invoice tells them apart."""

from __future__ import annotations

from collections.abc import Iterator

from gongji.cities.city import DayRules
from gongji.model.claim import Claim
from gongji.model.claim_refusals import BillMayRepeat
from gongji.model.facts import Facts, Need
from gongji.model.settlement import Bill, Settlement
from gongji.settlement.invoices import clauses_of_claims


def alike(
    bill: Bill, other: Bill, returned_fen: int = 0, *, returned_before_fen: int = 0
) -> bool:
    """Return whether a bill has the institution, day and amount of another.

    `returned_fen` is what was returned of the other one, `returned_before_fen` of itself.
    """
    # Its paper says what a bill came to before a part of it was returned, or after.
    own = {bill.total_fen, bill.total_fen + returned_before_fen}
    totals = {other.total_fen, other.total_fen + returned_fen}
    return _of_one_day(bill, other) and not own.isdisjoint(totals)


def _of_one_day(bill: Bill, other: Bill) -> bool:
    return (bill.institution_code, bill.service_day) == (
        other.institution_code,
        other.service_day,
    )


def needs_of_paid_claims(bill: Bill, facts: Facts) -> list[Need]:
    """Return the patient's claims; if some of one day were paid, his settlements too.

    Both are lists, which PostgreSQL reads behind the locks: nobody pays a claim between.
    """
    claims = Need(Claim, "patient", bill.patient)
    # hot path: most patients have no claim.
    if facts.has(claims) and _paid_claims(bill, facts):
        return [claims, Need(Settlement, "patient", bill.patient)]
    return [claims]


def refuse_paid_by_claim(bill: Bill, facts: Facts, rules: DayRules) -> None:
    """Refuse a bill without an invoice number if a claim paid a like one. BillMayRepeat."""
    claims = [claim.claim_id for claim in _paid_claims(bill, facts)]
    # hot path: the settlements are read only if a claim of the day was paid.
    paid = claims and [
        settlement.bill.claim_id
        for settlement in facts.where(Settlement, "patient", bill.patient)
        if settlement.bill.claim_id in claims and _stands_alike(bill, settlement)
    ]
    if paid:
        raise BillMayRepeat(
            "同一患者、机构、就诊日和金额的费用已经手工结算支付；"
            "确是另一笔的，请写明票据号（invoice_no），重复的不再结算",
            field="bill.invoice_no",
            clauses=clauses_of_claims(rules),
            similar=",".join(paid),
        )


def _stands_alike(bill: Bill, settlement: Settlement) -> bool:
    stands = settlement.reversed_at is None
    return stands and alike(bill, settlement.bill, settlement.returned_fen)


def _paid_claims(bill: Bill, facts: Facts) -> list[Claim]:
    return [
        claim
        for claim in facts.where(Claim, "patient", bill.patient)
        if claim.settlement_id and _of_one_day(bill, claim.bill)
    ]


def needs_of_alike_since(settlement: Settlement) -> Iterator[Need]:
    """Yield the patient's settlements, and the claims that paid some of them."""
    yield Need(Settlement, "patient", settlement.bill.patient)
    yield Need(Claim, "patient", settlement.bill.patient)


def alike_since(settlement: Settlement, facts: Facts) -> bool:
    """Return whether a like bill was brought after a settlement was taken back.

    Also if that was undone: it would not tell that this settlement stands again.
    """
    bill, taken_back = settlement.bill, settlement.reversed_at
    before_fen = settlement.returned_fen
    claims = facts.where(Claim, "patient", bill.patient)
    numbered = {claim.claim_id for claim in claims if claim.numbered}
    for other in facts.where(Settlement, "patient", bill.patient):
        # What was settled again since was brought when its visit was first settled.
        brought = other.decided_as_of
        # Of one instant, which a batch shares, nobody knows which came first.
        since = taken_back and brought and brought >= taken_back
        if not since or _of_one_visit(settlement, other):
            continue
        told_apart = _numbered(bill, numbered) and _numbered(other.bill, numbered)
        if not told_apart and alike(
            bill, other.bill, other.returned_fen, returned_before_fen=before_fen
        ):
            return True
    return False


def _of_one_visit(settlement: Settlement, other: Settlement) -> bool:
    """Return whether another is the settlement itself, or what it was settled again from."""
    return settlement.settlement_id in (other.settlement_id, other.replaced_by)


def _numbered(bill: Bill, numbered: set[str]) -> bool:
    """Return whether each invoice of a bill has a number, given the claims of which so."""
    return bill.claim_id in numbered if bill.claim_id else bool(bill.invoice_no)
