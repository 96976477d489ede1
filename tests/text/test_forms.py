"""A value that was sent is repeated on one line, and nobody's number with it."""

from __future__ import annotations

import pytest
from gongji.text.forms import as_sent, day_meant, is_day, mended, month_meant

NUMBERS = [
    "110101199001011237",
    "11010119900101123x",
    "110101900101123",
    "110101 19900101 1237",
    "110101/19900101/1237",
    "身份证110101199001011237号",
    "P110101199001011237",
    "1101011990010112371",
    "13800001234",
    "+86 138-0000-1234",
    "008613800001234",
    "138_0000_1234",
    "13800001234,13800001235",
]
"""Numbers that somebody may have typed into a field for something else."""


@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize("width", [0, 0xFEE0])
def test_a_persons_number_is_hidden(text: str, width: int) -> None:
    """However it is parted, and in full width too, no digit of it is repeated."""
    typed = "".join(
        chr(ord(char) + width) if char.isascii() and char.isalnum() else char
        for char in text
    )
    assert not any(char.isalnum() for char in as_sent(typed))


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T00:00:00",
        "2026-01-31 13:00:00",
        "20260131130000",
        "1767225600000",
        "h34110000001",
        "h13010000001",
        "0.1",
        "微信",
    ],
)
def test_what_is_no_number_of_a_person_is_shown(text: str) -> None:
    """Days, instants and codes are repeated as they were sent."""
    assert f"「{text}」" == as_sent(text)


def test_a_long_value_is_cut() -> None:
    """Of a long value the beginning is repeated, and how long it was is said."""
    assert "「" + "甲" * 30 + "…」（共 31 个字符）" == as_sent("甲" * 31)


@pytest.mark.parametrize("text", ["a\nb", "a\u202eb", "a\x1b[31mb", "a\x00b"])
def test_a_value_is_on_one_line(text: str) -> None:
    """What nobody sees, or what steers a terminal, is escaped."""
    assert as_sent(text).isprintable()


@pytest.mark.parametrize("guess", [day_meant, month_meant])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "2026-",
        "0000",
        "9999-99",
        "99999999",
        "²⁰²⁶-01-01",
        "\u0662\u0660\u0662\u0666-01-01",
    ],
)
def test_nothing_is_guessed_that_is_none(guess: object, text: str) -> None:
    """A guess is a day or a month of the calendar, or none."""
    assert callable(guess)
    meant = guess(text).text
    assert not meant or is_day(meant if guess is day_meant else f"{meant}-01")


def test_only_what_fits_is_meant() -> None:
    """Of a text that fits after no change nothing is guessed but the faults seen."""
    assert ("请去掉空白和看不见的字符", "") == mended("a b", "x".__eq__)
    assert ("", "") == mended("ab", "x".__eq__)
