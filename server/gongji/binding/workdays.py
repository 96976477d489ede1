"""Working days and counter hours in Asia/Shanghai: when a review is due, when a counter opens.

The State Council's calendar with make-up days (调休) comes from `chinesecalendar`; an
operator may add a year as data. In a year neither knows, weekends alone decide and the
answer says that it is provisional.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import chinese_calendar

from gongji.rules.channels import AlwaysOpen, CounterHours
from gongji.rules.codes import SHANGHAI

DUE_AT = time(17, 0)
"""Reviews fall due when the counters close on the last day (A42)."""

_SATURDAY = 5

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Due:
    """When a review falls due; provisional where a year's calendar is not known yet."""

    at: datetime
    provisional: bool


@dataclass(frozen=True, slots=True)
class YearCalendar:
    """One year added by the operator: weekdays that are off (放假), weekend days that
    are worked (补班)."""

    off: frozenset[date]
    work: frozenset[date]


@dataclass(frozen=True, slots=True)
class Workdays:
    """The calendar of working days, with the operator's added years."""

    added: Mapping[int, YearCalendar] = field(default_factory=dict)

    @classmethod
    def from_toml(cls, path: Path) -> Workdays:
        """Reads years from a file: `[2027]` with `off = [2027-01-01, …]` and `work = […]`.

        ValueError with the fault.
        """
        added = {}
        for year, days in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if problem := _problem_of_year(year, days):
                msg = f"{path.name}: {problem}"
                raise ValueError(msg)
            added[int(year)] = YearCalendar(
                frozenset(days.get("off", [])), frozenset(days.get("work", []))
            )
        return cls(added)

    def known(self, year: int) -> bool:
        """Whether that year's holidays and make-up days are known."""
        return year in self.added or _published(date(year, 1, 1)) is not None

    def is_working(self, day: date) -> bool:
        """Whether people work that day; in an unknown year, whether it is no weekend."""
        weekday = day.weekday() < _SATURDAY
        if (year := self.added.get(day.year)) is not None:
            return day in year.work or (weekday and day not in year.off)
        published = _published(day)
        return weekday if published is None else published

    def due(self, submitted: datetime, working_days: int) -> Due:
        """The close of the n-th working day after the day of submission, which is not counted."""
        day, left = submitted.astimezone(SHANGHAI).date(), working_days
        provisional = False
        while left:
            day += _DAY
            left -= self.is_working(day)
            provisional |= not self.known(day.year)
        return Due(datetime.combine(day, DUE_AT, SHANGHAI), provisional)

    def is_open(self, at: datetime, hours: CounterHours | AlwaysOpen) -> bool:
        """Whether a channel is open: from its opening up to, not including, its closing
        on working days."""
        if isinstance(hours, AlwaysOpen):
            return True
        local = at.astimezone(SHANGHAI)
        return (
            self.is_working(local.date()) and hours.opens <= local.time() < hours.closes
        )

    def next_opening(self, at: datetime, hours: CounterHours) -> datetime:
        """The next instant at which a closed counter opens."""
        local = at.astimezone(SHANGHAI)
        day = local.date() if local.time() < hours.opens else local.date() + _DAY
        while not self.is_working(day):
            day += _DAY
        return datetime.combine(day, hours.opens, SHANGHAI)


def _problem_of_year(year: str, days: Any) -> str:
    """What is wrong with one year of an operator's file, "" where nothing is."""
    if (
        not year.isdecimal()
        or not isinstance(days, dict)
        or set(days) - {"off", "work"}
    ):
        return "每年一节, 如 [2027], 其下只有 off 与 work"
    if not all(isinstance(part, list) for part in days.values()):
        return f"[{year}] 的 off 与 work 须为日期的列表, 如 [2027-01-01]"
    listed = [day for part in days.values() for day in part]
    for day in listed:
        # TOML knows days with a time as well; those would never equal a day.
        if type(day) is not date:
            return f"[{year}] 中的 {day!s} 不是日期, 应写作 2027-01-01"
        if day.year != int(year):
            return f"[{year}] 中有别年的日期 {day}"
    if twice := sorted(day for day in set(listed) if listed.count(day) > 1):
        return f"[{year}] 中 {twice[0]} 出现两次"
    return ""


def _published(day: date) -> bool | None:
    """What the published calendar says, None where its year is not published."""
    try:
        return bool(chinese_calendar.is_workday(day))  # type: ignore[no-untyped-call] # the library carries no types
    except NotImplementedError:
        return None
