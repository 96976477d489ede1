"""What counts in this process: cells, each of one family and one set of label values.

Whoever counts binds its cell once and adds to it: the cost of a call is an addition.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from gongji.serve.metrics.families import FAMILIES, MetricFamily

OTHER: Final = "other"
"""The value of a label that is none of its closed set."""

MOST_SERIES: Final = 4000
"""Label sets of one family; what comes beyond is counted under `OTHER`."""

LabelValues: TypeAlias = tuple[str, ...]

Sample: TypeAlias = tuple[LabelValues, Sequence[float]]
"""Label values with a value; of a histogram with its counts, each apart, and its sum."""

Snapshot: TypeAlias = dict[str, list[Sample]]
"""The samples of a process by family."""


class CounterCell:
    """A figure that only grows; `value` is added to directly."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def values(self) -> Sequence[float]:
        """Return the value."""
        return (self.value,)


class HistogramCell:
    """Observations counted between bounds; one thread observes."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0.0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        # hot path: several times a call.
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def values(self) -> Sequence[float]:
        """Return the counts between the bounds, the last above them all, and the sum."""
        return (*self._counts, self._sum)


Gauges: TypeAlias = Callable[[], Mapping[LabelValues, float]]
"""Reads all values of a gauge."""


class ProcessMetrics:
    """The metrics of this process, by family and label values.

    A label takes the values that `allow` said it may, and `OTHER`: whatever callers
    write, no more series come of it, and nothing personal.
    """

    def __init__(self) -> None:
        self._cells: dict[str, dict[LabelValues, CounterCell | HistogramCell]] = {}
        self._gauges: dict[str, Gauges] = {}
        self._allowed: dict[str, Callable[[str], bool]] = {}

    def allow(self, label: str, values: Collection[str]) -> None:
        """Let a label take values, instead of those it could take before."""
        self._allowed[label] = frozenset(values).__contains__

    def allow_if(self, label: str, known: Callable[[str], bool]) -> None:
        """Let a label take the values of which `known` is true when they first come."""
        self._allowed[label] = known

    def counter(self, family: MetricFamily, *values: str) -> CounterCell:
        """Return the counter of these label values."""
        cell = self._cells.setdefault(family.name, {}).get(values)
        if cell is None:
            cell = self._new(family, values, CounterCell)
        assert isinstance(cell, CounterCell)  # noqa: S101 - of this family
        return cell

    def histogram(self, family: MetricFamily, *values: str) -> HistogramCell:
        """Return the histogram of these label values."""
        cell = self._cells.setdefault(family.name, {}).get(values)
        if cell is None:
            cell = self._new(family, values, lambda: HistogramCell(family.bounds))
        assert isinstance(cell, HistogramCell)  # noqa: S101 - of this family
        return cell

    def read(self, family: MetricFamily, gauges: Gauges) -> None:
        """Have a family read whenever a snapshot is made, instead of by who read it before."""
        self._gauges[family.name] = gauges

    def snapshot(self) -> Snapshot:
        """Return all samples as they are now."""
        taken: Snapshot = {
            name: [(values, cell.values()) for values, cell in list(cells.items())]
            for name, cells in list(self._cells.items())
        }
        for name, gauges in list(self._gauges.items()):
            taken[name] = list(self._gauge_samples(FAMILIES[name], gauges()))
        return taken

    def _gauge_samples(
        self, family: MetricFamily, read: Mapping[LabelValues, float]
    ) -> Iterator[Sample]:
        summed: dict[LabelValues, float] = {}
        for values, value in read.items():
            closed = self._closed(family, values)
            summed[closed] = summed.get(closed, 0.0) + value
        for values, value in summed.items():
            yield values, (value,)

    def _new(
        self,
        family: MetricFamily,
        values: LabelValues,
        make: Callable[[], CounterCell | HistogramCell],
    ) -> CounterCell | HistogramCell:
        """Return the cell of label values that are not bound yet, made if it is new."""
        cells = self._cells[family.name]
        closed = self._closed(family, values)
        if len(cells) >= MOST_SERIES and closed not in cells:
            closed = (OTHER,) * len(values)
        # What is not allowed finds the cell of `OTHER` anew each time: it is not kept.
        return cells.setdefault(closed, make())

    def _closed(self, family: MetricFamily, values: LabelValues) -> LabelValues:
        return tuple(
            value if self._is_allowed(label, value) else OTHER
            for label, value in zip(family.labels, values, strict=True)
        )

    def _is_allowed(self, label: str, value: str) -> bool:
        allowed = self._allowed.get(label)
        return allowed is not None and allowed(value)


metrics: Final = ProcessMetrics()
"""Those of this process, as its log is the process's."""
