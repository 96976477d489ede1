"""/metrics: one page for all processes of a server, in a thread and at a port of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from gongji.serve.metrics.exposition import CONTENT_TYPE, page_of
from gongji.serve.metrics.gathered import GatheredMetrics
from gongji.serve.metrics.told import ROOT, telling
from gongji.serve.pages import ServedPage, page_at

PATH: Final = "/metrics"


def metrics_page(gathered: GatheredMetrics) -> ServedPage:
    """Return the page of a server's numbers."""
    return ServedPage(PATH, CONTENT_TYPE, lambda: page_of(gathered.families()))


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
