"""Every breakpoint of a year is where Quote turns: a fen before, at it, a fen after."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any, Final

import pytest
from gongji.cities.city import Cities, City
from gongji.model.settlement import Accumulator
from gongji.rules.benefits import NoFund, Table
from gongji.rules.binding import NO_LIMIT
from gongji.rules.codes import Scheme, Standing, VisitKind, pooling_area
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import Rounding, least_for, share
from gongji.rules.shapes import Benefit
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scaffold.cities import shipped
from tests.scaffold.people import CHUZHOU, NOW, SINCE
from tests.scaffold.world import NewWorld, World
from tests.settlement.benefit_years import confirm, only, told

TODAY: Final = NOW.date()

STANDINGS: Final = ("11", "12", "15")
"""Categories of working, retired and resident people."""


@cache
def served() -> Cities:
    """The cities that are installed."""
    return shipped()


@st.composite
def used(draw: st.DrawFn, table: Table | NoFund, standing: Standing) -> tuple[int, int]:
    """Deductible and fund used: anything, and the figures of the table to the fen."""
    if isinstance(table, NoFund):
        return 0, 0
    near = st.integers(-1, 1)
    deductibles = [*table.deductible_fen.values(), table.deductible_year_max_fen, 0]
    figures = [fen for fen in deductibles if fen is not NO_LIMIT]
    borne = draw(st.integers(0, 100_000) | st.sampled_from(figures))
    cap = table.cap_fen[standing]
    paid = draw(st.integers(0, 600_000) | st.just(0 if cap is NO_LIMIT else cap))
    return max(0, borne + draw(near)), max(0, paid + draw(near))


def confirm_at(city: City, psn_type: str, day: date, data: st.DataObject) -> None:
    """Have Quote confirm the year of somebody who has used something, for a day's visit."""
    world = World(served(), NOW)
    [enrolment] = world.person("P1", psn_type, city.area_code).enrolments
    table = city.rules(day).value(CityRules.reimbursement)[enrolment.scheme]
    assert not isinstance(table, Benefit)
    borne, paid = data.draw(used(table, enrolment.standing))
    area = pooling_area(city.area_code)
    world.add(Accumulator("P1", enrolment.scheme, area, day.year, borne, paid))
    year = only(told(world, service_day=day))
    assert (borne, paid) == (
        year.used.deductible_used_fen,
        year.used.fund_paid_fen,
    )
    confirm(world, year, service_day=day)


@pytest.mark.parametrize("psn_type", STANDINGS)
@pytest.mark.parametrize("city", served().all, ids=lambda city: city.pinyin)
def test_quote_confirms_every_breakpoint(city: City, psn_type: str) -> None:
    """Whatever was used in whichever period of a city's rules, Quote pays at each level
    as the steps say: at each end, a fen before and a fen after."""
    first_days = [max(SINCE, day) for day, _ in city.periods() if day <= TODAY]

    @settings(max_examples=12)
    @given(st.sampled_from([*first_days, TODAY]), st.data())
    def holds(day: date, data: st.DataObject) -> None:
        confirm_at(city, psn_type, day, data)

    holds()


TABLES: Final[dict[str, dict[str, Any]]] = {
    "visit caps below and above the year's": {
        "visit_cap_fen": {1: 20_00, 2: NO_LIMIT, 3: 90_00},
        "cap_fen": {Standing.ACTIVE: 60_00, Standing.RETIRED: 20_00},
    },
    "a maximum of the year, rounding down": {
        "deductible_year_max_fen": 300_00,
        "rounding": Rounding.DOWN,
    },
    "no deductible, no limit": {
        "deductible_fen": {1: 0, 2: 0, 3: 0},
        "cap_fen": dict.fromkeys(Standing, NO_LIMIT),
    },
    "nothing at level 1, all at level 3": {
        "ratio_bp": {1: 0, 2: 33_33, 3: 100_00},
        "retired": {1: 1_00, 2: 99_99, 3: 100_00},
    },
    "pharmacies pay nothing": {"pharmacy": None},
    "a table for emergencies alone": {"covers": frozenset({VisitKind.EMERGENCY})},
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("psn_type", ["11", "12"])
def test_quote_confirms_tables_no_city_has(
    new_world: NewWorld, kind: str, psn_type: str
) -> None:
    """So it is with tables of other shapes, whatever was used."""
    changes = dict(TABLES[kind])
    if "pharmacy" in changes:
        clause = new_world().cities.of(CHUZHOU).clauses()
        changes["pharmacy"] = NoFund(next(iter(clause)))

    world = new_world(table=changes)
    world.person("P1", psn_type)

    @settings(max_examples=20)
    @given(st.integers(0, 500_00), st.integers(0, 70_00))
    def holds(borne: int, paid: int) -> None:
        world.add(Accumulator("P1", Scheme.EMPLOYEE, "3411", 2025, borne, paid))
        confirm(world, only(told(world)))

    holds()


@given(st.integers(1, 10**9), st.integers(1, 10_000), st.sampled_from(list(Rounding)))
def test_the_least_amount_of_a_share(fen: int, ratio_bp: int, how: Rounding) -> None:
    """`least_for` is the least amount whose share is so much, and a fen less is too few."""
    least = least_for(fen, ratio_bp, how)
    assert share(least, ratio_bp, how) >= fen > share(least - 1, ratio_bp, how)
