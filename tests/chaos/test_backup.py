"""Backups taken under load: restored they hold all that was acknowledged before they began."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from gongji.serve.settings import KEY_FILE
from gongji.store.postgres.programs import address_of
from gongji.store.private_files import make_secret_file

from tests.chaos.audit import LAWS, findings_of, read, verified
from tests.chaos.book import Book
from tests.chaos.callers import CALLERS
from tests.chaos.conftest import Effort, Tell, engines
from tests.chaos.served import Served
from tests.chaos.stage import breaches, under_load
from tests.chaos.town import found

_INTERVAL_S = 1.0
"""How often a caller calls: a copy is checked faster than the data grow, so that the
last of many takes about as long as the first."""

_OF_ITSELF = (
    "the entries of a transaction add up to 0",
    "the entries of a purse follow one another without a gap up to its balance",
)
"""Laws that data obey whatever the callers were told."""


def command(*arguments: str | Path) -> None:
    """Run a command as an operator does. AssertionError with what it said if it fails."""
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "gongji", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr


def at(data: Path, database: str) -> list[str | Path]:
    """Return the options that name a service's data."""
    return ["--data", data, *(["--database", database] if database else [])]


def another(database: str) -> str:
    """Make an empty database beside one; return its address."""
    name = f"restored_{secrets.token_hex(4)}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return address_of(database, dbname=name)


def copied(book: Book) -> Book:
    """Return what is acknowledged by now."""
    return Book(settled=dict(book.settled), checkpoints=list(book.checkpoints))


async def assert_restored(
    folder: Path, engine: str, before: Book, after: set[str]
) -> None:
    """Restore a backup elsewhere and hold what it has against what was acknowledged.

    Its log goes on from the checkpoints that were kept before.
    """
    data, database = folder.with_name(f"{folder.name}-restored"), ""
    if engine:
        database = another(engine)
    make_secret_file(data / KEY_FILE, (folder.parent / "var" / KEY_FILE).read_bytes())
    await asyncio.to_thread(command, "restore", folder, *at(data, database))
    assert [] == findings_of(await asyncio.to_thread(verified, before, data, database))
    stored = await read(data, database)
    settled = stored.settlements.keys()
    lost = before.settled.keys() - settled
    assert not lost, f"lost: {lost}"
    assert settled <= after, f"from nowhere: {settled - after}"
    for law in _OF_ITSELF:
        assert [] == list(LAWS[law](Book(), stored))


@pytest.mark.parametrize("engine", engines(short="postgres"), indirect=True)
async def test_a_backup_under_load_has_lost_nothing(
    engine: str,
    data: Path,
    seed: int,
    effort: Effort,
    tell: Tell,
) -> None:
    """Each holds what was acknowledged before it began, of what came meanwhile a whole
    beginning; callers notice nothing."""
    await found(data, engine)
    book, server = Book(interval_s=_INTERVAL_S), Served(data, engine)
    times = effort(short=1, long=8)
    acknowledged: dict[Path, Book] = {}
    async with under_load([server], book, seed):
        for number in range(times):
            await book.next_answers(10 * CALLERS)
            folder = data.parent / f"backup-{number}"
            acknowledged[folder] = copied(book)
            await asyncio.to_thread(command, "backup", folder, *at(data, engine))
    for folder, before in acknowledged.items():
        await assert_restored(folder, engine, before, set(book.settled))
    assert [] == await breaches(book, tell, data, engine, refused=False, backups=times)
