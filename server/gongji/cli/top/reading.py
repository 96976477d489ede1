"""A server's page of metrics, read twice: what stands on it, and what came in between."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from time import monotonic
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from gongji.serve.listening import host_and_port
from gongji.serve.metrics.page import PATH

_PATIENCE_S: Final = 5.0

_MOST_BYTES: Final = 64 * 1024 * 1024

_OPENER: Final = urllib.request.build_opener(
    # No proxy of the environment: the page is of this machine, or of one beside it.
    urllib.request.ProxyHandler({})
)


@dataclass(frozen=True, slots=True)
class MetricsSample:
    """One sample of a page."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class MetricsReading:
    """A page at an instant of the monotonic clock, in seconds: its samples by name."""

    at: float
    samples: Mapping[str, list[MetricsSample]]

    def of(self, name: str) -> Iterable[MetricsSample]:
        """Return the samples of a name."""
        return self.samples.get(name, ())

    def one(self, name: str) -> float | None:
        """Return the sum of the samples of a name; None if there is none."""
        values = [sample.value for sample in self.of(name)]
        return sum(values) if values else None


def read(address: str) -> MetricsReading:
    """Return the page at `host:port`. OSError if nobody answers there; ValueError."""
    host_and_port(address)
    url = f"http://{address}{PATH}"
    try:
        with _OPENER.open(url, timeout=_PATIENCE_S) as reply:
            text = reply.read(_MOST_BYTES).decode("utf-8")
        return MetricsReading(monotonic(), _samples(text))
    except (OSError, HTTPException) as fault:
        why = fault.reason if isinstance(fault, urllib.error.URLError) else fault
        raise OSError(
            f"没有取得指标（{url}）：{why}；请确认服务以 --metrics-address {address} 启动"
        ) from fault
    # The parser has no error of its own.
    except (ValueError, KeyError, IndexError) as fault:
        raise OSError(f"{url} 所答的不是指标：请核对地址") from fault


def _samples(text: str) -> dict[str, list[MetricsSample]]:
    samples: dict[str, list[MetricsSample]] = {}
    for family in text_string_to_metric_families(text):
        for name, labels, value, *_ in family.samples:
            samples.setdefault(name, []).append(MetricsSample(labels, float(value)))
    return samples


@dataclass(frozen=True, slots=True)
class MetricsSpan:
    """What came between two readings of a page."""

    before: MetricsReading
    after: MetricsReading

    @property
    def seconds(self) -> float:
        """Return how far they are apart."""
        return max(self.after.at - self.before.at, 0.001)

    def rates(self, name: str, *by: str) -> dict[tuple[str, ...], float]:
        """Return by labels how fast counters rose, a second."""
        seconds = self.seconds
        return {key: risen / seconds for key, risen in self._risen(name, by).items()}

    def rate(self, name: str) -> float:
        """Return how fast all counters of a name rose together, a second."""
        return sum(self.rates(name).values())

    def quantiles(
        self, name: str, by: str, *quantiles: float
    ) -> dict[str, list[float | None]]:
        """Return by a label the quantiles of a histogram's observations in between."""
        counts: dict[str, dict[float, float]] = {}
        for (key, bound), risen in self._risen(f"{name}_bucket", (by, "le")).items():
            counts.setdefault(key, {})[float(bound)] = risen
        return {
            key: [quantile(buckets, q) for q in quantiles]
            for key, buckets in counts.items()
        }

    def _risen(self, name: str, by: Iterable[str]) -> dict[tuple[str, ...], float]:
        before = {_key(sample): sample.value for sample in self.before.of(name)}
        risen: dict[tuple[str, ...], float] = {}
        for sample in self.after.of(name):
            known = before.get(_key(sample), 0.0)
            # Less than before: the server has been started anew.
            rise = sample.value - known if sample.value >= known else sample.value
            key = tuple(sample.labels.get(label, "") for label in by)
            risen[key] = risen.get(key, 0.0) + rise
        return risen


def _key(sample: MetricsSample) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(sample.labels.items()))


def quantile(buckets: Mapping[float, float], q: float) -> float | None:
    """Return a quantile of cumulative counts by upper bound, as Prometheus estimates it.

    None without any observation; the last finite bound if it lies above that.
    """
    total = max(buckets.values(), default=0.0)
    if total <= 0:
        return None
    rank, last = q * total, 0.0
    for (low, below), (bound, count) in _pairs(buckets):
        if bound == float("inf"):
            return last
        last = bound
        if count >= rank:
            share = (rank - below) / (count - below) if count > below else 1.0
            return low + (bound - low) * share
    return last


def _pairs(
    buckets: Mapping[float, float],
) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """Yield each bound with its count, and the one below."""
    below = (0.0, 0.0)
    for bucket in sorted(buckets.items()):
        yield below, bucket
        below = bucket
