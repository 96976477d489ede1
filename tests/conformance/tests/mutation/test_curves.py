"""A figure of a table that no bill reaches is no figure a case could notice."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import pytest
from gongji import (
    BonusPoints,
    Clause,
    Identity,
    NoFund,
    Scheme,
    Standing,
    Table,
    VisitKind,
    hookimpl,
    ruled,
)
from gongji.cities.city import City
from gongji.cities.loading import city_from
from gongji.settlement.split import Used, benefit_of, fund_share
from gongji_conformance.mutation.equivalent import why_equivalent
from gongji_conformance.mutation.mutants import Mutant, mutants

W1 = Clause("W1", "测试的条款。", "测试")
LEVELS = (1, 2, 3)

TABLE = Table(
    # In fen, so small that every bill can be tried.
    deductible_fen={1: 2, 2: 4, 3: 4},
    deductible_year_max_fen=4,
    ratio_bp={1: 60_00, 2: 50_00, 3: 50_00},
    retired=BonusPoints(above_active_bp=10_00),
    cap_fen={Standing.ACTIVE: 8, Standing.RETIRED: 10},
    visit_cap_fen={1: 3, 2: 10, 3: 9},
    pharmacy=NoFund(W1),
    covers=frozenset({VisitKind.OUTPATIENT}),
)
FIGURES = {"deductible_fen", "deductible_year_max_fen", "cap_fen", "visit_cap_fen"}


def _city() -> City:
    value = {Scheme.EMPLOYEE: TABLE, Scheme.RESIDENT: NoFund(W1)}
    timeline = ruled(value, since="2022-07-01", clauses=[W1])
    identity = Identity(area_code="340200", name="芜湖市")
    return city_from(
        SimpleNamespace(
            identity=hookimpl(lambda: identity),
            reimbursement=hookimpl(lambda: timeline),
        )
    )


CITY = _city()
MUTANTS = {
    mutant.name.removeprefix("reimbursement[EMPLOYEE]."): mutant
    for mutant in mutants(CITY)
    if FIGURES.intersection(mutant.fields) and "去掉" not in mutant.change
}
UNREACHED = {
    "deductible_fen[2] 4→5",
    "deductible_fen[3] 4→5",
    "deductible_year_max_fen 4→5",
    "deductible_year_max_fen 4→NO_LIMIT",
    "visit_cap_fen[2] 10→11",
    "visit_cap_fen[2] 10→NO_LIMIT",
}
"""What nobody reaches: the year's most is the highest level's, a visit takes no more than
the year has left."""


def _all_bills(table: Table) -> list[int]:
    """Return what the fund pays of every bill after every year, by the real split."""
    rows = [benefit_of(table, *row) for row in product(LEVELS, Standing)]
    used = [Used(borne, paid) for borne in range(6) for paid in (0, 1, 5, 7, 8, 9, 10)]
    return [
        fund_share(in_scope, row, before).fund_fen
        for row, before, in_scope in product(rows, used, range(32))
    ]


BILLS = _all_bills(TABLE)


@pytest.mark.parametrize("name", MUTANTS)
def test_equivalent_if_no_bill_differs(name: str) -> None:
    """A change is recognised as one that nobody notices exactly if every bill is paid alike."""
    mutant = MUTANTS[name]

    assert (_all_bills(_changed(mutant)) == BILLS) is bool(why_equivalent(mutant, CITY))


def _changed(mutant: Mutant) -> Table:
    table: Table = mutant.timelines["reimbursement"][-1].value[Scheme.EMPLOYEE]
    return table


def test_the_year_s_most_beside_the_levels() -> None:
    """累计最高 400 元 beside 200/400/400 costs no tier: those figures are not counted."""
    unnoticed = {name for name, mutant in MUTANTS.items() if _unnoticed(mutant)}

    assert unnoticed == UNREACHED


def _unnoticed(mutant: Mutant) -> bool:
    return "没有账单触及" in why_equivalent(mutant, CITY)
