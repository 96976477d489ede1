"""An upgrade while serving: two releases over one PostgreSQL, and callers notice nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import gongji
import psycopg
import pytest

from tests.chaos import releases
from tests.chaos.apart import ProgramTree
from tests.chaos.book import Book
from tests.chaos.callers import CALLERS
from tests.chaos.conftest import Tell
from tests.chaos.database import Database
from tests.chaos.served import Served
from tests.chaos.stage import breaches_of, under_load

_LOAD = 0.7
"""Of what the two servers can do."""


@pytest.fixture
def pair(tmp_path: Path) -> tuple[ProgramTree, ProgramTree]:
    """Return two releases, the older first: this one is one of them."""
    this = ProgramTree(Path(gongji.__file__).parents[1])
    tree = tmp_path / "release"
    if releases.PREDECESSOR:
        return ProgramTree(releases.predecessor(tree)), this
    return this, ProgramTree(releases.next_release(tree))


async def slow_to_share(book: Book, seconds: float) -> float:
    """Have callers ask for a part of what they could get; return what that is a second."""
    began, before = monotonic(), book.answers
    await asyncio.sleep(seconds)
    rate = (book.answers - before) / (monotonic() - began)
    book.interval_s = CALLERS / (rate * _LOAD)
    return rate


async def replaced(server: Served, newer: ProgramTree, book: Book) -> None:
    """Stop a server in order and start the other release in its place."""
    assert 0 == await asyncio.to_thread(server.stop)
    server.inside = newer.inside
    server.start()
    await server.answers()
    await book.next_answers(4 * CALLERS)


async def test_an_upgrade_goes_unnoticed(
    postgres: Database,
    pair: tuple[ProgramTree, ProgramTree],
    data: Path,
    seed: int,
    tell: Tell,
) -> None:
    """Through expansion, one server replaced after the other, backfilling and contraction
    every call is answered, if need be by a retry, and nothing is lost or doubled."""
    older, newer = pair
    database = postgres.fresh()
    await older.found(data, database)
    book = Book()
    servers = [Served(data, database, inside=older.inside) for _ in range(2)]
    async with under_load(servers, book, seed):
        most = await slow_to_share(book, 3)
        rate = await upgraded(servers, newer, book)
    broken, audited = await newer.audit(book, data, database)
    counts = {"answers/s": round(rate), "answers/s at most": round(most)}
    tell(book, audited, upgrades=1, **counts)
    assert [] == [*breaches_of(book, broken, refused=bool(book.refusals))]
    assert {True} >= {"正在停止" in lost.refusal.message for lost in book.refusals}
    assert_filled(database)


async def upgraded(servers: Sequence[Served], newer: ProgramTree, book: Book) -> float:
    """Upgrade the servers and their database; return the rate of answers meanwhile."""
    at = ("--data", servers[0].data, "--database", servers[0].database)
    began, before = monotonic(), book.answers
    await newer.gongji("migrate", "--phase", "expand", *at)
    for server in servers:
        await replaced(server, newer, book)
    for phase in ("backfill", "contract"):
        await newer.gongji("migrate", "--phase", phase, *at)
        await book.next_answers(CALLERS)
    rate = (book.answers - before) / (monotonic() - began)
    assert "无需迁移" in await newer.gongji("migrate", "--phase", "expand", *at)
    return rate


def assert_filled(database: str) -> None:
    """Nothing is left to do; what the made-up release has rows say, every row says."""
    filled = f"SELECT count(*), count({releases.COLUMN}) FROM settlement"  # noqa: S608 - ours
    with psycopg.connect(database) as connection:
        assert [] == list(connection.execute("SELECT * FROM upgrade"))
        if not releases.PREDECESSOR:
            ((settlements, said),) = connection.execute(filled)
            assert 0 < settlements == said
