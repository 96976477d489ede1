"""What settling uses once and keeps: a bill's message, its invoice, and a token shown."""

from __future__ import annotations

from msgspec.structs import replace

from gongji.model.commands import Decision
from gongji.model.evidence import EvidenceSeen, ShownEvidence
from gongji.model.facts import Facts, Need
from gongji.model.settlement import Bill, SettledMessage, Settlement
from gongji.settlement.admission import AdmittedBill
from gongji.settlement.alike import needs_of_paid_claims, refuse_paid_by_claim
from gongji.settlement.evidence import judge, shown_needs, spent_by
from gongji.settlement.invoices import invoice_needs, refuse_used, used_by


def once_needs(bill: Bill, shown: ShownEvidence | None, facts: Facts) -> list[Need]:
    """Return what tells whether the bill was paid, by its invoice or by the patient's
    claims, and what tells of what was shown."""
    numbers = bill.invoice_numbers
    of_shown = shown_needs(bill.patient, shown)
    if not numbers:
        return [*needs_of_paid_claims(bill, facts), *of_shown]
    return [*invoice_needs(bill.institution_code, numbers, facts), *of_shown]


def seen_once(
    case: AdmittedBill, shown: ShownEvidence | None, facts: Facts
) -> EvidenceSeen | None:
    """Return what is kept of what was shown.

    Every refusal of `judge`; InvoiceUsed, BillMayRepeat.
    """
    seen = judge(case, shown, facts)
    bill = case.bill
    refuse_used(
        bill.institution_code,
        bill.invoice_numbers,
        facts,
        case.rules_now,
        field="bill.invoice_no",
    )
    if not bill.invoice_no:
        refuse_paid_by_claim(bill, facts, case.rules_now)
    return seen


def noted(
    decision: Decision[Settlement],
    shown: ShownEvidence | None,
    caller: str,
    facts: Facts,
) -> Decision[Settlement]:
    """Return the decision that also keeps which message, invoice and token it used."""
    bill, settlement_id = decision.answer.bill, decision.answer.settlement_id
    new, again = used_by(
        bill.institution_code,
        bill.invoice_numbers,
        facts,
        settlement_id=settlement_id,
    )
    creates = [*decision.creates, *new, *spent_by(shown, settlement_id)]
    if bill.msgid:
        key = SettledMessage.key_of(bill, caller)
        creates.append(SettledMessage(key, settlement_id, caller))
    writes = (*decision.writes, *again)
    return replace(decision, writes=writes, creates=tuple(creates))
