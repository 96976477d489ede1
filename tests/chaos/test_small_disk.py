"""Full disks that take a database or a file system of their own: in `make chaos` only."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from tests.chaos.book import Book
from tests.chaos.callers import EVERY_CALLER, calling
from tests.chaos.conftest import Tell
from tests.chaos.database import Tight
from tests.chaos.served import Served
from tests.chaos.stage import breaches, reads, under_load
from tests.chaos.town import found

_SEGMENT: Final = 1024 * 1024
"""Most bytes that any file of PostgreSQL may hold; those of its log have as many."""

_MOUNT: Final = (
    'mkdir "$0" && mount -t tmpfs -o size=24m none "$0" && cp -a "$1/." "$0" && head '
    '-c 22m /dev/zero > "$0/filler" && shift && exec "$@"'
)
"""A disk of 24 MB in the data folder, seen by the server alone; 22 of them are taken."""


async def test_postgres_on_a_full_disk(data: Path, seed: int, tell: Tell) -> None:
    """If its tables cannot grow commands are refused and reads answered; with room
    the same requests execute."""
    book = Book()
    with Tight.running() as tight:
        database = tight.fresh()
        await found(data, database)
        served = Served(data, database)
        async with under_load([served], book, seed):
            tight.limit(_SEGMENT)
            await book.next_refusals(EVERY_CALLER)
            await reads(served, book)
            tight.limit(None)
            await book.next_answers()
        assert [] == await breaches(book, tell, data, database, refused=True)


async def test_sqlite_on_a_small_disk(
    data: Path, tmp_path: Path, seed: int, tell: Tell
) -> None:
    """The same on a disk that really has no room left, until a file beside the database goes."""
    founded, copied = tmp_path / "founded", tmp_path / "copied"
    await found(founded)
    mounted = ("unshare", "-rm", "sh", "-c", _MOUNT, str(data), str(founded))
    book, served = Book(), Served(data, inside=mounted, origin=founded)
    try:
        served.start()
        async with calling([served], book, seed):
            await served.answers()
            await book.next_refusals(EVERY_CALLER)
            await reads(served, book)
            disk = Path(f"/proc/{served.pid}/root{data}")
            (disk / "filler").unlink()
            await book.next_answers()
        shutil.copytree(disk, copied)
        assert 0 == served.stop()
    finally:
        served.kill()
    assert [] == await breaches(book, tell, copied, refused=True)
