"""An upgrade of a PostgreSQL that several programs use: who sees whom, and what rows forget."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from gongji.store.databases import database_at
from gongji.store.engine import EngineDown
from gongji.store.migrations import SchemaError, make_or_check
from gongji.store.online import forgetting, remembering
from gongji.store.postgres import catalog as catalogs
from gongji.store.postgres.catalog import PostgresCatalog
from gongji.store.postgres.engine import PostgresEngine
from gongji.store.postgres.presence import Presence
from gongji.store.schema import VERSION, Schema

from tests.postgres import Postgres


@pytest.fixture
def url(postgres: Postgres) -> str:
    """Return the address of a database that nobody else uses."""
    return postgres.fresh()


@pytest.fixture
def home(url: str, schema: Schema) -> Iterator[PostgresCatalog]:
    """Return its tables, made."""
    engine = PostgresEngine(url, schema)
    home = PostgresCatalog(engine.connection, schema)
    make_or_check(home, schema)
    yield home
    engine.close()


@pytest.fixture
def presence(url: str, home: PostgresCatalog) -> Iterator[Presence]:
    """Return a server's presence, not shown yet."""
    del home
    presence = Presence(url)
    yield presence
    presence.close()


def test_a_server_shows_which_version_it_knows(url: str, presence: Presence) -> None:
    """Whoever upgrades sees every server that is there."""
    assert [] == database_at(url).served_by()
    presence.share()
    assert [VERSION] == database_at(url).served_by()


def test_a_server_whose_database_was_upgraded_ends(
    home: PostgresCatalog, presence: Presence
) -> None:
    """It neither starts to serve, nor goes on at its next look."""
    presence.share()
    home.record(VERSION + 1, home.fingerprint())
    for _ in range(2):
        with pytest.raises(SchemaError, match="不能再服务"):
            presence.share()
        presence.close()


def test_no_migration_beside_a_server(
    url: str, presence: Presence, tmp_path: Path
) -> None:
    """It is refused while a server is there, and made when it is gone."""
    key = tmp_path / "gongji.key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    presence.share()
    with pytest.raises(ValueError, match="请先停下全部服务"):
        database_at(url).migrate(key)
    presence.close()
    assert VERSION == database_at(url).migrate(key).after


def test_a_row_an_older_program_writes_over_forgets_what_it_does_not_know(
    url: str, home: PostgresCatalog
) -> None:
    """What the older program changed has to be filled in again; what the newer one wrote
    stays."""
    for statement in forgetting("account", "more", VERSION):
        home.execute("ALTER TABLE account ADD COLUMN IF NOT EXISTS more BIGINT")
        home.execute(statement)
        home.execute(statement)
    home.execute("INSERT INTO account VALUES ('P1', 5, 1, 7), ('P2', 5, 1, 7)")
    home.execute("UPDATE account SET version = 2 WHERE person_no = 'P1'")
    # An older program is a session that says nothing, or less.
    with psycopg.connect(url) as older:
        older.execute("UPDATE account SET version = 2 WHERE person_no = 'P2'")
    more = list(home.rows("SELECT more FROM account ORDER BY person_no"))
    assert [(7,), (None,)] == more
    for statement in remembering("account", "more"):
        home.execute(statement)
        home.execute(statement)
    with psycopg.connect(url) as older:
        older.execute("UPDATE account SET version = 3")
    assert more == list(home.rows("SELECT more FROM account ORDER BY person_no"))


def test_a_statement_waits_for_a_table_a_moment_at_a_time(
    url: str, home: PostgresCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody uses a table others are let through, and at last it gives up."""
    monkeypatch.setattr(catalogs, "_BRIEFLY_MS", 1)
    monkeypatch.setattr(catalogs, "_TRIES", 3)
    change = "ALTER TABLE account ADD COLUMN IF NOT EXISTS more BIGINT"
    with psycopg.connect(url) as other:
        other.execute("SELECT 1 FROM account")
        with pytest.raises(EngineDown, match="没有等到锁"):
            home.execute_patiently(change)
    home.execute_patiently(change)
    ((timeout,),) = home.rows("SHOW lock_timeout")
    assert "5s" == timeout
