"""A server or its gateway killed under load: nothing acknowledged is lost or done twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from tests.chaos.book import Book
from tests.chaos.conftest import Effort, Tell, engines
from tests.chaos.database import Database
from tests.chaos.served import Served
from tests.chaos.stage import breaches, under_load
from tests.chaos.town import found
from tests.chaos.watcher import unheard, watching


@dataclass(frozen=True, slots=True)
class Moment:
    """When a server or just its gateway is killed: so long after a start or an answer."""

    after_s: float
    answering: bool
    gateway: bool

    @property
    def kills(self) -> str:
        """Return what the table counts it as."""
        return "gateway kills" if self.gateway else "server kills"


def moments(seed: int, servers: int, gateways: int) -> Iterator[Moment]:
    """Yield so many moments, mostly under load, a few at the first answer.

    A few servers are killed before they have a gateway.
    """
    chance = Random(seed)  # noqa: S311 - a test's chances, to be had again by the seed
    total = servers + gateways
    for gateway in chance.sample([False, True], counts=[servers, gateways], k=total):
        drawn = chance.random()
        if drawn < 0.12 and not gateway:
            yield Moment(chance.uniform(0.3, 1.6), answering=False, gateway=False)
        elif drawn < 0.25:
            yield Moment(0, answering=True, gateway=gateway)
        else:
            yield Moment(chance.uniform(0.005, 0.4), answering=True, gateway=gateway)


async def besiege(
    servers: Sequence[Served], book: Book, times: Iterator[Moment]
) -> dict[str, int]:
    """Kill one server or gateway after another, each at its moment.

    Return how many, and how many calls that hit.
    """
    counts: Counter[str] = Counter()
    for turn, moment in enumerate(times):
        target = servers[turn % len(servers)]
        for server in servers:
            if moment.answering or server is not target:
                await server.answers()
        if moment.answering:
            await book.next_answers()
        await asyncio.sleep(moment.after_s)
        assert target.running, target.printed()
        counts += count_of(moment, target, book)
        kill(moment, target)
        if len(servers) > 1:
            await book.next_answers()  # of another
        # A gateway has a successor without our help.
        if not moment.gateway:
            target.start()
    for server in servers:
        await server.answers()
    await book.next_answers()
    return counts


def count_of(moment: Moment, target: Served, book: Book) -> Counter[str]:
    """Return what the table counts of a kill."""
    engine = "PostgreSQL" if target.database else "SQLite"
    under_load = moment.answering and book.in_flight > 0
    return Counter(
        {
            f"{moment.kills}, {engine}": 1,
            moment.kills: 1,
            f"{moment.kills} under load": int(under_load),
            f"{moment.kills}: calls in flight": book.in_flight,
        }
    )


def kill(moment: Moment, target: Served) -> None:
    """Kill a server or its gateway."""
    if moment.gateway:
        target.kill_gateway()
    else:
        target.kill()


@pytest.mark.parametrize("engine", engines(short="sqlite"), indirect=True)
async def test_a_killed_server_has_lost_and_doubled_nothing(
    engine: str, data: Path, seed: int, effort: Effort, tell: Tell
) -> None:
    """Whenever it or its gateway is killed, what it acknowledged stands once, a retry
    is answered from the record, the log goes on from every checkpoint given, and who
    watches is told of all of it, each patient's in order."""
    await found(data, engine)
    book, servers = Book(), [Served(data, engine)]
    async with watching(servers, seed) as watcher, under_load(servers, book, seed):
        times = moments(seed, effort(short=2, long=100), effort(short=1, long=24))
        counts = await besiege(servers, book, times)
    await watcher.finish(data, engine)
    counts["events heard"] = len(watcher.heard)
    assert [] == list(unheard(book, watcher))
    assert [] == await breaches(book, tell, data, engine, refused=False, **counts)


@pytest.mark.long
async def test_of_two_servers_the_other_goes_on(
    postgres: Database, data: Path, seed: int, effort: Effort, tell: Tell
) -> None:
    """Whichever of two servers over one database is killed, or its gateway, its callers
    turn to the other and go on; so does who watches, by the cursor of the first."""
    database = postgres.fresh()
    await found(data, database)
    book, servers = Book(), [Served(data, database) for _ in range(2)]
    async with watching(servers, seed) as watcher, under_load(servers, book, seed):
        times = moments(seed, effort(short=1, long=40), effort(short=0, long=12))
        counts = await besiege(servers, book, times)
    await watcher.finish(data, database)
    counts["events heard"] = len(watcher.heard)
    assert [] == list(unheard(book, watcher))
    assert [] == await breaches(book, tell, data, database, refused=False, **counts)
