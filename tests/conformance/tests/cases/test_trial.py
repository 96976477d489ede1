"""Telling cases: a wrong figure is found, and the report says where, what and how to repeat it."""

from __future__ import annotations

import pytest
from gongji_conformance.cases.case import CityCase
from gongji_conformance.cases.reading import CaseFault, read
from gongji_conformance.cases.trial import Trial
from gongji_conformance.city.server import ServerUnderTest

APPLIED = 'bind = { holder = "陈甲", member = "林乙", relation = "配偶", channel = "wanshitong" }'
PEOPLE = """
people = [
  { name = "陈甲", insured = "341102", as = "在职", balance = 500 },
  { name = "林乙", insured = "341102", as = "在职" },
]
"""

WRONG = {
    "a figure": (
        '{ settle = { patient = "陈甲", at = "三级", in_scope = 1000 }, expect = { fund = 101 } }',
        "101.00",
    ),
    "a ratio": (
        '{ quote = { patient = "陈甲", at = "三级", in_scope = 1000 }, expect = { ratio = "51%" } }',
        "51%",
    ),
    "a balance": (
        '{ settle = { patient = "陈甲", at = "药店", in_scope = 100 }, expect = { balance = { "陈甲" = 401 } } }',
        "陈甲 401.00, 实为 陈甲 400.00",
    ),
    "a clause": (
        '{ settle = { patient = "陈甲", at = "三级", in_scope = 1000 }, expect = { clauses = ["A27"] } }',
        "A27",
    ),
    "a refusal that does not come": (
        '{ settle = { patient = "陈甲", at = "三级", in_scope = 1 }, expect = { refused = "NOT_ENROLLED" } }',
        "NOT_ENROLLED",
    ),
    "a refusal that is not expected": (
        '{ settle = { patient = "陈甲", at = "外地三级", in_scope = 1 }, expect = { fund = 0 } }',
        "FILING_REQUIRED",
    ),
    "another condition": (
        f'{{ {APPLIED}, each = {{ relation = ["弟弟"] }}, expect = {{ refused = "NOT_ELIGIBLE", conditions = [] }} }}',
        "conditions 应为 (没有), 实为 relations",
    ),
    "one of several ways": (
        f'{{ {APPLIED}, each = {{ channel = ["wanshitong", "city_wechat"] }}, expect = {{ state = "已生效" }} }}',
        "channel = city_wechat",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_expectation_is_found(gongji_server: ServerUnderTest, wrong: str) -> None:
    """A case that expects something else than its city answers fails and says what it expected and got."""
    step, told = WRONG[wrong]
    failure = _told(gongji_server, step).failure()
    assert told in failure


def test_report_can_be_repeated(gongji_server: ServerUnderTest) -> None:
    """A failure names case, sentence, clause with its text, step, and the command that repeats it."""
    failure = _told(gongji_server, WRONG["a figure"][0]).failure().splitlines()
    assert "CHUZHOU-TRIAL-001 在职职工就诊一千元，统筹基金付一百元。" == failure[0]
    assert "  第 1 步 settle: patient = 陈甲, at = 三级, in_scope = 1000" in failure
    assert "    fund 应为 101.00, 实为 100.00" in failure
    assert any(line.startswith("  C58 ") for line in failure)
    command = (
        "pytest --pyargs gongji_conformance --gongji-city chuzhou -k CHUZHOU-TRIAL-001"
    )
    assert f"  重做: {command}" == failure[-1]


def test_right_expectation_is_silent(gongji_server: ServerUnderTest) -> None:
    """A case that comes out as it says has nothing to report."""
    step = '{ settle = { patient = "陈甲", at = "三级", in_scope = 1000 }, expect = { fund = 100 } }'
    assert "" == _told(gongji_server, step).failure()


def test_faults_fail(gongji_server: ServerUnderTest) -> None:
    """What stands in a file and is no case fails with its problem."""
    failure = Trial(
        gongji_server, "chuzhou", CaseFault("CHUZHOU-CASES", "写得不对")
    ).failure()
    assert failure.startswith("写得不对")


def _told(server: ServerUnderTest, step: str) -> Trial:
    head = '[[case]]\nid = "CHUZHOU-TRIAL-001"\nsays = "在职职工就诊一千元，统筹基金付一百元。"\n'
    body = 'clauses = ["C58"]\nnow = "2025-09-30 10:00"\n'
    (case,) = read(f"{head}{body}{PEOPLE}steps = [{step}]", "chuzhou")
    assert isinstance(case, CityCase)
    return Trial(server, "chuzhou", case)
