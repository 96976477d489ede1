"""Trials: a wrong figure is found, and the report says where and how to repeat it."""

from __future__ import annotations

import pytest
from gongji_conformance.cases.case import CityCase
from gongji_conformance.cases.reading import CaseFault, read
from gongji_conformance.cases.trial import Trial
from gongji_conformance.city.server import ServerUnderTest

APPLICANTS = 'holder = "陈甲", member = "林乙", relation = "配偶"'
APPLIED = f'bind = {{ {APPLICANTS}, channel = "wanshitong" }}'
HEAD = """
[[case]]
id = "CHUZHOU-TRIAL-001"
says = "在职职工就诊一千元，统筹基金付一百元。"
clauses = ["C58"]
now = "2025-09-30 10:00"
"""
PEOPLE = """
people = [
  { name = "陈甲", insured = "341102", as = "在职", balance = 500 },
  { name = "林乙", insured = "341102", as = "在职" },
]
"""


def _step(action: str, expect: str) -> str:
    return f"{{ {action}, expect = {{ {expect} }} }}"


def _of_bill(kind: str, at: str, yuan: int, expect: str) -> str:
    """A step of 陈甲's: settle or quote a bill from an institution."""
    bill = f'patient = "陈甲", at = "{at}", in_scope = {yuan}'
    return _step(f"{kind} = {{ {bill} }}", expect)


def _each(variations: str, expect: str) -> str:
    return _step(f"{APPLIED}, each = {{ {variations} }}", expect)


RIGHT = _of_bill("settle", "三级", 1000, "fund = 100")
WRONG = {
    "a figure": (_of_bill("settle", "三级", 1000, "fund = 101"), "101.00"),
    "a ratio": (_of_bill("quote", "三级", 1000, 'ratio = "51%"'), "51%"),
    "a balance": (
        _of_bill("settle", "药店", 100, 'balance = { "陈甲" = 401 }'),
        "陈甲 401.00，实为 陈甲 400.00",
    ),
    "a clause": (_of_bill("settle", "三级", 1000, 'clauses = ["A27"]'), "A27"),
    "a refusal that does not come": (
        _of_bill("settle", "三级", 1, 'refused = "NOT_ENROLLED"'),
        "NOT_ENROLLED",
    ),
    "a refusal that is not expected": (
        _of_bill("settle", "外地三级", 1, "fund = 0"),
        "FILING_REQUIRED",
    ),
    "another condition": (
        _each('relation = ["弟弟"]', 'refused = "NOT_ELIGIBLE", conditions = []'),
        "conditions 应为 （没有），实为 relations",
    ),
    "one of several ways": (
        _each('channel = ["wanshitong", "city_wechat"]', 'state = "已生效"'),
        "channel = city_wechat",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_expectation_is_found(gongji_server: ServerUnderTest, wrong: str) -> None:
    """A case that expects something else fails and says what it expected and got."""
    step, problem = WRONG[wrong]
    assert problem in _trial(gongji_server, step).failure()


def test_report_can_be_repeated(gongji_server: ServerUnderTest) -> None:
    """A failure names case, sentence, clause, step, and the command that repeats it."""
    step, _ = WRONG["a figure"]
    failure = _trial(gongji_server, step).failure().splitlines()
    assert "CHUZHOU-TRIAL-001 在职职工就诊一千元，统筹基金付一百元。" == failure[0]
    assert "  第 1 步 settle：patient = 陈甲, at = 三级, in_scope = 1000" in failure
    assert "    fund 应为 101.00，实为 100.00" in failure
    assert any(line.startswith("  C58 ") for line in failure)
    suite = "pytest --pyargs gongji_conformance"
    command = f"{suite} --gongji-city chuzhou -k CHUZHOU-TRIAL-001"
    assert f"  重做：{command}" == failure[-1]


def test_right_expectation_is_silent(gongji_server: ServerUnderTest) -> None:
    """A case that comes out as it says has nothing to report."""
    assert "" == _trial(gongji_server, RIGHT).failure()


def test_faults_fail(gongji_server: ServerUnderTest) -> None:
    """What stands in a file and is no case fails with its problem."""
    fault = CaseFault("CHUZHOU-CASES", "写得不对")
    failure = Trial(gongji_server, "chuzhou", fault).failure()
    assert failure.startswith("写得不对")


def _trial(server: ServerUnderTest, step: str) -> Trial:
    (case,) = read(f"{HEAD}{PEOPLE}steps = [{step}]", "chuzhou")
    assert isinstance(case, CityCase)
    return Trial(server, "chuzhou", case)
