"""What the rules grant a bill: the fund's part or the clause that denies it, and which
purses are asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from gongji.cities.anhui import exclusions, reimbursement, uses
from gongji.model.account import Account
from gongji.model.people import Enrolment, Institution, Person
from gongji.model.settlement import Accumulator, Settlement
from gongji.rules.benefits import PurseKind, PurseOrder, Use
from gongji.rules.codes import (
    SHANGHAI,
    AccountUse,
    EnrolmentStatus,
    Payer,
    Scheme,
    Spending,
    VisitKind,
)
from msgspec.structs import replace as revised

from tests.scaffold.people import BillChanges
from tests.scaffold.world import NewWorld

NOW = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)
TODAY = NOW.date()
CITY_ORDER = AccountUse.CITY_ORDER


V2 = {
    "deductible_fen": {1: 200_00, 2: 400_00, 3: 400_00},
    "ratio_bp": {1: 60_00, 2: 50_00, 3: 50_00},
}
L1, L2, L3, UNRANKED, PHARMACY = 8, 5, 2, 11, 0
WORKED: dict[
    str, tuple[dict[str, Any], str, list[tuple[int, int]], list[tuple[int, int]]]
] = {
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
    visits: list[tuple[int, int]],
    expected: list[tuple[int, int]],
) -> None:
    """The worked values come out through the whole decision, the accumulators growing
    with each bill."""
    world = new_world(table=changes)
    world.person("P1", psn_type)
    done = [
        world.settle(world.bill("P1", world.hospital(lv), fen)) for lv, fen in visits
    ]
    assert expected == [(s.deductible_fen, s.fund_fen) for s in done]
    used = tuple(sum(column) for column in zip(*expected, strict=True))
    assert [Accumulator("P1", Scheme.EMPLOYEE, "3411", 2025, *used)] == world.all(
        Accumulator
    )
    assert used == (done[-1].deductible_used_after_fen, done[-1].fund_paid_after_fen)


EXCLUDED = exclusions()[0]
TABLES: Any = reimbursement()[0].value
DENIED: dict[str, tuple[str, int, dict[str, Any], str]] = {
    "paused": ("paused", L1, {}, EXCLUDED.value[0].clause.id),
    "an inpatient that day": (
        "P1",
        L1,
        {"inpatient_that_day": True},
        EXCLUDED.value[1].clause.id,
    ),
    "what an inpatient settlement left": (
        "P1",
        L1,
        {"visit_kind": VisitKind.INPATIENT, "residue": True},
        EXCLUDED.value[2].clause.id,
    ),
    "spending outside the policy": (
        "P1",
        L1,
        {"spending": Spending.WELLNESS},
        EXCLUDED.value[3].clause.id,
    ),
    "several situations: the first of the rule is named": (
        "paused",
        L1,
        {"inpatient_that_day": True, "residue": True},
        EXCLUDED.value[0].clause.id,
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
    changes: dict[str, Any],
    clause: str,
) -> None:
    """Where the fund pays nothing the bill is settled all the same, under that clause,
    and no accumulator moves."""
    world = new_world()
    world.person("P1")
    world.person("resident", "15")
    paused = Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.PAUSED, date(2020, 1, 1))
    world.person("paused", enrolments=(paused,))
    done = world.settle(
        world.bill(patient, world.hospital(hosp_lv), 3000_00, **changes)
    )
    line = done.lines[0]
    assert (0, "no_fund.v1") == (line.fen, line.formula)
    assert ({}, (clause,)) == (line.inputs, line.rule.clauses)
    assert (3000_00, 0, 0, []) == (
        done.cash_fen,
        done.deductible_fen,
        done.ratio_bp,
        world.all(Accumulator),
    )


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
    """The bill names the scheme, else the patient's only one of that day, else the
    employee scheme."""
    world = new_world()
    resident = Enrolment(
        Scheme.RESIDENT, "15", EnrolmentStatus.NORMAL, date(2020, 1, 1)
    )
    employee = Enrolment(
        Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, date(2020, 1, 1)
    )
    world.person("resident", enrolments=(resident,))
    world.person("both", enrolments=(resident, employee))
    over = revised(employee, status=EnrolmentStatus.TERMINATED)
    world.person("retrained", enrolments=(resident, over))
    world.person(
        "moved", enrolments=(resident, revised(employee, until=TODAY - timedelta(1)))
    )
    assert (
        expected
        is world.settle(world.bill(patient, world.hospital(L1), 1, scheme=named)).scheme
    )


def test_the_year_is_the_service_day_s(new_world: NewWorld) -> None:
    """A visit of 31 December settled on 1 January uses the old year; one of 1 January
    starts a new one."""
    world = new_world(now=datetime(2026, 1, 1, 0, 0, 1, tzinfo=SHANGHAI))
    world.person("P1")
    old, new = date(2025, 12, 31), date(2026, 1, 1)
    funds = [
        world.settle(
            world.bill("P1", world.hospital(L3), 1000_00, service_day=day)
        ).fund_fen
        for day in (old, old, new)
    ]
    assert [100_00, 500_00, 100_00] == funds
    assert {2025, 2026} == {a.year for a in world.all(Accumulator)}


def test_the_table_is_the_service_day_s(new_world: NewWorld) -> None:
    """A changed table decides visits from its first day on, whenever they are settled."""
    table = replace(TABLES[Scheme.EMPLOYEE], ratio_bp={1: 70_00, 2: 70_00, 3: 70_00})
    first = reimbursement()[0]
    later = replace(first, since=TODAY, value={**first.value, Scheme.EMPLOYEE: table})
    world = new_world(reimbursement=(first, later))
    world.person("P1")
    days = (TODAY - timedelta(1), TODAY)
    bills = [
        world.bill("P1", world.hospital(L3), 900_00, service_day=day) for day in days
    ]
    assert [50_00, 70_00] == [world.quote(b).fund_fen for b in bills]


ASKED: dict[str, tuple[BillChanges, list[tuple[str, int]], int]] = {
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


@pytest.mark.parametrize(("changes", "expected", "cash"), ASKED.values(), ids=ASKED)
def test_which_purses_pay(
    family: NewWorld,
    changes: BillChanges,
    expected: list[tuple[str, int]],
    cash: int,
) -> None:
    """Of 200 in scope the fund pays half; then purses in order, aid only what is
    compliant; then cash."""
    world = family()
    fields: BillChanges = {
        "first_selfpay_fen": 10_00,
        "out_of_catalogue_fen": 10_00,
        "account_use": CITY_ORDER,
        **changes,
    }
    bill = world.bill("P1", world.all(Institution)[0], 200_00, **fields)
    done = world.settle(bill)
    assert expected == [(line.purse, line.fen) for line in done.lines if line.purse]
    assert cash == done.cash_fen
    assert [(p, -fen) for p, fen in expected if fen] == [
        (m.purse, m.fen) for m in done.movements
    ]


def test_own_money_spares_the_givers(family: NewWorld) -> None:
    """Own money goes to compliant parts first; what it leaves of them is all that aid
    is asked for."""
    world = family()
    bill = world.bill(
        "P1",
        world.all(Institution)[0],
        60_00,
        above_limit_fen=40_00,
        account_use=CITY_ORDER,
    )
    assert (30_00, 50_00, 0, 20_00) == _payers(world.settle(bill))


def test_a_city_may_ask_givers_first(family: NewWorld) -> None:
    """The order of the purses is the patient's city's rule."""
    order = PurseOrder(order=(PurseKind.GIVERS, PurseKind.OWN))
    world = family(purse_order=order)
    bill = world.bill("P1", world.all(Institution)[0], 60_00, account_use=CITY_ORDER)
    expected = [("P2", 20_00), ("P3", 10_00), ("P1", 0)]
    assert expected == [
        (line.purse, line.fen) for line in world.settle(bill).lines if line.purse
    ]


def test_givers_are_asked_as_their_bindings_became_active(family: NewWorld) -> None:
    """Neither names nor submissions order the givers; bindings of one instant go by their id."""
    world = family()
    bill = world.bill("P1", world.all(Institution)[0], 60_00, account_use=CITY_ORDER)
    world.bind("P2", "P1", NOW, submitted_at=NOW - timedelta(days=9))
    assert ["P3", "P2"] == [line.purse for line in world.quote(bill).lines[2:-1]]
    world.bind("P3", "P1", NOW)
    assert ["P2", "P3"] == [line.purse for line in world.quote(bill).lines[2:-1]]


GIVERS: dict[str, tuple[dict[str, Any], str, int]] = {
    "a giver paused today gives nothing": (
        {"status": EnrolmentStatus.PAUSED},
        "holder_terms",
        0,
    ),
    "a giver who left the scheme gives nothing": (
        {"until": TODAY - timedelta(1)},
        "holder_terms",
        0,
    ),
    "a giver enrolled until today gives": ({"until": TODAY}, "uses", 50_00),
    "a dead giver gives nothing": (
        {"died_on": TODAY - timedelta(1)},
        "holder_terms",
        0,
    ),
}


@pytest.mark.parametrize(("changes", "hook", "expected"), GIVERS.values(), ids=GIVERS)
def test_a_giver_must_be_enrolled_today(
    family: NewWorld, changes: dict[str, Any], hook: str, expected: int
) -> None:
    """A giver not normally enrolled at the instant of settlement has a line of 0 that says so."""
    world, changes = family(), dict(changes)
    giver = next(p for p in world.all(Person) if p.person_no == "P3")
    died_on = changes.pop("died_on", None)
    world.add(
        revised(
            giver,
            died_on=died_on,
            enrolments=(revised(giver.enrolments[0], **changes),),
        )
    )
    bill = world.bill(
        "P1", world.all(Institution)[0], 100_00, account_use=CITY_ORDER, givers=("P3",)
    )
    world.add(Account("P1", 0, 1))
    line = world.settle(bill).lines[2]
    assert (hook, expected) == (line.rule.hook, line.fen)


def test_each_giver_s_city_decides_its_uses(family: NewWorld) -> None:
    """Where Chuzhou shares purses at hospitals only, P3 of Chuzhou pays nothing at a
    pharmacy and P2 of Anqing does."""
    only_visits = replace(uses()[0].value, aid_at=frozenset({Use.OUTPATIENT}))
    world = family(uses=only_visits)
    at_pharmacy = world.bill(
        "P1",
        world.all(Institution)[1],
        100_00,
        visit_kind=VisitKind.PHARMACY,
        account_use=CITY_ORDER,
    )
    assert [50_00, 20_00, 0] == [
        line.fen for line in world.settle(at_pharmacy).lines[1:-1]
    ]


def test_a_resident_has_no_purse_of_his_own(new_world: NewWorld) -> None:
    """A resident's bill is paid from the holder's purse, the fund paying nothing; no
    own purse is asked."""
    world = new_world()
    world.person("father", "16")
    world.person("P2")
    world.add(Account("P2", 500_00, 1))
    world.bind("P2", "father", NOW)
    done = world.settle(
        world.bill("father", world.hospital(L2), 300_00, account_use=CITY_ORDER)
    )
    assert [(Payer.FUND, 0), (Payer.GIVER_PURSE, 300_00), (Payer.CASH, 0)] == [
        (ln.payer, ln.fen) for ln in done.lines
    ]


def test_a_balance_is_never_shown(family: NewWorld) -> None:
    """No figure or sentence of a line tells more of a purse than min(balance, still needed)."""
    world = family()
    bill = world.bill("P1", world.all(Institution)[0], 150_00, account_use=CITY_ORDER)
    done = world.settle(bill)
    assert 5_00 == done.lines[3].fen
    told = " ".join(f"{line.inputs.values()} {line.in_words}" for line in done.lines)
    assert not any(balance in told for balance in ("30000", "300.00"))


def _payers(settlement: Settlement) -> tuple[int, int, int, int]:
    return (
        settlement.fund_fen,
        settlement.own_fen,
        settlement.aid_fen,
        settlement.cash_fen,
    )
