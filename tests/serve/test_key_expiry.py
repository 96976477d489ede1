"""A data key near its end is told, and no other."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from gongji.model.commands import Write
from gongji.serve.key_expiry import MANY_SEALS, NEAR_ITS_END, tell_expiring_keys
from gongji.store import open_store
from gongji.store.keys.counting import SealCount
from gongji.store.table import micros
from structlog.testing import capture_logs

from tests.scaffold.people import NOW

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("left", "seals", "told"),
    [
        (None, 0, 0),
        (NEAR_ITS_END, 0, 0),
        (NEAR_ITS_END - DAY, 0, 1),
        (-DAY, 0, 1),
        (None, MANY_SEALS - 1, 0),
        (None, MANY_SEALS, 1),
    ],
    ids=["no end", "far from it", "near it", "past it", "few seals", "many seals"],
)
async def test_what_is_near_its_end(
    tmp_path: Path, left: timedelta | None, seals: int, told: int
) -> None:
    """Once a look, by the key's name and the day that was stated, or for what it has
    sealed: half of the most there may be."""
    store = open_store(tmp_path / "x.sqlite3", lambda: NOW)
    try:
        until = None if left is None else micros(NOW + left)
        connection = store._writing.connection
        connection.execute(
            "UPDATE vault_key SET valid_until = ? WHERE purpose = 'seal'", (until,)
        )
        await store.apply(Write((SealCount.of(1, "x", seals),)))
        with capture_logs() as lines:
            await tell_expiring_keys(store, NOW)
    finally:
        await store.close()
    assert told == len(lines)
    assert all(line["event"] == "key_expiring" for line in lines)
    assert all(line["key"].startswith("seal/") for line in lines)
