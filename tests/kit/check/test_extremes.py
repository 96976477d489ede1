"""Order and splitting: what they alone do to the fund's part, and that a city declares it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from gongji.cities.anhui import reimbursement
from gongji.cities.city import City
from gongji.kit.check.extremes import (
    Extreme,
    Visit,
    effects_of,
    extremes,
    orders,
    problems_of_effects,
    splittings,
    visits_in_words,
)
from gongji.rules.benefits import Effects, Table
from gongji.rules.binding import NO_LIMIT
from gongji.rules.codes import Scheme, Standing
from gongji.rules.money import Rounding

from tests.scaffold.cities import shipped

_EMPLOYEE = reimbursement()[0].value[Scheme.EMPLOYEE]
assert isinstance(_EMPLOYEE, Table)
V1 = _EMPLOYEE
NOTHING = Effects(order_fen=0, splitting_loses_fen=0, splitting_gains_fen=0)


def known(extreme: Extreme) -> tuple[tuple[Visit, ...], int, int]:
    return extreme.visits, extreme.fund_fen, extreme.against_fen


def test_order() -> None:
    """800 yuan at level 3 and then at level 1 get 480 from the fund, the other way
    round 400: the worst pair of all."""
    worst = extremes(V1, Standing.ACTIVE)["order_fen"]
    assert ((Visit(3, 800_00), Visit(1, 800_00)), 480_00, 400_00) == known(worst)
    assert worst.visits[::-1] == worst.against


def test_splitting() -> None:
    """100 visits of 33.33 lose 15 fen at level 2 and gain 50 at level 3 against one
    bill of 3,333 yuan."""
    by_name = extremes(V1, Standing.ACTIVE)
    for name, level, fund, whole in (
        ("splitting_loses_fen", 2, 1833_00, 1833_15),
        ("splitting_gains_fen", 3, 1667_00, 1666_50),
    ):
        assert ((Visit(level, 33_33),) * 100, fund, whole) == known(by_name[name])
        assert (Visit(level, 3333_00),) == by_name[name].against


def test_every_pair_and_every_number_of_visits_is_looked_at() -> None:
    """Three pairs of levels, six if the bills differ; 1 to 100 visits at each level."""
    assert 3 == len(list(orders(V1, Standing.ACTIVE)))
    assert 6 == len(list(orders(V1, Standing.ACTIVE, (100_00, 900_00))))
    assert [(level, count) for level in (1, 2, 3) for count in range(1, 101)] == [
        (e.visits[0].level, len(e.visits)) for e in splittings(V1, Standing.RETIRED)
    ]


TABLES = {
    "nothing is left of rounding where shares are whole": (
        replace(
            V1, ratio_bp={1: 0, 2: 0, 3: 0}, retired={1: 10_000, 2: 10_000, 3: 10_000}
        ),
        NOTHING,
    ),
    "rounding down only loses": (
        replace(
            V1,
            ratio_bp={1: 50_00, 2: 50_00, 3: 50_00},
            retired={1: 0, 2: 0, 3: 0},
            rounding=Rounding.DOWN,
        ),
        Effects(order_fen=0, splitting_loses_fen=50, splitting_gains_fen=0),
    ),
    "a cap per visit makes splitting pay": (
        replace(
            V1,
            visit_cap_fen={1: NO_LIMIT, 2: NO_LIMIT, 3: 10_00},
            cap_fen=dict.fromkeys(Standing, NO_LIMIT),
        ),
        Effects(order_fen=510_00, splitting_loses_fen=45, splitting_gains_fen=990_00),
    ),
}


@pytest.mark.parametrize(("table", "expected"), TABLES.values(), ids=TABLES)
def test_invented_tables(table: Table, expected: Effects) -> None:
    """The figures follow from the table, whatever it says."""
    assert expected == effects_of(table)


CITIES = shipped().all


@pytest.mark.parametrize("city", CITIES, ids=lambda city: city.pinyin)
def test_cities_declare_them(city: City) -> None:
    """Every table of every city, candidates too, declares what it does."""
    values = [value.value for value in city.timelines["reimbursement"]]
    values += [c.value for c in city.candidates if c.hook == "reimbursement"]
    tables = [
        table
        for by_scheme in values
        for table in by_scheme.values()
        if isinstance(table, Table)
    ]
    assert tables
    assert [] == [problem for table in tables for problem in problems_of_effects(table)]


def test_a_wrong_or_missing_declaration_is_named() -> None:
    """What is declared wrongly is named with both figures; what is missing is told in full."""
    misdeclared = replace(
        V1,
        effects=Effects(
            order_fen=80_00, splitting_loses_fen=41, splitting_gains_fen=49
        ),
    )
    assert ["effects.splitting_gains_fen 声明为 0.49 元，按本表计算为 0.50 元"] == list(
        problems_of_effects(misdeclared)
    )
    (problem,) = problems_of_effects(replace(V1, effects=None))
    assert (
        "effects=Effects(order_fen=8000, splitting_loses_fen=41, splitting_gains_fen=50)"
        in problem
    )


def test_in_words() -> None:
    """Visits read as levels and yuan, equal ones counted."""
    assert "三级 800.00 元，一级 800.00 元" == visits_in_words(
        (Visit(3, 800_00), Visit(1, 800_00))
    )
    assert "二级 33.33 元 × 3" == visits_in_words((Visit(2, 33_33),) * 3)
    assert "二级 33.33 元" == visits_in_words((Visit(2, 33_33),))
