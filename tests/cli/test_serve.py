"""`gongji serve`: what an operator is warned of before anybody calls."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from gongji.binding.workdays import Workdays
from gongji.cli.announcing import startup_warnings
from gongji.serve.settings import Settings

LAST_KNOWN = max(year for year in range(2020, 2100) if Workdays().known(year))


def warnings(
    today: date, *lossy: str, sandbox: bool = False, address: str = "127.0.0.1:0"
) -> str:
    settings = Settings(address=address, data=Path(), sandbox=sandbox)
    return "\n".join(startup_warnings(settings, Workdays(), today, lossy))


@pytest.mark.parametrize(
    ("day", "years"),
    [
        (date(LAST_KNOWN, 11, 1), []),
        (date(LAST_KNOWN, 11, 2), [LAST_KNOWN + 1]),
        (date(LAST_KNOWN + 1, 1, 1), [LAST_KNOWN + 1]),
        (date(LAST_KNOWN + 1, 12, 31), [LAST_KNOWN + 1, LAST_KNOWN + 2]),
    ],
    ids=str,
)
def test_a_calendar_is_missed_before_its_year(day: date, years: list[int]) -> None:
    """From sixty days before a year on, its holidays must be known or are missed."""
    expected = [
        f"注意：{year} 年放假安排尚未载入，该年的工作日暂按周末与法定节日推定；"
        "可用 --calendar 补充"
        for year in years
    ]
    assert "\n".join(expected) == warnings(day)


def test_a_sandbox_and_a_lossy_database_are_named() -> None:
    """An operator reads that data is not safe there."""
    day = date(LAST_KNOWN, 6, 1)
    assert "沙盒：SandboxService 可拨钟、清空；切勿存放真实数据" == warnings(
        day, sandbox=True
    )
    assert "PostgreSQL 的 fsync = off" in warnings(day, "fsync = off")


def test_a_public_server_says_what_it_lacks_without_a_front() -> None:
    """Who listens for others than this machine reads what a front would do."""
    day = date(LAST_KNOWN, 6, 1)
    assert "deploy/haproxy.cfg" in warnings(day, address="0.0.0.0:0")
    assert not warnings(day, address="localhost:0")
