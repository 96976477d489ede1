"""Statutory holidays (法定节日), by the law alone: what is known of a year before its notice.

The State Council's notice (放假安排) adds days off and make-up days (调休) each autumn;
those cannot be known.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

FIRST_YEAR: Final = 2025
"""The year from which the law in force reads as here (国务院令第795号)."""

_FIXED: Final = ((1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3))
"""元旦、劳动节、国庆节: month and day."""

# 除夕 is a day before the first of the first month: that month has 29 days or 30.
_SPRING_FESTIVAL: Final = range(-1, 3)
"""春节: 除夕 to 初三, in days from 正月初一."""

_LUNAR: Final = ((5, 5), (8, 15))
"""端午节、中秋节: lunar month and day."""

_QINGMING: Final = "清明"


@lru_cache(maxsize=64)
def statutory(year: int) -> frozenset[date]:
    """Return a year's days off for all (全国年节及纪念日放假办法 第二条); none before 2025."""
    if year < FIRST_YEAR:
        return frozenset()
    fixed = (date(year, month, day) for month, day in _FIXED)
    lunar = (_of_lunar(year, month, day) for month, day in _LUNAR)
    new_year = _of_lunar(year, 1, 1)
    spring = (new_year + timedelta(days=days) for days in _SPRING_FESTIVAL)
    return frozenset({*fixed, *lunar, *spring, _qingming(year)})


def _of_lunar(year: int, month: int, day: int) -> date:
    """Return the civil day of a day of the lunar calendar (农历)."""
    # Only a year whose calendar is not published needs its tables.
    from lunar_python import Lunar  # noqa: PLC0415

    solar = Lunar.fromYmd(year, month, day).getSolar()
    return date(solar.getYear(), solar.getMonth(), solar.getDay())


def _qingming(year: int) -> date:
    """Return the day of the solar term 清明, by Beijing time."""
    from lunar_python import Solar  # noqa: PLC0415 - as above

    april = Solar.fromYmd(year, 4, 1).getLunar()
    solar = april.getJieQiTable()[_QINGMING]
    return date(solar.getYear(), solar.getMonth(), solar.getDay())
