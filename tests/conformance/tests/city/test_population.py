"""Invented people: valid numbers that nobody holds."""

from __future__ import annotations

from datetime import date

import pytest
from gongji_conformance.city import words
from gongji_conformance.city.population import AREAS, certificate_number
from stdnum.cn import ric

AMOUNTS = {0: "0.00", 5: "0.05", 10000: "100.00", -123456: "-1234.56"}
RATIOS = {0: "0%", 5000: "50%", 5500: "55%", 1250: "12.5%", 10000: "100%"}


def test_numbers_are_valid_and_differ() -> None:
    """Identity numbers have a right check digit, no existing area, and all differ."""
    numbers = [certificate_number() for _ in range(3000)]
    assert 3000 == len(set(numbers))
    assert {True} == {number[:6] in AREAS for number in numbers}
    assert numbers[0][:17] + ric.calc_check_digit(numbers[0]) == numbers[0]


def test_birthday_is_kept() -> None:
    """A person with a birthday bears it in the number."""
    assert "20040702" == certificate_number(date(2004, 7, 2))[6:14]


@pytest.mark.parametrize("fen", AMOUNTS)
def test_amounts(fen: int) -> None:
    """Fen are written as a case writes yuan."""
    assert AMOUNTS[fen] == words.yuan(fen)


@pytest.mark.parametrize("ratio_bp", RATIOS)
def test_ratios(ratio_bp: int) -> None:
    """Basis points are written as a case writes a ratio."""
    assert RATIOS[ratio_bp] == words.percent(ratio_bp)
