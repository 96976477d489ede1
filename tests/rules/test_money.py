"""Fen and basis points: one place reads, writes and rounds them, without a float anywhere."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

import pytest
from gongji.rules.money import FULL_BP, MAX_FEN, Rounding, fen, percent, share, yuan
from hypothesis import given
from hypothesis import strategies as st

DECIMAL_MODES = {Rounding.HALF_UP: ROUND_HALF_UP, Rounding.DOWN: ROUND_DOWN}

SHARES = {
    "60 % of 200 yuan": (200_00, 60_00, Rounding.HALF_UP, 120_00),
    "half a fen is rounded up": (1, 50_00, Rounding.HALF_UP, 1),
    "half a fen is dropped": (1, 50_00, Rounding.DOWN, 0),
    "less than half a fen is dropped": (1, 49_99, Rounding.HALF_UP, 0),
    "a fen less than half of three": (3, 50_00, Rounding.HALF_UP, 2),
    "everything": (123_45, FULL_BP, Rounding.DOWN, 123_45),
    "nothing of much": (MAX_FEN, 0, Rounding.HALF_UP, 0),
    "much of nothing": (0, FULL_BP, Rounding.HALF_UP, 0),
}


@pytest.mark.parametrize(
    ("amount", "ratio", "rounding", "expected"), SHARES.values(), ids=SHARES
)
def test_share(amount: int, ratio: int, rounding: Rounding, expected: int) -> None:
    """A share is rounded to whole fen as the rule says."""
    assert expected == share(amount, ratio, rounding)


@given(st.integers(0, MAX_FEN), st.integers(0, FULL_BP), st.sampled_from(Rounding))
def test_share_is_exact(amount: int, ratio: int, rounding: Rounding) -> None:
    """The integers say what decimal arithmetic says."""
    exact = Decimal(amount) * ratio / FULL_BP
    assert int(exact.quantize(Decimal(1), DECIMAL_MODES[rounding])) == share(
        amount, ratio, rounding
    )


READ = {
    "whole yuan": ("800", 800_00),
    "two decimals": ("0.05", 5),
    "one decimal is ten fen": ("1.5", 150),
    "thousands": ("1,234.56", 1234_56),
    "negative": ("-0.01", -1),
    "spaces around": (" 70.00 ", 70_00),
}


@pytest.mark.parametrize(("text", "expected"), READ.values(), ids=READ)
def test_fen(text: str, expected: int) -> None:
    """Yuan as people write them are read as fen."""
    assert expected == fen(text)


@pytest.mark.parametrize(
    "text",
    [
        "1,23",
        "1,2345",
        ",123",
        "1234,567",
        "1,,234",
        "\uff11\uff12\uff13",
        "1.2E+3",
        "",
        "1.234",
        "1e3",
        "NaN",
        ".5",
        "5.",
        "元5",
        "--1",
        "12345678901",
        "+1",
        "1 2",
    ],
)
def test_no_amount(text: str) -> None:
    """What is no amount of whole fen is refused, not guessed at."""
    with pytest.raises(ValueError, match="最多两位小数"):
        fen(text)


@given(st.integers(-MAX_FEN, MAX_FEN))
def test_written_and_read_again(amount: int) -> None:
    """What is written for people reads back as the same amount."""
    assert amount == fen(yuan(amount))


WRITTEN = {
    "thousands are set apart": (yuan(123456), "1,234.56"),
    "small change keeps its zero": (yuan(5), "0.05"),
    "negative": (yuan(-100), "-1.00"),
    "whole per cent": (percent(55_00), "55%"),
    "half a per cent": (percent(12_50), "12.5%"),
    "a basis point": (percent(1), "0.01%"),
    "everything": (percent(FULL_BP), "100%"),
}


@pytest.mark.parametrize(("actual", "expected"), WRITTEN.values(), ids=WRITTEN)
def test_written(actual: str, expected: str) -> None:
    """Amounts and ratios are written as readers expect them."""
    assert expected == actual
