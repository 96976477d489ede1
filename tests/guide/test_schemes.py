"""Two schemes with a table each: each speaks of its own people under its own clauses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from gongji import guide
from gongji.rules.benefits import BonusPoints, NoFund, Table, TableClauses
from gongji.rules.clauses import Clause
from gongji.rules.codes import Scheme, Standing, VisitKind
from gongji.rules.phrases import in_words

from tests.guide.towns import DAY, newly, part, with_answers

E1 = Clause("E1", "职工待遇", "试验")
E2 = Clause("E2", "职工支付比例", "试验")
R1 = Clause("R1", "居民待遇", "试验")
R2 = Clause("R2", "居民支付比例", "试验")
BOTH = Clause("B1", "职工与居民都适用", "试验")

EMPLOYEE = Table(
    deductible_fen={1: 200_00, 2: 400_00, 3: 800_00},
    ratio_bp={1: 60_00, 2: 55_00, 3: 50_00},
    retired=BonusPoints(above_active_bp=5_00),
    cap_fen={Standing.ACTIVE: 2000_00, Standing.RETIRED: 3000_00},
    visit_cap_fen={1: 900_00, 2: 900_00, 3: 900_00},
    pharmacy=NoFund(E1),
    covers=frozenset({VisitKind.OUTPATIENT}),
    clauses=TableClauses(always=(E1,), ratio=dict.fromkeys((1, 2, 3), (E2,))),
)

RESIDENT = replace(
    EMPLOYEE,
    deductible_fen={1: 0, 2: 0, 3: 0},
    # A figure that is there by type alone, and for nobody.
    retired=BonusPoints(above_active_bp=7_00),
    cap_fen={Standing.ACTIVE: 300_00, Standing.RETIRED: 9999_00},
    pharmacy=NoFund(R1),
    clauses=TableClauses(always=(R1,), ratio=dict.fromkeys((1, 2, 3), (R2,))),
)


def benefit_parts(employee: Table, resident: Table | NoFund) -> dict[Scheme, str]:
    """Return what the guide of a city with these values says of each scheme."""
    value = {Scheme.EMPLOYEE: employee, Scheme.RESIDENT: resident}
    city = with_answers("anqing", reimbursement=newly(value, E1, E2, R1, R2, BOTH))
    text = part(guide.markdown(city, DAY), "门诊费用统筹基金怎么付")
    _, employees, residents = text.split("\n### ")
    return {Scheme.EMPLOYEE: employees, Scheme.RESIDENT: residents}


@pytest.mark.parametrize(
    ("employee", "resident"),
    [
        (EMPLOYEE, RESIDENT),
        (replace(EMPLOYEE, clauses=None), RESIDENT),
        (EMPLOYEE, replace(RESIDENT, clauses=None)),
        (EMPLOYEE, NoFund(R1)),
    ],
    ids=["both name theirs", "residents do", "employees do", "residents unpaid"],
)
def test_no_clause_of_another_scheme(employee: Table, resident: Table | NoFund) -> None:
    """A scheme cites no clause that only the other's value names; one that neither or
    both name stands under either."""
    parts = benefit_parts(employee, resident)
    # What a value names by itself; without names, its pharmacy's alone.
    only_employees = {"E1", "E2"} if employee.clauses else {"E1"}
    only_residents = {"R1", "R2"}
    if isinstance(resident, NoFund) or not resident.clauses:
        only_residents = {"R1"}

    assert [] == [n for n in only_residents if n in parts[Scheme.EMPLOYEE]]
    assert [] == [n for n in only_employees if n in parts[Scheme.RESIDENT]]
    assert "B1" in parts[Scheme.EMPLOYEE]


def test_residents_have_no_standings() -> None:
    """Residents are shown one ratio and one limit, the active ones; employees both."""
    parts = benefit_parts(EMPLOYEE, RESIDENT)
    residents = parts[Scheme.RESIDENT]

    assert "| 医疗机构级别 | 起付标准 | 支付比例 | 单次支付限额 |" in residents
    assert "| 二级 | 0元 | 55% | 900元 |" in residents
    assert "自然年度支付限额：300元；" in residents
    assert "在职" not in residents
    assert "退休" not in residents
    assert "| 二级 | 400元 | 55% | 60% | 900元 |" in parts[Scheme.EMPLOYEE]
    assert "在职2000元、退休3000元" in parts[Scheme.EMPLOYEE]


def test_phrase_of_residents() -> None:
    """In words, too, the table of residents has one ratio and one limit."""
    words = in_words({Scheme.EMPLOYEE: EMPLOYEE, Scheme.RESIDENT: RESIDENT})
    employees, residents = words.split("城乡居民")

    assert "支付比例在职一级60%、二级55%、三级50%，退休一级65%" in employees
    assert "支付比例一级60%、二级55%、三级50%；年度支付限额300元" in residents
    assert "退休" not in residents
