"""A byte changed in a file of a PostgreSQL is found, and its table or index named.

With data checksums every byte of a page counts, also what no row needs.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from gongji.store.postgres.programs import address_of
from gongji.verify.snapshot import UnreadableError

from tests.postgres import QUICK, OwnPostgres, own
from tests.verify.conftest import FindAll
from tests.verify.everything import live_everything

COUNT = 1000

BESIDE = 20
"""Files that are changed at once, each of which is to be named."""

SEED = int(os.environ.get("GONGJI_SEED", "20261130"))

RELATIONS = """
SELECT c.relname, coalesce(owner.relname, indexed.relname, c.relname),
  pg_relation_filepath(c.oid), pg_relation_size(c.oid)
FROM pg_class c
LEFT JOIN pg_index i ON i.indexrelid = c.oid
LEFT JOIN pg_class indexed ON indexed.oid = i.indrelid
LEFT JOIN pg_class owner ON owner.reltoastrelid IN (c.oid, i.indrelid)
  AND owner.reltoastrelid <> 0
WHERE c.relkind IN ('r', 'i', 't')
  AND coalesce(owner.relnamespace, c.relnamespace) = 'public'::regnamespace
  AND pg_relation_size(c.oid) > 0
ORDER BY 1
"""
"""Name, table, file and size of each; what overflows from a row is its table's."""

APART = ("vault", "vault_key", "leaf")
"""What is read before anything else: whatever else is wrong is not found then."""


@dataclass(frozen=True)
class Relation:
    """A table or an index, and the file it lies in."""

    name: str
    table: str
    file: str
    size: int

    @property
    def parent(self) -> str:
        """The table that this one is a year of, or itself."""
        name, _, year = self.table.rpartition("_")
        return name if year == "rest" or year.isdigit() else self.table

    @property
    def apart(self) -> bool:
        """Whether it is changed alone."""
        return self.table.startswith(APART)


@dataclass(frozen=True)
class CopiedDatabase:
    """A server of our own, and the database that others are copied from."""

    server: OwnPostgres
    address: str
    key_file: Path
    relations: Sequence[Relation]

    def copied(self, name: str) -> tuple[str, Path]:
        """Copy the database; return its address and its folder."""
        self.server.execute(f"CREATE DATABASE {name} TEMPLATE base STRATEGY file_copy")
        address = address_of(self.address, dbname=name)
        with psycopg.connect(address) as connection:
            found = connection.execute(
                "SELECT oid FROM pg_database WHERE datname = current_database()"
            ).fetchone()
        assert found
        return address, self.server.folder / "data" / "base" / str(found[0])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CopiedDatabase]:
    """A server with data checksums; amcheck is there as documented."""
    folder = tmp_path_factory.mktemp("files")
    folder.chmod(0o700)
    with own(*QUICK) as server:
        server.execute("CREATE DATABASE base")
        address = address_of(server.url, dbname="base")
        asyncio.run(live_everything(address, folder / "gongji.key"))
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION amcheck")
            found = connection.execute(RELATIONS).fetchall()
        relations = [Relation(*row) for row in found]
        yield CopiedDatabase(server, address, folder / "gongji.key", relations)


def test_every_byte_of_every_file_counts(
    cluster: CopiedDatabase, find: FindAll
) -> None:
    """Of tables, their overflow and their indexes."""
    chance = random.Random(SEED)  # noqa: S311 - a seed, to be tried again
    missed, count = [], 0
    while count < COUNT:
        for together in groups(chance, cluster.relations):
            sentences = found_with(cluster, chance, together, find)
            count += len(together)
            missed += [
                (relation.name, sentences[:3])
                for relation in together
                if not any(
                    word in sentence
                    for word in (relation.name, relation.table, relation.parent)
                    for sentence in sentences
                )
            ]
    assert [] == missed, SEED


def groups(
    chance: random.Random, relations: Sequence[Relation]
) -> Iterator[list[Relation]]:
    """Yield files to be changed at once: all of them, in any order."""
    chosen = chance.sample(relations, len(relations))
    several = [relation for relation in chosen if not relation.apart]
    for first in range(0, len(several), BESIDE):
        yield several[first : first + BESIDE]
    for relation in chosen:
        if relation.apart and chance.random() < 0.2:
            yield [relation]


def found_with(
    cluster: CopiedDatabase,
    chance: random.Random,
    together: Sequence[Relation],
    find: FindAll,
) -> list[str]:
    """Change a byte of each file; return what is said to be wrong."""
    address, folder = cluster.copied("trial")
    try:
        for relation in together:
            change(chance, folder / Path(relation.file).name, relation.size)
        return [one.sentence for one in find(address, cluster.key_file)]
    except UnreadableError as fault:
        return [str(fault)]
    finally:
        cluster.server.execute("DROP DATABASE trial WITH (FORCE)")


def change(chance: random.Random, path: Path, size: int) -> None:
    """Change a byte of a file, whichever it is."""
    place = chance.randrange(size)
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ chance.randrange(1, 256)]))
