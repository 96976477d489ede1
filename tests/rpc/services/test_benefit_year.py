"""A person's year over the wire: in words and clauses, and whose balance is told to whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import types_pb2
from google.protobuf.message import Message

from tests.rpc.services.acting import metadata, subject
from tests.rpc.services.telling import enrolled, tell
from tests.scaffold.service import HOSPITAL, Service

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)


async def year_of(service: Service, **more: Any) -> pb.GetBenefitYearResponse:
    """P1's year."""
    request = pb.GetBenefitYearRequest(person=service.ref("P1"), **more)
    return await service.settlements.GetBenefitYear(request)


async def test_what_was_settled_is_counted(service: Service) -> None:
    """The year stands at what the last settlement says it left, and Reverse takes back."""
    fresh = await year_of(service)
    done = (await service.settle()).settlement
    [year] = (await year_of(service)).benefits
    assert (done.deductible_used_after_fen, done.fund_paid_after_fen) == (
        year.deductible_used_fen,
        year.fund_paid_fen,
    )
    limit = year.fund_limit
    assert limit.fen == limit.left_fen + done.fund_paid_after_fen
    await service.reverse(settlement_id=done.settlement_id)
    assert fresh == await year_of(service)


def rules_in(message: Message) -> Iterator[types_pb2.RuleRef]:
    """Every rule a message names, at any depth."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in value if field.is_repeated else (value,):
            if isinstance(part, types_pb2.RuleRef):
                yield part
            else:
                yield from rules_in(part)


async def test_every_figure_has_its_clauses(service: Service) -> None:
    """Each limit, level, step and purse names its rule; each clause has its sentence."""
    await service.bind("P2")
    [year] = (await year_of(service)).benefits
    assert (types_pb2.SCHEME_EMPLOYEE, True, "11", 5, 2) == (
        year.scheme,
        year.open,
        year.psn_type,
        len(year.levels),
        len(year.purses),
    )
    assert year.decided_by.area_code == year.area_code
    rules = list(rules_in(year))
    # One of the year's limit, two of each purse, one of each level and step at least.
    assert len(rules) >= 1 + 2 * 2 + sum(1 + len(at.steps) for at in year.levels)
    clauses = [clause for rule in rules for clause in rule.clauses]
    assert all(rule.hook and rule.clauses for rule in rules)
    assert all(clause.text and clause.source and clause.grade for clause in clauses)


async def test_a_level_in_words(service: Service) -> None:
    """A level reads as a sentence: the deductible, the ratio, the limit."""
    [year] = (await year_of(service)).benefits
    assert year.levels[0].in_words == (
        "政策范围内先由本人承担起付标准余下的 800.00 元，"
        "由统筹基金按 60% 支付，政策范围内满 4,133.33 元时共支付 2,000.00 元，"
        "达到年度支付限额，不再支付"
    )


async def test_a_day_that_is_over(service: Service) -> None:
    """A settlement of today counts today, and not yet yesterday."""
    await service.give("P1", 30_000)
    await service.settle()
    today = await year_of(service)
    assert today == await year_of(service, day=today.day)
    before = await year_of(service, day="2025-09-29")
    [year] = before.benefits
    assert (0, 0, 0) == (
        year.deductible_used_fen,
        year.fund_paid_fen,
        year.purses[0].balance.fen,
    )
    late = await year_of(service, service_day="2025-09-29")
    assert ("2025-09-29", today.day) == (late.service_day, late.day)
    assert today.benefits[0].fund_paid_fen == late.benefits[0].fund_paid_fen


async def test_the_future_is_not_told(service: Service) -> None:
    """A day that has not come is refused by name."""
    for field in ("day", "service_day"):
        request = pb.GetBenefitYearRequest(
            person=service.ref("P1"), **{field: "2025-10-01"}
        )
        refused = await service.refused(service.settlements.GetBenefitYear, request)
        assert ("FUTURE_SERVICE_DAY", field) == (refused.reason, refused.field)


async def test_an_institution_is_one_of_the_registry(service: Service) -> None:
    """Whoever asks as an institution is one; which one it is changes nothing."""
    known = await year_of(service, institution_code=HOSPITAL)
    assert known == await year_of(service)
    request = pb.GetBenefitYearRequest(
        person=service.ref("P1"), institution_code="H34119999999"
    )
    refused = await service.refused(service.settlements.GetBenefitYear, request)
    assert ("INSTITUTION_NOT_FOUND", "institution_code") == (
        refused.reason,
        refused.field,
    )


async def test_whose_balance_is_told_to_whom(guarded: Service) -> None:
    """Who may not ask for an account is told no balance; a channel that of whom it acts
    for, not a giver's; an operator each. What the fund pays is told alike."""
    told = {}
    for caller, acting, institution in (
        ("hospital", None, HOSPITAL),
        ("counter", subject("W"), ""),
        ("operator", None, ""),
    ):
        request = pb.GetBenefitYearRequest(
            person=guarded.ref("W"), institution_code=institution
        )
        reply = await guarded.settlements.GetBenefitYear(
            request, metadata=metadata(caller, acting)
        )
        [year] = reply.benefits
        told[caller] = {
            purse.purse for purse in year.purses if purse.HasField("balance")
        }
        assert ["W", "H"] == [purse.purse for purse in year.purses]
        for purse in year.purses:
            purse.ClearField("balance")
        told.setdefault(str(reply), set())
    assert 4 == len(told)
    assert (set(), {"W"}, {"W", "H"}) == (
        told["hospital"],
        told["counter"],
        told["operator"],
    )


async def test_a_scheme_that_was_left_is_told(service: Service) -> None:
    """What was used as an employee is found once the person is a resident; no bill of
    that scheme would be settled any more."""
    done = (await service.settle()).settlement
    resident = enrolled("15", "2025-10-01")
    resident.scheme = types_pb2.SCHEME_RESIDENT
    await tell(service, 1, [enrolled("11", "2020-01-01", "2025-09-30"), resident])
    service.set_clock("2025-10-08T09:00")
    going_on, left = (await year_of(service)).benefits
    assert (types_pb2.SCHEME_RESIDENT, True, 0) == (
        going_on.scheme,
        going_on.open,
        going_on.fund_paid_fen,
    )
    assert (done.scheme, False, done.fund_fen, "NOT_ENROLLED") == (
        left.scheme,
        left.open,
        left.fund_paid_fen,
        left.refusal.reason,
    )
    assert left.refusal.clauses
    assert not left.levels
