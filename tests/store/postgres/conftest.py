"""A store over a fresh database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gongji.store import Store, open_store
from gongji.store.base import Clock

from tests.postgres import Postgres


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.fresh()


@pytest.fixture
async def store(url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(url, clock, tmp_path / "x.key")
    yield opened
    await opened.close()
