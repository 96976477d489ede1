"""By what a server decides is written down: at its start, and when its files change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from gongji.audit.leaf import body_of
from gongji.cities.city import Cities
from gongji.model.commands import Listing
from gongji.model.started import Started
from gongji.serve.clock import SandboxClock
from gongji.serve.configured import ConfigurationRecord
from gongji.serve.settings import Settings
from gongji.store import Store, open_store

from tests.scaffold.people import NOW
from tests.scaffold.world import NewWorld


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(tmp_path / "x.sqlite3", SandboxClock(NOW))
    yield opened
    await opened.close()


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "policy.toml"
    file.write_text("version = 1\n", encoding="utf-8")
    return file


def amend(policy: Path) -> None:
    """Give a policy another revision."""
    policy.write_text("version = 1\nrevision = 'b'\n", encoding="utf-8")


@pytest.fixture
def record(
    store: Store, tmp_path: Path, policy: Path, new_world: NewWorld
) -> ConfigurationRecord:
    """What a server with a policy writes down."""
    settings = Settings(
        address="127.0.0.1:0",
        data=tmp_path,
        policy=policy,
        database="postgresql://me:secret@db/x",
    )
    return ConfigurationRecord(store, settings, new_world().cities, SandboxClock(NOW))


async def written(store: Store) -> list[Started]:
    """Everything that was written down."""
    return await store.page(Listing(kind=Started))


async def test_a_start_has_its_leaf(
    record: ConfigurationRecord, store: Store, new_world: NewWorld
) -> None:
    """Settings, files by digest and plugins; never a secret."""
    await record.write()
    (started,) = await written(store)
    cities: Cities = new_world().cities
    assert {city.rules_digest for city in cities.all} == {
        plugin.rules_digest for plugin in started.plugins
    }
    assert 64 == len(started.files["policy"].rpartition(":")[2])
    assert b"secret" not in msgspec.json.encode(started)
    leaf = await store.proofs.naming(started.at, "started", started.start_id)
    assert leaf
    assert "RecordStart" == body_of(leaf).what


async def test_a_file_that_is_read_anew_is_written_down(
    record: ConfigurationRecord, store: Store, policy: Path
) -> None:
    """Once for each content; a look that finds nothing new writes nothing."""
    await record.write()
    await record.write()
    amend(policy)
    await record.write()
    await record.write()
    digests = {started.files["policy"] for started in await written(store)}
    assert (2, 2) == (len(digests), len(await written(store)))


async def test_a_database_that_is_away_is_asked_later(
    record: ConfigurationRecord, store: Store
) -> None:
    """A server that can only read is up; it is written down as soon as that can be."""
    connection = store._writing.connection
    connection.execute("PRAGMA query_only = ON")
    await record.write()
    assert [] == await written(store)
    connection.execute("PRAGMA query_only = OFF")
    await record.write()
    assert 1 == len(await written(store))
