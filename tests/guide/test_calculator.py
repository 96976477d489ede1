"""The calculator's rows and curves say what a bill gets, whatever the table."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from gongji import guide
from gongji.cities.anhui import reimbursement
from gongji.guide.calculator import FUND, PHARMACY, UNRANKED, CaseRow, Most, calculator
from gongji.guide.curves import HEIGHT, LEFT, WIDTH, Rise, curve_of
from gongji.rules.benefits import BonusPoints, NoFund, Table
from gongji.rules.binding import NO_LIMIT
from gongji.rules.clauses import Clause
from gongji.rules.codes import Scheme, Standing
from gongji.rules.money import Rounding
from gongji.rules.terms import TERMS
from gongji.settlement.split import Used, benefit_of, fund_share

from tests.guide.towns import DAY, NEW, newly, with_answers

_PROVINCIAL = reimbursement()[0].value[Scheme.EMPLOYEE]
assert isinstance(_PROVINCIAL, Table)
_EMPLOYEE: Table = _PROVINCIAL
HOSTILE = Clause("N3", "</script><script>alert('x')</script>", "试验")
TABLES = {
    "the province's": _EMPLOYEE,
    "limits a visit and a year's deductible": replace(
        _EMPLOYEE,
        deductible_fen={1: 200_00, 2: 400_00, 3: 400_01},
        deductible_year_max_fen=400_00,
        visit_cap_fen={1: 50_00, 2: NO_LIMIT, 3: 90_01},
        pharmacy=1,
        unranked_as=2,
    ),
    "no limit, rounded down": replace(
        _EMPLOYEE,
        ratio_bp={1: 6_667, 2: 3_333, 3: 1},
        retired=BonusPoints(above_active_bp=1_111),
        cap_fen={Standing.ACTIVE: NO_LIMIT, Standing.RETIRED: 3_000_00},
        rounding=Rounding.DOWN,
    ),
}


def _rows(table: Table | NoFund, scheme: Scheme = Scheme.EMPLOYEE) -> list[CaseRow]:
    both = dict.fromkeys(Scheme, table)
    city = with_answers("huangshan", reimbursement=newly(both))
    wanted = TERMS[Scheme][scheme]
    rows = calculator(city.rules(DAY)).rows
    return [row for row in rows if row.people.startswith(wanted)]


def _worked_out(row: CaseRow, in_scope: int, used: Used) -> tuple[int, int]:
    """Return deductible and fund by a row alone, as calculator.js does."""
    read = {"borne": used.deductible_fen, "fund": used.fund_fen, "visit": 0}

    def left(most: Most) -> int:
        return max(0, most.fen - read[most.meter])

    deductible = min(in_scope, *map(left, row.deductibles))
    half = 5_000 if row.half_up else 0
    fund = ((in_scope - deductible) * row.ratio_bp + half) // 10_000
    return deductible, min([fund, *map(left, row.limits)])


def _visits() -> Iterator[tuple[int, Used]]:
    """Yield amounts in scope, and what was used before, the same each time."""
    chance = random.Random(17)  # noqa: S311 - no secret
    for _ in range(200):
        used = Used(chance.randint(0, 900_00), chance.randint(0, 3_100_00))
        yield (
            chance.choice((0, 1, 799_99, 800_01, chance.randint(0, 9_000_00))),
            used,
        )


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_rows_say_what_a_bill_gets(table: Table) -> None:
    """By its row alone a bill gets what the split of bills gives it, to the fen."""
    levels = {"一": 1, "二": 2, "三": 3, UNRANKED[0]: table.unranked_as}
    if isinstance(table.pharmacy, int):
        levels[PHARMACY[0]] = table.pharmacy
    compared = set()
    for row in _rows(table):
        if row.denied:
            continue
        standing = Standing.RETIRED if "退休" in row.people else Standing.ACTIVE
        benefit = benefit_of(table, levels[row.place[0]], standing)
        for fen, used in _visits():
            share = fund_share(fen, benefit, used)
            got = _worked_out(row, fen, used)
            assert (share.deductible_fen, share.fund_fen) == got
        compared.add((row.place[0], standing))
    assert compared == {(place, each) for place in levels for each in Standing}


def test_residents_are_of_no_standing() -> None:
    """Residents stand once and under no standing; what is denied names its clause."""
    people = {row.people for row in _rows(_EMPLOYEE, Scheme.RESIDENT)}
    (row,) = _rows(NoFund(NEW), Scheme.RESIDENT)

    assert people == {"城乡居民医保"}
    assert (row.people, row.denied, row.clauses) == ("城乡居民医保", NEW.text, (NEW,))


def test_a_curve_turns_where_the_fund_does() -> None:
    """A line is level to the deductible and from the limit on, a quarter beyond it."""
    rise = Rise(
        place="一级",
        deductible_fen=800_00,
        ratio_bp=5_000,
        limit_fen=1_600_00,
        rounding=Rounding.DOWN,
    )
    curve = curve_of("某", [rise])
    (line,) = curve.lines
    points = [tuple(map(int, at.split(","))) for at in line.points.split()]

    assert rise.end_fen == 4_000_00
    assert [y for _, y in points] == [HEIGHT - 28, HEIGHT - 28, 12, 12]
    assert [x for x, _ in points] == [LEFT, LEFT + 46, LEFT + 233, WIDTH - 12]
    assert [tick.yuan for tick in curve.across] == [
        "0",
        "1,000",
        "2,000",
        "3,000",
        "4,000",
        "5,000",
    ]
    assert [tick.yuan for tick in curve.up][:2] == ["0", "500"]


@pytest.mark.parametrize("ratio", [0, 1, 10_000])
@pytest.mark.parametrize("limit", [0, 1, NO_LIMIT])
def test_any_row_has_a_curve(ratio: int, limit: object) -> None:
    """Nothing paid, nothing limited and nothing borne are drawn within the frame."""
    rise = Rise(
        place="某",
        deductible_fen=0,
        ratio_bp=ratio,
        limit_fen=limit,  # type: ignore[arg-type]
        rounding=Rounding.DOWN,
    )
    (line,) = curve_of("某", [rise]).lines
    for at in line.points.split():
        x, y = map(int, at.split(","))
        assert LEFT <= x <= WIDTH
        assert 0 <= y <= HEIGHT


def test_a_clause_never_ends_the_script() -> None:
    """A clause that looks like markup stays a text in the data of the page."""
    answers = newly(dict.fromkeys(Scheme, NoFund(HOSTILE)), HOSTILE)
    text = guide.html(with_answers("huangshan", reimbursement=answers), DAY)

    assert text.count("</script>") == 1
    assert FUND not in text.partition("const ROWS = ")[2].partition(";\n")[0]
