"""Claims on paper: what a person hands in, and what an office does with it."""

from __future__ import annotations

from typing import Final

from gongji.v1 import binding_pb2, claim_pb2, settlement_pb2

from gongji_conformance.city.stubs import Stubs, new_id

PAPERS: Final = ("invoice", "item_list", "medical_record", "patient_identity")


def claim(
    bill: settlement_pb2.Bill, invoice_no: str = ""
) -> claim_pb2.SubmitClaimRequest:
    """Return the request to claim a bill that was paid by oneself, with every paper."""
    request = claim_pb2.SubmitClaimRequest(
        request_id=new_id(),
        bill=bill,
        invoices=[
            claim_pb2.ClaimInvoice(invoice_no=invoice_no, total_fen=bill.total_fen)
        ],
        reason=claim_pb2.CLAIM_REASON_NOT_CONNECTED,
        materials=[
            binding_pb2.Material(kind=kind, original=True, reference="R1")
            for kind in PAPERS
        ],
    )
    request.bill.account_use = settlement_pb2.ACCOUNT_USE_NONE
    del request.bill.givers[:]
    return request


def review(claim_id: str) -> claim_pb2.ReviewClaimRequest:
    """Return the request to pass a claim on."""
    return claim_pb2.ReviewClaimRequest(
        request_id=new_id(),
        claim_id=claim_id,
        reviewer="R-1",
        verdict=claim_pb2.CLAIM_REVIEW_VERDICT_PASS,
    )


def decision(claim_id: str) -> claim_pb2.DecideClaimRequest:
    """Return the request to pay a claim."""
    return claim_pb2.DecideClaimRequest(
        request_id=new_id(),
        claim_id=claim_id,
        decider="R-2",
        decision=claim_pb2.CLAIM_DECISION_PAY,
        similar_checked=True,
    )


def pay(stubs: Stubs, request: claim_pb2.SubmitClaimRequest) -> claim_pb2.Claim:
    """Hand a claim in, pass it on and pay it."""
    claim_id = stubs.claims.SubmitClaim(request).claim.claim_id
    stubs.claims.ReviewClaim(review(claim_id))
    return stubs.claims.DecideClaim(decision(claim_id)).claim
