"""Filings, claims and transfers are told as they move on, to whom they belong."""

from __future__ import annotations

import pytest
from gongji.v1 import claim_pb2, wallet_pb2
from gongji.v1 import event_pb2 as pb

from tests.rpc.services.test_event_scopes import told
from tests.rpc.services.test_wallet import (
    accepting,
    opened,
    sent,
    states,
)
from tests.scaffold.claims import submit, submit_and_pay, withdrawal_of
from tests.scaffold.filings import file_and_end
from tests.scaffold.service import HOSPITAL, Service

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)


async def heard(service: Service, cursor: str, person_no: str) -> list[tuple[str, int]]:
    """Return the kinds of what a person hears, with the state it came to, if it has one."""
    _, events = await told(service, cursor, persons=[service.ref(person_no)])
    return [moved(event) for event in events]


def moved(event: pb.Event) -> tuple[str, int]:
    kind = pb.EventKind.Name(event.kind).removeprefix("EVENT_KIND_")
    what = getattr(event, str(event.WhichOneof("what")))
    return kind, getattr(what, "state", 0)


async def test_a_filing_made_and_ended(service: Service) -> None:
    """Whoever is filed hears that it was filed, and that it was ended; nobody else does."""
    cursor, _ = await told(service)
    await file_and_end(service)
    assert [("FILED", 0), ("FILING_ENDED", 0)] == await heard(service, cursor, "P1")
    assert [] == await heard(service, cursor, "P2")


async def test_a_claim_moves_on(service: Service) -> None:
    """Each state of a claim is told once, as it came to it, whatever it came to later; to
    the institution of its bill nothing is."""
    cursor, _ = await told(service)
    await submit_and_pay(service)
    await service.claims.WithdrawClaim(withdrawal_of(await submit(service)))
    pb_state = claim_pb2.ClaimState
    expected = [
        (f"CLAIM_{kind}", pb_state.Value(f"CLAIM_STATE_{state}"))
        for kind, state in (
            ("SUBMITTED", "SUBMITTED"),
            ("REVIEWED", "REVIEWED"),
            ("DECIDED", "PAID"),
            ("SUBMITTED", "SUBMITTED"),
            ("WITHDRAWN", "WITHDRAWN"),
        )
    ]
    assert expected == await heard(service, cursor, "P1")
    kinds = [pb.EVENT_KIND_CLAIM_SUBMITTED]
    _, events = await told(service, cursor, kinds=kinds, institution_codes=[HOSPITAL])
    assert [] == events


async def test_a_transfer_moves_on(service: Service) -> None:
    """Sender and receiver hear of both transfers, also that the second one went back."""
    await opened(service)
    cursor, _ = await told(service)
    first = await sent(service)
    await service.wallets.AcceptTransfer(accepting(service, first))
    declined = wallet_pb2.DeclineTransferRequest(
        request_id=service.new_id(),
        receiver=service.ref("P2"),
        transfer_id=await sent(service),
    )
    await service.wallets.DeclineTransfer(declined)
    service.set_clock("2025-10-01T06:00:00")
    # Whoever asks has it booked back.
    await states(service, "P1")
    states_of = wallet_pb2.TransferState
    expected = [
        (f"TRANSFER_{kind}", states_of.Value(f"TRANSFER_STATE_{state}"))
        for kind, state in (
            ("SENT", "WAITING"),
            ("ACCEPTED", "ACCEPTED"),
            ("SENT", "WAITING"),
            ("DECLINED", "DECLINED"),
            ("RETURNED", "RETURNED"),
        )
    ]
    for person_no in ("P1", "P2"):
        assert expected == await heard(service, cursor, person_no)
