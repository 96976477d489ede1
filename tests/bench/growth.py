"""Measure what a call costs with 10 thousand, 100 thousand and 1 million persons.

Each has a history in the database.

.venv/bin/python tests/bench/growth.py [sqlite] [postgres] [--persons N …] [--rounds N]
    [--data DIR]
.venv/bin/python tests/bench/growth.py --import [N …]

All sizes are measured in turn, round by round, in batches of 64 calls on persons drawn
from the whole population, as the store's callers see them. With --import: rows a second
while so many persons are imported, a million unless said otherwise, and the most memory
the client and all processes of the server held.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
import random
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, Final

from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji.client.credentials import LOCAL_TOKEN
from gongji.client.imports import COLUMNS
from gongji.model.commands import Listing, Request
from gongji.model.settlement import Settlement
from gongji.settlement.reverse import Reverse
from gongji.settlement.settle import Quote, Settle
from gongji.store import Store, open_store
from gongji.store.schema import Schema
from gongji.store.seal import Vault

# So that it finds the tests' helpers when it is run as a file.
sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.bench.filling import (
    AREA,
    HOSPITALS,
    NOW,
    Copies,
    bill,
    fill_postgres,
    fill_sqlite,
    person,
    person_no,
    settled_of,
)
from tests.bench.processes import peak_mib
from tests.bench.serving import ServiceAt, service_over
from tests.postgres import OwnPostgres, own

BATCH: Final = 64
WARM_UP: Final = 8
BATCHES: Final = 16
"""Batches of one kind of call in one round."""
MILLION: Final = 1_000_000
"""Persons imported unless another number is given."""
BAR: Final = 1.3
"""Settle at the largest size, over that at the smallest."""
LARGE: Final = ("shared_buffers=1GB", "max_wal_size=8GB", "maintenance_work_mem=512MB")
CALLS: Final = ("Settle", "Quote", "GetSettlement", "ListSettlements", "Reverse")


class TickingClock:
    """A clock every call moves on by a millisecond."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@dataclass
class Spent:
    """What calls of one kind took: wall µs a call, one figure a batch; CPU of them all."""

    walls: list[float] = field(default_factory=list)
    cpu: float = 0.0
    calls: int = 0

    @property
    def wall_us(self) -> float:
        """Return the median."""
        return median(self.walls)

    @property
    def cpu_us(self) -> float:
        """Return the mean: the system counts in hundredths of a second."""
        return self.cpu / self.calls * 1e6


class Filled:
    """A filled database of some size, and the calls on it."""

    def __init__(
        self, store: Store, cities: Cities, size: int, cpu: Callable[[], float]
    ) -> None:
        self.size = size
        self.store = store
        self._cities = cities
        self._cpu = cpu
        self._chance = random.Random(size)  # noqa: S311 - a draw, no secret
        self._unreversed = iter(self._chance.sample(range(size), size))
        self.spent: Mapping[str, Spent] = {call: Spent() for call in CALLS}

    async def round(self) -> None:
        """Measure some batches of every kind of call."""
        for call, spent in self.spent.items():
            for _ in range(WARM_UP if not spent.walls else 1):
                await self.batch(call)
            began = self._cpu()
            for _ in range(BATCHES):
                spent.walls.append(await self.batch(call))
            spent.cpu += self._cpu() - began
            spent.calls += BATCHES * BATCH

    async def batch(self, call: str) -> float:
        """Return the microseconds a call of one batch."""
        calls = [self._call(call) for _ in range(BATCH)]
        began = perf_counter()
        await asyncio.gather(*calls)
        return (perf_counter() - began) / BATCH * 1e6

    def _call(self, call: str) -> Awaitable[Any]:
        number = self._number_for(call)
        drawn_bill = bill(number, self._chance.choice(HOSPITALS))
        request_id = uuid.UUID(int=self._chance.getrandbits(128), version=4)
        request = Request(str(request_id), "bench", call)
        settlement_id = settled_of(number)
        match call:
            case "Settle":
                return self.store.commit(Settle(request, drawn_bill, self._cities))
            case "Quote":
                return self.store.ask(Quote(drawn_bill, self._cities))
            case "GetSettlement":
                return self.store.get(Settlement, settlement_id)
            case "Reverse":
                reverse = Reverse(request, settlement_id, "", "", self._cities)
                return self.store.commit(reverse)
        return self._listed(person_no(number))

    async def _listed(self, patient: str) -> list[Settlement]:
        """Read the first page of a patient's settlements, and of the refunds."""
        rows = []
        for order in ("settled_at", "reversed_at"):
            of_patient = {"patient": patient}
            listing = Listing(kind=Settlement, equals=of_patient, order=order)
            rows += await self.store.page(listing)
        return rows

    def _number_for(self, call: str) -> int:
        """Return a person at random; for a reversal one whose settlement still stands."""
        if call == "Reverse":
            return next(self._unreversed)
        return self._chance.randrange(self.size)


def say(line: str) -> None:
    """Print one line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def print_table(engine: str, databases: list[Filled]) -> None:
    """Print microseconds a call by size, and how many times those of the smallest."""
    smallest, largest = databases[0].spent, databases[-1].spent
    figures = "wall, median (CPU, mean)"
    say(f"\n{engine}: microseconds a call in batches of {BATCH}: {figures}")
    say(f"{'':<16}" + "".join(f"{d.size:>12,} persons      " for d in databases))
    for call in CALLS:
        cells = [_cell(d.spent[call], smallest[call]) for d in databases]
        say(f"{call:<16}" + "  ".join(cells))
    grown = largest["Settle"].wall_us / smallest["Settle"].wall_us
    verdict = "reached" if grown <= BAR else "missed"
    say(f"Settle grows {grown:.2f} times; the bar is {BAR}: {verdict}")


def _cell(spent: Spent, base: Spent) -> str:
    wall = f"{spent.wall_us:>7.0f} x{spent.wall_us / base.wall_us:<5.2f}"
    cpu = f"{spent.cpu_us:>5.0f} x{spent.cpu_us / base.cpu_us:<4.2f}"
    return f"{wall}({cpu})"


@contextmanager
def sqlite_of(
    folder: Path, copies: Copies, cities: Cities, sizes: list[int]
) -> Iterator[list[Filled]]:
    """Give a filled file for each size."""
    databases, stores = [], []
    for size in sizes:
        path, key = folder / f"{size}.db", folder / "gongji.key"
        schema = _made(path, key)
        with _timed(f"sqlite {size:,}"):
            fill_sqlite(path, schema, copies, size)
        bytes_ = sum(file.stat().st_size for file in folder.glob(f"{size}.db*"))
        say(f"  {bytes_ / 2**20:,.0f} MiB")
        store = open_store(path, TickingClock(), key)
        stores.append(store)
        databases.append(Filled(store, cities, size, process_time))
    yield databases
    for store in stores:
        asyncio.run(store.close())


@contextmanager
def postgres_of(
    folder: Path, copies: Copies, cities: Cities, sizes: list[int]
) -> Iterator[list[Filled]]:
    """Give a filled schema for each size, on a server of its own."""
    with own(*LARGE) as server:
        databases, stores = [], []
        for size in sizes:
            url, key = server.fresh(), folder / "gongji.key"
            schema = _made(url, key)
            with _timed(f"postgres {size:,}"):
                fill_postgres(url, schema, copies, size)
            store = open_store(url, TickingClock(), key)
            stores.append(store)
            databases.append(Filled(store, cities, size, lambda: _cpu_with(server)))
        yield databases
        for store in stores:
            asyncio.run(store.close())


def _made(database: Path | str, key: Path) -> Schema:
    """Make an empty database and, if need be, its key. Return its schema."""
    Vault.open(key, create=True)
    store = open_store(database, TickingClock(), key, new=True)
    asyncio.run(store.close())
    return store.schema


def _cpu_with(server: OwnPostgres) -> float:
    return process_time() + _children_cpu(server)


def _children_cpu(server: OwnPostgres) -> float:
    """Return the seconds of CPU the server's processes have used."""
    parent = str(server._process.pid) if server._process else ""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        # The name of the program stands in brackets and may hold spaces.
        fields = text.rpartition(")")[2].split()
        if fields[1] == parent:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / 100


@contextmanager
def _timed(name: str) -> Iterator[None]:
    began = perf_counter()
    yield
    say(f"filled {name} in {perf_counter() - began:.0f} s")


def imported(folder: Path, sizes: list[int]) -> None:
    """Import files of persons into a service of its own.

    Prints rows a second, and the most memory client and server ever held.
    """
    say(f"{'persons':>12} {'rows/s':>8} {'client MiB':>11} {'server MiB':>11}")
    for size in sizes:
        path = folder / f"{size}.csv"
        _write_persons(path, size)
        with service_over(folder / f"data-{size}") as service:
            began = perf_counter()
            client_mib = _import(path, service)
            rate = size / (perf_counter() - began)
            server_mib = peak_mib(service.pid)
        say(f"{size:>12,} {rate:>8,.0f} {client_mib:>11.0f} {server_mib:>11.0f}")


def _write_persons(path: Path, size: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS["persons"], restval="")
        rows.writeheader()
        for number in range(size):
            row = person(number)
            cells = {
                "person_no": row.person_no,
                "cert_type": row.certificate.type,
                "cert_no": row.certificate.number,
                "name": row.name,
                "phone": row.phone,
                "insured_place": AREA,
                "contribution_base_yuan": "5000.00",
                "enrolments": "310/1101/1/2020-01-01/",
            }
            rows.writerow(cells)


def _import(path: Path, service: ServiceAt) -> float:
    """Import a file by the command. Return the most memory the client held, in MiB."""
    command = [sys.executable, "-m", "gongji", "import", str(path)]
    command += ["--target", service.address]
    command += ["--token-file", str(service.data / LOCAL_TOKEN)]
    client = subprocess.Popen(  # noqa: S603 - our own
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(client.pid, 0)
    if status:
        raise SystemExit(f"import ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_maxrss / 1024


async def _measure(databases: list[Filled], rounds: int) -> None:
    for _ in range(rounds):
        for database in databases:
            await database.round()


ENGINES: Final = {"sqlite": sqlite_of, "postgres": postgres_of}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "engines",
        nargs="*",
        metavar="ENGINE",
        default=list(ENGINES),
        help=", ".join(ENGINES),
    )
    parser.add_argument(
        "--persons", nargs="+", type=int, default=[10_000, 100_000, 1_000_000]
    )
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--data", type=Path, default=Path("var"))
    parser.add_argument("--import", dest="imports", nargs="*", type=int, metavar="N")
    options = parser.parse_args()
    rounds: int = options.rounds
    reversals = BATCH * (WARM_UP + (BATCHES + 1) * rounds)
    if min(options.persons) < reversals:
        settlements = f"{reversals} settlements"
        parser.error(
            f"{rounds} rounds take {settlements} back: not fewer persons than that"
        )
    return options


def main() -> None:
    """Fill, measure, print."""
    options = _options()
    options.data.mkdir(parents=True, exist_ok=True)
    if options.imports is not None:
        with _temporary(options.data) as folder:
            imported(folder, options.imports or [MILLION])
        return
    cities = load_cities()
    copies = Copies(cities)
    sizes = sorted(options.persons)
    for engine in options.engines:
        filled = ENGINES[engine]
        with (
            _temporary(options.data) as folder,
            filled(folder, copies, cities, sizes) as databases,
        ):
            asyncio.run(_measure(databases, options.rounds))
            print_table(engine, databases)


@contextmanager
def _temporary(data: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="growth-", dir=data) as folder:
        yield Path(folder)


if __name__ == "__main__":
    main()
