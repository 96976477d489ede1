"""`--crypto`: the algorithms of a database are chosen when it is made, and stay."""

from __future__ import annotations

from pathlib import Path

import pytest
from gongji.serve.settings import Settings
from gongji.store.databases import database_at
from gongji.store.keys.suite import GM, STANDARD, CryptoMismatchError, Suite

from tests.store.conftest import Clock


@pytest.mark.parametrize("suite", [STANDARD, GM], ids=lambda suite: suite.name)
async def test_a_database_keeps_the_suite_it_was_made_with(
    suite: Suite, tmp_path: Path
) -> None:
    """Whoever opens it later need not say it; another than is recorded is refused."""
    path, clock, key = tmp_path / "x.sqlite3", Clock(), tmp_path / "x.key"
    database = database_at(path)
    assert database.suite() is None
    await database.open(clock, key, suite=suite).close()
    assert suite is database.suite()
    for again in (None, suite):
        store = database.open(clock, key, suite=again)
        assert suite.hasher is store.hasher
        assert suite.signature is store.signature
        await store.close()
    (other,) = {STANDARD, GM} - {suite}
    with pytest.raises(CryptoMismatchError, match=f"{suite.name}.*--crypto 写的是"):
        database.open(clock, key, suite=other)
    assert suite is database.suite()


async def test_settings_learn_what_is_recorded(tmp_path: Path) -> None:
    """So do the worker processes, which are given the settings of their parent."""
    settings = Settings(address="127.0.0.1:0", data=tmp_path)
    assert "" == settings.with_recorded_suite().crypto
    key = tmp_path / "gongji.key"
    address = settings.database_address
    await database_at(address).open(Clock(), key, suite=GM).close()
    assert "gm" == settings.with_recorded_suite().crypto


async def test_what_is_brought_forward_keeps_its_suite_and_its_master(
    tmp_path: Path,
) -> None:
    """A database that needs no step stays as it is, and opens as before."""
    path, key = tmp_path / "x.sqlite3", tmp_path / "x.key"
    database = database_at(path)
    await database.open(Clock(), key, suite=GM).close()
    with database.administered(key) as opened:
        before = opened.catalog.fingerprint()
    migration = database.migrate(key)
    assert migration.before == migration.after
    with database.administered(key) as opened:
        assert before == opened.catalog.fingerprint()
    assert before.startswith("gm:")
    store = database.open(Clock(), key)
    assert store.hasher is GM.hasher
    await store.close()
