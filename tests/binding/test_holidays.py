"""Statutory holidays, against the published calendars and the almanac."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import chinese_calendar
import pytest
from gongji.binding.holidays import FIRST_YEAR, statutory

LUNAR = {
    2027: ("02-06", "04-05", "06-09", "09-15"),
    2028: ("01-26", "04-04", "05-28", "10-03"),
    2029: ("02-13", "04-04", "06-16", "09-22"),
    2030: ("02-03", "04-05", "06-05", "09-12"),
    2031: ("01-23", "04-05", "06-24", "10-01"),
    2032: ("02-11", "04-04", "06-12", "09-19"),
    # The year of the disputed leap month: 2033 has one after the eleventh.
    2033: ("01-31", "04-04", "06-01", "09-08"),
    2034: ("02-19", "04-05", "06-20", "09-27"),
    2040: ("02-12", "04-04", "06-14", "09-20"),
    2050: ("01-23", "04-04", "06-23", "09-30"),
}
"""春节 (正月初一), 清明, 端午, 中秋, as three libraries of other origin have them."""


@pytest.mark.parametrize(("year", "days"), LUNAR.items())
def test_days_of_the_lunar_calendar(year: int, days: tuple[str, ...]) -> None:
    """Spring Festival, Qingming, Dragon Boat and Mid-Autumn fall where the almanac has
    them, the eve and two days after New Year's with it."""
    new_year, *others = [date.fromisoformat(f"{year}-{day}") for day in days]
    spring = {date.fromordinal(new_year.toordinal() + n) for n in range(-1, 3)}
    fixed = {(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)}
    expected = {*spring, *others, *(date(year, *day) for day in fixed)}
    assert expected == statutory(year)


@pytest.mark.parametrize("year", [2025, 2026])
def test_published_calendars_hold_them(year: int) -> None:
    """No statutory holiday is worked by a published calendar."""
    is_workday: Callable[[date], bool] = chinese_calendar.is_workday
    assert [] == [day for day in statutory(year) if is_workday(day)]


def test_every_year_a_clock_may_show() -> None:
    """Each year has its holidays, thirteen unless two fall together, none of others."""
    for year in range(FIRST_YEAR, 2200):
        days = statutory(year)
        assert {year} == {day.year for day in days}
        assert len(days) in {12, 13}


def test_before_the_law() -> None:
    """The law in force since 2025 says nothing of earlier years."""
    assert frozenset() == statutory(FIRST_YEAR - 1)
