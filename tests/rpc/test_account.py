from __future__ import annotations

from datetime import datetime
from typing import Any

from gongji.codes import SHANGHAI
from gongji.v1 import account_pb2 as pb


async def statement(service: Any, **span: str) -> tuple[int, list[int], int]:
    """Opening balance, amounts and closing balance of P1's days."""
    request = pb.ListEntriesRequest(person=service.ref("P1"), **span)  # type: ignore[arg-type] # fields of text
    reply = await service.accounts.ListEntries(request)
    return reply.opening_balance_fen, [e.fen for e in reply.entries], reply.closing_balance_fen


async def three_credits(service: Any) -> None:
    for day, fen in ((1, 100), (2, 20), (3, 3)):
        service.clock.set(datetime(2025, 10, day, 12, 0, tzinfo=SHANGHAI))
        await service.give("P1", fen)


async def test_opening_entries_and_closing_balance(service: Any) -> None:
    """Opening balance and entries add up to the closing balance, for any span of days; an opening of 0 is a balance."""
    await three_credits(service)
    assert (0, [100, 20, 3], 123) == await statement(service)
    assert (100, [20], 120) == await statement(service, from_day="2025-10-02", to_day="2025-10-02")
    assert (0, [100], 100) == await statement(service, to_day="2025-10-01")
    assert (120, [3], 123) == await statement(service, from_day="2025-10-03")
    assert (123, [], 123) == await statement(service, from_day="2025-10-04", to_day="9999-12-31")
    assert (0, [], 0) == await statement(service, to_day="2025-09-30")


async def test_the_balance_at_an_instant(service: Any) -> None:
    """A balance as of an instant counts the entries up to it, that instant included; without one, all of them."""
    await three_credits(service)
    before, then = datetime(2025, 10, 1, 11, 59, tzinfo=SHANGHAI), datetime(2025, 10, 2, 12, 0, tzinfo=SHANGHAI)
    expected = {before: (0, 0), then: (120, 2), None: (123, 3)}
    for at, balance in expected.items():
        request = pb.GetAccountRequest(person=service.ref("P1"))
        if at is not None:
            request.at.FromDatetime(at)
        reply = await service.accounts.GetAccount(request)
        assert balance == (reply.balance_fen, reply.version)


async def test_an_account_nothing_was_credited_to(service: Any) -> None:
    """Somebody of the employee scheme has an account of 0; somebody who never was has none."""
    reply = await service.accounts.GetAccount(pb.GetAccountRequest(person=service.ref("P2")))
    assert ("P2", 0, 0) == (reply.person_no, reply.balance_fen, reply.version)
    resident = service.person(1)
    resident.enrolments[0].scheme = 390
    resident.enrolments[0].psn_type = "15"
    await service.import_persons([resident], service.new_id())
    told = await service.refused(service.accounts.GetAccount, pb.GetAccountRequest(person=service.ref("R1")))
    assert "NO_ACCOUNT" == told.info.reason


async def test_a_months_credit_names_its_rule(service: Any) -> None:
    """A month's credit comes with the rule behind it; a balance brought forward has none."""
    request = pb.CreditRequest(request_id=service.new_id(), person=service.ref("P1"), month="2025-09")
    by_rule = await service.accounts.Credit(request)
    assert by_rule.fen > 0
    assert "account_crediting" == by_rule.rule.hook
    assert all(c.text for c in by_rule.rule.clauses)
    request = pb.CreditRequest(request_id=service.new_id(), person=service.ref("P1"), brought_forward_fen=5)
    brought = await service.accounts.Credit(request)
    assert not brought.HasField("rule")
    assert (by_rule.fen + 5, 2) == (brought.balance_after_fen, brought.version_after)
