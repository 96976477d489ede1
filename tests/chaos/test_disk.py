"""A disk that is full or may only be read: refused clearly, nothing half-written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from gongji.serve.settings import DATABASE

from tests.chaos.book import Book
from tests.chaos.callers import EVERY_CALLER
from tests.chaos.conftest import Tell
from tests.chaos.database import limit
from tests.chaos.served import Served
from tests.chaos.stage import breaches, reads, under_load
from tests.chaos.town import found

_ROOM: Final = 1024 * 1024
"""Bytes SQLite's log may still grow by."""


_LIKE_ANYBODY: Final = (
    ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    if os.geteuid() == 0
    else ()
)
"""Runs a program so that the rights of files hold for it, as they do not for root."""


async def test_sqlite_on_a_full_disk(data: Path, seed: int, tell: Tell) -> None:
    """If the log cannot grow commands are refused and reads answered; with room the
    same requests execute."""
    await found(data)
    book, served = Book(), Served(data)
    log = data / f"{DATABASE}-wal"
    async with under_load([served], book, seed):
        limit(served.pid, log.stat().st_size + _ROOM)
        await book.next_refusals(EVERY_CALLER)
        await reads(served, book)
        limit(served.pid, None)
        await book.next_answers()
    assert [] == await breaches(book, tell, data, refused=True)


async def test_sqlite_that_may_only_be_read(data: Path, seed: int, tell: Tell) -> None:
    """A server killed and started over files it may not write refuses commands and
    answers reads, until it may."""
    await found(data)
    book, served = Book(), Served(data, inside=_LIKE_ANYBODY)
    async with under_load([served], book, seed):
        served.kill()
        allow(data, writing=False)
        served.start()
        await book.next_refusals(EVERY_CALLER)
        await reads(served, book)
        served.kill()
        allow(data, writing=True)
        served.start()
        await served.answers()
        await book.next_answers()
    assert [] == await breaches(book, tell, data, refused=True)


def allow(folder: Path, *, writing: bool) -> None:
    """Let the owner of a folder write into it and its files, or only read."""
    for path in (folder, *folder.rglob("*")):
        # Without the right to search a folder not even its files could be read.
        own = 0o500 if path.is_dir() else 0o400
        path.chmod(own | 0o200 if writing else own)
