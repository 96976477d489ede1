"""A database of this release brought to the next one's schema at once, no server running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import gongji
import pytest

from tests.chaos import releases
from tests.chaos.apart import ProgramTree
from tests.chaos.served import Served


@pytest.mark.parametrize("engine", ["sqlite", "postgres"], indirect=True)
async def test_a_step_made_for_serving_is_made_at_once(
    engine: str, data: Path, tmp_path: Path
) -> None:
    """It is refused while a server is there; then all phases go one after the other, the
    older release is refused, and the newer one serves."""
    older = ProgramTree(Path(gongji.__file__).parents[1])
    newer = ProgramTree(releases.next_release(tmp_path / "release"))
    await older.found(data, engine)
    at = ("--data", data, *(("--database", engine) if engine else ()))
    async with serving(older, data, engine):
        assert "请先停下" in await newer.fails("migrate", *at)
    told = await newer.gongji("migrate", *at)
    assert f"第 {releases.NEXT - 1} 版 → 第 {releases.NEXT} 版" in told
    assert "无需迁移" in await newer.gongji("migrate", *at)
    assert "只认识到" in await older.fails("migrate", *at)
    async with serving(newer, data, engine):
        pass


@asynccontextmanager
async def serving(
    release: ProgramTree, data: Path, database: str
) -> AsyncIterator[None]:
    """Serve by a release for the block. AssertionError unless it starts and ends in order."""
    served = Served(data, database, inside=release.inside)
    try:
        served.start()
        await served.answers()
        yield
        assert 0 == served.stop()
    finally:
        served.kill()
