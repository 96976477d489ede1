"""The little calculation behind generated cases, held against figures worked out by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest
from gongji.kit.newcity import funds
from gongji.kit.newcity.funds import Fund
from gongji.kit.newcity.reckoning import Year
from gongji.rules.codes import Standing

from tests.kit.towns import answered

Visits = list[tuple[int, str]]
Paid = list[tuple[str, str]]

EMPLOYEE, RESIDENT = "employee", "resident"

BY_HAND: list[tuple[str, str, Standing, Visits, Paid]] = [
    (
        "active, first level: 1200 - 200, 70 %",
        EMPLOYEE,
        Standing.ACTIVE,
        [(1, "1200")],
        [("200", "700")],
    ),
    (
        "retired, 8 points more",
        EMPLOYEE,
        Standing.RETIRED,
        [(2, "1400")],
        [("400", "705")],
    ),
    (
        "third level, borne within the year's 600",
        EMPLOYEE,
        Standing.ACTIVE,
        [(3, "1600")],
        [("600", "550")],
    ),
    (
        "topped up from level to level, 600 in all",
        EMPLOYEE,
        Standing.ACTIVE,
        [(1, "500"), (2, "500"), (3, "500"), (3, "100")],
        [("200", "210"), ("200", "187.5"), ("200", "165"), ("0", "55")],
    ),
    (
        "half a fen is rounded up",
        EMPLOYEE,
        Standing.ACTIVE,
        [(1, "200"), (2, "200.12")],
        [("200", "0"), ("200", "0.08")],
    ),
    (
        "the cap of the year",
        EMPLOYEE,
        Standing.ACTIVE,
        [(1, "3200"), (1, "1000")],
        [("200", "2100"), ("0", "400")],
    ),
    (
        "residents: a cap a visit",
        RESIDENT,
        Standing.ACTIVE,
        [(3, "201.25"), (3, "300")],
        [("0", "80.5"), ("0", "80.5")],
    ),
    ("residents: below it", RESIDENT, Standing.ACTIVE, [(1, "10.01")], [("0", "5.51")]),
]
IDS = [row[0] for row in BY_HAND]


def _fund(scheme: str) -> Fund:
    town_answers = answered("everything of its own")
    fund = (
        funds.employee(town_answers)
        if scheme == EMPLOYEE
        else funds.resident(town_answers)
    )
    assert fund
    return fund


@pytest.mark.parametrize(
    ("scheme", "standing", "visits", "paid"),
    [b[1:] for b in BY_HAND],
    ids=[b[0] for b in BY_HAND],
)
def test_by_hand(scheme: str, standing: Standing, visits: Visits, paid: Paid) -> None:
    """Deductible and fund's part of one visit after the other, as anybody can work them
    out; the rest adds up."""
    year = Year(_fund(scheme), standing)
    came = [year.visit(level, Decimal(in_scope)) for level, in_scope in visits]

    assert [(Decimal(borne), Decimal(fund)) for borne, fund in paid] == [
        (p.deductible, p.fund) for p in came
    ]
    assert [Decimal(in_scope) for _, in_scope in visits] == [
        p.fund + p.cash for p in came
    ]


def test_what_is_not_answered_is_the_province_s() -> None:
    """Figures a city leaves are those of the province, with its clauses; residents then
    get nothing."""
    town_answers = answered("nothing of its own")
    fund = funds.employee(town_answers)

    assert ({1: 800_00, 2: 800_00, 3: 800_00}, ["C58"]) == (
        fund.deductible.value,
        [clause.id for clause in fund.deductible.clauses],
    )
    assert (65_00, 50_00) == (
        fund.ratio_of(Standing.RETIRED, 1),
        fund.ratio_of(Standing.ACTIVE, 3),
    )
    assert ["C60", "C100"] == [clause.id for clause in fund.ratio_clauses(2)]
    assert funds.resident(town_answers) is None
