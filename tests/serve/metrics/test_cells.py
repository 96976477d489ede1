"""Cells count, and labels are closed."""

from __future__ import annotations

import pytest
from gongji.serve.metrics import cells
from gongji.serve.metrics.cells import OTHER, ProcessMetrics
from gongji.serve.metrics.families import (
    CALLER_IN_FLIGHT,
    COMMIT,
    FAMILIES,
    REFUSALS,
    MetricFamily,
    MetricKind,
)

PERSONAL = ("340102199001011237", "赵某某", "13800001234", "X\n} 1", "")


@pytest.fixture
def metrics() -> ProcessMetrics:
    metrics = ProcessMetrics()
    metrics.allow("reason", ["NOT_ENROLLED"])
    metrics.allow("city", ["341100", "340800"])
    return metrics


def test_a_counter_is_bound_once(metrics: ProcessMetrics) -> None:
    """The same label values are the same cell, and only those."""
    one = metrics.counter(REFUSALS, "NOT_ENROLLED", "341100")
    other = metrics.counter(REFUSALS, "NOT_ENROLLED", "340800")
    assert one is metrics.counter(REFUSALS, "NOT_ENROLLED", "341100")
    one.value += 2
    other.value += 1
    expected = [(("NOT_ENROLLED", "341100"), (2,)), (("NOT_ENROLLED", "340800"), (1,))]
    assert expected == metrics.snapshot()[REFUSALS.name]


@pytest.mark.parametrize(
    ("seconds", "place"), [(0.0, 0), (0.001, 0), (0.0011, 1), (60.0, 14), (61.0, 15)]
)
def test_a_bound_belongs_to_what_lies_below_it(
    metrics: ProcessMetrics, seconds: float, place: int
) -> None:
    """An observation counts in the first bucket whose bound is not below it."""
    metrics.histogram(COMMIT).observe(seconds)
    ((_, (*counts, total)),) = metrics.snapshot()[COMMIT.name]
    assert [float(at == place) for at in range(16)] == counts
    assert seconds == total


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
@pytest.mark.parametrize("text", PERSONAL)
def test_a_label_takes_allowed_values_only(family: MetricFamily, text: str) -> None:
    """Whatever a label is given that was not allowed is counted as one and the same."""
    metrics = ProcessMetrics()
    given = (text,) * len(family.labels)
    if family.kind is MetricKind.HISTOGRAM:
        metrics.histogram(family, *given).observe(1)
    else:
        metrics.read(family, lambda: {given: 1.0})
    ((labels, _),) = metrics.snapshot()[family.name]
    assert (OTHER,) * len(family.labels) == labels


def test_a_counter_takes_allowed_values_only(metrics: ProcessMetrics) -> None:
    """Each label is closed by itself; what is not allowed shares a cell."""
    for text in PERSONAL:
        metrics.counter(REFUSALS, "NOT_ENROLLED", text).value += 1
        metrics.counter(REFUSALS, text, "341100").value += 1
    expected = {("NOT_ENROLLED", OTHER): (5,), (OTHER, "341100"): (5,)}
    assert expected == dict(metrics.snapshot()[REFUSALS.name])


def test_series_are_bounded(
    metrics: ProcessMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the most series of a family whatever comes is counted as one."""
    monkeypatch.setattr(cells, "MOST_SERIES", 3)
    metrics.allow_if("city", lambda _: True)
    for number in range(10):
        metrics.counter(REFUSALS, "NOT_ENROLLED", str(number)).value += 1
    taken = dict(metrics.snapshot()[REFUSALS.name])
    assert {("NOT_ENROLLED", "0"), ("NOT_ENROLLED", "1"), ("NOT_ENROLLED", "2")} == (
        taken.keys() - {(OTHER, OTHER)}
    )
    assert (7,) == taken[OTHER, OTHER]


def test_what_is_read_is_read_each_time(metrics: ProcessMetrics) -> None:
    """A gauge shows what there is: callers that have gone are no longer there."""
    metrics.allow("caller", ["clinic", "app"])
    in_flight: dict[tuple[str, ...], float] = {("clinic",): 2, ("X1",): 1, ("X2",): 3}
    metrics.read(CALLER_IN_FLIGHT, lambda: in_flight)
    shown = dict(metrics.snapshot()[CALLER_IN_FLIGHT.name])
    assert {("clinic",): (2,), (OTHER,): (4,)} == shown
    in_flight.clear()
    assert [] == metrics.snapshot()[CALLER_IN_FLIGHT.name]
