"""The audit that every trial ends with finds what it is there to find."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from gongji.serve.settings import DATABASE
from gongji.v1 import settlement_pb2 as pb

from tests.chaos.audit import LAWS, LOGGED, audit
from tests.chaos.book import Book
from tests.chaos.stage import breaches_of
from tests.chaos.town import GIVERS, found

SETTLED, ON_RECORD, BALANCED, _, PURSES, BALANCES, _ = LAWS

_BALANCE = "UPDATE account SET balance_fen = balance_fen + 1 WHERE person_no = ?"
_ENTRY = "UPDATE entry SET fen = fen + 1 WHERE ledger_account = 'purse:' || ?"
_FORGED = "UPDATE person SET person_no = person_no || 'x' WHERE person_no = ?"


async def test_of_data_as_they_were_founded_every_law_holds(data: Path) -> None:
    """Nothing was asked for and nothing is broken; everything was looked at."""
    await found(data)
    broken, counts = await audit(Book(), data)
    assert {} == broken
    looked_at = counts["entries"], counts["of the rows"], counts["of the log"]
    assert all(looked_at), counts


async def test_a_settlement_acknowledged_and_lost_is_found(data: Path) -> None:
    """So is its request."""
    await found(data)
    book = Book(settled={"r": pb.Settlement(settlement_id="S1")})
    broken, _ = await audit(book, data)
    assert {
        SETTLED: ["lost: r"],
        ON_RECORD: ["not on record: r"],
    }.items() <= broken.items()


@pytest.mark.parametrize(
    ("statement", "laws"),
    [
        (_BALANCE, {PURSES, BALANCES, LOGGED}),
        (_ENTRY, {BALANCED, PURSES, LOGGED}),
        (_FORGED, {LOGGED}),
    ],
    ids=["a balance", "an entry", "a person"],
)
async def test_what_was_changed_besides_the_log_is_found(
    data: Path, statement: str, laws: set[str]
) -> None:
    """A balance, an entry, a row that is no money: all against what the log says."""
    await found(data)
    with closing(sqlite3.connect(data / DATABASE)) as connection, connection:
        assert 1 == connection.execute(statement, GIVERS[:1]).rowcount
    broken, _ = await audit(Book(), data)
    assert laws <= broken.keys()


@pytest.mark.parametrize("refused", [False, True])
def test_what_a_caller_may_not_see_is_a_breach(*, refused: bool) -> None:
    """A fault is one in any trial; that nothing was refused only where it had to be."""
    book = Book(faults=["acknowledged, and executed again"])
    expected = book.faults + ["nothing was refused"] * refused
    assert expected == [*breaches_of(book, {}, refused=refused)]
