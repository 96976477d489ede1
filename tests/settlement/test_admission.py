"""The ladder of a bill: each refusal by its name, in its order, and what lets a bill pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from gongji.cities.anhui import out_of_area
from gongji.model import refusals
from gongji.model.people import Enrolment, Institution
from gongji.rules.benefits import NoFund
from gongji.rules.codes import (
    SHANGHAI,
    AccountUse,
    BindingState,
    EnrolmentStatus,
    Purpose,
    ResidueOf,
    Scheme,
    VisitKind,
)
from gongji.settlement.settle import Quote, Settle
from msgspec.structs import replace as revised

from tests.scaffold.world import NewWorld, World

NOW = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)
TODAY = NOW.date()
CITY_ORDER = AccountUse.CITY_ORDER
ANQING = "340822"
UNSERVED = "349901"


RUNGS: dict[str, tuple[type[refusals.Refusal], dict[str, Any]]] = {
    "institution unknown": (
        refusals.InstitutionNotFound,
        {"institution_code": "H34110099999"},
    ),
    "patient unknown": (refusals.PersonNotFound, {"patient": "P404"}),
    "service day in the future": (
        refusals.FutureServiceDay,
        {"service_day": TODAY + timedelta(1)},
    ),
    "city without a plugin": (refusals.CityNotServed, {"patient": "unserved"}),
    "a day before the first rule of all": (
        refusals.NotInForce,
        {"service_day": date(2022, 6, 30)},
    ),
    "a negative part": (refusals.MalformedField, {"above_limit_fen": -1}),
    "parts that do not sum": (refusals.PartsDoNotSum, {"total_fen": 1001_00}),
    "a remainder of care that the bill says is none": (
        refusals.MalformedField,
        {"residue_of": ResidueOf.CHRONIC},
    ),
    "an inpatient remainder said to be of chronic care": (
        refusals.MalformedField,
        {
            "visit_kind": VisitKind.INPATIENT,
            "residue": True,
            "residue_of": ResidueOf.CHRONIC,
        },
    ),
    "institution not designated that day": (
        refusals.InstitutionNotDesignated,
        {"institution_code": "H34110000005"},
    ),
    "the first settlement of a chronic-disease bill": (
        refusals.UnsupportedVisitKind,
        {"visit_kind": VisitKind.CHRONIC},
    ),
    "the first settlement of an inpatient bill": (
        refusals.UnsupportedVisitKind,
        {"visit_kind": VisitKind.INPATIENT},
    ),
    "not enrolled that day": (refusals.NotEnrolled, {"patient": "left"}),
    "enrolment invalid": (refusals.NotEnrolled, {"patient": "invalid"}),
    "not enrolled in the scheme named": (
        refusals.NotEnrolled,
        {"scheme": Scheme.RESIDENT},
    ),
    "died before": (refusals.NotEnrolled, {"patient": "dead"}),
    "another pooling area without filing": (
        refusals.FilingRequired,
        {"institution_code": "H34082200002"},
    ),
    "a giver who is not bound": (refusals.GiverNotBound, {"givers": ("P2", "P9")}),
    "a giver bound for premiums only": (
        refusals.GiverNotBound,
        {"givers": ("premium",)},
    ),
    "a giver whose binding is under review": (
        refusals.GiverNotBound,
        {"givers": ("waiting",)},
    ),
    "insured elsewhere than it says": (
        refusals.MalformedField,
        {"insured_place": ANQING},
    ),
}


@pytest.fixture
def town(new_world: NewWorld) -> World:
    """P1 bound by P2 and, uselessly, by others; people and institutions that stand on
    one rung each."""
    world = new_world()
    for person_no in ("P1", "P2", "P9", "premium", "waiting"):
        world.person(person_no)
    world.person("unserved", place=UNSERVED)
    employee = Enrolment(
        Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, date(2020, 1, 1)
    )
    world.person("left", enrolments=(revised(employee, until=TODAY - timedelta(1)),))
    world.person(
        "invalid", enrolments=(revised(employee, status=EnrolmentStatus.INVALID),)
    )
    world.person("dead", died_on=TODAY - timedelta(1))
    world.bind("P2", "P1", NOW)
    world.bind("premium", "P1", NOW, purposes=frozenset({Purpose.RESIDENT_PREMIUM}))
    world.bind("waiting", "P1", NOW, state=BindingState.UNDER_REVIEW)
    world.hospital(2)
    world.hospital(5, designated_to=TODAY - timedelta(1))
    world.hospital(2, ANQING)
    return world


@pytest.mark.parametrize("rung", RUNGS)
def test_ladder(town: World, rung: str) -> None:
    """A bill with the fault of one rung and of all rungs below is refused for that
    rung, and nothing is written."""
    fields: dict[str, Any] = {"total_fen": 1000_00}
    for _, fault in reversed(
        [RUNGS[r] for r in list(RUNGS)[list(RUNGS).index(rung) :]]
    ):
        fields |= fault
    before = dict(town.records)
    bill = town.bill(
        fields.pop("patient", "P1"), town.all(Institution)[0], 1000_00, **fields
    )
    for query in (Settle(town.request(), bill, town.cities), Quote(bill, town.cities)):
        with pytest.raises(refusals.Refusal) as refused:
            town.do(query)
        assert RUNGS[rung][0] is type(refused.value)
        assert any("\u4e00" <= c <= "\u9fff" for c in refused.value.message)
    assert before == town.records


@pytest.mark.parametrize("rung", RUNGS)
def test_each_rung_alone(town: World, rung: str) -> None:
    """Each fault is enough by itself; without any the bill is settled."""
    good = town.visit("P1", 1000_00, account_use=CITY_ORDER, givers=("P2",))
    assert 100_00 == town.quote(good).fund_fen
    with pytest.raises(RUNGS[rung][0]):
        town.decide(Quote(revised(good, **RUNGS[rung][1]), town.cities))


def test_filing_opens_direct_settlement(new_world: NewWorld) -> None:
    """A filing number, the own pooling area's county or a city that asks for no filing
    let the bill pass."""
    world = new_world()
    world.person("P1")
    away, county = world.hospital(2, ANQING), world.hospital(2, "341122")
    assert (
        100_00
        == world.settle(
            world.bill("P1", away, 900_00 + 100_00, filing_no=world.filed("P1"))
        ).fund_fen
    )
    assert 50_00 == world.settle(world.bill("P1", county, 100_00)).fund_fen
    freely = replace(out_of_area()[0].value, filing_before_direct_settlement=False)
    free = new_world(out_of_area=freely)
    free.person("P1")
    assert (
        100_00
        == free.settle(free.bill("P1", free.hospital(2, ANQING), 1000_00)).fund_fen
    )


def test_a_city_whose_fund_pays_nobody(new_world: NewWorld) -> None:
    """Where every scheme is NoFund there is no table to cover a kind: the bill is
    settled with fund 0."""
    nothing = dict.fromkeys(Scheme, NoFund(out_of_area()[0].clauses[0]))
    world = new_world(reimbursement=nothing)
    world.person("P1")
    settled = world.settle(world.bill("P1", world.hospital(2), 1000_00))
    assert (0, 1000_00) == (settled.fund_fen, settled.cash_fen)
