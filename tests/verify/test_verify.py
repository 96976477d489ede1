"""What a service has written holds, and whatever is changed of it is named."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from gongji.audit.hashing import base64
from gongji.verify.run import Verification, verify

from tests.verify.conftest import FindAll


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_service_wrote_holds(lived_file: Path, find: FindAll, jobs: int) -> None:
    """By one process or by two."""
    path, key_file = lived_file / "gongji.sqlite3", lived_file / "gongji.key"
    assert [] == find(path, key_file, jobs=jobs)


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_several_servers_share_holds(
    lived_server: tuple[str, Path], find: FindAll, jobs: int
) -> None:
    """The same over PostgreSQL."""
    assert [] == find(*lived_server, jobs=jobs)


CHANGES = {
    "a balance": ("UPDATE account SET balance_fen = balance_fen + 1", "account"),
    "an entry": ("UPDATE entry SET fen = fen + 1 WHERE position = 0", "entry"),
    "an entry moved": ("UPDATE entry SET ledger_account = 'cash'", "entry"),
    "a row removed": ("DELETE FROM settled_day", "settled_day"),
    "a leaf removed": (
        "DELETE FROM leaf WHERE leaf_id = '0000000000000005'",
        "第 5 号叶",
    ),
    "the tail cut": (
        "DELETE FROM leaf WHERE leaf_id > '0000000000000009'",
        "日志缺少叶",
    ),
    "who called": (
        "UPDATE access SET caller = 'other'",
        "access",
    ),
    "a checkpoint removed": (
        "DELETE FROM checkpoint WHERE checkpoint_id = '0000000000000002'",
        "第 2 个检查点",
    ),
    "a tile": ("UPDATE tile SET hashes = zeroblob(32)", "表 tile"),
    "a root": ("UPDATE checkpoint SET root = zeroblob(32)", "检查点"),
    "balances swapped": (
        """UPDATE account SET balance_fen =
        (SELECT max(balance_fen) + min(balance_fen) FROM account) - balance_fen""",
        "account",
    ),
    "a request": ("DELETE FROM request", "request"),
}


@pytest.mark.parametrize("changed", CHANGES)
def test_what_was_changed_is_named(data: Path, find: FindAll, changed: str) -> None:
    """The first thing that does not hold names the table, or the leaf."""
    statement, named = CHANGES[changed]
    with closing(sqlite3.connect(data / "gongji.sqlite3")) as connection:
        connection.execute(statement)
        connection.commit()
    found = find(data / "gongji.sqlite3", data / "gongji.key", every=False)
    assert named in found[0].sentence


def test_a_run_cut_short_goes_on(lived_file: Path, tmp_path: Path) -> None:
    """What was done is not done again, unless something was written since."""
    asked = Verification(
        address=str(lived_file / "gongji.sqlite3"),
        key_file=lived_file / "gongji.key",
        folder=tmp_path / "work",
        resume=True,
    )
    cut = verify(asked)
    next(cut)
    next(cut)
    cut.close()
    done = {path.name: path.stat().st_mtime_ns for path in asked.folder.rglob("*.seg")}
    again = verify(asked)
    next(again)
    assert (
        done.items()
        <= {
            path.name: path.stat().st_mtime_ns for path in asked.folder.rglob("*.seg")
        }.items()
    )
    assert [] == [finding for result in again for finding in result.findings]
    assert not asked.folder.exists()


def test_a_tail_cut_with_its_checkpoints_needs_one_kept_elsewhere(
    data: Path, find: FindAll
) -> None:
    """By itself such a log holds together; the checkpoint kept elsewhere tells."""
    path, key_file = data / "gongji.sqlite3", data / "gongji.key"
    with closing(sqlite3.connect(path)) as connection:
        ((note, size),) = connection.execute(
            "SELECT note, size FROM checkpoint ORDER BY size DESC LIMIT 1"
        )
        last = f"{size:016d}"
        connection.execute("DELETE FROM leaf WHERE leaf_id >= ?", [last])
        connection.execute("DELETE FROM checkpoint WHERE size = ?", [size])
        connection.commit()
    told = [finding.message for finding in find(path, key_file, kept=note)]
    assert any("尾部被截去" in message for message in told)


def test_a_fork_is_found_by_a_checkpoint_kept_elsewhere(
    lived_file: Path, find: FindAll
) -> None:
    """Of the same size with another root: history was written anew."""
    path, key_file = lived_file / "gongji.sqlite3", lived_file / "gongji.key"
    with closing(sqlite3.connect(path)) as connection:
        ((note, root),) = connection.execute(
            "SELECT note, root FROM checkpoint WHERE checkpoint_id = '0000000000000002'"
        )
    assert [] == find(path, key_file, kept=note)
    other = note.replace(base64(root), base64(bytes(32)))
    (finding,) = find(path, key_file, kept=other)
    assert "日志分叉" in finding.message
