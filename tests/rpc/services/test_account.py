"""Balances, entries, credits and premiums of personal accounts over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from gongji.model.people import Person
from gongji.rules.codes import SHANGHAI
from gongji.v1 import account_pb2 as pb
from gongji.v1 import types_pb2
from msgspec.structs import replace as revised

from tests.rpc.services.entries import kinds
from tests.scaffold.service import Service, replayed

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)


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
