"""The requests of the claims on paper, each naming what a cell says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gongji.v1 import claim_pb2

from tests.doors.cells import Cell
from tests.doors.served import HOLDER, Doors, claim_id
from tests.scaffold.claims import claim_of, decision_of, review_of, withdrawal_of


def _listed(doors: Doors, cell: Cell) -> claim_pb2.ListClaimsRequest:
    patient = doors.service.ref(HOLDER[cell.city])
    return claim_pb2.ListClaimsRequest(patient=patient)


CLAIMS: Final[Mapping[str, tuple[str, Callable[[Doors, Cell], Any]]]] = {
    "SubmitClaim": ("claims", lambda _, c: claim_of(HOLDER[c.city])),
    "ReviewClaim": ("claims", lambda _, c: review_of(claim_id(c.city))),
    "DecideClaim": ("claims", lambda _, c: decision_of(claim_id(c.city))),
    "WithdrawClaim": ("claims", lambda _, c: withdrawal_of(claim_id(c.city))),
    "GetClaim": (
        "claims",
        lambda _, c: claim_pb2.GetClaimRequest(claim_id=claim_id(c.city)),
    ),
    "ListClaims": ("claims", _listed),
}
"""By method, as `tests.doors.requests`."""
