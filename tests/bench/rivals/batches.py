"""Measure the committer alone, without transport, over either database.

Settlements a second in batches of one size.

.venv/bin/python tests/bench/rivals/batches.py [postgres|sqlite|URL …] [--batch N]
[--seconds S] [--profile]
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Final

import psycopg
from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji.model.commands import Answer, Request
from gongji.model.people import Institution
from gongji.settlement.settle import Settle
from gongji.store.committer import Committer
from gongji.store.engine import Engine, Job
from gongji.store.found import path_of
from gongji.store.leaves import LeafLog
from gongji.store.migrations import make_file, make_or_check
from gongji.store.postgres.catalog import PostgresCatalog
from gongji.store.postgres.engine import PostgresEngine
from gongji.store.schema import Schema
from gongji.store.sqlite.catalog import SqliteCatalog
from gongji.store.sqlite.engine import SqliteEngine

# So that it finds the tests' helpers when it is run as a file.
sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.bench.rivals import population
from tests.postgres import own

BATCH: Final = 64
WARM_UP: Final = 20
"""Batches before the clock starts: statements prepared, pages read."""


@contextmanager
def over_postgres(url: str) -> Iterator[tuple[PostgresEngine, Schema]]:
    """Connect to the population in a database that holds nothing else.

    It is populated if it is empty.
    """
    schema = Schema(population.VAULT)
    engine = PostgresEngine(url, schema)
    try:
        catalog = PostgresCatalog(engine.connection, schema)
        make_or_check(catalog, schema)
        if not engine.fetch([(Institution, "", [population.HOSPITAL])])[0]:
            _populate(_committer(engine, schema))
            with psycopg.connect(url, autocommit=True) as operator:
                operator.execute("VACUUM ANALYZE")
        yield engine, schema
    finally:
        engine.close()


def measure(
    url: str,
    batch: int = BATCH,
    seconds: float = 5.0,
    profile: cProfile.Profile | None = None,
) -> float:
    """Return settlements a second over PostgreSQL, one connection.

    The database is one for `over_postgres`.
    """
    with over_postgres(url) as (engine, schema):
        return _rate(_committer(engine, schema), batch, seconds, profile)


def measure_sqlite(
    path: Path,
    batch: int = BATCH,
    seconds: float = 5.0,
    profile: cProfile.Profile | None = None,
) -> float:
    """Return settlements a second over a new SQLite file, each commit flushed."""
    schema = Schema(population.VAULT)
    make_file(path)
    engine = SqliteEngine(path, schema)
    try:
        catalog = SqliteCatalog(engine.connection)
        make_or_check(catalog, schema)
        _populate(_committer(engine, schema))
        return _rate(_committer(engine, schema), batch, seconds, profile)
    finally:
        engine.close()


def _committer(engine: Engine, schema: Schema) -> Committer:
    vault = population.VAULT
    log = LeafLog(schema, vault.hasher)
    return Committer(engine, schema, lambda: population.NOW, vault.digest, log)


def _populate(committer: Committer) -> None:
    for write in population.writes():
        _checked(committer, [Job(write)])


def _rate(
    committer: Committer, batch: int, seconds: float, profile: cProfile.Profile | None
) -> float:
    """Return settlements by the time in the committer; commands are made outside it."""
    endless = jobs(load_cities())
    for _ in range(WARM_UP):
        _checked(committer, list(islice(endless, batch)))
    settled, spent = 0, 0.0
    while spent < seconds:
        together = list(islice(endless, batch))
        if profile:
            profile.enable()
        began = perf_counter()
        _checked(committer, together)
        spent += perf_counter() - began
        if profile:
            profile.disable()
        settled += batch
    return settled / spent


def jobs(cities: Cities) -> Iterator[Job]:
    """Yield real commands without end, as the wire's service makes them."""
    for bill in population.bills():
        request = Request(str(uuid.uuid4()), "bench", "Settle")
        yield Job(Settle(request, bill, cities), request)


def _checked(committer: Committer, together: list[Job]) -> None:
    """Run a batch. Raise what a job was refused with: only settlements are counted."""
    for outcome in committer.run(together):
        if not isinstance(outcome, Answer):
            raise outcome


@contextmanager
def _database(
    named: str,
) -> Iterator[Callable[[int, float, cProfile.Profile | None], float]]:
    """Give what measures a database: a new one in a folder, or the one at an address."""
    with tempfile.TemporaryDirectory(prefix="gongji-bench-") as folder:
        if named == "postgres":
            with own() as server:
                url = server.fresh()
                yield partial(measure, url)
        elif named.startswith("postgres"):
            yield partial(measure, named)
        else:
            new = Path(folder) / "bench.sqlite3"
            path = new if named == "sqlite" else path_of(named)
            yield partial(measure_sqlite, path)


def main() -> None:
    """Measure what is named; print settlements a second, or where the time goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("databases", nargs="*", default=["postgres", "sqlite"])
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--profile",
        action="store_true",
        help="the 40 functions with the most time of their own",
    )
    options = parser.parse_args()
    for named in options.databases:
        profile = cProfile.Profile() if options.profile else None
        with _database(named) as measured:
            rate = measured(options.batch, options.seconds, profile)
        sys.stdout.write(
            f"{named:<10} batches of {options.batch}: {rate:,.0f} settlements/s, "
            f"{1e6 / rate:.0f} µs each\n"
        )
        if profile:
            stats = pstats.Stats(profile, stream=sys.stdout)
            stats.sort_stats("tottime").print_stats(40)


if __name__ == "__main__":
    main()
