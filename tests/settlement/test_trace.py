"""trace.v1: an evaluator of its own recomputes each line; money's laws over families."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from gongji.model.account import Account, Entry
from gongji.model.settlement import Accumulator, Bill, Settlement
from gongji.rules.benefits import PurseKind, PurseOrder, Table
from gongji.rules.binding import NO_LIMIT
from gongji.rules.codes import (
    AccountUse,
    Payer,
    Scheme,
    Spending,
    Standing,
    VisitKind,
)
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import Rounding, yuan
from gongji.settlement.settle import Quote
from gongji.settlement.split import Used, benefit_of
from gongji.settlement.trace import fund_inputs
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.evaluator import faults
from tests.scaffold.people import NOW
from tests.scaffold.world import NewWorld, World

TODAY = NOW.date()


WORLDS: dict[str, dict[str, Any]] = {
    "province": {},
    "visit caps, a yearly maximum, rounding down": {
        "table": {
            "deductible_fen": {1: 0, 2: 30_00, 3: 60_00},
            "deductible_year_max_fen": 45_00,
            "visit_cap_fen": {1: NO_LIMIT, 2: 20_00, 3: 40_00},
            "cap_fen": {Standing.ACTIVE: 100_00, Standing.RETIRED: NO_LIMIT},
            "pharmacy": 1,
            "rounding": Rounding.DOWN,
        }
    },
    "givers first": {
        "purse_order": PurseOrder(order=(PurseKind.GIVERS, PurseKind.OWN))
    },
}
amounts = st.integers(0, 200_00)
bills = st.fixed_dictionaries(
    {
        "patient": st.sampled_from(["P1", "P2", "P3", "R1"]),
        "in_scope_fen": amounts,
        "first_selfpay_fen": amounts,
        "above_limit_fen": amounts,
        "out_of_catalogue_fen": amounts,
        "account_use": st.sampled_from(AccountUse),
        "spending": st.sampled_from([Spending.MEDICAL] * 3 + [Spending.FITNESS]),
        "inpatient_that_day": st.booleans(),
        "visit_kind": st.just(VisitKind.PHARMACY) | st.just(VisitKind.OUTPATIENT),
        "service_day": st.sampled_from([TODAY, date(2024, 12, 31)]),
    }
)


BALANCES = {"P1": 0, "P2": 150_00, "P3": 400_00}
BOUND = (
    ("P2", "P1"),
    ("P3", "P1"),
    ("P1", "P2"),
    ("P2", "R1"),
    ("P3", "R1"),
)
"""Holder and member, the latest binding first."""


def household(new_world: NewWorld, rules: str) -> World:
    """Three employees who give to each other and to a resident.

    P1 is near both deductible and cap.
    """
    world = new_world(**WORLDS[rules])
    for n, (person_no, fen) in enumerate(BALANCES.items()):
        world.person(person_no, "12" if person_no == "P2" else "11")
        world.add(Account(person_no, fen, n))
    world.person("R1", "15")
    for n, (holder, member) in enumerate(BOUND):
        world.bind(holder, member, NOW - timedelta(seconds=n))
    world.add(Accumulator("P1", Scheme.EMPLOYEE, "3411", 2025, 700_00, 1990_00))
    return world


def used_up(world: World) -> dict[str, tuple[int, int]]:
    """Deductible and fund by accumulator, without those at 0."""
    used = {}
    for accumulator in world.all(Accumulator):
        figures = (accumulator.deductible_used_fen, accumulator.fund_paid_fen)
        if figures != (0, 0):
            used[accumulator.key] = figures
    return used


def quoted_and_settled(world: World, bill: Bill) -> Settlement:
    """Settle a bill; its quote says the same but for id, time and movements."""
    quote = world.decide(Quote(bill, world.cities))
    balances = world.balances()
    settlement = world.settle(bill)
    assert_purses_are_told(settlement, dict(balances))
    assert () == quote.records
    assert quote.answer == replace(
        settlement, settlement_id="", settled_at=None, request_key="", movements=()
    )
    assert_lines_hold(settlement)
    assert min(world.balances().values()) >= 0
    return settlement


def assert_lines_hold(settlement: Settlement) -> None:
    """Lines recompute and sum to the bill; aid is what its lines say."""
    bill, lines = settlement.bill, settlement.lines
    aid = [line.fen for line in lines if line.payer is Payer.GIVER_PURSE]
    assert [] == list(faults(lines, bill.total_fen))
    assert 0 <= settlement.fund_fen <= bill.in_scope_fen
    assert settlement.aid_fen == sum(aid)


def assert_purses_are_told(settlement: Settlement, balances: dict[str, int]) -> None:
    """A purse's line says what it may pay, what it holds, what it paid.

    Of a purse that holds more than is asked of it, only that it is enough.
    """
    for line in settlement.lines:
        told = re.fullmatch(
            r"可由.+支付的费用 (\S+) 元，可用余额(足够| (\S+) 元)，支付 (\S+) 元",
            line.in_words,
        )
        if told is None:
            continue
        needed, held = line.inputs["needed"], balances[line.purse]
        balance = f" {yuan(held)} 元" if held < needed else "足够"
        assert (yuan(needed), balance, yuan(min(needed, held))) == told.group(1, 2, 4)
        del balances[line.purse]
    charged = {m.purse for m in settlement.movements}
    assert not charged & balances.keys()


def assert_books_balance(world: World) -> None:
    """Every transaction sums to 0, and each purse's entries run from its balance.

    They do so version by version.
    """
    sums: Counter[str] = Counter()
    running = dict(BALANCES)
    for entry in sorted(world.all(Entry), key=lambda e: e.version_after):
        sums[entry.transaction_id] += entry.fen
        _, _, purse = entry.ledger_account.partition("purse:")
        if purse:
            running[purse] += entry.fen
            assert running[purse] == entry.balance_after_fen
    assert not any(sums.values())


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(WORLDS)),
    st.lists(bills, min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_money_has_a_payer_a_formula_and_a_way_back(
    new_world: NewWorld, rules: str, drawn: list[dict[str, Any]], chance: Random
) -> None:
    """Lines recompute, quotes agree, books balance, reversals in any order restore."""
    world = household(new_world, rules)
    hospitals = [world.hospital(hosp_lv) for hosp_lv in (8, 5, 2)]
    pharmacies = [world.hospital(0)]
    before = world.balances(), used_up(world)
    settlements = []
    for fields in drawn:
        at_pharmacy = fields["visit_kind"] is VisitKind.PHARMACY
        institution = chance.choice(pharmacies if at_pharmacy else hospitals)
        bill = world.bill(institution=institution, **fields)
        settlements.append(quoted_and_settled(world, bill))
    chance.shuffle(settlements)
    for settlement in settlements:
        reversed_ = world.reverse(settlement.settlement_id)
        assert settlement.account_fen == sum(r.fen for r in reversed_.refunds)
    assert before == (world.balances(), used_up(world))
    assert_books_balance(world)


LIMITS: dict[str, dict[str, Any]] = {
    "no limit": {},
    "every limit": {
        "deductible_year_max_fen": 900_00,
        "visit_cap_fen": {1: NO_LIMIT, 2: NO_LIMIT, 3: 70_00},
        "rounding": Rounding.DOWN,
    },
}


@pytest.mark.parametrize("table", LIMITS.values(), ids=LIMITS)
def test_a_fund_line_says_what_it_was_decided_from(
    family: NewWorld, table: dict[str, Any]
) -> None:
    """In scope, row of the table and what was used are read back as they went in."""
    world = family(table=table)
    rules = world.cities.of("341100").rules(TODAY)
    employee = rules.value(CityRules.reimbursement)[Scheme.EMPLOYEE]
    assert isinstance(employee, Table)
    settlement = world.settle(world.visit("P1", 200_00))
    expected = (200_00, benefit_of(employee, 3, Standing.ACTIVE), Used(800_00, 0))
    assert expected == fund_inputs(settlement.lines[0])


def test_a_denied_line_was_decided_from_no_figure(family: NewWorld) -> None:
    """A clause that denies the fund leaves nothing to read back."""
    world = family()
    denied = world.settle(world.visit("P1", 200_00, inpatient_that_day=True))
    assert fund_inputs(denied.lines[0]) is None


def test_the_evaluator_finds_a_fen(family: NewWorld) -> None:
    """A fen too much in any line, or lines in another order, are found."""
    world = family()
    bill = world.visit("P1", 200_00, account_use=AccountUse.CITY_ORDER)
    lines = world.settle(bill).lines
    assert [] == list(faults(lines, bill.total_fen))
    for place, line in enumerate(lines):
        changed = list(lines)
        changed[place] = replace(line, fen=line.fen + 1)
        assert list(faults(changed, bill.total_fen))
    assert list(faults(lines[::-1], bill.total_fen))
