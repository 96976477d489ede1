"""A data key near the end that is stated for it is told, and no other."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from gongji.serve.key_expiry import NEAR_ITS_END, tell_expiring_keys
from gongji.store import open_store
from gongji.store.table import micros
from structlog.testing import capture_logs

from tests.scaffold.people import NOW

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("left", "told"),
    [(None, 0), (NEAR_ITS_END, 0), (NEAR_ITS_END - DAY, 1), (-DAY, 1)],
    ids=["no end", "far from it", "near it", "past it"],
)
async def test_what_is_near_its_end(
    tmp_path: Path, left: timedelta | None, told: int
) -> None:
    """Once a look, by the key's name and the day that was stated."""
    store = open_store(tmp_path / "x.sqlite3", lambda: NOW)
    try:
        until = None if left is None else micros(NOW + left)
        connection = store._writing.connection
        connection.execute(
            "UPDATE vault_key SET valid_until = ? WHERE purpose = 'seal'", (until,)
        )
        with capture_logs() as lines:
            await tell_expiring_keys(store, NOW)
    finally:
        await store.close()
    assert told == len(lines)
    assert all(line["event"] == "key_expiring" for line in lines)
    assert all(line["key"].startswith("seal/") for line in lines)
