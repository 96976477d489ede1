"""Money: what every settlement of every city keeps."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from gongji.v1 import settlement_pb2

from gongji_conformance.city import words
from gongji_conformance.city.city import NOW, CityUnderTest
from gongji_conformance.city.population import Couple
from gongji_conformance.city.stubs import person as ref
from gongji_conformance.city.stubs import stamp
from gongji_conformance.laws.law import law

USES: tuple[words.Use, ...] = ("none", "own", "order")
ONLY_SETTLED = (
    "settlement_id",
    "settled_at",
    "movements",
    "request_id",
)
"""What a settlement has and a quote has not."""


NEXT_MONTH = NOW + timedelta(days=5)
MONTHS = tuple(f"{at:%Y-%m}" for at in (NOW, NEXT_MONTH))
AMOUNTS = ("total_fen", "fund_fen", "charged_fen", "aid_fen", "cash_fen")
"""What a row of a list says of money."""


@law("CORE-SETTLE-001")
@pytest.mark.parametrize("use", USES)
def test_lines_sum_to_the_bill(gongji_city: CityUnderTest, use: words.Use) -> None:
    """Lines add up to the total, each payer's to its part; each names rule and clause."""
    _, patient = gongji_city.family()
    settlement = gongji_city.settle(patient, use=use)
    paid = _paid_by_payer(settlement.lines)
    own_fen = settlement.account_fen - settlement.aid_fen - settlement.wallet_fen
    assert settlement.bill.total_fen == sum(paid.values())
    assert settlement.fund_fen == paid[settlement_pb2.PAYER_FUND]
    assert own_fen == paid[settlement_pb2.PAYER_OWN_PURSE]
    assert settlement.aid_fen == paid[settlement_pb2.PAYER_GIVER_PURSE]
    assert settlement.wallet_fen == paid[settlement_pb2.PAYER_WALLET]
    assert settlement.cash_fen == paid[settlement_pb2.PAYER_CASH]
    assert [] == [line for line in settlement.lines if not _explained(line)]


def _paid_by_payer(lines: Iterable[settlement_pb2.Line]) -> dict[int, int]:
    """Return what each payer pays, in fen."""
    paid: dict[int, int] = dict.fromkeys(settlement_pb2.Payer.values(), 0)
    for line in lines:
        paid[line.payer] += line.fen
    return paid


def _explained(line: settlement_pb2.Line) -> bool:
    """Say whether a line names rule, clauses and words."""
    return bool(line.rule.clauses and line.rule.hook and line.in_words)


@law("CORE-SETTLE-002")
@pytest.mark.parametrize("use", USES)
def test_identities_of_the_national_interface(
    gongji_city: CityUnderTest, use: words.Use
) -> None:
    """Fund and patient make the total, purses and cash the patient's part."""
    _, patient = gongji_city.family()
    settlement = gongji_city.settle(patient, use=use)
    patient_fen = settlement.patient_part_fen
    most_fen = settlement.bill.in_scope_fen - settlement.deductible_fen
    assert settlement.bill.total_fen == settlement.fund_fen + patient_fen
    assert patient_fen == settlement.account_fen + settlement.cash_fen
    assert 0 <= settlement.aid_fen <= settlement.account_fen
    assert 0 <= settlement.fund_fen <= most_fen


@law("CORE-SETTLE-003")
def test_quote_is_settle(gongji_city: CityUnderTest) -> None:
    """A quote answers what settling does, but for its trace, and leaves nothing."""
    family = gongji_city.family()
    _, patient = family
    first = gongji_city.quote(patient)
    second = gongji_city.quote(patient)
    assert [] == gongji_city.settlements(patient)
    _assert_untouched(gongji_city, family)
    settlement = gongji_city.settle(patient)
    assert first == second
    assert first == _as_quoted(settlement)


@law("CORE-SETTLE-004")
def test_movements_are_the_balances(gongji_city: CityUnderTest) -> None:
    """What a settlement took from each purse, and left, is what the accounts say."""
    family = gongji_city.family()
    _, patient = family
    settlement = gongji_city.settle(patient)
    balances = {person.person_no: gongji_city.balance(person) for person in family}
    movements = settlement.movements
    assert settlement.account_fen == -sum(movement.fen for movement in movements)
    for movement in movements:
        assert balances[movement.purse] == movement.balance_after_fen


@law("CORE-SETTLE-005")
def test_reverse_restores(gongji_city: CityUnderTest) -> None:
    """A reversal puts each fen back, and the year's figures to what they were."""
    family = gongji_city.family()
    _, patient = family
    before = gongji_city.quote(patient)
    settlement = gongji_city.settle(patient)
    reversal = gongji_city.reversal(settlement.settlement_id)
    answer = gongji_city.stubs.settlements.Reverse(reversal)
    taken_fen = {move.purse: -move.fen for move in settlement.movements}
    assert taken_fen == {refund.purse: refund.fen for refund in answer.refunds}
    _assert_untouched(gongji_city, family)
    assert answer.settlement.HasField("reversed_at")
    assert before == gongji_city.quote(patient)


@law("CORE-SETTLE-006")
def test_the_year_adds_up(gongji_city: CityUnderTest) -> None:
    """What the fund paid in a year is the sum of the settlements that stand."""
    patient = gongji_city.people.one()
    fund_fen = deductible_fen = 0
    for _ in range(3):
        settlement = gongji_city.settle(patient, use="none")
        fund_fen += settlement.fund_fen
        deductible_fen += settlement.deductible_fen
        assert fund_fen == settlement.fund_paid_after_fen
        assert deductible_fen == settlement.deductible_used_after_fen


@law("CORE-SETTLE-007")
def test_a_holder_sees_no_diagnosis(gongji_city: CityUnderTest) -> None:
    """A holder sees what was charged to the purse and when, no other amount."""
    giver, patient = gongji_city.people.couple(giver=200)
    gongji_city.bind(giver, patient)
    settlement = gongji_city.settle(patient)
    request = settlement_pb2.ListSettlementsRequest(month="2025-09")
    request.holder.person_no = giver.person_no
    (row,) = gongji_city.stubs.settlements.ListSettlements(request).rows
    assert settlement.settlement_id == row.settlement_id
    assert settlement.aid_fen == row.charged_fen
    assert (0, 0, 0, 0) == (
        row.total_fen,
        row.fund_fen,
        row.cash_fen,
        row.aid_fen,
    )


@law("CORE-SETTLE-009")
def test_a_refund_is_listed_on_its_own_day(gongji_city: CityUnderTest) -> None:
    """A reversal is a row of the day it was made and takes back each amount; the
    settlement's row stays on its own."""
    giver, patient = gongji_city.people.couple(giver=200)
    gongji_city.bind(giver, patient)
    settlement = gongji_city.settle(patient)
    gongji_city.stubs.set_clock(NEXT_MONTH)
    reversal = gongji_city.reversal(settlement.settlement_id)
    gongji_city.stubs.settlements.Reverse(reversal)
    _assert_refunded(gongji_city, patient=ref(patient.person_no))
    _assert_refunded(gongji_city, holder=ref(giver.person_no))


def _assert_refunded(city: CityUnderTest, **side: Any) -> None:
    """Assert that one month lists the settlement, and the next its refund."""
    months = []
    for month in MONTHS:
        request = settlement_pb2.ListSettlementsRequest(month=month, **side)
        months.append(city.stubs.settlements.ListSettlements(request).rows)
    assert [[False], [True]] == [[row.refund for row in rows] for rows in months]
    rows = [row for rows in months for row in rows]
    assert [stamp(NEXT_MONTH)] * 2 == [row.reversed_at for row in rows]
    for name in AMOUNTS:
        assert (name, 0) == (name, sum(getattr(row, name) for row in rows))


def _assert_untouched(city: CityUnderTest, family: Couple) -> None:
    """Assert that giver and patient have what they had at first."""
    giver, patient = family
    assert 200_00 == city.balance(giver)
    assert 150_00 == city.balance(patient)


def _as_quoted(
    settlement: settlement_pb2.Settlement,
) -> settlement_pb2.Settlement:
    """Return a settlement without what a quote has not."""
    quoted: Any = settlement_pb2.Settlement()
    quoted.CopyFrom(settlement)
    for name in ONLY_SETTLED:
        quoted.ClearField(name)
    return quoted  # type: ignore[no-any-return] # built above
