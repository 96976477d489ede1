"""A whole service in a thread, on a free port of the loopback, for tests of the command."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji.serve import service, supervisor
from gongji.serve.settings import Settings

from tests.cli.command import StartSandbox
from tests.postgres import QUICK, Postgres
from tests.postgres import running as postgres_running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server a session, started when the first test asks for it."""
    with postgres_running(*QUICK) as server:
        yield server


@contextmanager
def _running(settings: Settings, cities: Cities) -> Iterator[str]:
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


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[StartSandbox]:
    """Start sandboxes; all end with the test."""
    with ExitStack() as stack:

        def start(
            *,
            cities: Cities | None = None,
            sample: bool = True,
            data: Path | None = None,
        ) -> str:
            settings = Settings(
                address="127.0.0.1:0",
                data=data or tmp_path / "var",
                sample=sample,
                sandbox=True,
            )
            return stack.enter_context(_running(settings, cities or load_cities()))

        yield start
