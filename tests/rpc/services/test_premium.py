"""Premiums paid from a purse and refunded over the wire, and what is told of the purse."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import pytest
from gongji.cities.anhui import member_terms, uses
from gongji.rules.benefits import Use
from gongji.rules.binding import EnrolmentTerms
from gongji.rules.codes import Purpose, Scheme
from gongji.v1 import account_pb2 as pb

from tests.rpc.services.acting import another_process, outcome
from tests.rpc.services.entries import kinds
from tests.scaffold.service import RefusedCall, Service, replayed

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)

PREMIUMS = {
    "uses": replace(uses()[0].value, aid_at=frozenset(Use)),
    "member_terms": {
        **member_terms()[0].value,
        Purpose.RESIDENT_PREMIUM: EnrolmentTerms(
            schemes=frozenset({Scheme.RESIDENT}), or_enrolling=True
        ),
    },
}
"""A city whose purses may pay resident premiums."""


async def family(service: Service) -> None:
    """Bind P1 and P2, 500 yuan each, to the resident R for premiums."""
    yesterday = service.clock() - timedelta(days=1)
    purposes = frozenset({Purpose.RESIDENT_PREMIUM})
    for holder in ("P1", "P2"):
        binding = service.world.bind(holder, "R", yesterday, purposes=purposes)
        await service.write(binding)
        await service.give(holder, 500_00)
    resident = service.world.person("R", "15", name="赵某某", phone="13800001234")
    await service.write(resident)


def premium(
    service: Service, holder: str = "P1", **changes: Any
) -> pb.PayPremiumRequest:
    """Return the request to pay R's premium of 2026."""
    fields: dict[str, Any] = {
        "request_id": service.new_id(),
        "holder": service.ref(holder),
        "member": service.ref("R"),
        "year": "2026",
        "fen": 400_00,
        **changes,
    }
    return pb.PayPremiumRequest(**fields)


@pytest.mark.parametrize(
    "service", [PREMIUMS], indirect=True, ids=["a city with premiums"]
)
async def test_a_premium_paid(service: Service) -> None:
    """A premium comes with its id, the purse after it and the rules behind it in full;
    its entry names it."""
    await family(service)
    request = premium(service)
    first, again = [await service.accounts.PayPremium(request) for _ in range(2)]
    assert (-400_00, 100_00) == (first.fen, first.balance_after_fen)
    assert 2 == first.version_after
    assert [False, True] == replayed(first, again)
    assert first.premium_id == again.premium_id
    hooks = {rule.hook for rule in first.rules}
    assert {"uses", "member_terms", "holder_terms", "premiums"} == hooks
    assert all(clause.text for rule in first.rules for clause in rule.clauses)
    entries = await kinds(service, "P1")
    assert ("PREMIUM", -400_00, first.premium_id) == entries[-1]


@pytest.mark.parametrize(
    "service", [PREMIUMS], indirect=True, ids=["a city with premiums"]
)
async def test_a_premium_refunded(service: Service) -> None:
    """A premium is refunded once, named by its entry; then its year is paid again."""
    await family(service)
    paid = await service.accounts.PayPremium(premium(service))
    request = refunding(service, paid.premium_id)
    first, again = [await service.accounts.RefundPremium(request) for _ in range(2)]
    assert ("P1", 400_00, 500_00) == (first.holder, first.fen, first.balance_after_fen)
    assert ("premiums", [False, True]) == (first.rule.hook, replayed(first, again))
    entry = ("PREMIUM_REFUNDED", 400_00, paid.premium_id)
    assert entry == (await kinds(service, "P1"))[-1]
    request = refunding(service, paid.premium_id)
    refusal = await service.refused(service.accounts.RefundPremium, request)
    assert "NOT_FOUND PREMIUM_NOT_FOUND" == refusal.outcome
    assert -400_00 == (await service.accounts.PayPremium(premium(service, "P2"))).fen


def refunding(service: Service, premium_id: str) -> pb.RefundPremiumRequest:
    """Return the request to refund R's premium of 2026."""
    return pb.RefundPremiumRequest(
        request_id=service.new_id(),
        premium_id=premium_id,
        member=service.ref("R"),
        year="2026",
    )


@pytest.mark.parametrize(
    "service", [PREMIUMS], indirect=True, ids=["a city with premiums"]
)
async def test_two_channels_at_once(service: Service) -> None:
    """However many holders and channels pay one premium at the same moment, it is charged once."""
    await family(service)
    calls = [
        service.accounts.PayPremium(premium(service, holder))
        for holder in ("P1", "P2") * 4
    ]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    replies = [o for o in outcomes if isinstance(o, pb.PayPremiumResponse)]
    (premium_id,) = [reply.premium_id for reply in replies]
    errors = [o for o in outcomes if isinstance(o, grpc.aio.AioRpcError)]
    refusals = [RefusedCall.of(error) for error in errors]
    assert {("ALREADY_PAID", premium_id): 7} == Counter(
        (refusal.reason, refusal.metadata["premium_id"]) for refusal in refusals
    )
    balances = [(await service.account(holder)).balance_fen for holder in ("P1", "P2")]
    assert [100_00, 500_00] == sorted(balances)


@pytest.mark.parametrize(
    "service", [PREMIUMS], indirect=True, ids=["a city with premiums"]
)
async def test_premiums_not_paid(service: Service) -> None:
    """What is wrong with a premium is named with its code, reason and field."""
    await family(service)
    cases = {
        "MALFORMED_FIELD year": premium(service, year="26"),
        "MALFORMED_FIELD fen": premium(service, fen=0),
        "PERSON_NOT_FOUND member": premium(service, member=service.ref("P404")),
        "NOT_ELIGIBLE ": premium(service, holder="P3"),
        "BALANCE_SHORT fen": premium(service, fen=500_01),
    }
    for expected, request in cases.items():
        refusal = await service.refused(service.accounts.PayPremium, request)
        assert expected == f"{refusal.reason} {refusal.field}"


@pytest.mark.parametrize(
    "service", [PREMIUMS], indirect=True, ids=["a city with premiums"]
)
@pytest.mark.parametrize(
    ("caller", "told"),
    [("collector", set()), ("operator", {"balance_fen", "short_fen"})],
)
async def test_a_refusal_tells_no_balance(
    service: Service, caller: str, told: set[str]
) -> None:
    """Who is not shown a purse's balance by a premium paid is not by one refused either,
    the first time and again."""
    await family(service)
    request = premium(service, fen=500_01)
    async with another_process(service) as guarded:
        for _ in range(2):
            refusal = await outcome(guarded.accounts.PayPremium, request, caller)
            assert "BALANCE_SHORT fen" == f"{refusal.reason} {refusal.field}"
            assert told == {"balance_fen", "short_fen"} & refusal.metadata.keys()
            assert bool(told) == ("500.00" in refusal.message)


async def test_a_city_without_premiums_says_so(service: Service) -> None:
    """Where purses pay no premiums, the refusal lists the rules that say so, each with
    its clauses."""
    await family(service)
    refusal = await service.refused(service.accounts.PayPremium, premium(service))
    assert "NOT_ELIGIBLE" == refusal.reason
    assert ["member_terms", "uses"] == [v.type for v in refusal.failure.violations]
    assert ["T45", "A10"] == [
        v.subject.split(",")[0] for v in refusal.failure.violations
    ]
