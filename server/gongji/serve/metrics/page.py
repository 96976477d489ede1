"""/metrics: one page for all processes of a server, in a thread and at a port of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http import HTTPStatus
from itertools import accumulate
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import MetricsHandler
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from gongji.serve.listening import check_free, host_and_port
from gongji.serve.metrics.families import MetricFamily, MetricKind
from gongji.serve.metrics.gathered import GatheredMetrics, Merged
from gongji.serve.metrics.told import ROOT, telling

PATH: Final = "/metrics"

_MOST_READERS: Final = 8
"""Connections at once; one more is closed. Two Prometheus servers and a `gongji top`."""

_PATIENCE_S: Final = 5.0
"""Seconds a reader may pause."""

_LONGEST_S: Final = 15.0
"""Seconds after which a reader is cut off, however it goes on."""


class MetricsCollector(Collector):
    """The gathered numbers as prometheus_client takes them."""

    def __init__(self, gathered: GatheredMetrics) -> None:
        self._gathered = gathered

    def collect(self) -> Iterator[Metric]:
        """Yield each family with its samples."""
        for family, merged in self._gathered.families():
            metric = Metric(family.name, family.help, family.kind.value)
            _ADD[family.kind](metric, family, merged)
            yield metric


def _add_counters(metric: Metric, family: MetricFamily, merged: Merged) -> None:
    for values, (value,) in merged.items():
        labels = dict(zip(family.labels, values, strict=True))
        metric.add_sample(f"{family.name}_total", labels, value)


def _add_gauges(metric: Metric, family: MetricFamily, merged: Merged) -> None:
    for values, (value,) in merged.items():
        labels = dict(zip(family.labels, values, strict=True))
        metric.add_sample(family.name, labels, value)


def _add_histograms(metric: Metric, family: MetricFamily, merged: Merged) -> None:
    bounds = [*map(floatToGoString, family.bounds), "+Inf"]
    for values, (*counts, total) in merged.items():
        labels = dict(zip(family.labels, values, strict=True))
        count = 0.0
        for bound, count in zip(bounds, accumulate(counts), strict=True):
            bucket = labels | {"le": bound}
            metric.add_sample(f"{family.name}_bucket", bucket, count)
        metric.add_sample(f"{family.name}_count", labels, count)
        metric.add_sample(f"{family.name}_sum", labels, total)


_ADD: Final = {
    MetricKind.COUNTER: _add_counters,
    MetricKind.GAUGE: _add_gauges,
    MetricKind.HISTOGRAM: _add_histograms,
}


class _Handler(MetricsHandler):
    """Answers readers of the page; says nothing of who serves it."""

    timeout = _PATIENCE_S
    server_version = "gongji"
    sys_version = ""

    def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
        """Answer the page; nothing else is here."""
        if urlsplit(self.path).path == PATH:
            super().do_GET()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)


# Not http.server's: that one asks the DNS for the name of its address.
class _Server(ThreadingMixIn, TCPServer):
    """A thread for each reader, of whom there are few."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: str, handler: type[_Handler]) -> None:
        host, port = host_and_port(address)
        if ":" in host:
            self.address_family = socket.AF_INET6
        self._places = threading.BoundedSemaphore(_MOST_READERS)
        super().__init__((host, port), handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a reader in a thread, or close a connection too many."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one reader and give its place back."""
        # Whatever it does, one byte after the other for instance.
        end = threading.Timer(_LONGEST_S, _cut_off, (request,))
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let a reader go that has gone itself, or asked nothing in time."""


def _cut_off(request: socket.socket) -> None:
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


@contextmanager
def page_at(address: str, gathered: GatheredMetrics) -> Iterator[str]:
    """Serve the page for the block; yield its address with the port it has.

    ValueError; OSError if the address cannot be had.
    """
    check_free(address)
    registry = CollectorRegistry()
    registry.register(MetricsCollector(gathered))
    handler: Any = _Handler.factory(registry)
    with _Server(address, handler) as server:
        thread = threading.Thread(
            target=server.serve_forever, name="gongji-metrics", daemon=True
        )
        thread.start()
        try:
            host, _, _ = address.rpartition(":")
            yield f"{host}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@asynccontextmanager
async def metrics_served(address: str) -> AsyncIterator[str]:
    """Gather and serve the numbers of a server for the block, if there is an address.

    Yields the address with its port, "" if there is none. ValueError; OSError.
    """
    if not address:
        yield ""
        return
    gathered = GatheredMetrics()
    with page_at(address, gathered) as at:
        async with telling(ROOT, gathered.take):
            yield at
