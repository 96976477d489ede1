"""What the rules grant a bill: the fund's part or a clause that denies it, and purses."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias

import pytest
from gongji.cities.anhui import reimbursement, uses
from gongji.model.account import Account
from gongji.model.people import Enrolment, Institution
from gongji.model.settlement import Accumulator, Settlement
from gongji.rules.benefits import PurseKind, PurseOrder, Use
from gongji.rules.codes import (
    SHANGHAI,
    AccountUse,
    EnrolmentStatus,
    Scheme,
    Spending,
    VisitKind,
)
from msgspec.structs import replace as revised

from tests.scaffold.people import NOW, BillChanges, PersonChanges
from tests.scaffold.world import NewWorld

TODAY = NOW.date()
CITY_ORDER = AccountUse.CITY_ORDER


V2 = {
    "deductible_fen": {1: 200_00, 2: 400_00, 3: 400_00},
    "ratio_bp": {1: 60_00, 2: 50_00, 3: 50_00},
}
L1, L2, L3, UNRANKED, PHARMACY = 8, 5, 2, 11, 0
Pairs: TypeAlias = list[tuple[int, int]]

WORKED: dict[str, tuple[dict[str, Any], str, Pairs, Pairs]] = {
    "active, level 3, 1000": ({}, "11", [(L3, 1000_00)], [(800_00, 100_00)]),
    "retired, level 1, 1000": ({}, "1201", [(L1, 1000_00)], [(800_00, 130_00)]),
    "active, level 1, 5000": ({}, "1103", [(L1, 5000_00)], [(800_00, 2000_00)]),
    "active, level 2, 500 then 500": (
        {},
        "11",
        [(L2, 500_00), (L2, 500_00)],
        [(500_00, 0), (300_00, 110_00)],
    ),
    "unranked as level 1": ({}, "11", [(UNRANKED, 1000_00)], [(800_00, 120_00)]),
    "V2, active, level 1 200 then level 3 500": (
        V2,
        "11",
        [(L1, 200_00), (L3, 500_00)],
        [(200_00, 0), (200_00, 150_00)],
    ),
    "pharmacies as level 1, where a table says so": (
        {"pharmacy": 1},
        "11",
        [(PHARMACY, 1000_00)],
        [(800_00, 120_00)],
    ),
}


@pytest.mark.parametrize(
    ("changes", "psn_type", "visits", "expected"), WORKED.values(), ids=WORKED
)
def test_worked_values(
    new_world: NewWorld,
    changes: dict[str, Any],
    psn_type: str,
    visits: Pairs,
    expected: Pairs,
) -> None:
    """The worked values come out of the whole decision, and the accumulator grows."""
    world = new_world(table=changes)
    world.person("P1", psn_type)
    used = Accumulator("P1", Scheme.EMPLOYEE, "3411", 2025)
    for (hosp_lv, fen), shares in zip(visits, expected, strict=True):
        settlement = world.settle(world.bill("P1", world.hospital(hosp_lv), fen))
        used = used.plus(*shares)
        assert shares == (settlement.deductible_fen, settlement.fund_fen)
        assert used.deductible_used_fen == settlement.deductible_used_after_fen
        assert used.fund_paid_fen == settlement.fund_paid_after_fen
        assert [used] == world.all(Accumulator)


TABLES: Any = reimbursement()[0].value
PAUSED, INPATIENT, RESIDUE, OUTSIDE = "C63", "C64", "C65", "C66"
DENIED: dict[str, tuple[str, int, BillChanges, str]] = {
    "paused": ("paused", L1, {}, PAUSED),
    "an inpatient that day": (
        "P1",
        L1,
        {"inpatient_that_day": True},
        INPATIENT,
    ),
    "what an inpatient settlement left": (
        "P1",
        L1,
        {"visit_kind": VisitKind.INPATIENT, "residue": True},
        RESIDUE,
    ),
    "spending outside the policy": (
        "P1",
        L1,
        {"spending": Spending.WELLNESS},
        OUTSIDE,
    ),
    "several situations: the first of the rule is named": (
        "paused",
        L1,
        {"inpatient_that_day": True, "residue": True},
        PAUSED,
    ),
    "a resident": ("resident", L1, {}, TABLES[Scheme.RESIDENT].clause.id),
    "a pharmacy": (
        "P1",
        PHARMACY,
        {"visit_kind": VisitKind.PHARMACY},
        TABLES[Scheme.EMPLOYEE].pharmacy.clause.id,
    ),
}


@pytest.mark.parametrize(
    ("patient", "hosp_lv", "changes", "clause"), DENIED.values(), ids=DENIED
)
def test_no_fund_is_settled_under_its_clause(
    new_world: NewWorld,
    patient: str,
    hosp_lv: int,
    changes: BillChanges,
    clause: str,
) -> None:
    """If the fund pays nothing, the bill is settled under the clause that says so."""
    world = new_world()
    world.person("P1")
    world.person("resident", "15")
    paused = Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.PAUSED, date(2020, 1, 1))
    world.person("paused", enrolments=(paused,))
    world.hospital(hosp_lv)
    settlement = world.settle(world.visit(patient, 3000_00, **changes))
    line = settlement.lines[0]
    assert (0, "no_fund.v1") == (line.fen, line.formula)
    assert ({}, (clause,)) == (line.inputs, line.rule.clauses)
    assert 3000_00 == settlement.cash_fen
    assert (0, 0) == (settlement.deductible_fen, settlement.ratio_bp)
    assert [] == world.all(Accumulator)


SINCE = date(2020, 1, 1)
RESIDENT = Enrolment(Scheme.RESIDENT, "15", EnrolmentStatus.NORMAL, SINCE)
EMPLOYEE = Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, SINCE)
SCHEMES = {
    "the bill's scheme": ("both", Scheme.RESIDENT, Scheme.RESIDENT),
    "the only one enrolled in": ("resident", None, Scheme.RESIDENT),
    "of two, the employee scheme": ("both", None, Scheme.EMPLOYEE),
    "one that is terminated does not count": ("retrained", None, Scheme.RESIDENT),
    "one that ended the day before does not count": ("moved", None, Scheme.RESIDENT),
}


@pytest.mark.parametrize(
    ("patient", "named", "expected"), SCHEMES.values(), ids=SCHEMES
)
def test_scheme(
    new_world: NewWorld, patient: str, named: Scheme | None, expected: Scheme
) -> None:
    """The bill's scheme, else the patient's only one that day, else the employee scheme."""
    world = new_world()
    over = revised(EMPLOYEE, status=EnrolmentStatus.TERMINATED)
    ended = revised(EMPLOYEE, until=TODAY - timedelta(1))
    world.person("resident", enrolments=(RESIDENT,))
    world.person("both", enrolments=(RESIDENT, EMPLOYEE))
    world.person("retrained", enrolments=(RESIDENT, over))
    world.person("moved", enrolments=(RESIDENT, ended))
    world.hospital(L1)
    assert expected is world.settle(world.visit(patient, 1, scheme=named)).scheme


def test_the_year_is_the_service_day_s(new_world: NewWorld) -> None:
    """A visit of 31 December settled on 1 January uses the old year's figures."""
    world = new_world(now=datetime(2026, 1, 1, 0, 0, 1, tzinfo=SHANGHAI))
    world.person("P1")
    world.hospital(L3)
    old, new = date(2025, 12, 31), date(2026, 1, 1)
    for day, fund_fen in ((old, 100_00), (old, 500_00), (new, 100_00)):
        bill = world.visit("P1", 1000_00, service_day=day)
        assert fund_fen == world.settle(bill).fund_fen
    assert {2025, 2026} == {a.year for a in world.all(Accumulator)}


def test_the_table_is_the_service_day_s(new_world: NewWorld) -> None:
    """A changed table decides visits from its first day on, whenever they are settled."""
    table = replace(TABLES[Scheme.EMPLOYEE], ratio_bp={1: 70_00, 2: 70_00, 3: 70_00})
    first = reimbursement()[0]
    later = replace(first, since=TODAY, value={**first.value, Scheme.EMPLOYEE: table})
    world = new_world(reimbursement=(first, later))
    world.person("P1")
    world.hospital(L3)
    before = world.visit("P1", 900_00, service_day=TODAY - timedelta(1))
    assert 50_00 == world.quote(before).fund_fen
    assert 70_00 == world.quote(world.visit("P1", 900_00)).fund_fen


Paid: TypeAlias = list[tuple[str, int]]
"""Purse and fen, in the order of the lines."""


def purses(settlement: Settlement) -> Paid:
    return [(line.purse, line.fen) for line in settlement.lines if line.purse]


PURSES: dict[str, tuple[BillChanges, Paid, int]] = {
    "no purse": ({"account_use": AccountUse.NONE}, [], 120_00),
    "the own purse only": ({"account_use": AccountUse.OWN}, [("P1", 50_00)], 70_00),
    "the city's order: own, then givers, the earlier binding first": (
        {},
        [("P1", 50_00), ("P2", 20_00), ("P3", 40_00)],
        10_00,
    ),
    "givers narrowed to one": (
        {"givers": ("P3",)},
        [("P1", 50_00), ("P3", 60_00)],
        10_00,
    ),
    "naming givers does not reorder them": (
        {"givers": ("P3", "P2")},
        [("P1", 50_00), ("P2", 20_00), ("P3", 40_00)],
        10_00,
    ),
    "fitness: neither own nor givers' purses": (
        {"spending": Spending.FITNESS},
        [("P1", 0), ("P2", 0), ("P3", 0)],
        220_00,
    ),
}


@pytest.mark.parametrize(("changes", "expected", "cash"), PURSES.values(), ids=PURSES)
def test_which_purses_pay(
    family: NewWorld,
    changes: BillChanges,
    expected: Paid,
    cash: int,
) -> None:
    """Of 200 in scope the fund pays half; purses in order, aid what is compliant; cash."""
    world = family()
    fields: BillChanges = {
        "first_selfpay_fen": 10_00,
        "out_of_catalogue_fen": 10_00,
        "account_use": CITY_ORDER,
        **changes,
    }
    bill = world.visit("P1", 200_00, **fields)
    settlement = world.settle(bill)
    assert expected == purses(settlement)
    assert cash == settlement.cash_fen
    charged = [(m.purse, -m.fen) for m in settlement.movements]
    assert charged == [(purse, fen) for purse, fen in expected if fen]


def test_own_money_spares_the_givers(family: NewWorld) -> None:
    """Own money goes to compliant parts first; what it leaves of them is all that aid
    is asked for."""
    world = family()
    bill = world.visit(
        "P1",
        60_00,
        above_limit_fen=40_00,
        account_use=CITY_ORDER,
    )
    settlement = world.settle(bill)
    assert (30_00, 20_00) == (settlement.fund_fen, settlement.cash_fen)
    assert (50_00, 0) == (settlement.own_fen, settlement.aid_fen)


def test_a_city_may_ask_givers_first(family: NewWorld) -> None:
    """The order of the purses is the patient's city's rule."""
    order = PurseOrder(order=(PurseKind.GIVERS, PurseKind.OWN))
    world = family(purse_order=order)
    bill = world.visit("P1", 60_00, account_use=CITY_ORDER)
    expected = [("P2", 20_00), ("P3", 10_00), ("P1", 0)]
    assert expected == purses(world.settle(bill))


def test_givers_are_asked_as_their_bindings_became_active(family: NewWorld) -> None:
    """Neither names nor submissions order the givers; bindings of one instant go by their id."""
    world = family()
    bill = world.visit("P1", 60_00, account_use=CITY_ORDER)
    world.bind("P2", "P1", NOW, submitted_at=NOW - timedelta(days=9))
    assert ["P1", "P3", "P2"] == [purse for purse, _ in purses(world.quote(bill))]
    world.bind("P3", "P1", NOW)
    assert ["P1", "P2", "P3"] == [purse for purse, _ in purses(world.quote(bill))]


YESTERDAY = TODAY - timedelta(1)
GIVERS: dict[str, tuple[PersonChanges, str, int]] = {
    "a giver paused today gives nothing": (
        {"enrolments": (revised(EMPLOYEE, status=EnrolmentStatus.PAUSED),)},
        "holder_terms",
        0,
    ),
    "a giver who left the scheme gives nothing": (
        {"enrolments": (revised(EMPLOYEE, until=YESTERDAY),)},
        "holder_terms",
        0,
    ),
    "a giver enrolled until today gives": (
        {"enrolments": (revised(EMPLOYEE, until=TODAY),)},
        "uses",
        50_00,
    ),
    "a dead giver gives nothing": ({"died_on": YESTERDAY}, "holder_terms", 0),
}


@pytest.mark.parametrize(("changes", "hook", "expected"), GIVERS.values(), ids=GIVERS)
def test_a_giver_must_be_enrolled_today(
    family: NewWorld, changes: PersonChanges, hook: str, expected: int
) -> None:
    """A giver not normally enrolled at settlement has a line of 0 that says so."""
    world = family()
    world.person("P3", **changes)
    world.add(Account("P1", 0, 1))
    bill = world.visit("P1", 100_00, account_use=CITY_ORDER, givers=("P3",))
    line = world.settle(bill).lines[2]
    assert (hook, expected) == (line.rule.hook, line.fen)


def test_each_giver_s_city_decides_its_uses(family: NewWorld) -> None:
    """If Chuzhou shares purses at hospitals only, at a pharmacy P2 of Anqing pays."""
    only_visits = replace(uses()[0].value, aid_at=frozenset({Use.OUTPATIENT}))
    world = family(uses=only_visits)
    at_pharmacy = world.bill(
        "P1",
        world.all(Institution)[1],
        100_00,
        visit_kind=VisitKind.PHARMACY,
        account_use=CITY_ORDER,
    )
    expected = [("P1", 50_00), ("P2", 20_00), ("P3", 0)]
    assert expected == purses(world.settle(at_pharmacy))


def test_a_resident_has_no_purse_of_his_own(new_world: NewWorld) -> None:
    """A resident's bill is paid from the holder's purse, the fund paying nothing; no
    own purse is asked."""
    world = new_world()
    world.person("father", "16")
    world.person("P2")
    world.add(Account("P2", 500_00, 1))
    world.bind("P2", "father", NOW)
    world.hospital(L2)
    bill = world.visit("father", 300_00, account_use=CITY_ORDER)
    settlement = world.settle(bill)
    assert 0 == settlement.fund_fen
    assert [("P2", 300_00)] == purses(settlement)
    assert 0 == settlement.cash_fen


def test_a_balance_is_never_shown(family: NewWorld) -> None:
    """No figure or sentence of a line shows more than min(balance, still needed)."""
    world = family()
    bill = world.visit("P1", 150_00, account_use=CITY_ORDER)
    lines = world.settle(bill).lines
    assert 5_00 == lines[3].fen
    shown = " ".join(f"{line.inputs.values()} {line.in_words}" for line in lines)
    assert "30000" not in shown
    assert "300.00" not in shown
