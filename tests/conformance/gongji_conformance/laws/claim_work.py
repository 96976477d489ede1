"""A request of each method on claims: of what a holder handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from gongji.v1 import claim_pb2
from google.protobuf.message import Message

from gongji_conformance.city import claims
from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.population import InventedPerson
from gongji_conformance.city.stubs import new_id
from gongji_conformance.city.stubs import person as ref

ClaimRequest: TypeAlias = Callable[[CityUnderTest, InventedPerson], Message]
"""Makes a request about a holder's claim, handed in first if it must be there."""


def _claimed(city: CityUnderTest, holder: InventedPerson) -> str:
    request = claims.claim(city.bill(holder))
    return city.stubs.claims.SubmitClaim(request).claim.claim_id


def _passed_on(city: CityUnderTest, holder: InventedPerson) -> str:
    claim_id = _claimed(city, holder)
    city.stubs.claims.ReviewClaim(claims.review(claim_id))
    return claim_id


CLAIM_REQUESTS: Final[Mapping[str, ClaimRequest]] = {
    "SubmitClaim": lambda city, holder: claims.claim(city.bill(holder)),
    "WithdrawClaim": lambda city, holder: claim_pb2.WithdrawClaimRequest(
        request_id=new_id(), claim_id=_claimed(city, holder)
    ),
    "GetClaim": lambda city, holder: claim_pb2.GetClaimRequest(
        claim_id=_claimed(city, holder)
    ),
    "ListClaims": lambda _, holder: claim_pb2.ListClaimsRequest(
        patient=ref(holder.person_no)
    ),
    "ReviewClaim": lambda city, holder: claims.review(_claimed(city, holder)),
    "DecideClaim": lambda city, holder: claims.decision(_passed_on(city, holder)),
}
"""By the name of the method."""
