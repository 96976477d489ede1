"""What a killed process had answered and not kept is counted at the next start."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gongji.model.access import LostAccesses
from gongji.model.commands import Listing
from gongji.serve.losses import FOLDER, note_losses, tallied
from gongji.store import Store, open_store
from structlog.testing import capture_logs

from tests.patience import PATIENCE_S
from tests.scaffold.people import NOW


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """Return an empty store."""
    store = open_store(":memory:", lambda: NOW)
    yield store
    await store.close()


async def lost(store: Store) -> list[int]:
    """Return the losses recorded."""
    return [loss.most for loss in await store.page(Listing(kind=LostAccesses))]


def files(data: Path) -> list[Path]:
    """Return the files of counts."""
    return list((data / FOLDER).iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from gongji.serve.losses import tallied
with tallied(Path(sys.argv[1])) as tally:
    tally.answered(1000)
    tally.kept(990)
    tally.answered(5)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def kill(data: Path) -> None:
    """Run a process that answers 15 rows more than it keeps, and is killed."""
    command = [sys.executable, "-c", KILLED, str(data)]
    killed = subprocess.run(command, check=False, timeout=PATIENCE_S)  # noqa: S603 - our own
    assert -signal.SIGKILL == killed.returncode


async def test_a_killed_process_is_counted_once(store: Store, tmp_path: Path) -> None:
    """The next start records and logs the most that can be lost; the one after nothing."""
    kill(tmp_path)
    for told in ([("accesses_lost", 15)], []):
        with capture_logs() as logged, tallied(tmp_path):
            await note_losses(store, tmp_path, lambda: NOW)
        assert [15] == await lost(store)
        assert told == [(event["event"], event["most"]) for event in logged]
    assert [] == files(tmp_path)


async def test_a_living_process_is_left_alone(store: Store, tmp_path: Path) -> None:
    """Counts of a process that lives, this one's too, are nobody's loss."""
    with tallied(tmp_path) as tally:
        tally.answered(3)
        await note_losses(store, tmp_path, lambda: NOW)
        assert [] == await lost(store)
        tally.kept(3)
    assert [] == files(tmp_path)


async def test_what_an_orderly_end_could_not_keep_is_counted(
    store: Store, tmp_path: Path
) -> None:
    """If the database was out of reach at the end, the next start counts what was left."""
    with tallied(tmp_path) as tally:
        tally.answered(3)
        tally.kept(1)
    await note_losses(store, tmp_path, lambda: NOW)
    assert [2] == await lost(store)
    assert [] == files(tmp_path)


async def test_a_file_cut_short_says_nothing(store: Store, tmp_path: Path) -> None:
    """A file that holds no counts is removed."""
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / "0123456789abcdef").write_bytes(b"")
    await note_losses(store, tmp_path, lambda: NOW)
    assert ([], []) == (await lost(store), files(tmp_path))


def test_only_its_user_reads_it(tmp_path: Path) -> None:
    """The folder and its files are their owner's."""
    with tallied(tmp_path):
        (file,) = files(tmp_path)
        assert (0o700, 0o600) == (
            (tmp_path / FOLDER).stat().st_mode & 0o777,
            file.stat().st_mode & 0o777,
        )


async def test_a_folder_that_takes_no_file_keeps_nobody_from_answering(
    tmp_path: Path,
) -> None:
    """Without a file nothing is counted, which is logged, and the service goes on."""
    (tmp_path / FOLDER).touch()
    with capture_logs() as logged, tallied(tmp_path) as tally:
        tally.answered(1)
    assert ["accesses_uncounted"] == [line["event"] for line in logged]
