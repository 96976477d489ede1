"""Months and neighbours of days, to both ends of the calendar."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from gongji.rules.days import day_of, days_of_month, month_around, next_day
from hypothesis import example, given
from hypothesis import strategies as st


@given(st.dates())
@example(date.min)
@example(date.max)
def test_months(day: date) -> None:
    """A month holds its days, begins on the first, and ends before the next month."""
    first, last = month_around(day)
    assert first <= day <= last
    assert (1, day.month) == (first.day, last.month)
    following = next_day(last)
    assert following is None or following.day == 1
    assert (first, last) == days_of_month(str(day)[:7])


@given(st.dates())
@example(date.max)
def test_next_day(day: date) -> None:
    """A day is followed by the next, the calendar's last by none."""
    following = next_day(day)
    if following is None:
        assert date.max == day
    else:
        assert timedelta(days=1) == following - day


@given(st.dates())
def test_days_read_as_written(day: date) -> None:
    """A day written YYYY-MM-DD is that day."""
    assert day == day_of(day.isoformat())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20250101",
        "2025-W01-1",
        "2025-1-1",
        "\uff12\uff10\uff12\uff15-01-01",
        "2025-01-01T00:00:00",
    ],
)
def test_other_forms_are_refused(text: str) -> None:
    """What is not YYYY-MM-DD in plain digits is no day, whatever Python reads in it."""
    with pytest.raises(ValueError, match="须写作 YYYY-MM-DD"):
        day_of(text)


@pytest.mark.parametrize("text", ["2025-02-29", "0000-01-01", "2025-13-01"])
def test_days_of_no_calendar_are_refused(text: str) -> None:
    """A day that does not exist is named."""
    with pytest.raises(ValueError, match=f"日历上没有 {text}"):
        day_of(text)
