"""/metrics is a page Prometheus can read, at an address of its own."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import accumulate
from typing import Any

import pytest
from gongji.serve import pages
from gongji.serve.metrics.cells import Sample
from gongji.serve.metrics.exposition import page_of
from gongji.serve.metrics.families import (
    COMMIT,
    DURATION,
    REFUSALS,
    TOLD_AT,
    MetricKind,
)
from gongji.serve.metrics.gathered import GatheredMetrics
from gongji.serve.metrics.page import metrics_page
from gongji.serve.metrics.told import Telling
from gongji.serve.pages import ServedPage, page_at
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from tests.patience import PATIENCE_S

COUNTS = (*(1.0,) * 16, 5.25)


@pytest.fixture
def gathered() -> GatheredMetrics:
    gathered = GatheredMetrics(lambda: 1000.0)
    told: dict[str, Sample] = {
        REFUSALS.name: (("NOT_ENROLLED", "341100"), (3,)),
        COMMIT.name: ((), COUNTS),
    }
    for family, sample in told.items():
        gathered.take(Telling("service", "a", family, 0, [sample]))
    return gathered


@pytest.fixture
def address(gathered: GatheredMetrics) -> Iterator[str]:
    with page_at("127.0.0.1:0", metrics_page(gathered)) as address:
        yield address


def read(address: str, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://{address}{path}", timeout=PATIENCE_S) as reply:
        content: bytes = reply.read()
    return content.decode()


def test_the_page_says_what_was_gathered(address: str) -> None:
    """Each sample stands on the page; buckets are cumulative, the last is the count."""
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(read(address))
        for sample in family.samples
    }
    refused = ("gongji_refusals_total", ("city", "341100"), ("reason", "NOT_ENROLLED"))
    assert 3 == samples[refused]
    assert 1 == samples["gongji_commit_seconds_bucket", ("le", "0.001")]
    assert 15 == samples["gongji_commit_seconds_bucket", ("le", "60.0")]
    assert 16 == samples["gongji_commit_seconds_bucket", ("le", "+Inf")]
    assert 16 == samples["gongji_commit_seconds_count",]
    assert 5.25 == samples["gongji_commit_seconds_sum",]
    assert 1000 == samples[TOLD_AT.name, ("process", "service")]


class _Judge(Collector):
    """The same numbers as prometheus_client's own metrics."""

    def __init__(self, gathered: GatheredMetrics) -> None:
        self._gathered = gathered

    def collect(self) -> Iterator[Metric]:
        """Yield each family by the library's own classes."""
        for family, merged in self._gathered.families():
            kind = {
                "counter": CounterMetricFamily,
                "gauge": GaugeMetricFamily,
                "histogram": HistogramMetricFamily,
            }[family.kind]
            metric: Any = kind(family.name, family.help, labels=family.labels)
            for values, figures in merged.items():
                if family.kind is MetricKind.HISTOGRAM:
                    *counts, total = figures
                    bounds = [*map(str, family.bounds), "+Inf"]
                    buckets = list(zip(bounds, accumulate(counts), strict=True))
                    metric.add_metric(values, buckets, total)
                else:
                    metric.add_metric(values, figures[0])
            yield metric


@given(
    counts=st.lists(st.floats(0, 1e17), min_size=17, max_size=17),
    text=st.text(max_size=20),
    value=st.floats(allow_nan=False),
)
def test_the_page_is_what_the_library_would_write(
    counts: list[float], text: str, value: float
) -> None:
    """Whatever stands in labels and figures, prometheus_client writes and reads the same."""
    gathered = GatheredMetrics(lambda: 1000.0)
    told: dict[str, Sample] = {
        REFUSALS.name: ((text, "341100"), (value,)),
        COMMIT.name: ((), counts),
        DURATION.name: ((text, "OK"), counts),
    }
    for family, sample in told.items():
        gathered.take(Telling("service", "a", family, 0, [sample]))
    registry = CollectorRegistry()
    registry.register(_Judge(gathered))
    theirs = generate_latest(registry).decode()
    ours = page_of(gathered.families())
    assert samples_of(theirs) == samples_of(ours)
    assert comments_of(theirs) == comments_of(ours)


def samples_of(text: str) -> list[tuple[str, dict[str, str], float]]:
    """Return the samples of a page, as the library reads them."""
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def comments_of(text: str) -> list[str]:
    """Return the lines that say what the families are."""
    return [line for line in text.splitlines() if line.startswith("# ")]


@pytest.mark.parametrize("path", ["/", "/metrics/x", "/favicon.ico"])
def test_there_is_no_other_page(address: str, path: str) -> None:
    """Whatever else is asked for is not there."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        read(address, path)
    assert 404 == refused.value.code


def test_a_page_that_cannot_be_made(capfd: pytest.CaptureFixture[str]) -> None:
    """A page that fails is answered with 500, and told by its kind, not by what it says."""

    def failing() -> str:
        raise KeyError("陈示一")

    with page_at("127.0.0.1:0", ServedPage("/", "text/plain", failing)) as address:
        with pytest.raises(urllib.error.HTTPError) as refused:
            read(address, "/")
        assert 500 == refused.value.code
    out, err = capfd.readouterr()
    assert "KeyError" in out + err
    assert "陈示一" not in out + err + refused.value.read().decode()


def test_readers_beyond_the_most_are_let_go(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections that ask for nothing take a few places, and give them back."""
    monkeypatch.setattr(pages, "_LONGEST_S", 0.5)
    host, _, port = address.partition(":")
    with ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection((host, int(port))))
            for _ in range(20)
        ]
        for one in idle:
            one.settimeout(PATIENCE_S)
            assert b"" == one.recv(1)
    assert "gongji_refusals_total" in read(address)


def test_an_address_that_is_taken_is_refused(
    address: str, gathered: GatheredMetrics
) -> None:
    """Two servers never share a page."""
    with (
        pytest.raises(OSError, match="端口被占用"),
        page_at(address, metrics_page(gathered)),
    ):
        pass
