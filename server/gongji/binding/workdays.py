"""Working days (工作日) in Asia/Shanghai: when a review is due, when a counter opens.

The State Council's calendar with make-up days (调休) comes from `chinesecalendar`; an
operator may add days of a year as data. In a year neither knows, weekends and the
statutory holidays decide, and the answer says that it is provisional.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import chinese_calendar

from gongji.binding.holidays import statutory
from gongji.model.toml import document_of
from gongji.rules.channels import AlwaysOpen, CounterHours, Deadlines
from gongji.rules.codes import SHANGHAI
from gongji.text.files import read_text

# As date.weekday() counts.
_SATURDAY = 5

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Due:
    """When a review falls due; provisional if a year's calendar is not known yet."""

    at: datetime
    provisional: bool


@dataclass(frozen=True, slots=True)
class YearCalendar:
    """Days of a year the operator added: those off (放假), and those worked (补班)."""

    off: frozenset[date] = frozenset()
    work: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class Workdays:
    """The calendar of working days, with the operator's added years."""

    added: Mapping[int, YearCalendar] = field(default_factory=dict)

    @classmethod
    def from_toml(cls, path: Path) -> Workdays:
        """Read years from a file. ValueError with the fault.

        A year reads `[2027]` with `off = [2027-01-01, …]` and `work = […]`.
        """
        text = read_text(path)
        try:
            years = document_of(text)
        except ValueError as fault:
            raise ValueError(f"{path.name}：{fault}") from fault
        added = {}
        for year, days in years.items():
            problem = _problem_of_year(year, days)
            if problem:
                raise ValueError(f"{path.name}：{problem}")
            added[int(year)] = YearCalendar(
                off=frozenset(days.get("off", [])),
                work=frozenset(days.get("work", [])),
            )
        return cls(added)

    def known(self, year: int) -> bool:
        """Return whether that year's holidays and make-up days are known."""
        return year in self.added or _published(date(year, 1, 1)) is not None

    def is_working(self, day: date) -> bool:
        """Return whether people work that day.

        Of a day that neither the operator nor the published calendar names, weekends and
        statutory holidays decide (放假办法 第二条).
        """
        # First what the operator says: it may correct what the library publishes.
        added = self.added.get(day.year, YearCalendar())
        if day in added.work or day in added.off:
            return day in added.work
        published = _published(day)
        if published is not None:
            return published
        return day.weekday() < _SATURDAY and day not in statutory(day.year)

    def due(self, submitted: datetime, working_days: int, reckoned: Deadlines) -> Due:
        """Return the end of the n-th working day from submission on, as reckoned."""
        day = submitted.astimezone(SHANGHAI).date()
        provisional = False
        remaining = working_days
        if reckoned.first_day_counted and remaining:
            remaining -= self.is_working(day)
            provisional = not self.known(day.year)
        while remaining:
            day += _DAY
            remaining -= self.is_working(day)
            provisional |= not self.known(day.year)
        return Due(datetime.combine(day, reckoned.due_at, SHANGHAI), provisional)

    def is_open(self, at: datetime, hours: CounterHours | AlwaysOpen) -> bool:
        """Return whether a channel is open.

        A counter is, on working days, from its opening up to, not including, its
        closing.
        """
        if isinstance(hours, AlwaysOpen):
            return True
        local = at.astimezone(SHANGHAI)
        in_hours = hours.opens <= local.time() < hours.closes
        return in_hours and self.is_working(local.date())

    def next_opening(self, at: datetime, hours: CounterHours) -> datetime:
        """Return the next instant at which a closed counter opens."""
        local = at.astimezone(SHANGHAI)
        day = local.date()
        if local.time() >= hours.opens:
            day += _DAY
        while not self.is_working(day):
            day += _DAY
        return datetime.combine(day, hours.opens, SHANGHAI)


def _problem_of_year(year: str, days: Any) -> str:
    """Return what is wrong with one year of an operator's file, "" if nothing is."""
    table = isinstance(days, dict) and set(days) <= {"off", "work"}
    if not table or not (len(year) == len("YYYY") and year.isdecimal()):
        return "每年一节，如 [2027]，其下只有 off 与 work"
    if not all(isinstance(part, list) for part in days.values()):
        return f"[{year}] 的 off 与 work 须为日期的列表，如 [2027-01-01]"
    listed = [day for part in days.values() for day in part]
    for day in listed:
        # A datetime is a date as well, and would never equal a day.
        if type(day) is not date:
            return f"[{year}] 中的 {day!s} 不是日期，应写作 2027-01-01"
        if day.year != int(year):
            return f"[{year}] 中有别年的日期 {day}"
    repeated = [day for day, times in Counter(listed).items() if times > 1]
    if repeated:
        return f"[{year}] 中 {min(repeated)} 出现两次"
    return ""


def _published(day: date) -> bool | None:
    """Return what the published calendar says, None if its year is not published."""
    try:
        worked = chinese_calendar.is_workday(day)  # type: ignore[no-untyped-call] # no types
    # The library's own word for a year beyond its tables.
    except NotImplementedError:
        return None
    return bool(worked)
