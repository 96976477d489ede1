"""The numbers of all processes of a server on one page, those that have ended included."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import time
from typing import Final, TypeAlias

from gongji.serve.metrics.cells import LabelValues, Sample
from gongji.serve.metrics.families import (
    FAMILIES,
    TOLD_AT,
    Merging,
    MetricFamily,
    MetricKind,
)
from gongji.serve.metrics.told import Telling

STALE_S: Final = 15.0
"""Seconds after which the gauges of a process that tells nothing are no longer shown."""

_Parts: TypeAlias = dict[tuple[str, int], Sequence[Sample]]
"""Samples by family and the place at which each part of them begins."""

Merged: TypeAlias = dict[LabelValues, tuple[float, ...]]
"""The values of a family by label values."""

_FOLD: Final[Mapping[Merging, Callable[[float, float], float]]] = {
    Merging.SUM: lambda a, b: a + b,
    Merging.LEAST: min,
    Merging.MOST: max,
}


@dataclass(slots=True)
class _Told:
    """What one process has told last: which start of it, and when."""

    instance: str
    at: float = 0.0
    samples: _Parts = field(default_factory=dict)

    @property
    def counted(self) -> _Parts:
        """What it has counted, without what only stood so when it told."""
        return {
            place: samples
            for place, samples in self.samples.items()
            if FAMILIES[place[0]].kind is not MetricKind.GAUGE
        }


class GatheredMetrics:
    """The last numbers of each process, and what ended ones had counted.

    A process is known by a name, such as `gateway`, and each start of it by an instance.
    What a process counted after it last told, a second at most, ends with it.
    """

    def __init__(self, now: Callable[[], float] = time) -> None:
        self._now = now
        self._told: dict[str, _Told] = {}
        self._former: dict[str, Merged] = {}
        # Told on the loop, read by the thread of the page.
        self._lock = threading.Lock()

    def take(self, telling: Telling) -> None:
        """Take what a process tells of one family."""
        if telling.family not in FAMILIES:
            return
        name = telling.process
        with self._lock:
            told = self._told.get(name)
            if told is None or told.instance != telling.instance:
                self._retire(name)
                told = self._told[name] = _Told(telling.instance)
            told.samples[telling.family, telling.part] = telling.samples
            told.at = self._now()

    def families(self) -> Iterator[tuple[MetricFamily, Merged]]:
        """Yield every family that has samples, merged, in the order of the table."""
        with self._lock:
            merged = self._merged()
        for name, family in FAMILIES.items():
            if samples := merged.get(name):
                yield family, samples

    def _merged(self) -> dict[str, Merged]:
        merged = {family: dict(samples) for family, samples in self._former.items()}
        stale = self._now() - STALE_S
        for told in self._told.values():
            _add(merged, told.counted if told.at < stale else told.samples)
        names: Merged = {(name,): (told.at,) for name, told in self._told.items()}
        return merged | {TOLD_AT.name: names}

    def _retire(self, name: str) -> None:
        """Keep what a process had counted, for counters must not fall."""
        told = self._told.pop(name, None)
        if told is not None:
            _add(self._former, told.counted)


def _add(merged: dict[str, Merged], parts: _Parts) -> None:
    """Add a process's samples to those of others."""
    for (name, _), samples in parts.items():
        fold = _FOLD[FAMILIES[name].merging]
        into = merged.setdefault(name, {})
        for labels, values in samples:
            known = into.get(labels)
            if known is None:
                into[labels] = tuple(values)
            else:
                into[labels] = tuple(
                    [fold(a, b) for a, b in zip(known, values, strict=True)]
                )
