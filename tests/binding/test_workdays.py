"""Working days and counter hours: the State Council's calendar by table, due times by a
model of their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import chinese_calendar
import pytest
from gongji.binding.workdays import Due, Workdays, YearCalendar
from gongji.rules.channels import ALWAYS, CounterHours, Deadlines
from gongji.rules.codes import SHANGHAI
from hypothesis import example, given
from hypothesis import strategies as st

COUNTER = CounterHours(opens=time(9), closes=time(17))
RECKONED = Deadlines(due_at=time(17))
DAY = timedelta(days=1)


def days(*texts: str) -> set[date]:
    """Days from "2025-10-01" and spans "2025-10-01/2025-10-08", both ends included."""
    listed: set[date] = set()
    for text in texts:
        first, _, last = text.partition("/")
        day = date.fromisoformat(first)
        end = date.fromisoformat(last or first)
        while day <= end:
            listed.add(day)
            day += DAY
    return listed


HOLIDAYS_2025 = days(
    "2025-01-01",
    "2025-01-28/2025-02-04",
    "2025-04-04/2025-04-06",
    "2025-05-01/2025-05-05",
    "2025-05-31/2025-06-02",
    "2025-10-01/2025-10-08",
)
"""国务院办公厅关于2025年部分节假日安排的通知（国办发明电〔2024〕12号）。"""
MADE_UP_2025 = days(
    "2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11"
)
"""Weekend days worked instead (调休)."""
OTHER_HOLIDAYS = days(
    *(
        "2023-01-01/2023-01-02",
        "2023-01-21/2023-01-27",
        "2023-04-05",
        "2023-04-29/2023-05-03",
    ),
    *("2023-06-22/2023-06-24", "2023-09-29/2023-10-06", "2023-12-30/2024-01-01"),
    *(
        "2024-02-10/2024-02-17",
        "2024-04-04/2024-04-06",
        "2024-05-01/2024-05-05",
        "2024-06-08/2024-06-10",
    ),
    *("2024-09-15/2024-09-17", "2024-10-01/2024-10-07"),
    *(
        "2026-01-01/2026-01-03",
        "2026-02-15/2026-02-23",
        "2026-04-04/2026-04-06",
        "2026-05-01/2026-05-05",
    ),
    *("2026-06-19/2026-06-21", "2026-09-25/2026-09-27", "2026-10-01/2026-10-07"),
)
OTHER_MADE_UP = days(
    *(
        "2023-01-28",
        "2023-01-29",
        "2023-04-23",
        "2023-05-06",
        "2023-06-25",
        "2023-10-07",
        "2023-10-08",
    ),
    *(
        "2024-02-04",
        "2024-02-18",
        "2024-04-07",
        "2024-04-28",
        "2024-05-11",
        "2024-09-14",
        "2024-09-29",
        "2024-10-12",
    ),
    *(
        "2026-01-04",
        "2026-02-14",
        "2026-02-28",
        "2026-05-09",
        "2026-09-20",
        "2026-10-10",
    ),
)
"""The same notices for 2023, 2024 and 2026."""


def model(day: date) -> bool:
    """Whether a day from 2023 to 2026 is worked, from the notices alone."""
    if day in HOLIDAYS_2025 | OTHER_HOLIDAYS:
        return False
    return day.weekday() < 5 or day in MADE_UP_2025 | OTHER_MADE_UP


def at(text: str) -> datetime:
    """An instant in Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.fixture
def ends_with_2026(monkeypatch: pytest.MonkeyPatch) -> None:
    """A published calendar whose last year is 2026, whatever the library has learnt since."""
    published: Callable[[date], bool] = chinese_calendar.is_workday

    def is_workday(day: date) -> bool:
        if day.year > 2026:
            raise NotImplementedError
        return published(day)

    monkeypatch.setattr(chinese_calendar, "is_workday", is_workday)


@pytest.mark.parametrize("year", [2023, 2024, 2025, 2026])
def test_every_day_of_a_year(year: int) -> None:
    """Each day is worked or off as the State Council's notice says."""
    days_of_year = [
        date(year, 1, 1) + n * DAY
        for n in range(366)
        if (date(year, 1, 1) + n * DAY).year == year
    ]
    workdays = Workdays()

    assert [d for d in days_of_year if model(d)] == [
        d for d in days_of_year if workdays.is_working(d)
    ]


DUE = {
    "across the holiday and the make-up Saturday": (
        "2025-09-30T10:00",
        3,
        "2025-10-11T17:00",
    ),
    "on a make-up Sunday already": ("2025-09-26T23:59:59", 1, "2025-09-28T17:00"),
    "the day of submission does not count, however early": (
        "2025-09-22T00:00",
        1,
        "2025-09-23T17:00",
    ),
    "nor however late": ("2025-09-22T23:59:59", 1, "2025-09-23T17:00"),
    "submitted during the holiday": ("2025-10-03T12:00", 1, "2025-10-09T17:00"),
    "over an ordinary weekend": ("2025-09-19T09:00", 1, "2025-09-22T17:00"),
    "over New Year": ("2025-12-31T09:00", 2, "2026-01-05T17:00"),
    "no day at all": ("2025-09-30T10:00", 0, "2025-09-30T17:00"),
}


@pytest.mark.parametrize(
    ("submitted", "working_days", "expected"), DUE.values(), ids=DUE
)
def test_due(submitted: str, working_days: int, expected: str) -> None:
    """A review falls due at the close of the n-th working day, the day of submission
    not counted."""
    assert Due(at(expected), provisional=False) == Workdays().due(
        at(submitted), working_days, RECKONED
    )


def test_due_counts_days_of_shanghai() -> None:
    """An instant belongs to its civil day in Shanghai: 17:00 UTC is the next one."""
    late = datetime(2025, 9, 22, 17, 0, tzinfo=UTC)

    assert at("2025-09-24T17:00") == Workdays().due(late, 1, RECKONED).at


@given(
    st.datetimes(datetime(2023, 1, 1), datetime(2026, 11, 30)),  # noqa: DTZ001 - zone follows
    st.integers(1, 15),
)
@example(datetime(2025, 9, 30, 10), 3)  # noqa: DTZ001 - zone follows
def test_due_by_the_model(submitted: datetime, working_days: int) -> None:
    """Never on a day off; exactly n working days lie between, by a model that counts them."""
    due = Workdays().due(submitted.replace(tzinfo=SHANGHAI), working_days, RECKONED)
    between = [
        submitted.date() + n * DAY
        for n in range(1, (due.at.date() - submitted.date()).days + 1)
    ]

    assert model(due.at.date())
    assert working_days == sum(model(day) for day in between)
    assert (time(17), False) == (due.at.time(), due.provisional)


OPEN = {
    "a second before opening": ("2025-09-29T08:59:59", False),
    "at opening": ("2025-09-29T09:00", True),
    "a second before closing": ("2025-09-29T16:59:59", True),
    "at closing": ("2025-09-29T17:00", False),
    "on a Saturday": ("2025-09-27T10:00", False),
    "on a make-up Sunday": ("2025-09-28T10:00", True),
    "on a make-up Saturday": ("2025-10-11T10:00", True),
    "on a holiday": ("2025-10-01T10:00", False),
}


@pytest.mark.parametrize(("moment", "expected"), OPEN.values(), ids=OPEN)
def test_counter_hours(moment: str, *, expected: bool) -> None:
    """A counter is open on [9:00, 17:00) of working days, a channel without hours at any time."""
    assert expected == Workdays().is_open(at(moment), COUNTER)
    assert Workdays().is_open(at(moment), ALWAYS)


def test_counter_hours_are_shanghais() -> None:
    """01:00 UTC is nine o'clock."""
    assert Workdays().is_open(datetime(2025, 9, 29, 1, 0, tzinfo=UTC), COUNTER)


OPENINGS = {
    "early in the morning: today": ("2025-09-29T08:59:59", "2025-09-29T09:00"),
    "at closing time: tomorrow": ("2025-09-29T17:00", "2025-09-30T09:00"),
    "before the holiday: after it": ("2025-09-30T17:00", "2025-10-09T09:00"),
    "early on a holiday: after it": ("2025-10-01T08:00", "2025-10-09T09:00"),
    "on Friday evening: the make-up Saturday": ("2025-10-10T18:00", "2025-10-11T09:00"),
    "early on a make-up Sunday: that morning": ("2025-09-28T00:00", "2025-09-28T09:00"),
}


@pytest.mark.parametrize(("moment", "expected"), OPENINGS.values(), ids=OPENINGS)
def test_next_opening(moment: str, expected: str) -> None:
    """Who comes to a closed counter is told when it opens."""
    assert at(expected) == Workdays().next_opening(at(moment), COUNTER)


@given(st.datetimes(datetime(2023, 1, 1), datetime(2026, 11, 30)))  # noqa: DTZ001 - zone follows
def test_next_opening_opens(moment: datetime) -> None:
    """The next opening is later, and the counter is open then and at no hour before,
    unless it was open already."""
    workdays, now = Workdays(), moment.replace(tzinfo=SHANGHAI)
    opening = workdays.next_opening(now, COUNTER)
    hours = [
        now + timedelta(hours=n)
        for n in range(int((opening - now).total_seconds() // 3600))
    ]

    assert opening > now
    assert workdays.is_open(opening, COUNTER)
    if not workdays.is_open(now, COUNTER):
        assert not any(workdays.is_open(hour, COUNTER) for hour in hours)


@pytest.mark.usefixtures("ends_with_2026")
@pytest.mark.parametrize(
    ("submitted", "working_days", "expected", "provisional"),
    [
        ("2026-12-28T10:00", 3, "2026-12-31T17:00", False),
        ("2026-12-29T10:00", 3, "2027-01-04T17:00", True),
        ("2026-12-31T10:00", 3, "2027-01-06T17:00", True),
        ("2027-01-01T10:00", 1, "2027-01-04T17:00", True),
        ("2027-02-04T10:00", 1, "2027-02-09T17:00", True),
        ("2027-05-31T10:00", 7, "2027-06-10T17:00", True),
    ],
    ids=[
        "still in a known year",
        "into an unknown year",
        "over New Year",
        "from New Year's day",
        "over the Spring Festival",
        "over the Dragon Boat Festival",
    ],
)
def test_unknown_year(
    submitted: str, working_days: int, expected: str, *, provisional: bool
) -> None:
    """In a year nobody has published weekends and statutory holidays decide, and the
    answer says that it is provisional."""
    workdays = Workdays()

    assert (workdays.known(2026), workdays.known(2027)) == (True, False)
    assert Due(at(expected), provisional) == workdays.due(
        at(submitted), working_days, RECKONED
    )


@pytest.mark.usefixtures("ends_with_2026")
def test_counter_hours_on_a_statutory_holiday() -> None:
    """Before the year's notice a counter is closed on the holidays of the law alone."""
    workdays = Workdays()
    assert not workdays.is_open(at("2027-01-01T10:00"), COUNTER)
    assert at("2027-01-04T09:00") == workdays.next_opening(
        at("2027-01-01T10:00"), COUNTER
    )
    assert workdays.is_open(at("2027-02-09T10:00"), COUNTER)


@pytest.mark.parametrize(
    ("submitted", "expected"),
    [
        ("2025-09-22T10:00", "2025-09-24T12:00"),
        ("2025-10-01T10:00", "2025-10-11T12:00"),
    ],
)
def test_the_first_day_counted(submitted: str, expected: str) -> None:
    """Reckoned otherwise: a working day of submission is the first, and noon the end."""
    reckoned = Deadlines(due_at=time(12), first_day_counted=True)
    assert at(expected) == Workdays().due(at(submitted), 3, reckoned).at


@pytest.mark.usefixtures("ends_with_2026")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_operators_year(tmp_path: Path, encoding: str) -> None:
    """Days added as data, in whatever encoding, decide; the year is provisional no longer."""
    file = tmp_path / "days.toml"
    file.write_text(
        "# 节假日\n[2027]\noff = [2027-01-01]\nwork = [2027-01-02]\n", encoding=encoding
    )
    workdays = Workdays.from_toml(file)

    assert (
        Workdays(
            {
                2027: YearCalendar(
                    frozenset({date(2027, 1, 1)}), frozenset({date(2027, 1, 2)})
                )
            }
        )
        == workdays
    )
    assert (workdays.known(2027), workdays.known(2028)) == (True, False)
    assert Due(at("2027-01-02T17:00"), provisional=False) == workdays.due(
        at("2026-12-29T10:00"), 3, RECKONED
    )
    assert at("2027-01-02T09:00") == workdays.next_opening(
        at("2026-12-31T17:00"), COUNTER
    )


def test_operators_year_over_a_published_one(tmp_path: Path) -> None:
    """The operator's word on a day stands over the library's, of all others the library's."""
    file = tmp_path / "days.toml"
    file.write_text("[2025]\noff = [2025-09-03]\nwork = []\n", encoding="utf-8")
    days = [date(2025, 9, 3), date(2025, 10, 8), date(2025, 10, 11)]

    published, corrected = (
        [workdays.is_working(day) for day in days]
        for workdays in (Workdays(), Workdays.from_toml(file))
    )
    assert ([True, False, True], [False, False, True]) == (published, corrected)


@pytest.mark.usefixtures("ends_with_2026")
def test_holidays_that_the_operator_does_not_list() -> None:
    """Statutory holidays are off in a year of which a file names other days only."""
    added = {2027: YearCalendar(off=frozenset({date(2027, 2, 9)}))}
    days = [date(2027, 2, day) for day in (4, 5, 8, 9, 10)]
    assert [True, False, False, False, True] == [
        Workdays(added).is_working(day) for day in days
    ]


FAULTS = {
    "no section": ("off = [2027-01-01]", "每年一节"),
    "no year": ("[next]\noff = []", "每年一节"),
    "a year with a figure for a section": ("2027 = 5", "每年一节"),
    "a year of two digits": ("[27]\noff = []", "每年一节"),
    "a misspelt key": ("[2027]\noffs = [2027-01-01]", "每年一节"),
    "a day of another year": (
        "[2027]\noff = [2026-12-31]",
        r"\[2027\] 中有别年的日期 2026-12-31",
    ),
    "one day without a list": ("[2027]\noff = 2027-01-01", "须为日期的列表"),
    "a day in quotes": ('[2027]\noff = ["2027-01-01"]', "不是日期"),
    "a day with a time, which would never equal a day": (
        "[2027]\nwork = [2027-01-02T00:00:00]",
        "不是日期",
    ),
    "a number": ("[2027]\noff = [20270101]", "不是日期"),
    "a day both off and worked": (
        "[2027]\noff = [2027-01-01]\nwork = [2027-01-01]",
        "2027-01-01 出现两次",
    ),
    "no TOML": ("[2027", "days.toml：不是 TOML：到文件末尾，方括号没有闭合"),
    "nested too deep": ("[2027]\noff = " + "[" * 20_000, "days.toml：TOML 嵌套过深"),
    "an impossible day": ("[2027]\noff = [2027-02-30]", "没有这个日期"),
}


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS)
def test_faulty_year(tmp_path: Path, text: str, message: str) -> None:
    """A faulty file is refused with the fault, never half believed."""
    file = tmp_path / "days.toml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=message):
        Workdays.from_toml(file)
