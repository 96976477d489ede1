"""Civil days (民用日) of Shanghai: months and neighbours, to both ends of the calendar."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import Final

from gongji.text.forms import as_sent

# No rule speaks of other instants, and reckoning near the calendar's ends overflows.
EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
"""The first instant a clock may show, and a caller may name."""

LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""The first instant after the last that may be named."""

# Digits spelled out: \d and fromisoformat also take those of other scripts and forms.
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def day_of(text: str) -> date:
    """Return the day written YYYY-MM-DD. ValueError with a Chinese sentence."""
    if _DAY.fullmatch(text) is None:
        raise ValueError(f"日期须写作 YYYY-MM-DD，得到{as_sent(text)}")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"日历上没有 {text} 这一天") from None


def days_of_month(month: str) -> tuple[date, date]:
    """Return the first and the last day of YYYY-MM, which must be well formed."""
    return month_around(date.fromisoformat(f"{month}-01"))


def month_around(day: date) -> tuple[date, date]:
    """Return the first and the last day of a day's month."""
    _, days = monthrange(day.year, day.month)
    return day.replace(day=1), day.replace(day=days)


def next_day(day: date) -> date | None:
    """Return the day after; None after the calendar's last."""
    return None if day == date.max else day + timedelta(days=1)


def months_later(day: date, months: int) -> date:
    """Return the last day of so many months from a day: 2025-09-01 + 6 → 2026-02-28.

    A month too short for the day ends on its last: from 31 August six months end on
    28 February, as from 1 September. The calendar's last day if it would be later.
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    if year > date.max.year:
        return date.max
    _, days = monthrange(year, month + 1)
    if day.day > days:
        return date(year, month + 1, days)
    return date(year, month + 1, day.day) - timedelta(days=1)
