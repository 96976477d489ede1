"""Calls of the claim service, as tests of every noun make them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from gongji.rules.elsewhere import ClaimPaper
from gongji.v1 import binding_pb2, claim_pb2, settlement_pb2

from tests.scaffold.service import Service

PAPERS: Final = [
    binding_pb2.Material(kind=paper.value, original=True, reference="R1")
    for paper in ClaimPaper
]


def claim_of(
    person_no: str, *numbers: str, fen: int = 200_000, **changes: Any
) -> claim_pb2.SubmitClaimRequest:
    """Return the request to claim a bill with invoices of these numbers, by default none."""
    bill = Service.bill(
        fen,
        patient=Service.ref(person_no),
        account_use=settlement_pb2.ACCOUNT_USE_NONE,
        **changes,
    )
    first, *others = numbers or ("",)
    invoice = claim_pb2.ClaimInvoice
    return claim_pb2.SubmitClaimRequest(
        request_id=Service.new_id(),
        bill=bill,
        invoices=[
            invoice(invoice_no=first, total_fen=fen - len(others)),
            *[invoice(invoice_no=number, total_fen=1) for number in others],
        ],
        reason=claim_pb2.CLAIM_REASON_NO_CARD,
        materials=PAPERS,
    )


def review_of(claim_id: str) -> claim_pb2.ReviewClaimRequest:
    """Return the request to pass a claim on."""
    return claim_pb2.ReviewClaimRequest(
        request_id=Service.new_id(),
        claim_id=claim_id,
        reviewer="R-1",
        verdict=claim_pb2.CLAIM_REVIEW_VERDICT_PASS,
    )


def decision_of(claim_id: str) -> claim_pb2.DecideClaimRequest:
    """Return the request to pay a claim."""
    return claim_pb2.DecideClaimRequest(
        request_id=Service.new_id(),
        claim_id=claim_id,
        decider="R-2",
        decision=claim_pb2.CLAIM_DECISION_PAY,
        similar_checked=True,
    )


def withdrawal_of(claim_id: str) -> claim_pb2.WithdrawClaimRequest:
    """Return the request to take a claim back."""
    return claim_pb2.WithdrawClaimRequest(
        request_id=Service.new_id(), claim_id=claim_id
    )


async def submit(s: Service) -> str:
    """Claim a bill of P1's, and return the claim's id."""
    return (await s.claims.SubmitClaim(claim_of("P1"))).claim.claim_id


async def submit_and_review(s: Service) -> str:
    """Claim a bill of P1's, and pass it on."""
    claim_id = await submit(s)
    await s.claims.ReviewClaim(review_of(claim_id))
    return claim_id


async def submit_and_pay(s: Service) -> None:
    """Claim a bill of P1's, pass it on and pay it."""
    await s.claims.DecideClaim(decision_of(await submit_and_review(s)))


async def submit_and_withdraw(s: Service) -> None:
    """Claim a bill of P1's, and take that back."""
    await s.claims.WithdrawClaim(withdrawal_of(await submit(s)))


async def submit_and_get(s: Service) -> None:
    """Claim a bill of P1's, and look at the claim."""
    await s.claims.GetClaim(claim_pb2.GetClaimRequest(claim_id=await submit(s)))


async def submit_and_list(s: Service) -> None:
    """Claim a bill of P1's, and ask for P1's claims."""
    await submit(s)
    await s.claims.ListClaims(claim_pb2.ListClaimsRequest(patient=s.ref("P1")))


CALLS: Final[Mapping[str, tuple[Callable[[Service], Awaitable[Any]], set[str]]]] = {
    "SubmitClaim": (submit, {"P1"}),
    "ReviewClaim": (submit_and_review, {"P1"}),
    "DecideClaim": (submit_and_pay, {"P1"}),
    "WithdrawClaim": (submit_and_withdraw, {"P1"}),
    "GetClaim": (submit_and_get, {"P1"}),
    "ListClaims": (submit_and_list, {"P1"}),
}
"""A call of each method, and whose data it reads or changes."""


async def submit_in(life: Any) -> None:
    """Claim a bill of P2's in a life that goes on from step to step (`tests.audit`)."""
    reply = await life.call(life.service.claims.SubmitClaim, claim_of("P2"), "P2")
    life.ids["claim"] = reply.claim.claim_id


async def review_in(life: Any) -> None:
    """Pass that claim on."""
    await life.call(life.service.claims.ReviewClaim, review_of(life.ids["claim"]))


async def decide_in(life: Any) -> None:
    """Pay that claim."""
    await life.call(life.service.claims.DecideClaim, decision_of(life.ids["claim"]))


async def withdraw_in(life: Any) -> None:
    """Take that claim back."""
    request = withdrawal_of(life.ids["claim"])
    await life.call(life.service.claims.WithdrawClaim, request, "P2")
