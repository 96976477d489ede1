"""A log that cannot be written is nobody's business but the operator's."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.book import Book
from tests.chaos.conftest import Tell
from tests.chaos.served import Served
from tests.chaos.stage import breaches, under_load
from tests.chaos.town import found


async def test_a_log_that_cannot_be_written_ends_no_call(
    data: Path, seed: int, tell: Tell
) -> None:
    """If the disk of the log is full every call is answered as ever."""
    await found(data)
    book, served = Book(), Served(data, log=Path("/dev/full"))
    async with under_load([served], book, seed):
        await book.next_answers()
    assert [] == await breaches(book, tell, data, refused=False)
