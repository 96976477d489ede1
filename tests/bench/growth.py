"""What a call costs with 10 thousand, 100 thousand and 1 million persons in the
database, each with a history.

.venv/bin/python tests/bench/growth.py [sqlite] [postgres] [--persons N …] [--rounds N] [--data DIR]
.venv/bin/python tests/bench/growth.py --import N …

All sizes are measured in turn, round by round, in batches of 64 calls on persons drawn
from the whole population, as the store's callers see them. With --import: how much
memory client and server hold while so many persons are imported.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, Final

import grpc
from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji.client.connection import connect
from gongji.client.imports import COLUMNS
from gongji.model.commands import Listing, Request
from gongji.model.settlement import Settlement
from gongji.settlement.reverse import Reverse
from gongji.settlement.settle import Quote, Settle
from gongji.store import Store, open_store
from gongji.store.schema import Schema
from gongji.store.seal import Vault

sys.path.insert(
    0, str(Path(__file__).parents[2])
)  # run as a file, it finds the tests' helpers all the same
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
from tests.postgres import OwnPostgres, own

BATCH: Final = 64
WARM_UP: Final = 8
BATCHES: Final = 16
"""Batches of one kind of call in one round."""
BAR: Final = 1.3
"""Settle at the largest size, over that at the smallest."""
LARGE: Final = ("shared_buffers=1GB", "max_wal_size=8GB", "maintenance_work_mem=512MB")
CALLS: Final = ("Settle", "Quote", "GetSettlement", "ListSettlements", "Reverse")


class Clock:
    """A clock every call moves on by a millisecond."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@dataclass
class Spent:
    """What calls of one kind took: microseconds a call by the wall, one figure a batch;
    CPU of all of them."""

    walls: list[float] = field(default_factory=list)
    cpu: float = 0.0
    calls: int = 0

    @property
    def wall_us(self) -> float:
        """The median."""
        return median(self.walls)

    @property
    def cpu_us(self) -> float:
        """The mean: the system counts in hundredths of a second."""
        return self.cpu / self.calls * 1e6


class Subject:
    """A filled database of some size, and the calls on it."""

    def __init__(
        self, store: Store, cities: Cities, size: int, cpu: Callable[[], float]
    ) -> None:
        self.size = size
        self._store, self._cities, self._cpu = store, cities, cpu
        self._drawn = random.Random(size)  # noqa: S311 - a draw, no secret
        self._unreversed = iter(self._drawn.sample(range(size), size))
        self.spent: Mapping[str, Spent] = {call: Spent() for call in CALLS}

    async def round(self) -> None:
        """Some batches of every kind of call."""
        for call, spent in self.spent.items():
            for _ in range(WARM_UP if not spent.walls else 1):
                await self._batch(call)
            began = self._cpu()
            for _ in range(BATCHES):
                spent.walls.append(await self._batch(call))
            spent.cpu += self._cpu() - began
            spent.calls += BATCHES * BATCH

    async def _batch(self, call: str) -> float:
        """Microseconds a call of one batch."""
        calls = [self._call(call) for _ in range(BATCH)]
        began = perf_counter()
        await asyncio.gather(*calls)
        return (perf_counter() - began) / BATCH * 1e6

    def _call(self, call: str) -> Awaitable[Any]:
        number = (
            next(self._unreversed)
            if call == "Reverse"
            else self._drawn.randrange(self.size)
        )
        made = bill(number, self._drawn.choice(HOSPITALS))
        request = Request(
            str(uuid.UUID(int=self._drawn.getrandbits(128), version=4)),
            "bench",
            call,
        )
        if call == "Settle":
            return self._store.commit(Settle(request, made, self._cities))
        if call == "Quote":
            return self._store.ask(Quote(made, self._cities))
        if call == "GetSettlement":
            return self._store.get(Settlement, settled_of(number))
        if call == "Reverse":
            return self._store.commit(
                Reverse(request, settled_of(number), "", "", self._cities)
            )
        mine = {"patient": person_no(number)}
        return self._store.page(
            Listing(kind=Settlement, equals=mine, order="settled_at")
        )


def told(line: str) -> None:
    """One line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def table_of(engine: str, subjects: list[Subject]) -> None:
    """Microseconds a call by size, and how many times those of the smallest."""
    first = subjects[0]
    told(
        f"\n{engine}: microseconds a call in batches of {BATCH}: wall, median (CPU, mean)"
    )
    told(f"{'':<16}" + "".join(f"{s.size:>12,} persons      " for s in subjects))
    for call in CALLS:
        base = first.spent[call]
        cells = [
            f"{s.spent[call].wall_us:>7.0f} x{s.spent[call].wall_us / base.wall_us:<5.2f}"
            f"({s.spent[call].cpu_us:>5.0f} x{s.spent[call].cpu_us / base.cpu_us:<4.2f})"
            for s in subjects
        ]
        told(f"{call:<16}" + "  ".join(cells))
    grown = subjects[-1].spent["Settle"].wall_us / first.spent["Settle"].wall_us
    told(
        f"Settle grows {grown:.2f} times; the bar is {BAR}: "
        f"{'reached' if grown <= BAR else 'missed'}"
    )


@contextmanager
def sqlite_of(
    folder: Path, copies: Copies, cities: Cities, sizes: list[int]
) -> Iterator[list[Subject]]:
    """A file for each size."""
    subjects, stores = [], []
    for size in sizes:
        url, key = folder / f"{size}.db", folder / "gongji.key"
        Vault.open(key, create=True)
        asyncio.run(open_store(url, Clock(), key).close())
        with _timed(f"sqlite {size:,}"):
            fill_sqlite(url, Schema(Vault.open(key, create=False)), copies, size)
        told(
            f"  {sum(f.stat().st_size for f in folder.glob(f'{size}.db*')) / 2**20:,.0f} MiB"
        )
        stores.append(store := open_store(url, Clock(), key))
        subjects.append(Subject(store, cities, size, process_time))
    yield subjects
    for store in stores:
        asyncio.run(store.close())


@contextmanager
def postgres_of(
    folder: Path, copies: Copies, cities: Cities, sizes: list[int]
) -> Iterator[list[Subject]]:
    """A server of our own, a schema for each size."""
    with own(*LARGE) as server:
        subjects, stores = [], []
        for size in sizes:
            url, key = server.fresh(), folder / "gongji.key"
            Vault.open(key, create=True)
            asyncio.run(open_store(url, Clock(), key).close())
            with _timed(f"postgres {size:,}"):
                fill_postgres(url, Schema(Vault.open(key, create=False)), copies, size)
            stores.append(store := open_store(url, Clock(), key))
            subjects.append(
                Subject(
                    store, cities, size, lambda: process_time() + _children_cpu(server)
                )
            )
        yield subjects
        for store in stores:
            asyncio.run(store.close())


def _children_cpu(server: OwnPostgres) -> float:
    """Seconds of CPU the server's processes have used."""
    parent = str(server._process.pid) if server._process else ""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = (
                stat.read_text(encoding="ascii", errors="replace")
                .rpartition(")")[2]
                .split()
            )
        except OSError:
            continue
        if fields[1] == parent:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / 100


@contextmanager
def _timed(what: str) -> Iterator[None]:
    began = perf_counter()
    yield
    told(f"filled {what} in {perf_counter() - began:.0f} s")


def imported(folder: Path, sizes: list[int]) -> None:
    """Imports files of persons into a service of its own and tells the most memory
    client and server ever held."""
    told(f"{'persons':>12} {'rows/s':>8} {'client MiB':>11} {'server MiB':>11}")
    for size in sizes:
        (path := folder / f"{size}.csv").write_text(
            ",".join(COLUMNS["persons"]) + "\n", encoding="utf-8"
        )
        with path.open("a", encoding="utf-8") as file:
            for number in range(size):
                it = person(number)
                card, enrolled = it.certificate, "310/1101/1/2020-01-01/"
                file.write(
                    f"{it.person_no},01,{card.number},{it.name},{it.phone},{AREA},"
                    f"5000.00,{enrolled},,\n"
                )
        with _serving(folder / f"data-{size}") as (server, address):
            began = perf_counter()
            command = [
                sys.executable,
                "-m",
                "gongji",
                "import",
                str(path),
                "--target",
                address,
            ]
            client = subprocess.Popen(  # noqa: S603 - our own
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            _, status, used = os.wait4(client.pid, 0)
            rate = size / (perf_counter() - began)
            (peak,) = re.findall(
                r"VmHWM:\s+(\d+) kB",
                Path(f"/proc/{server.pid}/status").read_text(encoding="ascii"),
            )
        if status:
            raise SystemExit(f"import ended with {os.waitstatus_to_exitcode(status)}")
        told(
            f"{size:>12,} {rate:>8,.0f} {used.ru_maxrss / 1024:>11.0f} {int(peak) / 1024:>11.0f}"
        )


@contextmanager
def _serving(data: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A service in a process of its own, over an empty SQLite database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        sys.executable,
        "-m",
        "gongji",
        "serve",
        "--data",
        str(data),
        "--address",
        address,
    ]
    with subprocess.Popen(  # noqa: S603 - our own
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        with connect(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=60)
        yield server, address
        server.terminate()


async def _measured(subjects: list[Subject], rounds: int) -> None:
    for _ in range(rounds):
        for subject in subjects:
            await subject.round()


ENGINES: Final = {"sqlite": sqlite_of, "postgres": postgres_of}


def main() -> None:
    """Fills, measures, tells."""
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
    parser.add_argument(
        "--import", dest="imports", nargs="+", type=int, default=[], metavar="N"
    )
    given = parser.parse_args()
    if min(given.persons) < (
        reversed_ := BATCH * (WARM_UP + (BATCHES + 1) * given.rounds)
    ):
        parser.error(
            f"{given.rounds} rounds take {reversed_} settlements back: not fewer persons than that"
        )
    given.data.mkdir(parents=True, exist_ok=True)
    if given.imports:
        with tempfile.TemporaryDirectory(prefix="growth-", dir=given.data) as folder:
            imported(Path(folder), given.imports)
        return
    cities = load_cities()
    copies = Copies(cities)
    for engine in given.engines:
        with ExitStack() as stack:
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="growth-", dir=given.data)
            )
            subjects = stack.enter_context(
                ENGINES[engine](Path(folder), copies, cities, sorted(given.persons))
            )
            asyncio.run(_measured(subjects, given.rounds))
            table_of(engine, subjects)


if __name__ == "__main__":
    main()
