"""PostgreSQL restarted, bereaved or set read-only under load: refused for the moment,
and no server restarted."""

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
from tests.chaos.stage import conclude, reads, under_load
from tests.chaos.town import found

Fault = Callable[[Database, Served, Book], AbstractAsyncContextManager[None]]
"""Something breaks and is seen to be broken; at the end of the context it works again."""

_END: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
    "application_name = 'gongji'"
)


@asynccontextmanager
async def stopped(
    postgres: Database, _: Served, book: Book, *, crash: bool
) -> AsyncIterator[None]:
    """Stopped by a fast shutdown or as in a crash, and started again once calls have
    been refused."""
    await asyncio.to_thread(postgres.stop, crash=crash)
    try:
        await book.next_refusals()
        yield
    finally:
        await asyncio.to_thread(postgres.start)


@asynccontextmanager
async def bereaved(postgres: Database, _: Served, book: Book) -> AsyncIterator[None]:
    """One of its processes is killed, as where memory runs out: it lets everybody go
    and recovers by itself."""
    (pid,) = await asked(
        postgres,
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'gongji' LIMIT 1",
    )
    os.kill(pid, signal.SIGKILL)
    await book.next_refusals()
    yield


@asynccontextmanager
async def read_only_to_who_comes(
    postgres: Database, served: Served, book: Book
) -> AsyncIterator[None]:
    """The database is set read-only, and whoever is connected has to connect anew."""
    await asked(
        postgres, "ALTER DATABASE postgres SET default_transaction_read_only = on", _END
    )
    try:
        await book.next_refusals(EVERY_CALLER)
        await reads(served, book)
        yield
    finally:
        await asked(
            postgres,
            "ALTER DATABASE postgres RESET default_transaction_read_only",
            _END,
        )


@asynccontextmanager
async def read_only_to_all(
    postgres: Database, served: Served, book: Book
) -> AsyncIterator[None]:
    """The whole server is set read-only, connections as they stand included."""
    await asked(
        postgres,
        "ALTER SYSTEM SET default_transaction_read_only = on",
        "SELECT pg_reload_conf()",
    )
    try:
        await book.next_refusals(EVERY_CALLER)
        await reads(served, book)
        yield
    finally:
        await asked(
            postgres,
            "ALTER SYSTEM RESET default_transaction_read_only",
            "SELECT pg_reload_conf()",
        )


async def asked(postgres: Database, *statements: str) -> tuple[int, ...]:
    """What an operator is told by the last of some statements, of its first row."""

    def ask() -> tuple[int, ...]:
        with psycopg.connect(
            postgres.url, autocommit=True, options="-cdefault_transaction_read_only=off"
        ) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return (cursor.fetchone() or ()) if cursor.description else ()

    return await asyncio.to_thread(ask)


FAULTS: Final[dict[str, Fault]] = {
    "fast restart": partial(stopped, crash=False),
    "restart after a crash": partial(stopped, crash=True),
    "a process of it killed": bereaved,
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
    happened = dict.fromkeys(FAULTS, 0)
    async with under_load([served], book, seed):
        for _ in range(effort(short=1, long=8)):
            for name, fault in FAULTS.items():
                async with fault(postgres, served, book):
                    happened[name] += 1
                await book.next_answers(CALLERS)
        assert (1, True) == (served.life, served.running)
    await conclude(book, tell, data, database, refused=True, **happened)
