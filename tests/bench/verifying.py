"""Fill a database through the committer, then verify it by one process and by two.

One patient has a fifth of the settlements, out of one purse, everybody else about four;
balances were brought forward, months credited, some settlements reversed. Prints what
each phase does a second, and the most memory a process held, for a tenth of the
settlements and for all: 100,000 unless told otherwise.

.venv/bin/python -m tests.bench.verifying [SETTLEMENTS] [--postgres] [--keep DIR]
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from time import sleep
from typing import Any, Final

import click
import msgspec
from gongji.account.credit import CreditAccount
from gongji.account.forward import BringForward
from gongji.cities.city import Cities
from gongji.cities.kept import KeepRules
from gongji.cities.loading import load_cities
from gongji.model.commands import Command, Request, Write
from gongji.serve.settings import DATABASE, KEY_FILE, SIGNING_KEY
from gongji.settlement.reverse import Reverse
from gongji.settlement.settle import Settle
from gongji.store import Store, open_store
from gongji.store.signing_key import signing_key

from tests.bench.processes import most_mib
from tests.bench.rivals import population
from tests.bench.run import on_disk

SETTLEMENTS: Final = 100_000
EACH: Final = 4
"""Settlements of everybody but the first patient."""
HOT: Final = 5
"""One in so many settlements is the first patient's."""
REVERSED: Final = 50
"""One in so many settlements is reversed."""
BATCH: Final = 256
"""Commands submitted together."""
SIGNED: Final = 40
"""Batches between two checkpoints."""
BALANCE_FEN: Final = 90_000_000_000
_LOOK_S: Final = 0.1


class SteppingClock:
    """A clock that moves on by a millisecond whenever it is asked."""

    def __init__(self) -> None:
        self.now = population.NOW

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


class FilledBooks:
    """The commands that fill a database of so many settlements, the same in every run."""

    def __init__(self, cities: Cities, settlements: int) -> None:
        self._cities = cities
        self._settlements = settlements
        self._chance = random.Random(settlements)  # noqa: S311 - a draw, no secret
        self.persons = max(2, settlements // (EACH + 1))

    def population(self) -> Iterator[object]:
        """Yield the registry: no purse has anything yet."""
        for record in population.records(self.persons):
            if type(record).__name__ != "Account":
                yield record

    def commands(self) -> Iterator[Command[Any]]:
        """Yield every command in its order."""
        for place in range(1, self.persons + 1):
            person = population.number(place)
            if population.giver_of(place) is None:
                yield BringForward(self._request("Credit"), person, BALANCE_FEN)
            credited = self._request("Credit")
            yield CreditAccount(credited, person, "2025-08", self._cities)
        for number in range(self._settlements):
            place = 1 if number % HOT == 0 else self._chance.randint(2, self.persons)
            bill = population.bill(place, self._chance.randint(90_000, 160_000))
            request = self._request("Settle")
            yield Settle(request, bill, self._cities)
            if number % REVERSED == REVERSED - 1:
                yield Reverse(
                    self._request("Reverse"),
                    settlement_id="",
                    settle_request_id=request.request_id,
                    why="退号",
                    cities=self._cities,
                )

    def _request(self, method: str) -> Request:
        drawn = uuid.UUID(int=self._chance.getrandbits(128), version=4)
        return Request(str(drawn), "bench", method)


async def fill(address: str, data: Path, settlements: int) -> None:
    """Fill a new database, its keys in the data folder."""
    cities = load_cities()
    books = FilledBooks(cities, settlements)
    store = open_store(address, SteppingClock(), data / KEY_FILE)
    try:
        await store.apply(KeepRules(cities))
        registry = books.population()
        while together := tuple(islice(registry, population.TOGETHER)):
            await store.apply(Write(together))
        await _commit(store, books.commands(), data)
    finally:
        await store.close()


async def _commit(store: Store, commands: Iterator[Command[Any]], data: Path) -> None:
    key = signing_key(data / SIGNING_KEY, store.signature)
    batches = 0
    while together := list(islice(commands, BATCH)):
        await asyncio.gather(*[store.commit(command) for command in together])
        batches += 1
        if batches % SIGNED == 0:
            await store.checkpoints.sign(key)
    await store.checkpoints.sign(key)


class PhaseRead(msgspec.Struct):
    """What `gongji verify --json` says of a phase."""

    phase: str
    count: int
    seconds: float
    cpu_seconds: float
    findings: list[Any]


class _Answer(msgspec.Struct):
    phases: list[PhaseRead]


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification did: its phases, and the most memory of a process."""

    phases: list[PhaseRead]
    peak_mib: float


def verified(address: str, data: Path, jobs: int) -> Verified:
    """Verify by the command, in processes of its own. RuntimeError if anything is found."""
    command = [sys.executable, "-m", "gongji", "--json", "verify", "--data", str(data)]
    command += ["--jobs", str(jobs), "--work", str(data / f"verify-{jobs}")]
    if address:
        command += ["--database", address]
    output = data / f"verified-{jobs}.json"
    with output.open("wb") as file:
        client = subprocess.Popen(  # noqa: S603 - our own
            command, stdout=file, stderr=subprocess.DEVNULL
        )
    peak_mib = 0.0
    # Not what the system says at its end, which begins with the memory of ours.
    while client.poll() is None:
        with suppress(FileNotFoundError, ProcessLookupError, ValueError):
            peak_mib = max(peak_mib, most_mib(client.pid))
        sleep(_LOOK_S)
    if client.returncode:
        raise RuntimeError(f"gongji verify: {output.read_text(encoding='utf-8')}")
    answer = msgspec.json.decode(output.read_bytes(), type=_Answer)
    return Verified(answer.phases, peak_mib)


def show(size: int, alone: Verified, both: Verified) -> None:
    """Print what each phase did a second of CPU and of the clock, by one process and two."""
    click.echo(f"{size:,} 笔结算：数目，每秒 CPU，一个进程每秒，两个进程每秒，比值")
    for one, two in zip(alone.phases, both.phases, strict=True):
        a_core = one.count / max(one.cpu_seconds, 1e-6)
        rates = [phase.count / max(phase.seconds, 1e-6) for phase in (one, two)]
        click.echo(
            f"{one.phase:<10} {one.count:>10,} {a_core:>10,.0f} {rates[0]:>10,.0f} "
            f"{rates[1]:>10,.0f} {rates[1] / rates[0]:>6.2f}"
        )
    peaks = f"{alone.peak_mib:.0f} 与 {both.peak_mib:.0f} MiB"
    click.echo(f"每进程内存至多：一个进程与两个进程时 {peaks}")


@click.command(
    help="经提交者备好这么多笔结算，再由一个与两个进程核对，报告各阶段之快慢与内存。"
)
@click.argument("settlements", type=click.IntRange(100), default=SETTLEMENTS)
@click.option("--postgres", is_flag=True, help="在 PostgreSQL 上。")
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    help="备好的库留在这个目录里；已经有的不再备。",
)
def main(*, settlements: int, postgres: bool, keep: Path | None) -> None:
    """Fill and verify a tenth, then all of the settlements."""
    with on_disk() as ground:
        folder = keep or ground.folder
        for size in (settlements // 10, settlements):
            data = folder / f"{size}{'-postgres' if postgres else ''}"
            address = ground.postgres.fresh() if postgres else ""
            if not data.exists():
                data.mkdir(mode=0o700, parents=True)
                asyncio.run(fill(address or str(data / DATABASE), data, size))
            show(size, *[verified(address, data, jobs) for jobs in (1, 2)])


if __name__ == "__main__":
    main()
