"""Reading cases: what is written is checked, or it is an error that names the case and the key."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from gongji_conformance.cases import reading
from gongji_conformance.cases.case import CityCase
from gongji_conformance.cases.reading import CaseFault, file_of, of_city, read

GOOD = """
[[case]]
id = "WUHU-SETTLE-001"
says = "在职职工就诊一千元，统筹基金支付一百元。"
clauses = ["C58"]
now = "2025-09-30 10:00"
people = [{ name = "甲", insured = "340202", as = "在职", balance = 500.50 }]
steps = [{ settle = { patient = "甲", at = "三级", in_scope = 1000 }, expect = { fund = 100 } }]
"""

FAULTS = {
    "a misspelt key of a case": ("says =", "say =", "say"),
    "a misspelt key of a person": ("balance =", "ballance =", "ballance"),
    "a misspelt key of a step": ("in_scope =", "inscope =", "inscope"),
    "a misspelt expectation": ("fund =", "found =", "found"),
    "a standing nobody has": ('"在职"', '"学生"', "people[0].as"),
    "an institution there is none of": ('"三级"', '"四级"', "settle.at"),
    "a patient who is not among the people": ('patient = "甲"', 'patient = "乙"', "乙"),
    "an expectation the step cannot show": ("fund = 100", 'state = "已生效"', "state"),
    "a step of two things": (
        "expect =",
        'clock = "2025-10-01 08:00", expect =',
        "clock",
    ),
    "nothing expected at all": (", expect = { fund = 100 }", "", "expect"),
    "a day that does not exist": ("2025-09-30", "2025-09-31", "2025-09-31"),
    "less than a fen": ("500.50", "500.505", "500.505"),
    "no clause": ('["C58"]', "[]", "clauses"),
    "no toml": ("[[case]]", "[[case]", "cases.toml"),
    "something beside the cases": ("[[case]]", "[city]\n[[case]]", "city"),
}


def test_good_case() -> None:
    """A case reads as it is written, amounts in yuan without a float."""
    (case,) = _cases(read(GOOD, "wuhu"))
    assert "WUHU-SETTLE-001" == case.id
    assert Decimal("500.50") == case.people[0].balance
    assert Decimal(100) == case.steps[0].expect.fund


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named(fault: str) -> None:
    """What is wrong in a file is a fault that names the key, or the word, that is wrong."""
    right, wrong, named = FAULTS[fault]
    assert right in GOOD
    faults = [
        found
        for found in read(GOOD.replace(right, wrong, 1), "wuhu")
        if isinstance(found, CaseFault)
    ]
    assert faults
    assert named in faults[0].problem


def test_fault_names_its_case() -> None:
    """A fault in one case names it and leaves the others as they are."""
    other = GOOD.replace("001", "002").replace("fund =", "found =")
    case, fault = read(GOOD + other, "wuhu")
    assert isinstance(case, CityCase)
    assert isinstance(fault, CaseFault)
    assert "WUHU-SETTLE-002" in fault.problem


def test_numbers_are_used_once() -> None:
    """A case number that is used twice is a fault."""
    found = read(GOOD + GOOD, "wuhu")
    assert [CityCase, CaseFault] == [type(one) for one in found]


@pytest.mark.parametrize("pinyin", ["anqing", "chuzhou", "huangshan"])
def test_cities_bring_cases(pinyin: str) -> None:
    """Each city of the repository brings its cases, all of them readable."""
    assert file_of(pinyin) is not None
    assert 10 < len(_cases(of_city(pinyin)))


def test_city_without_cases() -> None:
    """A city without cases is a fault, never an empty run."""
    (fault,) = of_city("atlantis")
    assert isinstance(fault, CaseFault)
    assert "atlantis" in fault.problem


def test_a_file_of_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte order mark is no part of the cases; a file that is no UTF-8 is a fault."""
    path = tmp_path / "cases.toml"
    monkeypatch.setattr(reading, "file_of", lambda _: path)
    path.write_text(GOOD, encoding="utf-8-sig")
    assert _cases(read(GOOD, "wuhu")) == _cases(of_city("wuhu"))
    path.write_text(GOOD, encoding="gb18030")
    (fault,) = of_city("wuhu")
    assert isinstance(fault, CaseFault)
    assert "不是 UTF-8 文本" in fault.problem


def _cases(found: Sequence[CityCase | CaseFault]) -> list[CityCase]:
    assert [] == [one.problem for one in found if isinstance(one, CaseFault)]
    return [one for one in found if isinstance(one, CityCase)]
