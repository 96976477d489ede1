"""trace.v1: an evaluator of its own recomputes each line; the laws of money over
random families."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from gongji.model.account import Account, Entry
from gongji.model.people import Institution
from gongji.model.settlement import Accumulator
from gongji.rules.benefits import PurseKind, PurseOrder, Table
from gongji.rules.binding import NO_LIMIT
from gongji.rules.codes import (
    SHANGHAI,
    AccountUse,
    Payer,
    Scheme,
    Spending,
    Standing,
    VisitKind,
)
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import Rounding
from gongji.settlement.settle import Quote
from gongji.settlement.split import Used, benefit_of
from gongji.settlement.trace import fund_inputs
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.evaluator import faults
from tests.scaffold.world import NewWorld, World

NOW = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)
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


def household(new_world: NewWorld, rules: str) -> World:
    """Three employees who give to each other and to a resident; P1 is near both
    deductible and cap."""
    world = new_world(**WORLDS[rules])
    for n, person_no in enumerate(("P1", "P2", "P3")):
        world.person(person_no, ("11", "12", "11")[n])
        world.add(Account(person_no, (0, 150_00, 400_00)[n], n))
    world.person("R1", "15")
    for n, (holder, member) in enumerate(
        [("P2", "P1"), ("P3", "P1"), ("P1", "P2"), ("P2", "R1"), ("P3", "R1")]
    ):
        world.bind(holder, member, NOW + timedelta(seconds=-n))
    world.add(Accumulator("P1", Scheme.EMPLOYEE, "3411", 2025, 700_00, 1990_00))
    return world


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(WORLDS)),
    st.lists(bills, min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_money_has_a_payer_a_formula_and_a_way_back(
    new_world: NewWorld, rules: str, drawn: list[dict[str, Any]], chance: Any
) -> None:
    """Lines sum and recompute, a quote equals its settlement, the books balance, and
    reversals in any order restore."""
    world = household(new_world, rules)
    hospitals = [world.hospital(hosp_lv) for hosp_lv in (8, 5, 2, 0)]
    balances = {a.person_no: a.balance_fen for a in world.all(Account)}
    used = {
        (a.person_no, a.year): (a.deductible_used_fen, a.fund_paid_fen)
        for a in world.all(Accumulator)
    }
    done = []
    for fields in drawn:
        pharmacy = fields["visit_kind"] is VisitKind.PHARMACY
        institution = hospitals[3] if pharmacy else chance.choice(hospitals[:3])
        bill = world.bill(institution=institution, **fields)
        quoted = world.decide(Quote(bill, world.cities))
        settled = world.settle(bill)
        done.append(settled)
        assert () == quoted.writes
        assert quoted.answer == replace(
            settled, settlement_id="", settled_at=None, request_id="", movements=()
        )
        assert [] == list(faults(settled.lines, bill.total_fen))
        assert 0 <= settled.fund_fen <= bill.in_scope_fen
        assert settled.aid_fen == sum(
            line.fen for line in settled.lines if line.payer is Payer.GIVER_PURSE
        )
    assert all(a.balance_fen >= 0 for a in world.all(Account))
    chance.shuffle(done)
    for settled in done:
        assert settled.account_fen == sum(
            m.fen for m in world.reverse(settled.settlement_id).refunds
        )
    assert balances == {a.person_no: a.balance_fen for a in world.all(Account)}
    left = {
        (a.person_no, a.year): (a.deductible_used_fen, a.fund_paid_fen)
        for a in world.all(Accumulator)
    }
    assert used == {key: value for key, value in left.items() if value != (0, 0)}
    _assert_books_balance(world, balances)


def _assert_books_balance(world: World, opening: dict[str, int]) -> None:
    """Every transaction sums to 0, and each purse's entries run from its opening
    balance, version by version."""
    entries = world.all(Entry)
    for transaction in {e.transaction_id for e in entries}:
        assert 0 == sum(e.fen for e in entries if e.transaction_id == transaction)
    for person_no, balance in opening.items():
        mine = sorted(
            (e for e in entries if e.ledger_account == f"purse:{person_no}"),
            key=lambda e: e.version_after,
        )
        running = balance
        for entry in mine:
            running += entry.fen
            assert running == entry.balance_after_fen


def test_a_fund_line_tells_what_it_was_decided_from(family: NewWorld) -> None:
    """In scope, the row of the table and what was used are read back from the line as
    they went in."""
    limits = {
        "deductible_year_max_fen": 900_00,
        "visit_cap_fen": {1: NO_LIMIT, 2: NO_LIMIT, 3: 70_00},
        "rounding": Rounding.DOWN,
    }
    for changes in ({}, limits):
        world = family(table=changes)
        table = (
            world.cities.of("341100")
            .rules(TODAY)
            .value(CityRules.reimbursement)[Scheme.EMPLOYEE]
        )
        assert isinstance(table, Table)
        settled = world.settle(world.bill("P1", world.all(Institution)[0], 200_00))
        expected = (200_00, benefit_of(table, 3, Standing.ACTIVE), Used(800_00, 0))
        assert expected == fund_inputs(settled.lines[0])
    denied = world.settle(
        world.bill("P1", world.all(Institution)[0], 200_00, inpatient_that_day=True)
    )
    assert fund_inputs(denied.lines[0]) is None


def test_the_evaluator_finds_a_fen(family: NewWorld) -> None:
    """A fen too much in any line, or lines in another order, are found."""
    world = family()
    bill = world.bill(
        "P1", world.all(Institution)[0], 200_00, account_use=AccountUse.CITY_ORDER
    )
    lines = world.settle(bill).lines
    assert [] == list(faults(lines, bill.total_fen))
    for place, line in enumerate(lines):
        assert list(
            faults(
                [*lines[:place], replace(line, fen=line.fen + 1), *lines[place + 1 :]],
                bill.total_fen,
            )
        )
    assert list(faults(lines[::-1], bill.total_fen))
