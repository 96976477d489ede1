"""PostgreSQL restarted, struck or set read-only under load: calls refused for the moment."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import psycopg

from tests.chaos.book import Book
from tests.chaos.callers import CALLERS, EVERY_CALLER
from tests.chaos.conftest import Effort, Tell
from tests.chaos.database import Database
from tests.chaos.served import Served
from tests.chaos.stage import breaches, reads, under_load
from tests.chaos.town import found

Fault = Callable[[Database, Served, Book], AbstractAsyncContextManager[None]]
"""Something breaks and is seen to be broken; at the end of the context it works again."""

_READ_ONLY: Final = "default_transaction_read_only"
_DATABASE: Final = "ALTER DATABASE postgres"
_RELOAD: Final = "SELECT pg_reload_conf()"
_ANY_CONNECTION: Final = (
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'gongji' LIMIT 1"
)
_END: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
    "application_name = 'gongji'"
)


@asynccontextmanager
async def stopped(
    postgres: Database, _: Served, book: Book, *, crash: bool
) -> AsyncIterator[None]:
    """Stop it by a fast shutdown or as in a crash; start it once calls have been refused."""
    await asyncio.to_thread(postgres.stop, crash=crash)
    try:
        await book.next_refusals()
        yield
    finally:
        await asyncio.to_thread(postgres.start)


@asynccontextmanager
async def struck(postgres: Database, _: Served, book: Book) -> AsyncIterator[None]:
    """Kill one of its processes, as if memory ran out.

    It closes every connection and recovers by itself.
    """
    (pid,) = await row_of(postgres, _ANY_CONNECTION)
    os.kill(pid, signal.SIGKILL)
    await book.next_refusals()
    yield


@asynccontextmanager
async def read_only_to_who_comes(
    postgres: Database, served: Served, book: Book
) -> AsyncIterator[None]:
    """Set the database read-only, and end connections: each has to connect anew."""
    await row_of(postgres, f"{_DATABASE} SET {_READ_ONLY} = on", _END)
    try:
        await book.next_refusals(EVERY_CALLER)
        await reads(served, book)
        yield
    finally:
        await row_of(postgres, f"{_DATABASE} RESET {_READ_ONLY}", _END)


@asynccontextmanager
async def read_only_to_all(
    postgres: Database, served: Served, book: Book
) -> AsyncIterator[None]:
    """Set the whole server read-only, connections as they stand included."""
    await row_of(postgres, f"ALTER SYSTEM SET {_READ_ONLY} = on", _RELOAD)
    try:
        await book.next_refusals(EVERY_CALLER)
        await reads(served, book)
        yield
    finally:
        await row_of(postgres, f"ALTER SYSTEM RESET {_READ_ONLY}", _RELOAD)


async def row_of(postgres: Database, *statements: str) -> tuple[int, ...]:
    """Execute statements as an operator. Return the first row of the last, if any."""
    options = f"-c{_READ_ONLY}=off"

    def execute() -> tuple[int, ...]:
        with psycopg.connect(
            postgres.url, autocommit=True, options=options
        ) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return (cursor.fetchone() or ()) if cursor.description else ()

    return await asyncio.to_thread(execute)


FAULTS: Final[dict[str, Fault]] = {
    "fast restart": partial(stopped, crash=False),
    "restart after a crash": partial(stopped, crash=True),
    "a process of it killed": struck,
    "a database set read-only": read_only_to_who_comes,
    "a server set read-only": read_only_to_all,
}


async def test_a_service_outlives_the_faults_of_its_database(
    postgres: Database, data: Path, seed: int, effort: Effort, tell: Tell
) -> None:
    """It refuses for the moment, saying when to come again, recovers by itself, and has
    lost and doubled nothing."""
    database = postgres.fresh()
    await found(data, database)
    book, served = Book(), Served(data, database)
    counts = dict.fromkeys(FAULTS, 0)
    async with under_load([served], book, seed):
        for _ in range(effort(short=1, long=8)):
            for name, fault in FAULTS.items():
                async with fault(postgres, served, book):
                    counts[name] += 1
                await book.next_answers(CALLERS)
        assert 1 == served.life
        assert served.running
    assert [] == await breaches(book, tell, data, database, refused=True, **counts)
