"""The arithmetic of one bill: worked values, boundaries, laws."""

from __future__ import annotations

from dataclasses import replace

import pytest
from gongji.cities.anhui import reimbursement
from gongji.rules.benefits import ALL_PARTS, BillPart, BonusPoints, PurseKind, Table
from gongji.rules.binding import NO_LIMIT, NoLimit
from gongji.rules.codes import Scheme, Standing
from gongji.rules.money import FULL_BP, Rounding
from gongji.settlement.split import (
    FlatRow,
    FundShare,
    Owed,
    Purse,
    Used,
    benefit_of,
    charge_purses,
    fund_share,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as revised

_EMPLOYEE = reimbursement()[0].value[Scheme.EMPLOYEE]
assert isinstance(_EMPLOYEE, Table)
V1 = _EMPLOYEE
V2 = replace(
    V1,
    deductible_fen={1: 200_00, 2: 400_00, 3: 400_00},
    ratio_bp={1: 60_00, 2: 50_00, 3: 50_00},
    retired=BonusPoints(above_active_bp=10_00),
    cap_fen={Standing.ACTIVE: 2000_00, Standing.RETIRED: 3000_00},
    pharmacy=1,
)
HEFEI = replace(V2, deductible_year_max_fen=400_00)
PER_VISIT = replace(
    V1, deductible_fen={1: 0, 2: 0, 3: 0}, visit_cap_fen={1: 50_00, 2: 70_00, 3: 90_00}
)

WORKED = {
    "V1, active, level 3, 1000 yuan in a fresh year": (
        V1,
        Standing.ACTIVE,
        [(3, 1000_00)],
        [(800_00, 100_00)],
    ),
    "V1, retired, level 1, 1000 yuan": (
        V1,
        Standing.RETIRED,
        [(1, 1000_00)],
        [(800_00, 130_00)],
    ),
    "V1, active, level 1, 5000 yuan, stopped by the cap": (
        V1,
        Standing.ACTIVE,
        [(1, 5000_00)],
        [(800_00, 2000_00)],
    ),
    "V1, active, level 2, 500 then 500": (
        V1,
        Standing.ACTIVE,
        [(2, 500_00), (2, 500_00)],
        [(500_00, 0), (300_00, 110_00)],
    ),
    "V2, active, level 1 200 then level 3 500: topped up": (
        V2,
        Standing.ACTIVE,
        [(1, 200_00), (3, 500_00)],
        [(200_00, 0), (200_00, 150_00)],
    ),
    "V2, active, level 3 first: nothing left to bear at level 1": (
        V2,
        Standing.ACTIVE,
        [(3, 400_00), (1, 100_00)],
        [(400_00, 0), (0, 60_00)],
    ),
    "V2, retired: ten points more and a cap of 3000": (
        V2,
        Standing.RETIRED,
        [(1, 10_000_00), (1, 100_00)],
        [(200_00, 3000_00), (0, 0)],
    ),
    "V1, active, 800 at level 3 then 800 at level 1: 480 from the fund": (
        V1,
        Standing.ACTIVE,
        [(3, 800_00), (1, 800_00)],
        [(800_00, 0), (0, 480_00)],
    ),
    "V1, active, 800 at level 1 then 800 at level 3: 400 from the fund": (
        V1,
        Standing.ACTIVE,
        [(1, 800_00), (3, 800_00)],
        [(800_00, 0), (0, 400_00)],
    ),
    "a cap per visit stops each visit for itself": (
        PER_VISIT,
        Standing.ACTIVE,
        [(1, 83_33), (1, 83_34), (1, 500_00), (3, 500_00)],
        [(0, 50_00), (0, 50_00), (0, 50_00), (0, 90_00)],
    ),
}


@pytest.mark.parametrize(
    ("table", "standing", "visits", "expected"), WORKED.values(), ids=WORKED
)
def test_worked_values(
    table: Table,
    standing: Standing,
    visits: list[tuple[int, int]],
    expected: list[tuple[int, int]],
) -> None:
    """The documents' own figures and the invented tables come out to the fen, visit after visit."""
    assert expected == [
        (s.deductible_fen, s.fund_fen) for s in _year(table, standing, visits)
    ]


@pytest.mark.parametrize(
    ("level", "expected"),
    [(2, 1833_00), (3, 1667_00)],
    ids=["100 visits lose at 55 %", "100 visits gain at 50 %"],
)
def test_rounding_once_a_visit(level: int, expected: int) -> None:
    """Each visit is rounded for itself: 100 visits of 33.33 yuan differ from one of 3,333 yuan."""
    visits = [(1, 800_00)] + [(level, 33_33)] * 100
    assert expected == sum(s.fund_fen for s in _year(V1, Standing.ACTIVE, visits))


BENEFIT = FlatRow(800_00, NO_LIMIT, 50_00, 2000_00, NO_LIMIT, Rounding.HALF_UP)
BOUNDARIES = {
    "a fen below the deductible": (799_99, BENEFIT, Used(), FundShare(799_99, 0)),
    "the deductible itself": (800_00, BENEFIT, Used(), FundShare(800_00, 0)),
    "a fen above: half a fen counts as one": (
        800_01,
        BENEFIT,
        Used(),
        FundShare(800_00, 1),
    ),
    "a fen above, rounded down": (
        800_01,
        revised(BENEFIT, rounding=Rounding.DOWN),
        Used(),
        FundShare(800_00, 0),
    ),
    "two fen above": (800_02, BENEFIT, Used(), FundShare(800_00, 1)),
    "the cap is reached by rounding": (
        4799_99,
        BENEFIT,
        Used(),
        FundShare(800_00, 2000_00),
    ),
    "a fen before the cap": (4799_98, BENEFIT, Used(), FundShare(800_00, 1999_99)),
    "nothing above the cap": (4800_01, BENEFIT, Used(), FundShare(800_00, 2000_00)),
    "the cap used up but for a fen": (
        100_00,
        BENEFIT,
        Used(800_00, 1999_99),
        FundShare(0, 1),
    ),
    "the cap used up": (100_00, BENEFIT, Used(800_00, 2000_00), FundShare(0, 0)),
    "more used than a lowered cap": (
        100_00,
        revised(BENEFIT, cap_fen=1000_00),
        Used(800_00, 1500_00),
        FundShare(),
    ),
    "more borne than a lower level asks": (
        100_00,
        BENEFIT,
        Used(900_00),
        FundShare(0, 50_00),
    ),
    "the yearly maximum lies below the level's": (
        1000_00,
        revised(BENEFIT, year_max_fen=400_00),
        Used(),
        FundShare(400_00, 300_00),
    ),
    "the yearly maximum is borne already": (
        1000_00,
        revised(BENEFIT, year_max_fen=400_00),
        Used(400_00),
        FundShare(0, 500_00),
    ),
    "no cap at all": (
        1_000_000_00,
        revised(BENEFIT, cap_fen=NO_LIMIT),
        Used(800_00),
        FundShare(0, 500_000_00),
    ),
    "nothing in scope": (0, BENEFIT, Used(), FundShare()),
    "a hundred per cent": (
        1000_00,
        revised(BENEFIT, ratio_bp=FULL_BP),
        Used(800_00),
        FundShare(0, 1000_00),
    ),
}


@pytest.mark.parametrize(
    ("in_scope", "benefit", "used", "expected"), BOUNDARIES.values(), ids=BOUNDARIES
)
def test_boundaries(
    in_scope: int, benefit: FlatRow, used: Used, expected: FundShare
) -> None:
    """On each side of every boundary the split is what the words of the rule say."""
    assert expected == fund_share(in_scope, benefit, used)


fen = st.integers(0, 10_000_00)
limit: st.SearchStrategy[int | NoLimit] = fen | st.just(NO_LIMIT)
benefits = st.builds(
    FlatRow,
    fen,
    limit,
    st.integers(0, FULL_BP),
    limit,
    limit,
    st.sampled_from(Rounding),
)
useds = st.builds(Used, fen, fen)


@given(fen, benefits, useds)
def test_the_fund_stays_within_scope_and_caps(
    in_scope: int, benefit: FlatRow, used: Used
) -> None:
    """0 <= deductible, fund; together at most what is in scope; never more than the caps leave."""
    part = fund_share(in_scope, benefit, used)
    assert 0 <= part.deductible_fen <= in_scope
    assert 0 <= part.fund_fen <= in_scope - part.deductible_fen
    assert (
        isinstance(benefit.visit_cap_fen, NoLimit)
        or part.fund_fen <= benefit.visit_cap_fen
    )
    assert isinstance(benefit.cap_fen, NoLimit) or part.fund_fen <= max(
        0, benefit.cap_fen - used.fund_fen
    )


@given(fen, st.integers(0, 1000), benefits, useds)
def test_more_in_scope_raises_the_fund_by_no_more(
    in_scope: int, more: int, benefit: FlatRow, used: Used
) -> None:
    """Adding d fen of in-scope cost raises the fund's part by 0 to d."""
    before, after = (
        fund_share(in_scope, benefit, used),
        fund_share(in_scope + more, benefit, used),
    )
    assert 0 <= after.fund_fen - before.fund_fen <= more


def test_levels_and_standings_name_their_row() -> None:
    """A row takes its own level's figures, and the retired ratio by points or as told."""
    told = replace(V2, retired={1: 70_00, 2: 65_00, 3: 60_00})
    expected = [(200_00, 70_00, 70_00), (400_00, 60_00, 65_00), (400_00, 60_00, 60_00)]
    by_points = [benefit_of(V2, level, Standing.RETIRED) for level in (1, 2, 3)]
    by_level = [benefit_of(told, level, Standing.RETIRED) for level in (1, 2, 3)]
    assert expected == [
        (p.deductible_fen, p.ratio_bp, t.ratio_bp)
        for p, t in zip(by_points, by_level, strict=True)
    ]


COMPLIANT = frozenset({BillPart.IN_SCOPE, BillPart.FIRST_SELFPAY})
OWED = Owed(
    in_scope_fen=100, first_selfpay_fen=20, above_limit_fen=30, out_of_catalogue_fen=50
)


def own(balance: int, pays: frozenset[BillPart] = ALL_PARTS) -> Purse:
    return Purse("own", PurseKind.OWN, balance, pays)


def giver(name: str, balance: int, pays: frozenset[BillPart] = COMPLIANT) -> Purse:
    return Purse(name, PurseKind.GIVERS, balance, pays)


PURSES = {
    "nobody asked: all cash": ([], [], 200),
    "the own purse may pay every part": ([own(500)], [(200, 200)], 0),
    "a giver pays only the compliant parts": ([giver("a", 500)], [(120, 120)], 80),
    "own money goes to compliant parts first, so that aid is asked for less": (
        [own(110), giver("a", 500)],
        [(200, 110), (10, 10)],
        80,
    ),
    "an own purse of more than the compliant parts leaves aid nothing to pay": (
        [own(130), giver("a", 500)],
        [(200, 130), (0, 0)],
        70,
    ),
    "givers in order, each what the one before left": (
        [giver("a", 70), giver("b", 30), giver("c", 90)],
        [(120, 70), (50, 30), (20, 20)],
        80,
    ),
    "givers before the own purse, where a city orders so": (
        [giver("a", 500), own(500)],
        [(120, 120), (80, 80)],
        0,
    ),
    "an own purse kept to compliant parts": ([own(500, COMPLIANT)], [(120, 120)], 80),
    "a purse that may pay nothing": ([giver("a", 500, frozenset())], [(0, 0)], 200),
    "an empty purse": ([own(0), giver("a", 1)], [(200, 0), (120, 1)], 199),
}


@pytest.mark.parametrize(("purses", "expected", "cash"), PURSES.values(), ids=PURSES)
def test_purses(
    purses: list[Purse], expected: list[tuple[int, int]], cash: int
) -> None:
    """Each purse pays min(balance, still needed of the parts it may pay), in order; the
    rest is cash."""
    charges, left = charge_purses(OWED, purses)
    assert (expected, cash) == ([(c.needed_fen, c.fen) for c in charges], left)


some_parts = st.frozensets(st.sampled_from(BillPart))
some_purses = st.lists(
    st.builds(
        Purse, st.just("p"), st.sampled_from(PurseKind), st.integers(0, 300), some_parts
    )
)


@given(st.fixed_dictionaries(dict.fromkeys(BillPart, st.integers(0, 200))), some_purses)
def test_purses_and_cash_are_what_is_owed(
    parts: dict[BillPart, int], purses: list[Purse]
) -> None:
    """Purses and cash add up to what is owed; no purse pays more than it holds or more
    than it may pay."""
    charges, cash = charge_purses(
        Owed(**{f"{part.value}_fen": fen for part, fen in parts.items()}), purses
    )
    assert sum(parts.values()) == sum(c.fen for c in charges) + cash
    assert cash >= 0
    for charge in charges:
        assert 0 <= charge.fen == min(charge.purse.balance_fen, charge.needed_fen)
        assert charge.needed_fen <= sum(parts[part] for part in charge.purse.pays)


def _year(
    table: Table, standing: Standing, visits: list[tuple[int, int]]
) -> list[FundShare]:
    """The fund's parts of a year's visits, one after the other."""
    used, shares = Used(), []
    for level, in_scope in visits:
        part = fund_share(in_scope, benefit_of(table, level, standing), used)
        used = Used(
            used.deductible_fen + part.deductible_fen, used.fund_fen + part.fund_fen
        )
        shares.append(part)
    return shares
