"""Which clause is cited: the one that decides, in every situation and refusal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from gongji.model.account import Account
from gongji.model.people import Enrolment
from gongji.model.refusals import Refusal
from gongji.model.settlement import Line
from gongji.rules.codes import (
    AccountUse,
    EnrolmentStatus,
    Payer,
    ResidueOf,
    Scheme,
    Spending,
    VisitKind,
)

from tests.scaffold.cities import shipped
from tests.scaffold.people import NOW, BillChanges
from tests.scaffold.world import World

ANQING, CHUZHOU = "340800", "341100"
SINCE, ENDED = date(2020, 1, 1), date(2021, 1, 1)
LEVELS = {"一级": 8, "三级": 2, "未定级": 11, "药店": 0}
PAUSED = EnrolmentStatus.PAUSED
CITIES = shipped()


def town(area_code: str) -> World:
    """Return an active, a retired, paused ones and a resident, all bound to a holder."""
    world = World(CITIES, NOW)
    for name, psn_type in (("active", "11"), ("retired", "12"), ("resident", "15")):
        world.person(name, psn_type, area_code)
    paused = {"paused active": "11", "paused retired": "12"}
    for name, psn_type in paused.items():
        enrolment = Enrolment(Scheme.EMPLOYEE, psn_type, PAUSED, SINCE)
        world.person(name, place=area_code, enrolments=(enrolment,))
    stopped = Enrolment(Scheme.RESIDENT, "15", PAUSED, SINCE)
    world.person("paused resident", place=area_code, enrolments=(stopped,))
    world.person("holder", place=area_code)
    world.add(Account("holder", 10_000_00, 1), Account("active", 1_00, 1))
    for name in ("active", "retired", "resident"):
        world.bind("holder", name, NOW - timedelta(1))
    for level in LEVELS.values():
        world.hospital(level, area_code)
    return world


@dataclass(frozen=True, kw_only=True)
class CitedBill:
    """A bill, and what its lines cite: the fund's in Chuzhou and in Anqing, or a purse's."""

    patient: str = "active"
    at: str = "一级"
    bill: BillChanges = field(default_factory=BillChanges)
    chuzhou: tuple[str, ...]
    anqing: tuple[str, ...]


AT_LEVEL_1 = ("C58", "C62", "T-CZ1", "T-CZ4", "C59")
PROVINCIAL = ("C58", "C62", "C101", "T1", "T13", "C59", "C100")
RESIDUE: BillChanges = {"residue": True}
FUND = {
    "an ordinary visit": CitedBill(chuzhou=AT_LEVEL_1, anqing=PROVINCIAL),
    "a retired person's": CitedBill(
        patient="retired", chuzhou=(*AT_LEVEL_1, "C61b"), anqing=(*PROVINCIAL, "C61b")
    ),
    "an unranked hospital's": CitedBill(
        at="未定级", chuzhou=(*AT_LEVEL_1, "T-CZ3"), anqing=(*PROVINCIAL, "T5")
    ),
    "at a pharmacy": CitedBill(at="药店", chuzhou=("T-CZ2",), anqing=("T6",)),
    "special drugs at a pharmacy": CitedBill(
        at="药店",
        bill={"visit_kind": VisitKind.SPECIAL_DRUG},
        chuzhou=("T-CZ2",),
        anqing=("T6",),
    ),
    "an emergency": CitedBill(
        bill={"visit_kind": VisitKind.EMERGENCY}, chuzhou=("T-CZ14",), anqing=("T43",)
    ),
    "an active person who paused": CitedBill(
        patient="paused active", chuzhou=("C63",), anqing=("C63",)
    ),
    "a retired person who paused": CitedBill(
        patient="paused retired", chuzhou=("T-CZ13",), anqing=("T41",)
    ),
    "a stay in hospital": CitedBill(
        bill={"inpatient_that_day": True}, chuzhou=("C64",), anqing=("C64",)
    ),
    "a remainder": CitedBill(bill=RESIDUE, chuzhou=("C65",), anqing=("C65",)),
    "spending outside the policy": CitedBill(
        bill={"spending": Spending.FITNESS}, chuzhou=("C66",), anqing=("C66",)
    ),
    "a resident": CitedBill(patient="resident", chuzhou=("T-CZ5",), anqing=("T14",)),
    "a resident who paused": CitedBill(
        patient="paused resident", chuzhou=("T-CZ5",), anqing=("T14",)
    ),
    "a resident's stay, remainder and fitness": CitedBill(
        patient="resident",
        bill={
            "inpatient_that_day": True,
            "residue": True,
            "spending": Spending.FITNESS,
        },
        chuzhou=("T-CZ5",),
        anqing=("T14",),
    ),
    "a resident at a pharmacy": CitedBill(
        patient="resident", at="药店", chuzhou=("T-CZ5",), anqing=("T14",)
    ),
}

OWN = {
    "an ordinary visit": CitedBill(chuzhou=("T-CZ9",), anqing=("T-AQ5",)),
    "a remainder": CitedBill(bill=RESIDUE, chuzhou=("T-CZ9",), anqing=("T-AQ5",)),
    "wellness": CitedBill(
        bill={"spending": Spending.WELLNESS}, chuzhou=("A12",), anqing=("A12",)
    ),
}

GIVERS = {
    "at a hospital": CitedBill(chuzhou=("C68", "A10"), anqing=("A10",)),
    "at a pharmacy": CitedBill(
        at="药店", chuzhou=("C68", "A10"), anqing=("A11", "A10")
    ),
    "wellness": CitedBill(
        bill={"spending": Spending.WELLNESS}, chuzhou=("A12",), anqing=("A12",)
    ),
    "an inpatient remainder": CitedBill(
        bill=RESIDUE, chuzhou=("A10", "T-CZ15"), anqing=("A10", "T-AQ10")
    ),
    "a chronic remainder": CitedBill(
        bill={"residue": True, "residue_of": ResidueOf.CHRONIC},
        chuzhou=("C68", "A10", "T-CZ15"),
        anqing=("A10", "T-AQ10"),
    ),
}

CASH = {"always": CitedBill(chuzhou=("T2",), anqing=("T2",))}

LINES = [
    (payer, name, row)
    for payer, rows in (
        (Payer.FUND, FUND),
        (Payer.OWN_PURSE, OWN),
        (Payer.GIVER_PURSE, GIVERS),
        (Payer.CASH, CASH),
    )
    for name, row in rows.items()
]


@pytest.mark.parametrize("area_code", [CHUZHOU, ANQING])
@pytest.mark.parametrize(
    ("payer", "row"),
    [(payer, row) for payer, _, row in LINES],
    ids=[f"{payer.name}: {name}" for payer, name, _ in LINES],
)
def test_a_line_cites_the_clauses_that_decide_it(
    payer: Payer, row: CitedBill, area_code: str
) -> None:
    """Each line of a settlement cites exactly the clauses behind its amount."""
    world = town(area_code)
    changes: BillChanges = {"account_use": AccountUse.CITY_ORDER, **row.bill}
    institution = world.hospital(LEVELS[row.at], area_code)
    settled = world.settle(world.bill(row.patient, institution, 5000_00, **changes))
    expected = row.chuzhou if area_code == CHUZHOU else row.anqing
    assert expected == cited(settled.lines, payer)


def cited(lines: tuple[Line, ...], payer: Payer) -> tuple[str, ...]:
    """Return the clauses of the one line of a payer."""
    (line,) = [line for line in lines if line.payer is payer]
    return line.rule.clauses


REFUSED: dict[str, tuple[str, BillChanges, dict[str, str]]] = {
    "an unfiled visit elsewhere": (
        "active",
        {"institution_code": "H34180000008"},
        {CHUZHOU: "H7", ANQING: "H7"},
    ),
    "a hospital no longer designated": (
        "active",
        {"institution_code": "H34110000055"},
        {CHUZHOU: "C68 A10", ANQING: "A10"},
    ),
    "a pharmacy no longer designated": (
        "active",
        {"institution_code": "P34110000056"},
        {CHUZHOU: "C68", ANQING: "A11"},
    ),
    "an employee's first inpatient settlement": (
        "active",
        {"visit_kind": VisitKind.INPATIENT},
        {CHUZHOU: "C65", ANQING: "C65"},
    ),
    "a resident's first chronic settlement": (
        "resident",
        {"visit_kind": VisitKind.CHRONIC},
        {CHUZHOU: "T-CZ5", ANQING: "T42"},
    ),
    "a holder who is not bound": (
        "active",
        {"givers": ("resident",)},
        {CHUZHOU: "T2", ANQING: "T2"},
    ),
    "somebody not enrolled as an employee": (
        "resident",
        {"scheme": Scheme.EMPLOYEE},
        {CHUZHOU: "C58", ANQING: "C58 C99 C101"},
    ),
    "somebody not enrolled as a resident": (
        "active",
        {"scheme": Scheme.RESIDENT},
        {CHUZHOU: "T-CZ5", ANQING: "T14"},
    ),
}


@pytest.mark.parametrize("area_code", [CHUZHOU, ANQING])
@pytest.mark.parametrize(
    ("patient", "changes", "expected"), REFUSED.values(), ids=REFUSED
)
def test_a_refusal_cites_the_clauses_that_decide_it(
    patient: str, changes: BillChanges, expected: dict[str, str], area_code: str
) -> None:
    """Each refusal of a bill that has clauses cites exactly those behind it."""
    world = town(area_code)
    world.hospital(8, "341800")
    world.hospital(8, area_code, code="H34110000055", designated_to=ENDED)
    world.hospital(0, area_code, code="P34110000056", designated_to=ENDED)
    with pytest.raises(Refusal) as refused:
        world.settle(world.visit(patient, 100_00, **changes))
    numbers = [clause.id for clause in refused.value.clauses]
    assert expected[area_code].split() == numbers
