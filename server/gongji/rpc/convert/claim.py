"""Claims on paper: messages to records, and records to messages."""

from __future__ import annotations

from gongji.model.binding import Material
from gongji.model.claim import Claim, ClaimEvent, ClaimForm, ClaimInvoice, ClaimItem
from gongji.rpc.convert.settlement import bill_from, bill_to
from gongji.rpc.convert.values import Sources, decided_by_to, instant_to
from gongji.rules.codes import ClaimReason
from gongji.v1 import binding_pb2
from gongji.v1 import claim_pb2 as pb


def claim_form_from(message: pb.SubmitClaimRequest, patient: str) -> ClaimForm:
    """Return what is handed in for the patient with that number."""
    return ClaimForm(
        bill=bill_from(message.bill, patient),
        invoices=tuple(
            [ClaimInvoice(one.invoice_no, one.total_fen) for one in message.invoices]
        ),
        items=tuple([ClaimItem(item.code, item.fen) for item in message.items]),
        reason=ClaimReason(message.reason),
        materials=tuple(
            [
                Material(m.kind, m.original, m.reference, m.sha256)
                for m in message.materials
            ]
        ),
    )


def claim_to(claim: Claim, sources: Sources) -> pb.Claim:
    """Return a claim with its rule in full and its history."""
    message = pb.Claim(
        claim_id=claim.claim_id,
        bill=bill_to(claim.bill),
        reason=pb.ClaimReason.ValueType(claim.reason),
        state=pb.ClaimState.ValueType(claim.state),
        submitted_at=instant_to(claim.submitted_at),
        due_at=instant_to(claim.due_at),
        due_provisional=claim.due_provisional,
        similar=claim.similar,
        settlement_id=claim.settlement_id,
        paid_fen=claim.paid_fen,
        history=[_event_to(event) for event in claim.history],
        rule=sources.rule_to(claim.decided_by.area_code, claim.rule),
        decided_by=decided_by_to(claim.decided_by),
    )
    _write_papers(claim, message)
    return message


def _write_papers(claim: Claim, message: pb.Claim) -> None:
    """Write its invoices, items and materials."""
    for invoice in claim.invoices:
        message.invoices.add(invoice_no=invoice.invoice_no, total_fen=invoice.total_fen)
    for item in claim.items:
        message.items.add(code=item.code, fen=item.fen)
    message.materials.extend(
        binding_pb2.Material(
            kind=m.kind, original=m.original, reference=m.reference, sha256=m.sha256
        )
        for m in claim.materials
    )


def _event_to(event: ClaimEvent) -> pb.ClaimEvent:
    return pb.ClaimEvent(
        at=instant_to(event.at),
        state=pb.ClaimState.ValueType(event.state),
        who=event.who,
        why=event.why,
    )
