"""What `gongji top` makes of two readings of a page."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO

import pytest
from gongji.cli.terminal import Terminal
from gongji.cli.top import drawn
from gongji.cli.top.picture import TABLES, picture
from gongji.cli.top.reading import (
    MetricsReading,
    MetricsSample,
    MetricsSpan,
    quantile,
)
from rich.cells import cell_len

INF = math.inf

NOW = 10_000.0

QUANTILES = {
    "in the middle of a bucket": ({1.0: 0, 2.0: 10, INF: 10}, 0.5, 1.5),
    "at a bound": ({1.0: 5, 2.0: 10, INF: 10}, 0.5, 1.0),
    "in the first bucket, which begins at 0": ({1.0: 10, INF: 10}, 0.5, 0.5),
    "above the last bound": ({1.0: 1, 2.0: 1, INF: 10}, 0.99, 2.0),
    "over an empty bucket": ({1.0: 5, 2.0: 5, 4.0: 10, INF: 10}, 0.75, 3.0),
    "of nothing": ({1.0: 0, INF: 0}, 0.5, None),
    "of no buckets": ({}, 0.5, None),
}


@pytest.mark.parametrize(
    ("buckets", "q", "expected"), QUANTILES.values(), ids=QUANTILES
)
def test_quantiles(buckets: dict[float, float], q: float, expected: float) -> None:
    """A quantile is found as Prometheus finds it."""
    assert expected == quantile(buckets, q)


METHOD = {"grpc_method": "gongji.v1.SettlementService/Settle"}

DURATION = "grpc_server_call_duration_seconds"


def reading(at: float, **figures: float) -> MetricsReading:
    """Return a page on which counters stand, and what is there now."""
    refusals, served = "gongji_refusals_total", "gongji_plugin_served"
    stated = (
        (refusals, figures.get("refused", 0), {"reason": "X", "city": "341100"}),
        (refusals, 0, {"reason": "INTERNAL", "city": "other"}),
        ("gongji_caller_calls_total", figures.get("called", 0), {"caller": "app"}),
        ("gongji_decisions_total", figures.get("decided", 0), {"city": "341100"}),
        (served, 1, {"city": "341100"}),
        (served, 0, {"city": "340800"}),
        ("gongji_database_available", figures.get("available", 1), {}),
        ("gongji_process_told_at_seconds", NOW - 3, {"process": "service"}),
        ("gongji_log_signed_until_seconds", NOW - 70, {}),
        *calls("OK", figures.get("OK", 0)),
        *calls("NOT_FOUND", figures.get("NOT_FOUND", 0)),
    )
    samples: dict[str, list[MetricsSample]] = {}
    for name, value, labels in stated:
        samples.setdefault(name, []).append(MetricsSample(labels, value))
    return MetricsReading(at, samples)


def calls(status: str, count: float) -> Iterator[tuple[str, float, dict[str, str]]]:
    """Yield the samples of calls, half of them below 0.1 s, all below 0.2 s."""
    labels = METHOD | {"grpc_status": status}
    yield f"{DURATION}_count", count, labels
    for bound, share in (("0.1", 0.5), ("0.2", 1), ("+Inf", 1)):
        yield f"{DURATION}_bucket", count * share, labels | {"le": bound}


def test_rates_are_those_in_between() -> None:
    """Each figure a second is what came between two readings, by method, city and caller."""
    before = reading(0, OK=100, NOT_FOUND=10, refused=5, called=7, decided=3)
    after = reading(10, OK=120, NOT_FOUND=20, refused=10, called=107, decided=43)
    tables = picture(MetricsSpan(before, after), NOW)
    assert [
        {
            "method": "Settle",
            "calls_per_s": 3.0,
            "failed_per_s": 1.0,
            "p50_ms": 100.0,
            "p99_ms": 198.0,
        }
    ] == tables["methods"]
    (refused,) = tables["refusals"]
    assert {"reason": "X", "city": "341100", "refused_per_s": 0.5, "refused": 10} == (
        refused
    )
    assert [10.0] == [row["calls_per_s"] for row in tables["callers"]]
    served = {row["city"]: row["served"] for row in tables["cities_now"]}
    assert {"340800": False, "341100": True, "other": None} == served
    assert [4.0] == [
        row["decided_per_s"] for row in tables["cities_now"] if row["city"] == "341100"
    ]


def test_a_server_started_anew_does_not_run_backwards() -> None:
    """Counters that fell began at zero again."""
    span = MetricsSpan(reading(0, OK=100, called=50), reading(10, OK=20, called=5))
    tables = picture(span, NOW)
    assert 2.0 == tables["methods"][0]["calls_per_s"]
    assert 0.5 == tables["callers"][0]["calls_per_s"]


@pytest.mark.parametrize(("available", "said"), [(1, "available"), (0, "away")])
def test_the_database_is_said_to_be_there_or_not(available: float, said: str) -> None:
    """The picture says whether the database is there, and how long nothing was signed."""
    after = reading(1, available=available)
    (server,) = picture(MetricsSpan(reading(0), after), NOW)["server"]
    assert said == server["database"]
    assert 70 == server["unsigned_s"]


def test_an_empty_page_is_a_picture() -> None:
    """What is not on a page is not known; nothing fails."""
    span = MetricsSpan(MetricsReading(0, {}), MetricsReading(1, {}))
    tables = picture(span, NOW)
    assert TABLES.keys() == tables.keys()
    assert "unknown" == tables["server"][0]["database"]
    assert [] == tables["methods"]


def test_each_row_has_the_columns_of_its_table() -> None:
    """Rows and columns agree, in name and order."""
    tables = picture(MetricsSpan(reading(0), reading(1, OK=1, refused=1)), NOW)
    for title, columns in TABLES.items():
        assert all(tuple(columns) == tuple(row) for row in tables[title])


def test_figures_are_set_to_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of 80 columns figures end below each other, and an empty table is a
    sentence."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    lines = drawn_lines(MetricsSpan(reading(0), reading(1, OK=1234, NOT_FOUND=2)))
    assert max(map(cell_len, lines)) <= 80
    (settle,) = [line for line in lines if line.startswith("│ Settle")]
    _, method, calls_per_s, failed_per_s, *_ = settle.split("│")
    assert " Settle " == method
    assert "1,236.00 " == calls_per_s.lstrip()
    assert "2.00 " == failed_per_s.lstrip()
    assert "拒绝：没有" in lines


def drawn_lines(span: MetricsSpan) -> list[str]:
    """Return the lines of a picture as they are drawn, without their colours."""
    with redirect_stdout(StringIO()) as out:
        terminal = Terminal()
        for part in drawn(terminal, picture(span, NOW)):
            terminal.console.print(part)
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()
