"""`gongji backup` and `gongji restore`, beside a server that runs and one that stopped."""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from gongji.audit.hashing import LABELS, default_hasher
from gongji.serve.settings import DATABASE, KEY_FILE
from gongji.store.backup import read_manifest
from gongji.store.private_files import make_secret_file

from tests.cli.command import gongji, tables
from tests.cli.started import Caller, started

LABEL = LABELS[default_hasher()]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a backup made of a running service, and a request executed before it."""
    folder = tmp_path_factory.mktemp("kept")
    data = folder / "var"
    with started("--data", str(data), "--sample") as server, Caller(server) as clinic:
        request = str(uuid.uuid4())
        clinic.settle(request)
        done = gongji("backup", folder / "backup", "--data", data)
        assert 0 == done.exit_code, done.output
        assert "密钥不在备份里" in done.output
        assert "已逐项核对" in done.output
        clinic.settle()
        assert 0 == server.end()
    return folder, request


def test_what_was_backed_up_is_served_again(
    kept: tuple[Path, str], tmp_path: Path
) -> None:
    """Restored beside its key, the data are what they were then, and go on from there."""
    folder, request = kept
    shutil.copy(folder / "var" / KEY_FILE, tmp_path)
    done = gongji("restore", folder / "backup", "--data", tmp_path)
    assert 0 == done.exit_code, done.output
    assert "其后的不在其中" in done.output
    with started("--data", str(tmp_path)) as server, Caller(server) as clinic:
        before = clinic.balance()
        assert clinic.settle(request).receipt.replayed
        clinic.settle()
        assert before - 10_000 == clinic.balance()
        assert 0 == server.end()


def test_both_are_told_in_json(kept: tuple[Path, str], tmp_path: Path) -> None:
    """A program is told the file's digest, and up to when it goes."""
    folder, _ = kept
    made = gongji("--json", "backup", tmp_path / "again", "--data", folder / "var")
    (row,) = tables(made)["backup"]
    assert ("sqlite", LABEL) == (row["engine"], row["digest"].partition(":")[0])
    # Signed at the end of the service, which nothing was written after.
    signed = read_manifest(tmp_path / "again").snapshot.checkpoint
    assert str(row["leaves"]) == signed.splitlines()[1]
    shutil.copy(folder / "var" / KEY_FILE, tmp_path)
    back = gongji("--json", "restore", tmp_path / "again", "--data", tmp_path)
    (restored,) = tables(back)["restored"]
    assert row["digest"] == restored["digest"]


@pytest.mark.parametrize(
    ("there", "problem"),
    [
        ((), "找不到密钥文件"),
        (("another key",), "密钥文件与备份不符"),
        ((KEY_FILE, DATABASE), "已经存在"),
        ((KEY_FILE, f"{DATABASE}-wal"), "已经存在"),
    ],
    ids=["no key", "another key", "a database", "the log of one"],
)
def test_restoring_into_a_folder_that_does_not_fit_is_refused(
    kept: tuple[Path, str], tmp_path: Path, there: Sequence[str], problem: str
) -> None:
    """The sentence says why; nothing there is touched."""
    folder, _ = kept
    for name in there:
        if name == KEY_FILE:
            shutil.copy(folder / "var" / KEY_FILE, tmp_path)
        elif name == "another key":
            make_secret_file(tmp_path / KEY_FILE, bytes(32))
        else:
            (tmp_path / name).touch()
    before = {path.name for path in tmp_path.iterdir()}
    done = gongji("restore", folder / "backup", "--data", tmp_path)
    assert 1 == done.exit_code
    assert problem in done.output
    left = {path.name for path in tmp_path.iterdir()} - {f"{DATABASE}.lock"}
    assert before == left


def test_the_key_goes_into_no_backup(kept: tuple[Path, str], tmp_path: Path) -> None:
    """There is no option to put it there."""
    folder, _ = kept
    done = gongji("backup", tmp_path / "x", "--with-key", "--data", folder / "var")
    assert 2 == done.exit_code
    assert not (tmp_path / "x").exists()


def test_a_backup_of_altered_data_is_kept_and_said_to_be_so(
    kept: tuple[Path, str], tmp_path: Path
) -> None:
    """Whoever needs it has it; the first thing that does not hold is named, exit code 1."""
    folder, _ = kept
    data = tmp_path / "var"
    shutil.copytree(folder / "var", data)
    with closing(sqlite3.connect(data / DATABASE)) as altered:
        altered.execute("UPDATE account SET balance_fen = balance_fen + 1")
        altered.commit()
    done = gongji("backup", tmp_path / "altered", "--data", data)
    assert 1 == done.exit_code
    assert "所备份的数据库也是如此" in done.output
    assert read_manifest(tmp_path / "altered").checked.finding in done.output
