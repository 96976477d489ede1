"""A server or its gateway killed at random moments under load: nothing acknowledged is
lost, nothing done twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from tests.chaos.book import Book
from tests.chaos.conftest import Effort, Tell
from tests.chaos.database import Database
from tests.chaos.served import Served
from tests.chaos.stage import conclude, under_load
from tests.chaos.town import found


@dataclass(frozen=True, slots=True)
class Moment:
    """When a server or just its gateway is killed: so long after a start, or after an
    answer of its life."""

    after_s: float
    answering: bool
    gateway: bool


def moments(seed: int, servers: int, gateways: int) -> Iterator[Moment]:
    """Mostly under load, a few at the first answer; so many servers, a few of them
    before they have a gateway."""
    chance = Random(seed)  # noqa: S311 - a test's chances, to be had again by the seed
    for gateway in chance.sample(
        [False, True], counts=[servers, gateways], k=servers + gateways
    ):
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
    """Kills one server or gateway after another, each at its moment; how many, and how
    many calls it hit."""
    hit: Counter[str] = Counter()
    for turn, moment in enumerate(times):
        target = servers[turn % len(servers)]
        for server in servers:
            if moment.answering or server is not target:
                await server.answers()
        if moment.answering:
            await book.next_answers()
        await asyncio.sleep(moment.after_s)
        assert target.running, target.told()
        kills = "gateway kills" if moment.gateway else "server kills"
        hit[f"{kills}, {'PostgreSQL' if target.database else 'SQLite'}"] += 1
        hit[kills] += 1
        hit[f"{kills} under load"] += moment.answering and book.in_flight > 0
        hit[f"{kills}: calls in flight"] += book.in_flight
        if moment.gateway:
            target.kill_gateway()
        else:
            target.kill()
        if len(servers) > 1:
            await book.next_answers()  # of another
        if not moment.gateway:  # a gateway has a successor without our help
            target.start()
    for server in servers:
        await server.answers()
    await book.next_answers()
    return hit


@pytest.mark.parametrize("engine", ["sqlite", "postgres"], indirect=True)
async def test_a_killed_server_has_lost_and_doubled_nothing(
    engine: str, data: Path, seed: int, effort: Effort, tell: Tell
) -> None:
    """Whenever it or its gateway is killed, what it acknowledged stands once; a retry
    is answered from the record."""
    await found(data, engine)
    book, servers = Book(), [Served(data, engine)]
    async with under_load(servers, book, seed):
        hit = await besiege(
            servers,
            book,
            moments(seed, effort(short=2, long=90), effort(short=1, long=24)),
        )
    await conclude(book, tell, data, engine, refused=False, **hit)


async def test_of_two_servers_the_other_goes_on(
    postgres: Database, data: Path, seed: int, effort: Effort, tell: Tell
) -> None:
    """Whichever of two servers over one database is killed, or its gateway, its callers
    turn to the other and go on."""
    database = postgres.fresh()
    await found(data, database)
    book, servers = Book(), [Served(data, database) for _ in range(2)]
    async with under_load(servers, book, seed):
        hit = await besiege(
            servers,
            book,
            moments(seed, effort(short=1, long=40), effort(short=0, long=12)),
        )
    await conclude(book, tell, data, database, refused=False, **hit)
