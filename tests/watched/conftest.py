"""A PostgreSQL for the tests that watch several workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import QUICK, Postgres
from tests.postgres import running as postgres_running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server a session, started when the first test asks for it."""
    with postgres_running(*QUICK) as server:
        yield server
