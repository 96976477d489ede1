"""A PostgreSQL for several workers; promtool and Prometheus only for `make watched`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.postgres import QUICK, Postgres
from tests.postgres import running as postgres_running

collect_ignore = (
    []
    if os.environ.get("GONGJI_PROMETHEUS") == "1"
    else ["test_alerts.py", "test_prometheus.py"]
)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server a session, started when the first test asks for it."""
    with postgres_running(*QUICK) as server:
        yield server
