"""A server killed at random moments under load loses nothing it acknowledged and does nothing twice."""

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
    """When a server is killed: so long after its start, or after an answer of its life."""

    after_s: float
    answering: bool


def moments(seed: int, number: int) -> Iterator[Moment]:
    """Mostly under load, a few at the first answer, a few while the server is starting and mends its database."""
    chance = Random(seed)  # noqa: S311 - a test's chances, to be had again by the seed
    for _ in range(number):
        drawn = chance.random()
        if drawn < 0.12:
            yield Moment(chance.uniform(0.3, 0.8), answering=False)
        elif drawn < 0.25:
            yield Moment(0, answering=True)
        else:
            yield Moment(chance.uniform(0.005, 0.4), answering=True)


async def besiege(servers: Sequence[Served], book: Book, times: Iterator[Moment]) -> dict[str, int]:
    """Kills one server after another, each at its moment, and starts it again; how many, and how many calls it hit."""
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
        hit["kills, PostgreSQL" if target.database else "kills, SQLite"] += 1
        hit["kills"] += 1
        hit["kills under load"] += moment.answering and book.in_flight > 0
        hit["calls in flight when killed"] += book.in_flight
        target.kill()
        if len(servers) > 1:
            await book.next_answers()  # of another
        target.start()
    for server in servers:
        await server.answers()
    await book.next_answers()
    return hit


@pytest.mark.parametrize("engine", ["sqlite", "postgres"], indirect=True)
async def test_a_killed_server_has_lost_and_doubled_nothing(
    engine: str, data: Path, seed: int, effort: Effort, tell: Tell
) -> None:
    """Whenever it is killed, what it acknowledged stands once, and a retry is answered from the record."""
    await found(data, engine)
    book, servers = Book(), [Served(data, engine)]
    async with under_load(servers, book, seed):
        hit = await besiege(servers, book, moments(seed, effort(short=2, long=90)))
    await conclude(book, tell, data, engine, refused=False, **hit)


async def test_of_two_servers_the_other_goes_on(
    postgres: Database, data: Path, seed: int, effort: Effort, tell: Tell
) -> None:
    """Whichever of two servers over one database is killed, its callers turn to the other, which lets nobody down."""
    database = postgres.fresh()
    await found(data, database)
    book, servers = Book(), [Served(data, database) for _ in range(2)]
    async with under_load(servers, book, seed):
        hit = await besiege(servers, book, moments(seed, effort(short=1, long=40)))
    await conclude(book, tell, data, database, refused=False, **hit)
