"""Laws of an upgrade in phases: who may serve when, and each phase taken up where it stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gongji.model.commands import Write
from gongji.model.people import Person
from gongji.store import Store, migrations, open_store
from gongji.store.migrations import (
    Catalog,
    SchemaError,
    make_or_check,
    set_contract_from,
)
from gongji.store.online import OnlineStep
from gongji.store.private_files import make_secret_file
from gongji.store.schema import VERSION, Schema
from gongji.store.seal import Vault
from gongji.store.sql import Dialect
from gongji.store.upgrade import Upgrade
from msgspec.structs import replace

from tests.store.conftest import Clock, engine_at, home_of
from tests.store.test_leaves import assert_log_says_all

BEFORE = VERSION
"""The version on record: the program of these tests knows one more."""

AFTER = VERSION + 1

PEOPLE = 450


def expansion(dialect: Dialect) -> Iterator[str]:
    """Yield what only leaves a trace."""
    yield f"CREATE TABLE IF NOT EXISTS expanded (a {dialect.types['TEXT']})"


def contraction(_: Dialect) -> Iterator[str]:
    """Yield what removes that trace."""
    yield "DROP TABLE IF EXISTS expanded"


STEPS = {
    # What the newer program fills in is a column that may be empty as it is.
    BEFORE: OnlineStep(expansion, (("person", "commitments"),), contraction)
}


@pytest.fixture(autouse=True)
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the program know one version more."""
    monkeypatch.setattr(migrations, "VERSION", AFTER)
    monkeypatch.setattr("gongji.store.upgrade.VERSION", AFTER)


@pytest.fixture
def catalog(engine_url: str, schema: Schema) -> Iterator[Catalog]:
    """Return the tables of a database of the version before."""
    engine = engine_at(engine_url, schema)
    home = home_of(engine, schema)
    make_or_check(home, schema)
    home.record(BEFORE, home.fingerprint())
    yield home
    engine.close()


@pytest.fixture
def upgrade(catalog: Catalog, vault: Vault) -> Upgrade:
    return Upgrade(catalog, vault, STEPS)


def under_way(catalog: Catalog) -> tuple[int | None, list[Any]]:
    """Return the version on record, and from which one there is something to contract."""
    return catalog.version(), list(catalog.rows("SELECT contract_from FROM upgrade"))


def test_the_phases_follow_one_another(catalog: Catalog, vault: Vault) -> None:
    """The version rises when backfilling begins, which is told once; each phase made
    again changes nothing."""
    risen: list[int] = []
    upgrade = Upgrade(catalog, vault, STEPS, risen.append)
    for _ in range(2):
        upgrade.expand()
        assert (BEFORE, [(BEFORE,)]) == under_way(catalog)
    for _ in range(2):
        upgrade.begin_backfill()
        assert (AFTER, [(BEFORE,)]) == under_way(catalog)
    for _ in range(2):
        upgrade.contract()
        assert (AFTER, []) == under_way(catalog)
    upgrade.expand()
    assert (AFTER, []) == under_way(catalog)
    assert [BEFORE] == risen


def test_a_phase_before_its_turn_is_refused(upgrade: Upgrade, catalog: Catalog) -> None:
    """What must come first is said, and nothing is done."""
    for phase, problem in (
        (upgrade.begin_backfill, "先运行 gongji migrate --phase expand"),
        (upgrade.contract, "先运行 gongji migrate --phase backfill"),
    ):
        with pytest.raises(SchemaError, match=problem):
            phase()
    upgrade.expand()
    with pytest.raises(SchemaError, match="先运行 gongji migrate --phase backfill"):
        upgrade.contract()
    with pytest.raises(SchemaError, match=f"旧版的服务（结构第 {BEFORE} 版）"):
        upgrade.begin_backfill([AFTER, BEFORE])
    assert (BEFORE, [(BEFORE,)]) == under_way(catalog)


def test_a_step_that_is_not_made_for_it_is_refused(
    catalog: Catalog, vault: Vault
) -> None:
    """Servers have to stop for any other step, and for more than one."""
    plain = Upgrade(catalog, vault, {BEFORE: lambda *_: iter(())})
    with pytest.raises(SchemaError, match="不能在服务运行中升级"):
        plain.expand()
    catalog.record(BEFORE - 1, vault.fingerprint)
    two = Upgrade(catalog, vault, STEPS | {BEFORE - 1: STEPS[BEFORE]})
    with pytest.raises(SchemaError, match="不能在服务运行中升级"):
        two.expand()


def test_an_expanded_database_is_served_by_this_program(
    upgrade: Upgrade, catalog: Catalog, schema: Schema
) -> None:
    """Before it is expanded it is too old; from then on it is not."""
    with pytest.raises(SchemaError, match="gongji migrate"):
        make_or_check(catalog, schema)
    upgrade.expand()
    make_or_check(catalog, schema)
    upgrade.begin_backfill()
    make_or_check(catalog, schema)


class Stopped(Exception):  # noqa: N818 - what happens to a process
    """The process that backfills ends here."""


class Ending:
    """A store of a process that ends in the middle of backfilling."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.written = 0

    async def apply(self, query: Any) -> Any:
        """Write one batch, and end at the second."""
        if self.written:
            raise Stopped
        self.written = await self._store.apply(query)
        return self.written


@pytest.fixture
async def store(
    engine_url: str, clock: Clock, person: Person, catalog: Catalog, tmp_path: Path
) -> AsyncIterator[Store]:
    """Return a store of people who lack what is filled in."""
    key = tmp_path / "gongji.key"
    make_secret_file(key, bytes(range(32)))
    catalog.record(AFTER, catalog.fingerprint())
    set_contract_from(catalog, BEFORE)
    store = open_store(engine_url, clock, key)
    people = [replace(person, person_no=f"P{n:04d}") for n in range(PEOPLE)]
    await store.apply(Write(tuple(people)))
    catalog.execute("UPDATE person SET commitments = NULL")
    yield store
    await store.close()


async def test_backfilling_is_taken_up_where_it_stopped(
    store: Store, upgrade: Upgrade, catalog: Catalog, schema: Schema, engine_url: str
) -> None:
    """Rows are filled in once, whatever ends it in between, and contraction waits for all."""
    ending: Any = Ending(store)
    with pytest.raises(Stopped):
        await upgrade.backfill(ending, schema)
    with pytest.raises(SchemaError, match="还有没有补写的行"):
        upgrade.contract()
    assert 0 < ending.written < PEOPLE
    assert PEOPLE - ending.written == await upgrade.backfill(store, schema)
    upgrade.contract()
    assert (AFTER, []) == under_way(catalog)
    with closing(engine_at(engine_url, schema)) as engine:
        assert_log_says_all(engine, schema)
