"""`gongji migrate`: what it says of a database it brought forward."""

from __future__ import annotations

from pathlib import Path

import pytest
from gongji.store.databases import SqliteDatabase
from gongji.store.migrations import Migration

from tests.cli.command import gongji, tables

REPEATED = (("H34110000001/M1", "S1", "S2"), ("H34110000001/M1", "S1", "S3"))


def migrated(
    monkeypatch: pytest.MonkeyPatch, migration: Migration, folder: Path
) -> tuple[str, list[str]]:
    """Return what is said of a migration, for people and for programs."""
    monkeypatch.setattr(SqliteDatabase, "migrate", lambda *_: migration)
    told = gongji("migrate", "--data", folder)
    assert 0 == told.exit_code
    document = gongji("--json", "migrate", "--data", folder)
    return told.output, [
        row["later_settlement"] for row in tables(document).get("repeated", [])
    ]


def test_messages_settled_again_are_listed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each settlement of a message that had been settled is named beside the first."""
    migration = Migration(2, 3, REPEATED)
    told, listed = migrated(monkeypatch, migration, tmp_path)
    assert "第 2 版 → 第 3 版" in told
    assert all(name in told for row in REPEATED for name in row)
    assert ["S2", "S3"] == listed


def test_nothing_is_listed_of_a_sound_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without such messages nothing is said of any."""
    told, listed = migrated(monkeypatch, Migration(3, 3), tmp_path)
    assert "无需迁移" in told
    assert "msgid" not in told
    assert [] == listed
