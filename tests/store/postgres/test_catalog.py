"""Laws of tables partitioned by year: every row in its year, no year missing, no
settlement twice, nothing lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
import pytest
from gongji.model.account import Entry
from gongji.model.commands import Listing, RequestRecord
from gongji.model.settlement import Settlement
from gongji.rules.codes import SHANGHAI
from gongji.store import Store, sql
from gongji.store.engine import WriteConflict
from gongji.store.migrations import Migration, bring_forward, make_or_check
from gongji.store.postgres.catalog import PostgresCatalog
from gongji.store.postgres.engine import PostgresEngine
from gongji.store.postgres.sql import select_any
from gongji.store.schema import VERSION, Schema
from gongji.store.seal import Vault

from tests.postgres import Postgres
from tests.store.conftest import fetched, posted, settled
from tests.store.pages import page_records

MakeMove = Callable[..., Any]
Start = Callable[[int], PostgresCatalog]

YEAR = 2026
LAST = 2028
"""The last year made ahead in that year."""


def remembered(number: int, at: datetime) -> RequestRecord:
    """The row of its request."""
    return RequestRecord(f"r{number}", "clinic-1", "Settle", {}, at)


def instant(
    year: int,
    month: int = 7,
    day: int = 1,
) -> datetime:
    """An instant of a day."""
    return datetime(year, month, day, tzinfo=SHANGHAI)


@pytest.fixture
def engine(postgres: Postgres, schema: Schema) -> Iterator[PostgresEngine]:
    """A connection to a database in which nothing is yet."""
    engine = PostgresEngine(postgres.fresh(), schema)
    yield engine
    engine.close()


@pytest.fixture
def started(
    engine: PostgresEngine,
    schema: Schema,
) -> Start:
    """Starts a server in some year."""

    def start(year: int) -> PostgresCatalog:
        make_or_check(
            home := PostgresCatalog(engine.connection, schema, year),
            schema,
        )
        return home

    return start


def parts(engine: PostgresEngine, table: str) -> dict[str, int]:
    """The parts of a table and how many rows each holds."""
    rows = engine.connection.execute(
        "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE "
        "inhparent = to_regclass(%s)",
        [table],
    )
    return {name: _count(engine, name) for name in sorted(name for (name,) in rows)}


def filled(rows: Mapping[str, int]) -> dict[str, int]:
    """The parts that hold rows."""
    return {part: count for part, count in rows.items() if count}


def _count(engine: PostgresEngine, table: str) -> int:
    (count,) = engine.connection.execute(
        f"SELECT count(*) FROM ONLY {table}"  # noqa: S608 - our own
    ).fetchone()  # type: ignore[misc]
    return int(count)


def years(
    table: str,
    first: int = 2022,
    last: int = LAST,
) -> set[str]:
    """The parts of a table there should be."""
    return {f"{table}_rest", *(f"{table}_{year}" for year in range(first, last + 1))}


@pytest.mark.parametrize("table", ["settlement", "entry"])
def test_years_are_made_ahead(
    engine: PostgresEngine,
    started: Start,
    table: str,
) -> None:
    """A new database has every year from the first rules to two years ahead; a later
    start makes what has come."""
    started(YEAR)
    assert years(table) == parts(engine, table).keys()
    started(YEAR)
    assert years(table) == parts(engine, table).keys()
    started(YEAR + 2)
    assert years(table, last=LAST + 2) == parts(engine, table).keys()


EDGES = {
    datetime(2021, 12, 31, 23, 59, 59, 999999, SHANGHAI): "rest",
    datetime(2022, 1, 1, tzinfo=SHANGHAI): "2022",
    datetime(2025, 12, 31, 23, 59, 59, 999999, SHANGHAI): "2025",
    datetime(2026, 1, 1, tzinfo=SHANGHAI): "2026",
    datetime(2028, 12, 31, 23, 59, 59, 999999, SHANGHAI): "2028",
    datetime(2029, 1, 1, tzinfo=SHANGHAI): "rest",
    datetime(1980, 1, 1, tzinfo=SHANGHAI): "rest",
}


def test_each_row_lies_in_its_year(engine: PostgresEngine, started: Start) -> None:
    """A row lies in the year of its instant in Shanghai, any other instant in the rest;
    all are found."""
    started(YEAR)
    settlements = [settled(n, at) for n, at in enumerate(EDGES)]
    entries = [posted(n, at) for n, at in enumerate(EDGES)]
    engine.upsert(Settlement, settlements)
    engine.upsert(Entry, entries)
    rows = Counter(EDGES.values())
    for table in ("settlement", "entry"):
        expected = {part: rows[part.rpartition("_")[2]] for part in years(table)}
        assert expected == parts(engine, table)
    ids = [settlement.settlement_id for settlement in settlements]
    by_key = fetched(engine, Settlement, "", ids)
    assert settlements == sorted(by_key, key=lambda s: s.settlement_id)


def test_rows_of_all_years_are_listed(engine: PostgresEngine, started: Start) -> None:
    """A listing goes through the years, and the rest, in the order of its instants."""
    started(YEAR)
    engine.upsert(Settlement, [settled(n, at) for n, at in enumerate(EDGES)])
    engine.upsert(Entry, [posted(n, at) for n, at in enumerate(EDGES)])
    patient = Listing(kind=Settlement, equals={"patient": "P1"}, order="settled_at")
    assert sorted(EDGES) == [s.settled_at for s in page_records(engine, patient)]
    purse = Listing(
        kind=Entry,
        equals={"ledger_account": "purse:P1"},
        order="version",
        descending=True,
    )
    assert list(reversed(EDGES)) == [e.at for e in page_records(engine, purse)]


def test_a_reversal_stays_in_the_year_of_its_settlement(
    engine: PostgresEngine, started: Start
) -> None:
    """A settlement taken back in a later year is the same row, changed."""
    started(YEAR)
    engine.upsert(Settlement, [settled(1, instant(2025))])
    taken_back = settled(1, instant(2025), instant(2026))
    engine.upsert(Settlement, [taken_back])
    assert {"settlement_2025": 1} == filled(parts(engine, "settlement"))
    assert [taken_back] == fetched(engine, Settlement, "", ["S1"])


def test_a_start_leaves_rows_where_they_are_and_a_migration_moves_them(
    engine: PostgresEngine,
    started: Start,
    schema: Schema,
    vault: Vault,
) -> None:
    """Rows that came before their year was made stay in the rest, and are served, until
    `gongji migrate` moves them."""
    started(YEAR)
    late = [settled(n, instant(LAST + 1 + n % 2)) for n in range(4)]
    engine.upsert(Settlement, late)
    home = started(LAST)
    assert years("settlement") == parts(engine, "settlement").keys()
    assert years("entry", last=LAST + 2) == parts(engine, "entry").keys()
    for _ in range(2):
        assert Migration(VERSION, VERSION) == bring_forward(
            home, schema, vault.fingerprint
        )
        rows = parts(engine, "settlement")
        assert years("settlement", last=LAST + 2) == rows.keys()
        assert {"settlement_2029": 2, "settlement_2030": 2} == filled(rows)
    assert 4 == len(fetched(engine, Settlement, "patient", ["P1"]))


def test_a_start_waits_for_nobody_at_work(
    engine: PostgresEngine,
    postgres: Postgres,
    started: Start,
) -> None:
    """While others are in the middle of a transaction a start goes on without the new
    year; the next one makes it."""
    started(YEAR)
    with psycopg.connect(postgres.url, autocommit=True) as other:
        ((name,),) = engine.connection.execute("SELECT current_schema").fetchall()
        with other.transaction():
            other.execute(f"SELECT * FROM {name}.settlement LIMIT 1")  # noqa: S608 - ours
            started(YEAR + 1)
            assert years("settlement") == parts(engine, "settlement").keys()
    started(YEAR + 1)
    assert years("settlement", last=LAST + 1) == parts(engine, "settlement").keys()


def test_no_settlement_is_made_twice_in_two_years(
    two: tuple[PostgresEngine, PostgresEngine],
) -> None:
    """Two servers that settle one request, one before and one after midnight of the
    year's end: one of them does."""
    one, other = two
    for engine in two:
        engine.begin()
        assert [] == list(fetched(engine, RequestRecord, "", ["r1"]))
    for engine, at in ((one, instant(2025, 12, 31)), (other, instant(2026, 1, 1))):
        engine.upsert(Settlement, [settled(1, at)])
        engine.upsert(Entry, [posted(1, at)])
        engine.upsert(RequestRecord, [remembered(1, at)])
    one.commit()
    with pytest.raises(WriteConflict):
        other.commit()
    other.rollback()
    assert [settled(1, instant(2025, 12, 31))] == fetched(other, Settlement, "", ["S1"])
    assert [posted(1, instant(2025, 12, 31))] == fetched(other, Entry, "", ["S1/000"])


@pytest.mark.parametrize("round_", range(3))
async def test_twins_post_once(
    stores: list[Store],
    move: MakeMove,
    clock: Callable[[], datetime],
    round_: int,
) -> None:
    """A settlement that reaches every server at one instant is executed in one of them;
    all give its answer."""
    await stores[0].commit(move("opening"))
    writes = (settled(1, clock()), posted(1, clock()))
    answers = await asyncio.gather(
        *(store.commit(move("r1", writes=writes)) for store in stores)
    )
    assert [200, 200, 200] == [answer.value for answer in answers], round_
    assert [settled(1, clock())] == [await stores[0].get(Settlement, "S1")]


def plan(
    engine: PostgresEngine,
    statement: str,
    values: Sequence[Any],
) -> list[str]:
    """How a statement ran, prepared once for any values as the engine does."""
    names = ", ".join("%s" for _ in values)
    marks = statement.replace("%s", "{}").format(
        *(f"${n}" for n in range(1, len(values) + 1))
    )
    with engine.connection.transaction():
        engine.connection.execute(f"PREPARE asked AS {marks}")
        rows = psycopg.ClientCursor(engine.connection).execute(
            f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE asked ({names})",
            values,
        )
        steps = [row[0].strip() for row in rows]
        engine.connection.execute("DEALLOCATE asked")
    return steps


def touched(
    engine: PostgresEngine,
    listing: Listing[Any],
    schema: Schema,
) -> list[str]:
    """The parts a listing looks into; all by index, none sorted."""
    steps = plan(engine, *sql.page(schema.table(listing.kind), listing, sql.POSTGRES))
    scans = [
        step.removeprefix("->  ")
        for step in steps
        if " Scan" in step and "never executed" not in step
    ]
    assert not any("Seq Scan" in step or "Sort (" in step for step in steps), steps
    return sorted(step.partition(" on ")[2].partition(" ")[0] for step in scans)


@pytest.mark.parametrize(
    ("index", "lock"), [("", True), ("", False), ("patient", False)]
)
def test_a_settlement_is_found_by_index_in_every_year(
    engine: PostgresEngine,
    started: Start,
    schema: Schema,
    index: str,
    *,
    lock: bool,
) -> None:
    """Where no instant is known each part is asked once, by its index."""
    started(YEAR)
    steps = plan(
        engine, select_any(schema.table(Settlement), index, lock=lock), [["S1", "S2"]]
    )
    assert not any("Seq Scan" in step or "Sort (" in step for step in steps), steps
    assert len(years("settlement")) == sum("Index Scan" in step for step in steps)


def test_a_listing_of_days_looks_into_their_years_only(
    engine: PostgresEngine,
    started: Start,
    schema: Schema,
) -> None:
    """Of ten years a month touches one part, two days around new year two, in a plan
    made once for all days."""
    started(YEAR)
    engine.upsert(Settlement, [settled(n, instant(2022 + n % 6)) for n in range(60)])
    month = Listing(
        kind=Settlement,
        equals={"patient": "P1"},
        at_least={"settled_at": instant(2025, 6)},
        below={"settled_at": instant(2025, 7)},
        order="settled_at",
    )
    assert ["settlement_2025"] == touched(engine, month, schema)
    new_year = Listing(
        kind=Settlement,
        equals={"institution": "H34119900001"},
        at_least={"settled_at": instant(2025, 12, 31)},
        below={"settled_at": instant(2026, 1, 2)},
        order="settled_at",
    )
    assert ["settlement_2025", "settlement_2026"] == touched(engine, new_year, schema)


def test_the_space_of_years_that_hold_nothing_is_given_back(
    postgres: Postgres, schema: Schema
) -> None:
    """Years that are over and empty are emptied on the disk; any other stays as it is."""
    engine = PostgresEngine(postgres.fresh(), schema)
    home = PostgresCatalog(engine.connection, schema, 2026)
    make_or_check(home, schema)
    years = ("leaf_2023", "leaf_2024", "leaf_2025")
    sizes = (
        "SELECT pg_relation_size(to_regclass(%s)), pg_relation_size(to_regclass(%s)), "
    )
    sizes += "pg_relation_size(to_regclass(%s))"
    for year in (2023, 2024, 2025):
        first, _ = sql.year_bounds(year)
        home.execute(
            "INSERT INTO leaf (writer, number, at, body, hashes, private) "
            "VALUES ('w', %s, %s, '', '', '')",
            (year, first),
        )
    home.execute("DELETE FROM leaf WHERE number <> 2024")
    home.free_years("leaf", 2025)
    ((gone, held, young),) = home.rows(sizes, years)
    assert 0 == gone < held == young
    assert [(2024,)] == list(home.rows("SELECT number FROM leaf"))
    engine.close()
