"""Money: what every settlement of every city keeps."""

from __future__ import annotations

from typing import Any

import pytest
from gongji.v1 import settlement_pb2

from gongji_conformance.city import words
from gongji_conformance.city.judged import Judged
from gongji_conformance.city.wire import new_id
from gongji_conformance.laws.law import law

USES: tuple[words.Use, ...] = ("none", "own", "order")
ONLY_SETTLED = (
    "settlement_id",
    "settled_at",
    "movements",
    "request_id",
)
"""What a settlement has and a quote has not."""


@law("CORE-SETTLE-001")
@pytest.mark.parametrize("use", USES)
def test_lines_sum_to_the_bill(gongji_city: Judged, use: words.Use) -> None:
    """The lines add up to the total, each payer's lines to his amount, and each line names its rule and clauses."""
    giver, patient = gongji_city.world.couple(giver=200, member=150)
    gongji_city.bind(giver, patient)
    settled = gongji_city.wire.settlements.Settle(gongji_city.settling(patient, use=use)).settlement
    paid = dict.fromkeys(settlement_pb2.Payer.values(), 0)
    for line in settled.lines:
        paid[line.payer] += line.fen
    assert settled.bill.total_fen == sum(line.fen for line in settled.lines)
    assert settled.fund_fen == paid[settlement_pb2.PAYER_FUND]
    assert settled.account_fen - settled.aid_fen == paid[settlement_pb2.PAYER_OWN_PURSE]
    assert settled.aid_fen == paid[settlement_pb2.PAYER_GIVER_PURSE]
    assert settled.cash_fen == paid[settlement_pb2.PAYER_CASH]
    assert [] == [line for line in settled.lines if not (line.rule.clauses and line.rule.hook and line.in_words)]


@law("CORE-SETTLE-002")
@pytest.mark.parametrize("use", USES)
def test_identities_of_the_national_interface(gongji_city: Judged, use: words.Use) -> None:
    """Total is fund and patient, patient is purses and cash, aid is part of the purses, the fund stays in scope."""
    giver, patient = gongji_city.world.couple(giver=200, member=150)
    gongji_city.bind(giver, patient)
    settled = gongji_city.wire.settlements.Settle(gongji_city.settling(patient, use=use)).settlement
    assert settled.bill.total_fen == settled.fund_fen + settled.patient_part_fen
    assert settled.patient_part_fen == settled.account_fen + settled.cash_fen
    assert 0 <= settled.aid_fen <= settled.account_fen
    assert 0 <= settled.fund_fen <= settled.bill.in_scope_fen - settled.deductible_fen


@law("CORE-SETTLE-003")
def test_quote_is_settle(gongji_city: Judged) -> None:
    """A quote answers what settling answers, but for id, time and movements, and leaves nothing behind."""
    giver, patient = gongji_city.world.couple(giver=200, member=150)
    gongji_city.bind(giver, patient)
    quoted, again = gongji_city.quote(patient), gongji_city.quote(patient)
    assert [] == gongji_city.settlements(patient)
    assert (200_00, 150_00) == (gongji_city.balance(giver), gongji_city.balance(patient))
    settled = gongji_city.wire.settlements.Settle(gongji_city.settling(patient)).settlement
    assert quoted == again
    assert quoted == _as_quoted(settled)


@law("CORE-SETTLE-004")
def test_movements_are_the_balances(gongji_city: Judged) -> None:
    """What a settlement says it took from each purse, and left there, is what the accounts say."""
    giver, patient = gongji_city.world.couple(giver=200, member=150)
    gongji_city.bind(giver, patient)
    settled = gongji_city.wire.settlements.Settle(gongji_city.settling(patient)).settlement
    balances = {person.person_no: gongji_city.balance(person) for person in (giver, patient)}
    assert settled.account_fen == -sum(movement.fen for movement in settled.movements)
    assert {m.purse: balances[m.purse] for m in settled.movements} == {
        m.purse: m.balance_after_fen for m in settled.movements
    }


@law("CORE-SETTLE-005")
def test_reverse_restores(gongji_city: Judged) -> None:
    """A reversal puts each fen back where it came from and the year's figures back to what they were."""
    giver, patient = gongji_city.world.couple(giver=200, member=150)
    gongji_city.bind(giver, patient)
    before = gongji_city.quote(patient)
    settled = gongji_city.wire.settlements.Settle(gongji_city.settling(patient)).settlement
    reversed_ = gongji_city.wire.settlements.Reverse(_reversal(settled.settlement_id))
    assert {m.purse: -m.fen for m in settled.movements} == {m.purse: m.fen for m in reversed_.refunds}
    assert (200_00, 150_00) == (gongji_city.balance(giver), gongji_city.balance(patient))
    assert reversed_.settlement.HasField("reversed_at")
    assert before == gongji_city.quote(patient)


@law("CORE-SETTLE-006")
def test_the_year_adds_up(gongji_city: Judged) -> None:
    """What the fund paid in a year is the sum of what it paid in each settlement that stands."""
    patient = gongji_city.world.one()
    paid, deductible = [], []
    for _ in range(3):
        settled = gongji_city.wire.settlements.Settle(gongji_city.settling(patient, use="none")).settlement
        paid.append(settled.fund_fen)
        deductible.append(settled.deductible_fen)
        assert (sum(paid), sum(deductible)) == (settled.fund_paid_after_fen, settled.deductible_used_after_fen)


@law("CORE-SETTLE-007")
def test_a_holder_sees_no_diagnosis(gongji_city: Judged) -> None:
    """A holder sees what was charged to his purse and when, and neither total nor what fund or patient paid."""
    giver, patient = gongji_city.world.couple(giver=200)
    gongji_city.bind(giver, patient)
    settled = gongji_city.wire.settlements.Settle(gongji_city.settling(patient)).settlement
    request = settlement_pb2.ListSettlementsRequest(month="2025-09")
    request.holder.person_no = giver.person_no
    (row,) = gongji_city.wire.settlements.ListSettlements(request).rows
    assert (settled.settlement_id, settled.aid_fen) == (row.settlement_id, row.charged_fen)
    assert (0, 0, 0, 0) == (row.total_fen, row.fund_fen, row.cash_fen, row.aid_fen)


def _as_quoted(settled: settlement_pb2.Settlement) -> settlement_pb2.Settlement:
    plain: Any = settlement_pb2.Settlement()
    plain.CopyFrom(settled)
    for name in ONLY_SETTLED:
        plain.ClearField(name)
    return plain  # type: ignore[no-any-return] # built one line above


def _reversal(settlement_id: str) -> settlement_pb2.ReverseRequest:
    return settlement_pb2.ReverseRequest(request_id=new_id(), settlement_id=settlement_id)
