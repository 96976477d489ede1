"""Balances, entries, credits and premiums of personal accounts over the wire."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest
from gongji.cities.anhui import member_terms, uses
from gongji.model.people import Person
from gongji.rules.benefits import Use
from gongji.rules.binding import EnrolmentTerms
from gongji.rules.codes import SHANGHAI, Purpose, Scheme
from gongji.v1 import account_pb2 as pb
from gongji.v1 import types_pb2
from msgspec.structs import replace as revised

from tests.rpc.services.acting import another_process, outcome
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


async def statement(
    service: Service, from_day: str = "", to_day: str = ""
) -> tuple[int, list[int], int]:
    """Return opening balance, amounts and closing balance of P1's days."""
    request = pb.ListEntriesRequest(
        person=service.ref("P1"), from_day=from_day, to_day=to_day
    )
    reply = await service.accounts.ListEntries(request)
    amounts = [entry.fen for entry in reply.entries]
    return reply.opening_balance_fen, amounts, reply.closing_balance_fen


async def three_credits(service: Service) -> None:
    for day, fen in ((1, 100), (2, 20), (3, 3)):
        service.clock.set(datetime(2025, 10, day, 12, 0, tzinfo=SHANGHAI))
        await service.give("P1", fen)


async def test_opening_entries_and_closing_balance(service: Service) -> None:
    """Opening balance and entries add up to the closing balance, for any span of days;
    an opening of 0 is a balance."""
    await three_credits(service)
    assert (0, [100, 20, 3], 123) == await statement(service)
    assert (100, [20], 120) == await statement(service, "2025-10-02", "2025-10-02")
    assert (0, [100], 100) == await statement(service, to_day="2025-10-01")
    assert (120, [3], 123) == await statement(service, from_day="2025-10-03")
    assert (123, [], 123) == await statement(service, "2025-10-04", "9999-12-31")
    assert (0, [], 0) == await statement(service, to_day="2025-09-30")


async def test_the_balance_at_an_instant(service: Service) -> None:
    """A balance as of an instant counts the entries up to it, that instant included;
    without one, all of them."""
    await three_credits(service)
    before = datetime(2025, 10, 1, 11, 59, tzinfo=SHANGHAI)
    then = datetime(2025, 10, 2, 12, 0, tzinfo=SHANGHAI)
    expected = {before: (0, 0), then: (120, 2), None: (123, 3)}
    for at, balance in expected.items():
        request = pb.GetAccountRequest(person=service.ref("P1"))
        if at is not None:
            request.at.FromDatetime(at)
        reply = await service.accounts.GetAccount(request)
        assert balance == (reply.balance_fen, reply.version)


async def test_an_account_nothing_was_credited_to(service: Service) -> None:
    """Somebody of the employee scheme has an account of 0; somebody who never was has none."""
    reply = await service.account("P2")
    assert ("P2", 0, 0) == (reply.person_no, reply.balance_fen, reply.version)
    resident = service.person(1)
    resident.enrolments[0].scheme = types_pb2.SCHEME_RESIDENT
    resident.enrolments[0].psn_type = "15"
    await service.import_persons([resident])
    request = pb.GetAccountRequest(person=service.ref("R1"))
    refusal = await service.refused(service.accounts.GetAccount, request)
    assert "NO_ACCOUNT" == refusal.reason


async def test_a_months_credit_names_its_rule(service: Service) -> None:
    """A month's credit comes with the rule behind it; a balance brought forward has none."""
    by_rule = await service.accounts.Credit(credit_of_september(service))
    assert by_rule.fen > 0
    assert "account_crediting" == by_rule.rule.hook
    assert all(c.text for c in by_rule.rule.clauses)
    request = pb.CreditRequest(
        request_id=service.new_id(), person=service.ref("P1"), brought_forward_fen=5
    )
    brought = await service.accounts.Credit(request)
    assert not brought.HasField("rule")
    assert (by_rule.fen + 5, 2) == (brought.balance_after_fen, brought.version_after)


async def test_a_batch_is_a_total(service: Service) -> None:
    """Of a batch the difference is booked and named; without one each amount moves."""
    replies = []
    for fields in (
        {"batch": "a", "brought_forward_fen": 100_00},
        {"batch": "a", "brought_forward_fen": 120_00},
        {"batch": "a", "brought_forward_fen": 120_00, "year": "2025"},
        {"brought_forward_fen": -20_00},
        {"batch": "a", "brought_forward_fen": 20_00},
    ):
        request = pb.CreditRequest(
            request_id=service.new_id(), person=service.ref("P1"), **fields
        )
        replies.append(await service.accounts.Credit(request))
    assert [100_00, 20_00, 0, -20_00, -100_00] == [reply.fen for reply in replies]
    entries = await kinds(service, "P1")
    corrected = "BROUGHT_FORWARD_CORRECTED"
    assert ["BROUGHT_FORWARD", *[corrected] * 3] == [kind for kind, _, _ in entries]
    assert 1 == len({reference for _, _, reference in entries})


BALANCES_REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no amount": ({"brought_forward_fen": 0}, "MALFORMED_FIELD brought_forward_fen"),
    "a negative total": (
        {"brought_forward_fen": -1, "batch": "a"},
        "MALFORMED_FIELD brought_forward_fen",
    ),
    "a year without a batch": (
        {"brought_forward_fen": 1, "year": "2025"},
        "MALFORMED_FIELD year",
    ),
    "a month's batch": ({"month": "2025-09", "batch": "a"}, "MALFORMED_FIELD batch"),
    "a month's year": ({"month": "2025-09", "year": "2025"}, "MALFORMED_FIELD year"),
    "more than was brought": (
        {"brought_forward_fen": -1},
        "BROUGHT_FORWARD_SHORT brought_forward_fen",
    ),
}


@pytest.mark.parametrize(
    ("fields", "named"), BALANCES_REFUSED.values(), ids=BALANCES_REFUSED
)
async def test_balances_refused(
    service: Service, fields: dict[str, Any], named: str
) -> None:
    """What is no balance is refused by reason and field."""
    request = pb.CreditRequest(
        request_id=service.new_id(), person=service.ref("P1"), **fields
    )
    refusal = await service.refused(service.accounts.Credit, request)
    assert named == refusal.named


def correct(service: Service) -> pb.CorrectCreditRequest:
    """Return the request to correct P1's September."""
    return pb.CorrectCreditRequest(
        request_id=service.new_id(), person=service.ref("P1"), month="2025-09"
    )


async def halved(service: Service) -> int:
    """Credit P1 and let all but 1 yuan be spent, then halve the base; return the credit."""
    fen = (await service.accounts.Credit(credit_of_september(service))).fen
    await service.settle(fen=fen - 1_00)
    person = service.world.record(Person, "P1")
    await service.write(revised(person, first_base_fen=person.first_base_fen // 2))
    return fen


async def test_a_credit_corrected(service: Service) -> None:
    """A credit given on a base that was too high is corrected; what was spent is owed."""
    fen = await halved(service)
    reply = await service.accounts.CorrectCredit(correct(service))
    assert (-1_00, fen, fen // 2) == (reply.fen, reply.before_fen, reply.due_fen)
    assert (fen // 2 - 1_00, 0) == (reply.owed_fen, reply.balance_after_fen)
    assert "account_crediting" == reply.rule.hook
    assert ("CREDIT_CORRECTED", -1_00, "P1/2025-09") == (await kinds(service, "P1"))[-1]


async def test_what_is_owed_is_collected(service: Service) -> None:
    """The same request is answered as it was; another one takes what the purse now holds."""
    await halved(service)
    request = correct(service)
    first = await service.accounts.CorrectCredit(request)
    await service.give("P1", first.due_fen)
    again = await service.accounts.CorrectCredit(request)
    assert [False, True] == replayed(first, again)
    collected = await service.accounts.CorrectCredit(correct(service))
    assert (-first.owed_fen, 0) == (collected.fen, collected.owed_fen)


def take_back(
    service: Service, month: str = "2025-09", **changes: Any
) -> pb.TakeBackCreditRequest:
    """Return the request to take P1's credit of a month back."""
    fields: dict[str, Any] = {
        "request_id": service.new_id(),
        "person": service.ref("P1"),
        "month": month,
        "why": "重复登记",
        **changes,
    }
    return pb.TakeBackCreditRequest(**fields)


def credit_of_september(service: Service) -> pb.CreditRequest:
    """Return the request to credit P1's September."""
    return pb.CreditRequest(
        request_id=service.new_id(), person=service.ref("P1"), month="2025-09"
    )


async def kinds(service: Service, person_no: str) -> list[tuple[str, int, str]]:
    """Return kind, amount and reference of an account's entries."""
    request = pb.ListEntriesRequest(person=service.ref(person_no))
    entries = (await service.accounts.ListEntries(request)).entries
    names = [pb.EntryKind.Name(entry.kind) for entry in entries]
    return [
        (name.removeprefix("ENTRY_KIND_"), entry.fen, entry.reference)
        for name, entry in zip(names, entries, strict=True)
    ]


async def test_a_credit_taken_back(service: Service) -> None:
    """A credit is taken back once, whatever the id; its request is answered as often."""
    fen = (await service.accounts.Credit(credit_of_september(service))).fen
    request = take_back(service)
    first, again = [await service.accounts.TakeBackCredit(request) for _ in range(2)]
    assert (-fen, 0, 2) == (first.fen, first.balance_after_fen, first.version_after)
    assert [False, True] == replayed(first, again)
    assert (first.fen, first.receipt.at) == (again.fen, again.receipt.at)
    refusal = await service.refused(service.accounts.TakeBackCredit, take_back(service))
    assert "CREDIT_NOT_FOUND month" == refusal.named


async def test_a_month_taken_back_may_be_credited_again(service: Service) -> None:
    """It may be credited once more; the entries name the month each time."""
    fen = (await service.accounts.Credit(credit_of_september(service))).fen
    await service.accounts.TakeBackCredit(take_back(service))
    await service.accounts.Credit(credit_of_september(service))
    third = credit_of_september(service)
    refusal = await service.refused(service.accounts.Credit, third)
    assert "ALREADY_CREDITED" == refusal.reason
    month = "P1/2025-09"
    expected = [
        ("CREDIT", fen, month),
        ("CREDIT_TAKEN_BACK", -fen, month),
        ("CREDIT", fen, month),
    ]
    assert expected == await kinds(service, "P1")


async def test_a_credit_already_spent(service: Service) -> None:
    """A credit the purse no longer holds is refused as spent, and the purse stays as it was."""
    fen = (await service.accounts.Credit(credit_of_september(service))).fen
    await service.settle(fen=1_00)
    refusal = await service.refused(service.accounts.TakeBackCredit, take_back(service))
    assert "FAILED_PRECONDITION BALANCE_SPENT" == refusal.outcome
    assert str(fen - 1_00) == refusal.metadata["balance_fen"]
    assert fen - 1_00 == (await service.account("P1")).balance_fen


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
