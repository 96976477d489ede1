"""What people type and registers hold is brought to one form, and no further."""

from __future__ import annotations

from itertools import pairwise

import pytest
from gongji.model import normal


def wide(text: str) -> str:
    """Return ASCII text in full width (全角), as Chinese keyboards type it."""
    return text.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})


DOTS = "\u00b7\u2022\u30fb\u2027\uff65\u16eb\u2219\u22c5\uff0e.\u2024\u0387"
CHECKED = "34119919800101771X"

NAMES = {
    "every middle dot": [f"古丽米热{dot}艾比布力" for dot in DOTS],
    "blanks inside and around": [
        "汪例",
        "汪例 ",
        " 汪\u3000例",
        "汪\u00a0例\t",
        "汪\u200b例",
    ],
    "blanks around the middle dot": ["买买提·吐尔逊", "买买提 • 吐尔逊"],
    "case and width": ["Maria Lee", "MARIA LEE", wide("maria lee"), "MariaLee"],
    "accents typed in one piece or two": ["José", "Jose\u0301", "JOSÉ"],
    "compatibility ideographs": ["金凌", "\uf90a凌", "金\ufe00凌"],
}

NUMBERS = {
    "a check letter": [CHECKED, CHECKED.lower()],
    "full width": [CHECKED, wide(CHECKED), wide(CHECKED.lower())],
    "blanks": [CHECKED, " 341199 19800101 771X\u3000"],
    "brackets": ["A123456(7)", wide("a123456(7)")],
}

PHONES = {
    "a country code": [
        "13800001234",
        "+8613800001234",
        "008613800001234",
        "8613800001234",
        "+86 138-0000-1234",
        wide("+86(138)0000 1234"),
        "+86 013800001234",
    ],
    "a fixed line": [
        "0550-3012345",
        "05503012345",
        "+86 550 3012345",
        "+86-0550-3012345",
    ],
}


def _rows(table: dict[str, list[str]]) -> list[object]:
    return [pytest.param(forms, id=told) for told, forms in table.items()]


@pytest.mark.parametrize("forms", _rows(NAMES))
def test_names_that_are_one(forms: list[str]) -> None:
    """A name is the same however it is typed."""
    assert 1 == len({normal.name(form) for form in forms})


@pytest.mark.parametrize("forms", _rows(NUMBERS))
def test_certificate_numbers_that_are_one(forms: list[str]) -> None:
    """A certificate's number is the same however it is typed."""
    assert 1 == len({normal.certificate_number(form) for form in forms})


@pytest.mark.parametrize("forms", _rows(PHONES))
def test_phones_that_are_one(forms: list[str]) -> None:
    """A phone's number is the same with and without its country code."""
    assert 1 == len({normal.phone(form) for form in forms})


def test_what_differs_stays_different() -> None:
    """Other letters, digits and countries are other names and numbers."""
    names = ["汪例", "汪立", "古丽·艾比", "古丽艾比", "Lee", "Lea"]
    phones = ["13800001234", "13800001235", "+85213800001234", "86138000", "138000"]
    for first, second in pairwise(sorted(names)):
        assert normal.name(first) != normal.name(second)
    for first, second in pairwise(sorted(phones)):
        assert normal.phone(first) != normal.phone(second)


def test_numbers_stored_before_stay_as_they_were() -> None:
    """A number of the form that was stored and hashed before is its own normal form."""
    for number in ("34119919800101771X", "G12345678", "U340123456", "A1(7)·B-2"):
        assert number == normal.certificate_number(number)
