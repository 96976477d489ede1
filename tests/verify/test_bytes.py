"""A byte changed anywhere in the content of a table or an index is found and named."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest
from gongji.store.keys.source import KeyFileError
from gongji.store.migrations import SchemaError
from gongji.verify.snapshot import UnreadableError

from tests.verify.conftest import FindAll
from tests.verify.pages import Span, content_of

AT_LENGTH = bool(os.environ.get("GONGJI_VERIFY"))

COUNT = 1000 if AT_LENGTH else 12

SEED = int(os.environ.get("GONGJI_SEED", "20261130"))


@pytest.fixture
def settled(data: Path) -> Path:
    """The file with nothing left beside it."""
    path = data / "gongji.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    return path


def test_every_byte_of_the_content_counts(settled: Path, find: FindAll) -> None:
    """Of every table and index, by chance; not one is excused."""
    tables = tables_of(settled)
    whole = settled.read_bytes()
    missed = []
    for name, place, byte in islice(changes(settled), COUNT):
        settled.write_bytes(whole[:place] + byte + whole[place + 1 :])
        # As a rule the first thing that is said names it.
        if not any(
            named(name, tables, sentences(settled, find, every=every))
            for every in (False, True)
        ):
            missed.append((name, place, byte))
    assert [] == missed, SEED


def changes(path: Path) -> Iterator[tuple[str, int, bytes]]:
    """Yield a table or index, a place in its content, and another byte for there."""
    chance = random.Random(SEED)  # noqa: S311 - a seed, to be tried again
    whole, content = path.read_bytes(), content_of(path)
    while True:
        # Each has its turn, however small it is.
        for name in chance.sample(list(content), len(content)):
            first, behind = one_of(chance, content[name])
            place = chance.randrange(first, behind)
            yield name, place, bytes([whole[place] ^ chance.randrange(1, 256)])


def one_of(chance: random.Random, spans: Sequence[Span]) -> Span:
    """Return a span, a large one as likely as its bytes or as any other."""
    spans = [span for span in spans if span[0] < span[1]]
    sizes = [behind - first for first, behind in spans]
    weights = sizes if chance.random() < 0.5 else None
    return chance.choices(spans, weights)[0]


def tables_of(path: Path) -> dict[str, str]:
    """Return the table of each table and index."""
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT name, tbl_name FROM sqlite_schema"))


def words(name: str, tables: dict[str, str]) -> list[str]:
    """Return by which a sentence names the object."""
    if name == "sqlite_schema":
        # Where the definitions cannot be read nothing can.
        return ["数据库对象", "malformed", "（读取 "]
    table = tables[name]
    of_the_log = {
        "leaf": ["日志叶", "号叶"],
        "checkpoint": ["检查点"],
        "log_writer": ["写入方"],
    }
    return [name, table, *of_the_log.get(table, [])]


def named(name: str, tables: dict[str, str], told: Sequence[str]) -> bool:
    """Return whether a sentence names the object."""
    return any(word in one for word in words(name, tables) for one in told)


def sentences(path: Path, find: FindAll, *, every: bool) -> list[str]:
    """Return what is said to be wrong."""
    try:
        found = find(path, path.with_name("gongji.key"), every=every)
    except (UnreadableError, SchemaError, KeyFileError) as fault:
        return [str(fault)]
    return [finding.sentence for finding in found]
