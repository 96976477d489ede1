from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest
from gongji.cities.anhui import member_terms, uses
from gongji.rules.benefits import Use
from gongji.rules.binding import EnrolmentTerms
from gongji.rules.codes import SHANGHAI, Purpose, Scheme
from gongji.v1 import account_pb2 as pb
from gongji.v1 import settlement_pb2

from tests.rpc.conftest import Told

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


async def statement(service: Any, **span: str) -> tuple[int, list[int], int]:
    """Opening balance, amounts and closing balance of P1's days."""
    request = pb.ListEntriesRequest(person=service.ref("P1"), **span)  # type: ignore[arg-type] # fields of text
    reply = await service.accounts.ListEntries(request)
    return (
        reply.opening_balance_fen,
        [e.fen for e in reply.entries],
        reply.closing_balance_fen,
    )


async def three_credits(service: Any) -> None:
    for day, fen in ((1, 100), (2, 20), (3, 3)):
        service.clock.set(datetime(2025, 10, day, 12, 0, tzinfo=SHANGHAI))
        await service.give("P1", fen)


async def test_opening_entries_and_closing_balance(service: Any) -> None:
    """Opening balance and entries add up to the closing balance, for any span of days;
    an opening of 0 is a balance."""
    await three_credits(service)
    assert (0, [100, 20, 3], 123) == await statement(service)
    assert (100, [20], 120) == await statement(
        service, from_day="2025-10-02", to_day="2025-10-02"
    )
    assert (0, [100], 100) == await statement(service, to_day="2025-10-01")
    assert (120, [3], 123) == await statement(service, from_day="2025-10-03")
    assert (123, [], 123) == await statement(
        service, from_day="2025-10-04", to_day="9999-12-31"
    )
    assert (0, [], 0) == await statement(service, to_day="2025-09-30")


async def test_the_balance_at_an_instant(service: Any) -> None:
    """A balance as of an instant counts the entries up to it, that instant included;
    without one, all of them."""
    await three_credits(service)
    before, then = (
        datetime(2025, 10, 1, 11, 59, tzinfo=SHANGHAI),
        datetime(2025, 10, 2, 12, 0, tzinfo=SHANGHAI),
    )
    expected = {before: (0, 0), then: (120, 2), None: (123, 3)}
    for at, balance in expected.items():
        request = pb.GetAccountRequest(person=service.ref("P1"))
        if at is not None:
            request.at.FromDatetime(at)
        reply = await service.accounts.GetAccount(request)
        assert balance == (reply.balance_fen, reply.version)


async def test_an_account_nothing_was_credited_to(service: Any) -> None:
    """Somebody of the employee scheme has an account of 0; somebody who never was has none."""
    reply = await service.accounts.GetAccount(
        pb.GetAccountRequest(person=service.ref("P2"))
    )
    assert ("P2", 0, 0) == (reply.person_no, reply.balance_fen, reply.version)
    resident = service.person(1)
    resident.enrolments[0].scheme = 390
    resident.enrolments[0].psn_type = "15"
    await service.import_persons([resident], service.new_id())
    told = await service.refused(
        service.accounts.GetAccount, pb.GetAccountRequest(person=service.ref("R1"))
    )
    assert "NO_ACCOUNT" == told.info.reason


async def test_a_months_credit_names_its_rule(service: Any) -> None:
    """A month's credit comes with the rule behind it; a balance brought forward has none."""
    request = pb.CreditRequest(
        request_id=service.new_id(), person=service.ref("P1"), month="2025-09"
    )
    by_rule = await service.accounts.Credit(request)
    assert by_rule.fen > 0
    assert "account_crediting" == by_rule.rule.hook
    assert all(c.text for c in by_rule.rule.clauses)
    request = pb.CreditRequest(
        request_id=service.new_id(), person=service.ref("P1"), brought_forward_fen=5
    )
    brought = await service.accounts.Credit(request)
    assert not brought.HasField("rule")
    assert (by_rule.fen + 5, 2) == (brought.balance_after_fen, brought.version_after)


def take_back(
    service: Any, month: str = "2025-09", **changes: Any
) -> pb.TakeBackCreditRequest:
    """Takes P1's credit of a month back."""
    fields = {
        "request_id": service.new_id(),
        "person": service.ref("P1"),
        "month": month,
        "why": "重复登记",
        **changes,
    }
    return pb.TakeBackCreditRequest(**fields)


async def credit(service: Any) -> int:
    """P1's credit of September."""
    request = pb.CreditRequest(
        request_id=service.new_id(), person=service.ref("P1"), month="2025-09"
    )
    reply = await service.accounts.Credit(request)
    return int(reply.fen)


async def kinds(service: Any, person_no: str) -> list[tuple[str, int, str]]:
    """What an account's entries say: kind, amount, reference."""
    reply = await service.accounts.ListEntries(
        pb.ListEntriesRequest(person=service.ref(person_no))
    )
    return [
        (pb.EntryKind.Name(e.kind).removeprefix("ENTRY_KIND_"), e.fen, e.reference)
        for e in reply.entries
    ]


async def test_a_credit_taken_back(service: Any) -> None:
    """A credit is taken back once under any id, shown with its month, and the month may
    be credited again."""
    fen = await credit(service)
    request = take_back(service)
    first, again = [await service.accounts.TakeBackCredit(request) for _ in range(2)]
    assert (-fen, 0, 2) == (first.fen, first.balance_after_fen, first.version_after)
    assert [False, True] == [first.receipt.replayed, again.receipt.replayed]
    assert (first.fen, first.receipt.at) == (again.fen, again.receipt.at)
    told = await service.refused(service.accounts.TakeBackCredit, take_back(service))
    assert ("CREDIT_NOT_FOUND", "month") == (
        told.info.reason,
        told.info.metadata["field"],
    )
    await credit(service)
    told = await service.refused(
        service.accounts.Credit,
        pb.CreditRequest(
            request_id=service.new_id(), person=service.ref("P1"), month="2025-09"
        ),
    )
    assert "ALREADY_CREDITED" == told.info.reason
    month = "P1/2025-09"
    expected = [
        ("CREDIT", fen, month),
        ("CREDIT_TAKEN_BACK", -fen, month),
        ("CREDIT", fen, month),
    ]
    assert expected == await kinds(service, "P1")


async def test_a_credit_already_spent(service: Any) -> None:
    """A credit the purse no longer holds is refused as spent, and the purse stays as it was."""
    fen = await credit(service)
    bill = settlement_pb2.SettleRequest(
        request_id=service.new_id(), bill=service.bill(1_00)
    )
    await service.settlements.Settle(bill)
    told = await service.refused(service.accounts.TakeBackCredit, take_back(service))
    assert (grpc.StatusCode.FAILED_PRECONDITION, "BALANCE_SPENT") == (
        told.code,
        told.info.reason,
    )
    assert str(fen - 1_00) == told.info.metadata["balance_fen"]
    reply = await service.accounts.GetAccount(
        pb.GetAccountRequest(person=service.ref("P1"))
    )
    assert fen - 1_00 == reply.balance_fen


async def family(service: Any) -> None:
    """P1 and P2, 500 yuan each, bound to the resident R for premiums."""
    for holder in ("P1", "P2"):
        binding = service.world.bind(
            holder,
            "R",
            service.clock() - timedelta(days=1),
            purposes=frozenset({Purpose.RESIDENT_PREMIUM}),
        )
        await service.write(binding)
        await service.give(holder, 500_00)
    await service.write(
        service.world.person("R", "15", name="赵某某", phone="13800001234")
    )


def premium(service: Any, holder: str = "P1", **changes: Any) -> pb.PayPremiumRequest:
    """Pays R's premium of 2026."""
    fields = {
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
async def test_a_premium_paid(service: Any) -> None:
    """A premium comes with its id, the purse after it and the rules behind it in full;
    its entry names it."""
    await family(service)
    request = premium(service)
    first, again = [await service.accounts.PayPremium(request) for _ in range(2)]
    assert (-400_00, 100_00, 2) == (
        first.fen,
        first.balance_after_fen,
        first.version_after,
    )
    assert (False, True, first.premium_id) == (
        first.receipt.replayed,
        again.receipt.replayed,
        again.premium_id,
    )
    assert {"uses", "member_terms", "holder_terms"} == {
        rule.hook for rule in first.rules
    }
    assert all(c.text for rule in first.rules for c in rule.clauses)
    entries = await kinds(service, "P1")
    assert ("PREMIUM", -400_00, first.premium_id) == entries[-1]


@pytest.mark.parametrize(
    "service", [PREMIUMS], indirect=True, ids=["a city with premiums"]
)
async def test_two_channels_at_once(service: Any) -> None:
    """However many holders and channels pay one premium at the same moment, it is charged once."""
    await family(service)
    calls = [
        service.accounts.PayPremium(premium(service, holder))
        for holder in ("P1", "P2") * 4
    ]
    done = await asyncio.gather(*calls, return_exceptions=True)
    paid = [d.premium_id for d in done if isinstance(d, pb.PayPremiumResponse)]
    assert 1 == len(paid)
    told = [Told.of(d) for d in done if isinstance(d, grpc.aio.AioRpcError)]
    assert {("ALREADY_PAID", paid[0]): 7} == Counter(
        (t.info.reason, t.info.metadata["premium_id"]) for t in told
    )
    balances = [
        await service.accounts.GetAccount(pb.GetAccountRequest(person=service.ref(p)))
        for p in ("P1", "P2")
    ]
    assert [100_00, 500_00] == sorted(b.balance_fen for b in balances)


@pytest.mark.parametrize(
    "service", [PREMIUMS], indirect=True, ids=["a city with premiums"]
)
async def test_premiums_not_paid(service: Any) -> None:
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
        told = await service.refused(service.accounts.PayPremium, request)
        assert expected == f"{told.info.reason} {told.info.metadata['field']}"


async def test_a_city_without_premiums_says_so(service: Any) -> None:
    """Where purses pay no premiums, the refusal lists the rules that say so, each with
    its clauses."""
    await family(service)
    told = await service.refused(service.accounts.PayPremium, premium(service))
    assert "NOT_ELIGIBLE" == told.info.reason
    assert ["member_terms", "uses"] == [v.type for v in told.failure.violations]
    assert ["A9", "A10"] == [v.subject.split(",")[0] for v in told.failure.violations]
