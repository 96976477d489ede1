"""/metrics: one page for all processes of a server, in a thread and at a port of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

from gongji.serve.listening import is_loopback
from gongji.serve.metrics.exposition import CONTENT_TYPE, page_of
from gongji.serve.metrics.gathered import GatheredMetrics
from gongji.serve.metrics.told import ROOT, telling
from gongji.serve.pages import ServedPage, page_at

PATH: Final = "/metrics"


def metrics_page(gathered: GatheredMetrics) -> ServedPage:
    """Return the page of a server's numbers."""
    return ServedPage(PATH, CONTENT_TYPE, lambda: page_of(gathered.families()))


def readable_elsewhere(address: str) -> Iterator[str]:
    """Yield what people must know of a page that not only this machine can read."""
    if address and not is_loopback(address):
        yield (
            "注意：指标不加密，也不问是谁在读；不在本机监听时，请以防火墙只放行 Prometheus"
        )


@asynccontextmanager
async def metrics_served(address: str) -> AsyncIterator[str]:
    """Gather and serve the numbers of a server for the block, if there is an address.

    Yields the address with its port, "" if there is none. ValueError; OSError.
    """
    if not address:
        yield ""
        return
    gathered = GatheredMetrics()
    with page_at(address, metrics_page(gathered)) as at:
        async with telling(ROOT, gathered.take):
            yield at
