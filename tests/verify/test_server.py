"""Whatever is changed through SQL in a PostgreSQL database is found and named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from gongji.store.keys.source import KeyFileError
from gongji.store.migrations import SchemaError
from gongji.verify.postgres import PostgresView

from tests.verify.changer import Change, Changer
from tests.verify.changes import KINDS
from tests.verify.conftest import FindAll
from tests.verify.forks import check_other_logs
from tests.verify.naming import named
from tests.verify.stored import REFUSED, StoredDatabase

AT_LENGTH = bool(os.environ.get("GONGJI_VERIFY"))

COUNT = 1000 if AT_LENGTH else 10

FORGED = 50 if AT_LENGTH else 1

BESIDE = 20
"""Changes of records that stand at once, each of rows of its own, and each to be named."""

SEED = int(os.environ.get("GONGJI_SEED", "20261130"))


@pytest.fixture
def database(lived_server: tuple[str, Path]) -> StoredDatabase:
    """A database with a row in every table; what is changed is changed back."""
    return StoredDatabase(lived_server[0])


def test_every_table_is_known(database: StoredDatabase) -> None:
    """Those of PostgreSQL are those of SQLite."""
    assert set(database.tables) == database.names()


@pytest.fixture
def files_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing said of files: what is changed through SQL leaves them whole."""
    monkeypatch.setattr(PostgresView, "file_tasks", lambda *_: [])


@pytest.mark.usefixtures("files_left_out")
def test_each_change_is_named(
    database: StoredDatabase, lived_server: tuple[str, Path], find: FindAll
) -> None:
    """As in SQLite; of each row on its own, however many are changed."""

    def told(*, every: bool) -> list[str]:
        try:
            return [one.sentence for one in find(*lived_server, every=every)]
        except (SchemaError, KeyFileError) as fault:
            return [str(fault)]

    changer = Changer(database.tables, database.rows(), KINDS, SEED)
    missed, count = [], 0
    for together in groups(database, changer):
        count += len(together)
        sentences = told(every=together[0].apart)
        missed += [
            change.in_words(database.tables)
            for change in together
            if not named(database, change, sentences)
        ]
    assert [] == missed, SEED
    assert [] == told(every=True)
    assert count >= COUNT


@pytest.mark.usefixtures("files_left_out")
@pytest.mark.parametrize("kind", ["cut", "fork"])
def test_another_log_is_found_by_a_checkpoint_kept_elsewhere(
    database: StoredDatabase, lived_server: tuple[str, Path], find: FindAll, kind: str
) -> None:
    """As in SQLite: a tail cut off, and a log signed anew."""

    def told(kept: str = "") -> list[str]:
        return [one.sentence for one in find(*lived_server, kept=kept)]

    changer = Changer(database.tables, database.rows(), KINDS, SEED)
    key_file = lived_server[1]
    check_other_logs(database, changer, key_file, told, kind=kind, count=FORGED)


def groups(database: StoredDatabase, changer: Changer) -> Iterator[list[Change]]:
    """Yield changes that stand at once: of the log one alone, of records many."""
    # Some are refused, by a key that is taken.
    some = list(islice(changer.changes(), COUNT * 11 // 10 + 10))
    records = (change for change in some if change.apart)
    log = [change for change in some if not change.apart] if AT_LENGTH else []
    together: list[Change] = []
    for change in records:
        touched = {row for other in together for row in other.rows}
        if touched & change.rows or len(together) == BESIDE:
            yield from standing(database, together)
            together = []
        together += taken(database, change)
    yield from standing(database, together)
    for change in log:
        yield from standing(database, taken(database, change))


def taken(database: StoredDatabase, change: Change) -> list[Change]:
    """Make a change; return it if the database takes it."""
    try:
        database.edit(change.edits)
    except REFUSED:
        return []
    return [change]


def standing(
    database: StoredDatabase, together: list[Change]
) -> Iterator[list[Change]]:
    """Yield changes that stand, if there are any, and take them back."""
    if together:
        yield together
    for change in reversed(together):
        database.edit(change.undone)
