"""Invoices (票据): an institution's invoice is paid once, settled or claimed.

Whether one is free follows from what was last paid or claimed with it: nothing is written
when that is reversed, settled again, or closed unpaid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gongji.account.ledger import Inconsistent
from gongji.cities.city import DayRules
from gongji.model.claim import Claim, Invoice
from gongji.model.claim_refusals import InvoiceUsed
from gongji.model.facts import Facts, Need, by_key
from gongji.model.settlement import Bill, Settlement
from gongji.rules.clauses import Clause
from gongji.rules.hookspecs import CityRules


def invoice_needs(
    institution_code: str, numbers: Iterable[str], facts: Facts
) -> Iterator[Need]:
    """Yield the invoices, then what was last paid or claimed with each."""
    for number in numbers:
        key = Invoice.key_of(institution_code, number)
        need = by_key(Invoice, key)
        yield need
        invoice = facts.get(Invoice, key) if facts.has(need) else None
        if invoice is not None:
            yield from _needs_of_use(invoice, facts)


def _needs_of_use(invoice: Invoice, facts: Facts) -> Iterator[Need]:
    """Yield the claim, and the settlement with those in its place."""
    settlement_id = invoice.settlement_id
    if invoice.claim_id:
        need = by_key(Claim, invoice.claim_id)
        yield need
        claim = facts.get(Claim, invoice.claim_id) if facts.has(need) else None
        settlement_id = claim.settlement_id if claim else ""
    yield from needs_of_last(settlement_id, facts)


def needs_of_last(settlement_id: str, facts: Facts) -> Iterator[Need]:
    """Yield a settlement, then those in its place; none of an empty id."""
    while settlement_id:
        need = by_key(Settlement, settlement_id)
        yield need
        known = facts.get(Settlement, settlement_id) if facts.has(need) else None
        settlement_id = known.replaced_by if known else ""


def refuse_used(
    institution_code: str,
    numbers: Iterable[str],
    facts: Facts,
    rules: DayRules,
    *,
    field: str,
) -> None:
    """Refuse invoices that were paid, or are claimed. InvoiceUsed."""
    for number in numbers:
        invoice = facts.get(Invoice, Invoice.key_of(institution_code, number))
        used = _use(invoice, facts) if invoice else ""
        if used:
            raise InvoiceUsed(
                f"机构 {institution_code} 的票据 {number} {used}；请核对票据号。"
                "该结算撤销后，或该手工结算退回、撤回、不予支付后，可以再次使用",
                field=field,
                clauses=clauses_of_claims(rules),
                invoice_no=number,
            )


def _use(invoice: Invoice, facts: Facts) -> str:
    """Return in Chinese what an invoice is used for, "" if it is free."""
    claim, settlement = _claim_of(invoice, facts), _last_paid(invoice, facts)
    if settlement is None:
        return "" if claim is None or claim.closed else "已申报手工结算"
    if settlement.reversed_at is not None:
        return ""
    return "已手工结算" if claim else "已结算"


def _claim_of(invoice: Invoice, facts: Facts) -> Claim | None:
    """Return the claim that last used an invoice, None if a settlement did."""
    if not invoice.claim_id:
        return None
    claim = facts.get(Claim, invoice.claim_id)
    if claim is None:
        msg = f"claim {invoice.claim_id} of an invoice is missing"
        raise Inconsistent(msg)
    return claim


def _last_paid(invoice: Invoice, facts: Facts) -> Settlement | None:
    """Return what was last paid with it, or is in its place; None of an unpaid claim."""
    claim = _claim_of(invoice, facts)
    return last_of(claim.settlement_id if claim else invoice.settlement_id, facts)


def last_of(settlement_id: str, facts: Facts) -> Settlement | None:
    """Return what stands in a settlement's place now, None of an empty id."""
    settlement = None
    while settlement_id:
        settlement = facts.get(Settlement, settlement_id)
        if settlement is None:
            msg = f"settlement {settlement_id} is missing"
            raise Inconsistent(msg)
        settlement_id = settlement.replaced_by
    return settlement


def needs_of_use_since(settlement: Settlement, facts: Facts) -> Iterator[Need]:
    """Yield the claim that a settlement pays, if it does, and its invoices."""
    bill = settlement.bill
    claim = by_key(Claim, bill.claim_id)
    if bill.claim_id:
        yield claim
    if not bill.claim_id or facts.has(claim):
        yield from invoice_needs(bill.institution_code, _numbers(bill, facts), facts)


def used_since(settlement: Settlement, facts: Facts) -> bool:
    """Return whether an invoice was settled or claimed after one taken back was paid.

    Also if that was undone: it would not tell that this settlement stands again.
    """
    code = settlement.bill.institution_code
    for number in _numbers(settlement.bill, facts):
        invoice = facts.get(Invoice, Invoice.key_of(code, number))
        last = _last_paid(invoice, facts) if invoice else settlement
        if last is None or last.settlement_id != settlement.settlement_id:
            return True
    return False


def _numbers(bill: Bill, facts: Facts) -> tuple[str, ...]:
    """Return the numbers of the invoices a bill was paid with."""
    if not bill.claim_id:
        return bill.invoice_numbers
    claim = facts.get(Claim, bill.claim_id)
    if claim is None:
        msg = f"claim {bill.claim_id} of a settlement is missing"
        raise Inconsistent(msg)
    return claim.numbers


def used_by(
    institution_code: str,
    numbers: Iterable[str],
    facts: Facts,
    *,
    settlement_id: str = "",
    claim_id: str = "",
) -> tuple[tuple[Invoice, ...], tuple[Invoice, ...]]:
    """Return what is written of invoices now used: the new ones, and those used again."""
    keys = [Invoice.key_of(institution_code, number) for number in numbers]
    used = [Invoice(key, settlement_id, claim_id) for key in keys]
    # Two that use one invoice at a time both mean it to be new: the second meets the first.
    new = [one for one in used if facts.get(Invoice, one.invoice_id) is None]
    return tuple(new), tuple([one for one in used if one not in new])


def clauses_of_claims(rules: DayRules) -> tuple[Clause, ...]:
    """Return the clauses of claims on paper, of the whole rule if it names none."""
    answer = rules.answer(CityRules.out_of_area)
    claims = answer.value.claims
    return claims.clauses if claims and claims.clauses else answer.clauses
