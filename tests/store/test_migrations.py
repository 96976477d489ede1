"""Laws of a database's beginning: made once, refused or brought forward; older ones
keep what is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gongji.model.account import Account
from gongji.model.commands import Listing
from gongji.model.settlement import SettledDay
from gongji.rules.codes import SHANGHAI
from gongji.store.migrations import (
    Catalog,
    Migration,
    SchemaError,
    bring_forward,
    make_or_check,
)
from gongji.store.postgres.catalog import PostgresCatalog
from gongji.store.postgres.engine import PostgresEngine
from gongji.store.schema import VERSION, Schema
from gongji.store.seal import Vault
from gongji.store.sql import Dialect
from gongji.store.sqlite.engine import SqliteEngine
from gongji.store.table import RecordTable

from tests.postgres import Postgres
from tests.store.conftest import (
    AnyEngine,
    engine_at,
    fetched,
    home_of,
    load_dump,
    posted,
    settled,
)
from tests.store.pages import page_records

YEAR = 2026
"""The year in which these databases are made: it says which partitions there are."""


def test_a_database_is_made_once(
    engine: AnyEngine,
    schema: Schema,
    vault: Vault,
) -> None:
    """Opening a database of this version changes nothing."""
    engine.upsert(Account, [Account("P1", 5, 1)])
    make_or_check(home := home_of(engine, schema), schema)
    assert [Account("P1", 5, 1)] == fetched(engine, Account, "", ["P1"])
    assert (VERSION, vault.fingerprint) == (home.version(), home.fingerprint())


@pytest.mark.parametrize(
    ("offset", "fingerprint", "problem"),
    [
        (1, "", "更新版本.*gongji migrate 只向前"),
        (-1, "", "运行 gongji migrate"),
        (0, "other", "密钥与该数据库不符"),
    ],
    ids=["a newer schema", "an older schema", "another key"],
)
def test_a_strange_database_is_refused(
    engine: AnyEngine,
    schema: Schema,
    offset: int,
    fingerprint: str,
    problem: str,
) -> None:
    """A database this program cannot use safely is refused, saying why and what to run."""
    home = home_of(engine, schema)
    key = home.fingerprint()
    # Before a colon it has the suite that tests run with, if that is not the standard one.
    suite, colon, _ = key.rpartition(":")
    home.record(VERSION, f"{suite}{colon}{fingerprint}" if fingerprint else key)
    with pytest.raises(SchemaError, match=problem):
        make_or_check(Recorded(home, VERSION + offset), schema)
    engine.begin()
    engine.rollback()


def test_another_program_is_left_alone(
    engine_url: str,
    schema: Schema,
) -> None:
    """A database in which another program keeps tables of these names is refused and
    stays as it is."""
    engine = engine_at(engine_url, schema)
    engine.connection.execute("CREATE TABLE account (theirs TEXT)")
    with pytest.raises(SchemaError, match="其他程序"):
        make_or_check(home_of(engine, schema), schema)
    assert [] == list(engine.connection.execute("SELECT theirs FROM account"))
    engine.close()


class Recorded:
    """A home that says it is of some version."""

    def __init__(self, home: Catalog, version: int) -> None:
        self._home, self._version = home, version
        self.dialect, self.transaction, self.execute, self.rows = (
            home.dialect,
            home.transaction,
            home.execute,
            home.rows,
        )
        self.fingerprint, self.keys, self.record, self.add_partitions = (
            home.fingerprint,
            home.keys,
            home.record,
            home.add_partitions,
        )
        self.execute_patiently, self.free_years = (
            home.execute_patiently,
            home.free_years,
        )
        self.briefly, self.alone = home.briefly, home.alone

    def version(self) -> int | None:
        return self._version


def test_an_older_schema_is_brought_forward(
    engine: AnyEngine,
    schema: Schema,
    vault: Vault,
) -> None:
    """A migration runs the steps from the version found, each once, and keeps what was stored."""
    engine.upsert(Account, [Account("P1", 5, 1)])
    old = Recorded(home_of(engine, schema), VERSION - 2)
    steps = {
        v: partial(added_column, f"step_{VERSION - v}")
        for v in (VERSION - 3, VERSION - 2, VERSION - 1)
    }
    assert Migration(VERSION - 2, VERSION) == bring_forward(
        old, schema, vault.fingerprint, steps
    )
    cursor = engine.connection.execute("SELECT * FROM moved")
    assert ["step_2", "step_1"] == [column[0] for column in cursor.description[1:]]
    assert [Account("P1", 5, 1)] == fetched(engine, Account, "", ["P1"])
    engine.connection.execute("DROP TABLE moved")


def added_column(
    name: str,
    _: Schema,
    dialect: Dialect,
) -> Iterator[str]:
    yield "CREATE TABLE IF NOT EXISTS moved (a TEXT)"
    yield f"ALTER TABLE moved ADD COLUMN {name} {dialect.types['TEXT']}"


def test_a_migration_that_fails_leaves_everything(
    engine: AnyEngine,
    schema: Schema,
    vault: Vault,
) -> None:
    """Of a migration that stops half way nothing stands."""

    def broken(*_: object) -> Iterator[str]:
        yield "CREATE TABLE moved (a TEXT)"
        raise ZeroDivisionError

    old = Recorded(home_of(engine, schema), VERSION - 1)
    with pytest.raises(ZeroDivisionError):
        bring_forward(old, schema, vault.fingerprint, {VERSION - 1: broken})
    engine.connection.execute("CREATE TABLE moved (b TEXT)")
    engine.connection.execute("DROP TABLE moved")


@pytest.fixture
def new(
    request: pytest.FixtureRequest,
    engine_kind: str,
    schema: Schema,
    tmp_path: Path,
) -> Iterator[AnyEngine]:
    """A database as it is made today."""
    url = f"sqlite:///{tmp_path / 'new.db'}"
    if engine_kind == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.fresh()
    engine = engine_at(url, schema)
    make_or_check(of_year(engine, schema), schema)
    yield engine
    engine.close()


@pytest.fixture
def empty(engine_url: str, schema: Schema) -> Iterator[AnyEngine]:
    """A database in which nothing is yet."""
    engine = engine_at(engine_url, schema)
    yield engine
    engine.close()


def of_year(engine: AnyEngine, schema: Schema) -> Catalog:
    """An engine's catalog, in that year."""
    if isinstance(engine, PostgresEngine):
        return PostgresCatalog(engine.connection, schema, YEAR)
    return home_of(engine, schema)


COLUMNS = """
SELECT relname::text,
  (row_number() OVER (PARTITION BY attrelid ORDER BY attnum))::text,
  attname::text, format_type(atttypid, atttypmod),
  attnotnull::text, collname::text,
  (SELECT string_agg(pg_get_constraintdef(oid), ' ' ORDER BY conname)
   FROM pg_constraint WHERE conrelid = attrelid)
FROM pg_attribute
  JOIN pg_class c ON c.oid = attrelid
  LEFT JOIN pg_collation l ON l.oid = attcollation
WHERE relnamespace = current_schema::regnamespace AND relkind IN ('r', 'p') AND attnum > 0
  AND NOT attisdropped
"""
INDEXES = """
SELECT tablename::text, replace(indexdef, current_schema || '.', '')
FROM pg_indexes WHERE schemaname = current_schema
"""


def made(engine: AnyEngine) -> list[tuple[Any, ...]]:
    """Every column, constraint and index of a database."""
    if isinstance(engine, SqliteEngine):
        objects = engine.connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        )
        return sorted((name, _one_line(text)) for name, text in objects)
    queries = (COLUMNS, INDEXES)
    return sorted(
        tuple(row) for query in queries for row in engine.connection.execute(query)
    )


def _one_line(statement: str) -> str:
    return " ".join(statement.split()).replace("( ", "(").replace(" )", ")")


INSTANTS = [
    datetime(1980, 1, 1, tzinfo=SHANGHAI),
    datetime(2021, 12, 31, 23, 59, 59, 999999, SHANGHAI),
    datetime(2022, 1, 1, tzinfo=SHANGHAI),
    datetime(2026, 1, 1, tzinfo=SHANGHAI),
    datetime(2029, 1, 1, tzinfo=SHANGHAI),
]
"""Before the first partition, at the ends of some, after the last."""

SETTLEMENTS = [
    settled(n, at, at + timedelta(days=400) if n % 2 else None)
    for n, at in enumerate(INSTANTS)
]
STORED: list[list[Any]] = [
    SETTLEMENTS,
    [posted(n, at) for n, at in enumerate(INSTANTS)],
    [Account("P1", 5, 1)],
]

ONLY_IN_VERSION_1: dict[str, dict[str, Callable[[Any], Any]]] = {
    "settlement": {
        "patient_year": lambda s: f"P1/310/3411/{s.bill.service_day.year}",
        "pooling_area": lambda s: s.area_code[:4],
        "service_day": lambda s: s.bill.service_day.isoformat(),
        "doc": msgspec.json.encode,
    },
    "request": {"answer": attrgetter("answer"), "refusal": attrgetter("refusal")},
}
"""Columns there were more, or with more in them."""


def write_as_version_1(
    engine: AnyEngine,
    schema: Schema,
    records: Sequence[Any],
) -> None:
    """Write rows as version 1 did, nothing of them sealed: a version is 0, not absent, if
    an entry has none."""
    table: RecordTable[Any] = schema.table(type(records[0]))
    mark = "?" if isinstance(engine, SqliteEngine) else "%s"
    for record in records:
        values = _of_version_1(table, record)
        marks = ", ".join([mark] * len(values))
        into = f"INSERT INTO {table.name} ({', '.join(values)}) VALUES ({marks})"  # noqa: S608 - our own
        engine.connection.execute(into, list(values.values()))


def _of_version_1(table: RecordTable[Any], record: Any) -> dict[str, Any]:
    """A row of version 1 by column."""
    values = {c.name: c.of(record) for c in table.columns if not c.parted}
    extra = ONLY_IN_VERSION_1.get(table.name, {})
    values |= {name: of(record) for name, of in extra.items()}
    if table.name == "entry":
        values["version"] = values["version"] or 0
    return values


def test_version_1_is_brought_forward(
    empty: AnyEngine,
    new: AnyEngine,
    schema: Schema,
    vault: Vault,
) -> None:
    """A database of version 1 becomes one as it is made today, everything in it still there."""
    load_dump(empty, "version_1")
    of_year(empty, schema).record(1, vault.fingerprint)
    for records in STORED:
        write_as_version_1(empty, schema, records)
    home = of_year(empty, schema)
    assert Migration(1, VERSION) == bring_forward(home, schema, vault.fingerprint)
    assert made(new) == made(empty)
    make_or_check(of_year(empty, schema), schema)
    for records in STORED:
        keys = [schema.key_of(record) for record in records]
        stored = fetched(empty, type(records[0]), "", keys)
        assert records == sorted(stored, key=schema.key_of)
    days = {SettledDay(s.area_code[:4], s.bill.service_day) for s in SETTLEMENTS}
    assert days == set(page_records(empty, Listing(kind=SettledDay)))


def test_version_2_is_brought_forward(
    empty: AnyEngine,
    new: AnyEngine,
    schema: Schema,
    vault: Vault,
) -> None:
    """A database of version 2 becomes one as it is made today, and opening it leaves it."""
    load_dump(empty, "version_2")
    home = of_year(empty, schema)
    assert Migration(2, VERSION) == bring_forward(home, schema, vault.fingerprint)
    assert made(new) == made(empty)
    make_or_check(of_year(empty, schema), schema)
    assert made(new) == made(empty)
