"""A run that is cut short anywhere goes on, or begins anew if anything was written."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from gongji.verify import run as running
from gongji.verify.finding import PHASE_OF, Discrepancy
from gongji.verify.run import PhaseResult, TaskProgress, Verification, verify
from msgspec.structs import replace

MOVED = "UPDATE entry SET fen = fen + 1 WHERE position = 0"


class CutShort(Exception):  # noqa: N818 - what ends a run here
    """Whoever watches has had enough."""


@pytest.fixture(autouse=True)
def _small_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every stage of a small database done in several tasks."""
    monkeypatch.setattr(running, "BUCKET_ROWS", 100)


def asked_of(address: str | Path, key_file: Path, folder: Path) -> Verification:
    """Return a run that goes on if it can."""
    return Verification(
        address=str(address),
        key_file=key_file,
        folder=folder,
        resume=True,
        every=True,
        signing_key=key_file.with_name("checkpoint.key"),
    )


def cut_in(asked: Verification, stage: str) -> None:
    """Begin or go on, and end after the first task of a stage that was not done before."""

    def tell(progress: TaskProgress) -> None:
        if progress.stage == stage:
            raise CutShort

    with pytest.raises(CutShort):
        list(verify(asked, tell))


def findings(results: list[PhaseResult]) -> list[Discrepancy]:
    """Return all that does not hold."""
    return [finding for result in results for finding in result.findings]


def verdict(result: PhaseResult) -> tuple[object, ...]:
    """Return what a phase says of the database."""
    counts = result.phase, result.count, result.tasks
    return *counts, result.findings, result.proved


@pytest.mark.parametrize("change", ["", MOVED], ids=["whole", "changed"])
def test_cut_short_in_every_stage(data: Path, tmp_path: Path, change: str) -> None:
    """The verdict is that of a run in one go, and nothing was done twice."""
    path = data / "gongji.sqlite3"
    if change:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(change)
            connection.commit()
    asked = asked_of(path, data / "gongji.key", tmp_path / "cut")
    for stage in PHASE_OF:
        cut_in(asked, stage)
    results = list(verify(asked))
    in_one_go = list(verify(replace(asked, folder=tmp_path / "whole")))
    assert list(map(verdict, in_one_go)) == list(map(verdict, results))
    assert bool(change) == bool(findings(results))
    assert all(result.taken_over for result in results)
    assert not any(result.taken_over for result in in_one_go)


KILLED = """
import os, signal, sys
from pathlib import Path
from gongji.verify import run
run.BUCKET_ROWS = 100
asked = run.Verification(address=sys.argv[1], key_file=Path(sys.argv[2]),
    folder=Path(sys.argv[3]), signing_key=Path(sys.argv[2]).with_name("checkpoint.key"),
    jobs=2, every=True)
def tell(progress):
    if progress.stage == "join":
        os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    list(run.verify(asked, tell))
"""


def test_killed_while_two_processes_work(lived_file: Path, tmp_path: Path) -> None:
    """Whoever was killed leaves whole segments only; another goes on at once."""
    script = tmp_path / "killed.py"
    script.write_text(KILLED, encoding="utf-8")
    path, key_file = lived_file / "gongji.sqlite3", lived_file / "gongji.key"
    folder = tmp_path / "work"
    command = [sys.executable, *map(str, (script, path, key_file, folder))]
    killed = subprocess.run(command, check=False)  # noqa: S603 - our own
    assert -signal.SIGKILL == killed.returncode
    results = list(verify(asked_of(path, key_file, folder)))
    assert [] == findings(results)
    assert [True, True] == [bool(result.taken_over) for result in results[1:3]]
    assert not folder.exists()


def test_written_to_in_between(data: Path, tmp_path: Path) -> None:
    """A run begins anew if anything was written, and finds it."""
    path = data / "gongji.sqlite3"
    asked = asked_of(path, data / "gongji.key", tmp_path / "work")
    cut_in(asked, "sums")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(MOVED)
        connection.commit()
    results = list(verify(asked))
    assert findings(results)
    assert not any(result.taken_over for result in results)


def test_written_to_unseen(data: Path, tmp_path: Path) -> None:
    """If the file looks as before it is said what was not looked at again."""
    path = data / "gongji.sqlite3"
    asked = asked_of(path, data / "gongji.key", tmp_path / "work")
    cut_in(asked, "sums")
    before = path.stat()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("UPDATE account SET balance_fen = balance_fen")
        connection.commit()
    assert before.st_size == path.stat().st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    *_, rows, sums, _ = verify(asked)
    assert rows.tasks == rows.taken_over
    assert 0 < sums.taken_over < sums.tasks
    assert rows.began


def test_on_postgres(lived_server: tuple[str, Path], tmp_path: Path) -> None:
    """The same over PostgreSQL, whatever it estimates of its tables by then."""
    address, key_file = lived_server
    asked = asked_of(address, key_file, tmp_path / "work")
    cut_in(asked, "join")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("ANALYZE")
    results = list(verify(asked))
    assert [] == findings(results)
    assert [True, True, True] == [bool(result.taken_over) for result in results[:3]]
    cut_in(asked, "rows")
    for fen in (1, -1):
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(
                "UPDATE account SET balance_fen = balance_fen + %s", [fen]
            )
        if fen == 1:
            results = list(verify(asked))
            assert findings(results)
            assert not any(result.taken_over for result in results)


def test_what_was_not_written_whole_is_done_again(
    lived_file: Path, tmp_path: Path
) -> None:
    """A machine that lost its power may have left half a segment."""
    path, key_file = lived_file / "gongji.sqlite3", lived_file / "gongji.key"
    asked = asked_of(path, key_file, tmp_path / "work")
    cut_in(asked, "join")
    for segment in asked.folder.rglob("*.seg"):
        os.truncate(segment, segment.stat().st_size * 9 // 10)
    results = list(verify(asked))
    assert [] == findings(results)
    assert not any(result.taken_over for result in results)


def test_one_at_a_time(lived_file: Path, tmp_path: Path) -> None:
    """Another run in the same folder is refused and disturbs nothing."""
    path, key_file = lived_file / "gongji.sqlite3", lived_file / "gongji.key"
    asked = asked_of(path, key_file, tmp_path / "work")
    first = verify(asked)
    results = [next(first)]
    with pytest.raises(OSError, match="另一个核对正在用目录"):
        next(verify(asked))
    results += first
    assert [] == findings(results)
