"""Claims on paper over the wire: their life, and an invoice that pays once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from gongji.model.account import Entry
from gongji.model.claim import Claim
from gongji.model.claim_refusals import InvoiceUsed
from gongji.model.commands import Listing, Write
from gongji.model.settlement import Settlement
from gongji.serve.clock import SandboxClock
from gongji.settlement.settle import Settle
from gongji.store import Store, open_store
from gongji.v1 import claim_pb2, claim_pb2_grpc, settlement_pb2, settlement_pb2_grpc

from tests.scaffold.claims import (
    claim_of,
    decision_of,
    review_of,
    submit,
    submit_and_review,
    withdrawal_of,
)
from tests.scaffold.people import NOW
from tests.scaffold.service import HOSPITAL, RefusedCall, Service, replayed
from tests.scaffold.world import NewWorld

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)

RACING: Final = 50


async def test_a_claim_is_paid(service: Service) -> None:
    """Handed in, passed on, paid: what Settle pays, to the person, from no purse."""
    await service.give("P1", 500_000)
    claim_id = await submit_and_review(service)
    reply = await service.claims.DecideClaim(decision_of(claim_id))
    claim = reply.claim
    assert claim_pb2.CLAIM_STATE_PAID == claim.state
    states = [event.state for event in claim.history]
    assert sorted(states) == states == [1, 2, 4]
    quote = settlement_pb2.QuoteRequest(bill=claim_of("P2").bill)
    quoted = (await service.settlements.Quote(quote)).settlement
    settled = await service.settlement(claim.settlement_id)
    assert quoted.fund_fen == claim.paid_fen == settled.fund_fen > 0
    assert claim_id == settled.claim_id
    assert not settled.movements
    assert 500_000 == (await service.account("P1")).balance_fen


async def test_again(service: Service) -> None:
    """The same request again is answered as the first time, at each step."""
    handed_in = claim_of("P1", "1")
    first = await service.claims.SubmitClaim(handed_in)
    again = await service.claims.SubmitClaim(handed_in)
    assert [False, True] == replayed(first, again)
    assert first.claim == again.claim
    calls: list[tuple[Any, Any]] = [
        (service.claims.ReviewClaim, review_of(first.claim.claim_id)),
        (service.claims.DecideClaim, decision_of(first.claim.claim_id)),
    ]
    for call, request in calls:
        told = [await call(request) for _ in range(2)]
        assert [False, True] == replayed(*told)
        assert told[0].claim == told[1].claim


async def test_listed(service: Service) -> None:
    """Claims are listed by patient and by state, never all of them."""
    one, other = await submit(service), await submit(service)
    await service.claims.WithdrawClaim(withdrawal_of(other))
    for request, ids in (
        (claim_pb2.ListClaimsRequest(patient=service.ref("P1")), [one, other]),
        (claim_pb2.ListClaimsRequest(state=claim_pb2.CLAIM_STATE_WITHDRAWN), [other]),
    ):
        listed = await service.claims.ListClaims(request)
        assert sorted(ids) == sorted(claim.claim_id for claim in listed.claims)
    refused = await service.refused(
        service.claims.ListClaims, claim_pb2.ListClaimsRequest()
    )
    assert "MALFORMED_FIELD patient" == refused.named


async def test_not_in_the_institutions_books(service: Service) -> None:
    """What a claim was paid by is no row of the institution's, which settled nothing."""
    await service.claims.DecideClaim(decision_of(await submit_and_review(service)))
    totals = settlement_pb2.ReconcileTotalsRequest(
        institution_code=HOSPITAL, from_day="2025-09-30", to_day="2025-09-30"
    )
    assert not (await service.settlements.ReconcileTotals(totals)).differences


def use(address: str, number: int) -> str:
    """Settle invoice 1, or claim it, by turns; return how that ends."""
    bill = Service.bill(invoice_no="1")
    settle = settlement_pb2.SettleRequest(request_id=Service.new_id(), bill=bill)
    with grpc.insecure_channel(address) as channel:
        try:
            if number % 2:
                claims = claim_pb2_grpc.ClaimServiceStub(channel)
                claims.SubmitClaim(claim_of("P1", "1"))
            else:
                settlement_pb2_grpc.SettlementServiceStub(channel).Settle(settle)
        except grpc.RpcError as error:
            refused: Any = error
            return RefusedCall.of(refused).reason
    return "used"


async def test_races(service: Service) -> None:
    """Fifty threads settle and claim one invoice: one goes through, and one stands after."""
    address = service.server.address
    with ThreadPoolExecutor(RACING) as threads:
        loop = asyncio.get_running_loop()
        racing = [loop.run_in_executor(threads, use, address, n) for n in range(RACING)]
        ended = Counter(await asyncio.gather(*racing))
    assert {"used": 1, "INVOICE_USED": RACING - 1} == ended
    claims = await service.store.page(Listing(kind=Claim))
    settled = await service.store.page(Listing(kind=Settlement))
    assert 1 == len(claims) + len(settled)


async def test_decided_once(service: Service) -> None:
    """Of many who decide one claim at once, under requests of their own, one pays it."""
    claim_id = await submit_and_review(service)

    async def decide() -> str:
        try:
            await service.claims.DecideClaim(decision_of(claim_id))
        except grpc.aio.AioRpcError as error:
            return RefusedCall.of(error).reason
        return "paid"

    ended = Counter(await asyncio.gather(*[decide() for _ in range(20)]))
    assert {"paid": 1, "ILLEGAL_TRANSITION": 19} == ended
    entries = await service.store.page(Listing(kind=Entry))
    assert 2 == len(entries)


@pytest.mark.usefixtures("home")
def test_after_a_restart(new_world: NewWorld, tmp_path: Path) -> None:
    """An invoice that was paid stays paid in the process that opens the file next."""
    world = new_world()
    records = (world.hospital(5), world.person("P1"))
    bill = world.visit("P1", 100_00, invoice_no="1")

    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        at, key = tmp_path / "x.db", tmp_path / "x.key"
        store = open_store(at, SandboxClock(NOW), key)
        yield store
        await store.close()

    async def settle(store: Store) -> None:
        await store.commit(Settle(world.request(), bill, world.cities))

    async def twice() -> None:
        async with opened() as store:
            await store.apply(Write(records))
            await settle(store)
        async with opened() as store:
            with pytest.raises(InvoiceUsed):
                await settle(store)

    asyncio.run(twice())
