"""A byte changed anywhere in the content of a file is found; in unused space it is none."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from gongji.store.migrations import SchemaError
from gongji.verify.snapshot import UnreadableError

from tests.verify.conftest import FindAll

AT_LENGTH = bool(os.environ.get("GONGJI_VERIFY"))
CHANGES = 1000 if AT_LENGTH else 60
SEED = 20261130


def content(path: Path) -> object:
    """All that SQLite itself reads of a file, tables and indexes apart; None if it fails.

    Independent of what is tried here: no description of ours is asked.
    """
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.text_factory = bytes
            (checked,) = connection.execute("PRAGMA integrity_check").fetchone()
            if checked != b"ok":
                return None
            objects = connection.execute("SELECT * FROM sqlite_master").fetchall()
            version = connection.execute("PRAGMA user_version").fetchall()
            tables = [row[1].decode() for row in objects if row[0] == b"table"]
            rows = {
                table: sorted(map(repr, connection.execute(f"SELECT * FROM {table}")))  # noqa: S608 - the file's own names
                for table in tables
            }
            return [sorted(map(repr, objects)), version, rows]
    except (sqlite3.Error, UnicodeDecodeError):
        return None


@pytest.fixture
def settled(data: Path) -> Path:
    """The file with nothing left beside it."""
    path = data / "gongji.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    return path


def test_every_byte_of_the_content_counts(
    settled: Path, find: FindAll, record_property: Callable[[str, object], None]
) -> None:
    """Whatever changes what SQLite reads, or that it can be read, is named."""
    chance = random.Random(SEED)  # noqa: S311 - a seed, to be tried again
    before, whole = content(settled), settled.read_bytes()
    assert before is not None
    changed = unused = 0
    missed = []
    while changed < CHANGES:
        place = chance.randrange(len(whole))
        byte = bytes([whole[place] ^ chance.randrange(1, 256)])
        settled.write_bytes(whole[:place] + byte + whole[place + 1 :])
        if content(settled) == before:
            unused += 1
            continue
        changed += 1
        if not named(settled, find):
            missed.append((place, byte))
    record_property("unused", unused)
    assert [] == missed


def named(path: Path, find: FindAll) -> bool:
    """Whether something is said to be wrong."""
    try:
        return bool(find(path, path.with_name("gongji.key")))
    except (UnreadableError, SchemaError, sqlite3.DatabaseError):
        return True
