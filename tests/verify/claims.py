"""Claims on paper of a family: one that is paid, and one that waits."""

from __future__ import annotations

from tests.scaffold.claims import claim_of, decision_of, review_of
from tests.scaffold.service import Service
from tests.verify.families import HOLDERS, PLACES
from tests.verify.transfers import tick


async def claim_bills(service: Service) -> None:
    """Claim two bills with invoices, and pay the first."""
    ids = []
    for number in ("1", "2"):
        request = claim_of(HOLDERS[0], number, institution_code=f"H{PLACES[0]}00021")
        reply = await service.claims.SubmitClaim(request)
        ids.append(reply.claim.claim_id)
        tick(service)
    await service.claims.ReviewClaim(review_of(ids[0]))
    tick(service)
    await service.claims.DecideClaim(decision_of(ids[0]))
    tick(service)
