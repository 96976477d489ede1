"""A database of a real run, and what a verification of it finds."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from gongji.verify.finding import Discrepancy
from gongji.verify.run import Verification, verify
from msgspec import Struct

from tests.postgres import Postgres
from tests.verify.everything import live_everything

# A thousand bytes of PostgreSQL's files: `make verify`.
collect_ignore = [] if os.environ.get("GONGJI_VERIFY") else ["test_server_files.py"]


EARLIER = "earlier.sqlite3"
"""The database as it was before bills were settled."""


class Lived(Struct, frozen=True):
    """The folder of a database, and what was found after each part of its life."""

    folder: Path
    found: dict[str, list[str]]


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """A SQLite database with a row in every table, verified after each part."""
    folder = tmp_path_factory.mktemp("lived")
    folder.chmod(0o700)
    path, key_file = folder / "gongji.sqlite3", folder / "gongji.key"
    asked = Verification(
        address=str(path), key_file=key_file, folder=folder / "work", every=True
    )
    found = {}

    def told(part: str) -> None:
        found[part] = [f.sentence for result in verify(asked) for f in result.findings]
        if part == "bound":
            with (
                closing(sqlite3.connect(path)) as now,
                closing(sqlite3.connect(folder / EARLIER)) as then,
            ):
                now.backup(then)

    asyncio.run(live_everything(f"sqlite:///{path}", key_file, told))
    return Lived(folder, found)


@pytest.fixture(scope="session")
def lived_file(lived: Lived) -> Path:
    """The folder of that database; never change it."""
    return lived.folder


@pytest.fixture(scope="session")
def lived_server(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A PostgreSQL database and its key file: whoever changes it changes it back."""
    folder = tmp_path_factory.mktemp("lived-server")
    folder.chmod(0o700)
    address = postgres.fresh()
    asyncio.run(live_everything(address, folder / "gongji.key"))
    return address, folder / "gongji.key"


@pytest.fixture
def data(lived_file: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to be changed."""
    copied = tmp_path / "var"
    shutil.copytree(lived_file, copied)
    return copied


FindAll = Callable[..., list[Discrepancy]]


@pytest.fixture
def find(tmp_path: Path) -> FindAll:
    """Verify a database; return everything that does not hold."""

    def found(
        address: str | Path,
        key_file: Path,
        *,
        jobs: int = 1,
        every: bool = True,
        kept: str = "",
    ) -> list[Discrepancy]:
        asked = Verification(
            address=str(address),
            key_file=key_file,
            folder=tmp_path / "work",
            jobs=jobs,
            every=every,
            checkpoints=(kept,) if kept else (),
            signing_key=key_file.with_name("checkpoint.key"),
        )
        return [finding for result in verify(asked) for finding in result.findings]

    return found
