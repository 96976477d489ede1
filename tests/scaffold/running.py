"""A whole service in a thread of this process, on a free port of the loopback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.serve import service, supervisor
from gongji.serve.settings import Settings


@contextmanager
def running(settings: Settings, cities: Cities) -> Iterator[str]:
    """Run a service in a loop and thread of its own; yield its address."""
    addresses: list[str] = []
    up, stop = threading.Event(), threading.Event()

    async def run() -> None:
        async with service.running(settings, cities, Workdays()) as server:
            addresses.append(server.address)
            up.set()
            await asyncio.to_thread(stop.wait)

    def main() -> None:
        try:
            with asyncio.Runner(loop_factory=supervisor.new_event_loop) as runner:
                runner.run(run())
        finally:
            up.set()

    thread = threading.Thread(target=main)
    thread.start()
    up.wait()
    try:
        yield addresses[0]
    finally:
        stop.set()
        thread.join()
