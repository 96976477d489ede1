"""Whatever is changed of what is stored, by chance or with skill, is found and named."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest
from gongji.store.keys.source import KeyFileError
from gongji.store.migrations import SchemaError

from tests.verify.changer import EMPTY, Changer
from tests.verify.changes import KINDS
from tests.verify.conftest import EARLIER, FindAll, Lived
from tests.verify.forks import Told, check_other_logs
from tests.verify.naming import made, named
from tests.verify.stored import StoredDatabase

AT_LENGTH = bool(os.environ.get("GONGJI_VERIFY"))

COUNT = 1000 if AT_LENGTH else len(KINDS)

FORGED = 50 if AT_LENGTH else 1

SEED = int(os.environ.get("GONGJI_SEED", "20261130"))


@pytest.fixture
def database(lived_file: Path, tmp_path: Path) -> StoredDatabase:
    """A SQLite database with a row in every table, to be changed."""
    shutil.copytree(lived_file, tmp_path / "var")
    return StoredDatabase(f"sqlite:///{tmp_path / 'var' / 'gongji.sqlite3'}")


@pytest.fixture
def told(database: StoredDatabase, find: FindAll, tmp_path: Path) -> Told:
    """What a verification says, given a checkpoint kept elsewhere or none."""

    def sentences(kept: str = "", *, every: bool = True) -> list[str]:
        key_file = tmp_path / "var" / "gongji.key"
        try:
            found = find(database.address, key_file, kept=kept, every=every)
        except (SchemaError, KeyFileError) as fault:
            return [str(fault)]
        return [finding.sentence for finding in found]

    return sentences


def test_every_table_has_rows(database: StoredDatabase) -> None:
    """A table that is added is changed here too, or this says that it is not."""
    assert set(database.tables) == database.names()
    empty = {name for name, rows in database.rows().items() if not rows}
    assert set(EMPTY) == empty


def test_what_years_left_holds(lived: Lived, told: Told) -> None:
    """Brought forward, imported, bound and ended, settled and reversed, rekeyed, settled
    again, transferred, claimed, filed, erased, expired: after each part nothing is wrong."""
    assert 13 == len(lived.found)
    assert {part: [] for part in lived.found} == lived.found
    assert [] == told()


def test_each_change_is_named(
    database: StoredDatabase, told: Told, lived_file: Path
) -> None:
    """By the table and key of its row, its leaf, or its checkpoint."""
    earlier = StoredDatabase(f"sqlite:///{lived_file / EARLIER}").rows()
    changer = Changer(database.tables, database.rows(), KINDS, SEED, earlier)
    with closing(made(database, changer)) as changes:
        missed = [
            change.in_words(database.tables)
            for change in islice(changes, COUNT)
            # As a rule the first thing that is said names it.
            if not any(
                named(database, change, told(every=every)) for every in (False, True)
            )
        ]
    assert [] == missed, SEED
    assert [] == told()


@pytest.mark.parametrize("kind", ["cut", "fork"])
def test_another_log_is_found_by_a_checkpoint_kept_elsewhere(
    database: StoredDatabase, told: Told, tmp_path: Path, kind: str
) -> None:
    """A tail cut off, and a log signed anew: by itself either holds together."""
    changer = Changer(database.tables, database.rows(), KINDS, SEED)
    key_file = tmp_path / "var" / "gongji.key"
    check_other_logs(database, changer, key_file, told, kind=kind, count=FORGED)
