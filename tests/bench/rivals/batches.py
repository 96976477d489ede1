"""Our own committer alone, without transport: settlements a second in batches of one
size, over either database.

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
from gongji.store.databases import path_of
from gongji.store.engine import Engine, Job
from gongji.store.migrations import make_file, make_or_check
from gongji.store.postgres.catalog import PostgresCatalog
from gongji.store.postgres.engine import PostgresEngine
from gongji.store.schema import Schema
from gongji.store.sqlite.catalog import SqliteCatalog
from gongji.store.sqlite.engine import SqliteEngine

sys.path.insert(
    0, str(Path(__file__).parents[3])
)  # run as a file, it finds the tests' helpers all the same
from tests.bench.rivals import population
from tests.postgres import own

BATCH: Final = 64
WARM_UP: Final = 20
"""Batches before the clock starts: statements prepared, pages read."""


@contextmanager
def over_postgres(url: str) -> Iterator[tuple[PostgresEngine, Schema]]:
    """A connection to the population in a database that holds nothing else; populated
    where it is empty."""
    schema = Schema(population.VAULT)
    engine = PostgresEngine(url, schema)
    try:
        make_or_check(
            PostgresCatalog(engine.connection, schema),
            schema,
            population.VAULT.fingerprint,
        )
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
    """Settlements a second over PostgreSQL, one connection; the database is one for
    `over_postgres`."""
    with over_postgres(url) as (engine, schema):
        return _rate(_committer(engine, schema), batch, seconds, profile)


def measure_sqlite(
    path: Path,
    batch: int = BATCH,
    seconds: float = 5.0,
    profile: cProfile.Profile | None = None,
) -> float:
    """The same over a new SQLite file, each commit flushed to the disk."""
    schema = Schema(population.VAULT)
    make_file(path)
    engine = SqliteEngine(path, schema)
    try:
        make_or_check(
            SqliteCatalog(engine.connection), schema, population.VAULT.fingerprint
        )
        _populate(_committer(engine, schema))
        return _rate(_committer(engine, schema), batch, seconds, profile)
    finally:
        engine.close()


def _committer(engine: Engine, schema: Schema) -> Committer:
    return Committer(engine, schema, lambda: population.NOW, population.VAULT.digest)


def _populate(committer: Committer) -> None:
    for write in population.writes():
        _checked(committer, [Job(write)])


def _rate(
    committer: Committer, batch: int, seconds: float, profile: cProfile.Profile | None
) -> float:
    """Settlements by the time spent in the committer; commands are made outside it."""
    waiting = jobs(load_cities())
    for _ in range(WARM_UP):
        _checked(committer, list(islice(waiting, batch)))
    done, spent = 0, 0.0
    while spent < seconds:
        together = list(islice(waiting, batch))
        if profile:
            profile.enable()
        began = perf_counter()
        _checked(committer, together)
        spent += perf_counter() - began
        if profile:
            profile.disable()
        done += batch
    return done / spent


def jobs(cities: Cities) -> Iterator[Job]:
    """Real commands without end, as the wire's service makes them."""
    for bill in population.bills():
        request = Request(str(uuid.uuid4()), "bench", "Settle")
        yield Job(Settle(request, bill, cities), request)


def _checked(committer: Committer, together: list[Job]) -> None:
    """Runs a batch. Whatever a job was refused with is raised: nothing but settlements
    is counted."""
    for outcome in committer.run(together):
        if not isinstance(outcome, Answer):
            raise outcome


@contextmanager
def _database(
    named: str,
) -> Iterator[Callable[[int, float, cProfile.Profile | None], float]]:
    """What measures a database: a new one in a folder, or the one at an address."""
    with tempfile.TemporaryDirectory(prefix="gongji-bench-") as folder:
        if named == "postgres":
            with own() as server:
                url = server.fresh()
                yield lambda *how: measure(url, *how)
        elif named.startswith("postgres"):
            yield lambda *how: measure(named, *how)
        else:
            path = (
                Path(folder) / "bench.sqlite3" if named == "sqlite" else path_of(named)
            )
            yield lambda *how: measure_sqlite(path, *how)


def main() -> None:
    """Measures what is named and prints settlements a second, or where the time goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("databases", nargs="*", default=["postgres", "sqlite"])
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--profile",
        action="store_true",
        help="the 40 functions with the most time of their own",
    )
    asked = parser.parse_args()
    for named in asked.databases:
        profile = cProfile.Profile() if asked.profile else None
        with _database(named) as measured:
            rate = measured(asked.batch, asked.seconds, profile)
        sys.stdout.write(
            f"{named:<10} batches of {asked.batch}: {rate:,.0f} settlements/s, "
            f"{1e6 / rate:.0f} µs each\n"
        )
        if profile:
            pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(
                40
            )


if __name__ == "__main__":
    main()
