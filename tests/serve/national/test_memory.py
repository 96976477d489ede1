"""What outlives a message: kept as long as it counts, of its own institution, in bounds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from gongji.rules.codes import SHANGHAI
from gongji.serve.national.memory import KEPT_FILES, MOST_FILES, KeptFile, Memory

NOW = datetime(2026, 11, 30, 10, 0, tzinfo=SHANGHAI)


def file(number: int) -> KeptFile:
    return KeptFile(f"F{number}", b"PK")


def test_a_file_is_its_institution_s() -> None:
    """A file is given to who uploaded it until its time is over, and no longer."""
    with Memory(":memory:") as memory:
        until = memory.keep_file("H1", file(1), NOW)
        assert NOW + KEPT_FILES == until
        assert file(1) == memory.file("H1", "F1", until - timedelta(seconds=1))
        assert memory.file("H1", "F1", until) is None
        assert memory.file("H2", "F1", NOW) is None


def test_files_are_bounded() -> None:
    """An institution that uploads without end keeps its last files; another's stay."""
    with Memory(":memory:") as memory:
        memory.keep_file("H2", KeptFile("G", b""), NOW)
        for number in range(MOST_FILES + 3):
            memory.keep_file("H1", file(number), NOW + timedelta(seconds=number))
        kept = [n for n in range(MOST_FILES + 3) if memory.file("H1", f"F{n}", NOW)]
        assert [*range(3, MOST_FILES + 3)] == kept
        assert memory.file("H2", "G", NOW)


def test_another_institution_s_number_is_not_taken() -> None:
    """A file cannot take the place of another institution's, nor end its sign-in."""
    with Memory(":memory:") as memory:
        memory.sign_in("H1", "M1", "N1", NOW)
        assert not memory.sign_out("H2", "N1", NOW)
        assert not memory.signed_in("H2", "N1", NOW)
        assert memory.signed_in("H1", "N1", NOW)


def test_what_is_no_memory(tmp_path: Path) -> None:
    """A file of something else is refused by name, and left as it is."""
    path = tmp_path / "n"
    path.write_bytes(b"not a database, and long enough to be read as one" * 20)
    path.chmod(0o600)
    with pytest.raises(OSError, match="不能用作"):
        Memory(path)
    assert path.read_bytes().startswith(b"not a database")
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    with pytest.raises(OSError, match="不能用作"):
        Memory(folder)


def test_what_others_could_change(tmp_path: Path) -> None:
    """A file that others read, a link, or a folder they write in is refused by name."""
    path = tmp_path / "n"
    path.touch()
    path.chmod(0o644)
    with pytest.raises(OSError, match="其他用户能读到"):
        Memory(path)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "none")
    with pytest.raises(OSError, match="符号链接"):
        Memory(link)
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(OSError, match="其他用户能改动"):
        Memory(shared / "n")
    assert [] == list(shared.iterdir())


@pytest.mark.parametrize("table", ["nonces", "sign_ins", "files"])
def test_what_has_ended_is_found_by_an_index(tmp_path: Path, table: str) -> None:
    """No message walks through all that is kept to delete what has ended."""
    path = tmp_path / "n"
    with Memory(path), closing(sqlite3.connect(path)) as database:
        plan = database.execute(
            f"explain query plan delete from {table} where until < 1"  # noqa: S608 - ours
        ).fetchall()
    assert [f"SEARCH {table} USING INDEX {table}_until (until<?)"] == [
        step.replace("COVERING INDEX", "INDEX") for *_, step in plan
    ]


def test_a_commit_that_fails() -> None:
    """After a commit that failed nothing is kept, and the next one is made."""
    with Memory(":memory:") as memory:
        memory._database.set_authorizer(_no_commit)
        with pytest.raises(sqlite3.DatabaseError):
            memory.first_use("K", "n", 2.0, 1.0)
        memory._database.set_authorizer(None)
        assert memory.first_use("K", "n", 2.0, 1.0)
        assert not memory.first_use("K", "n", 2.0, 1.0)


def _no_commit(action: int, first: str | None, *_: str | None) -> int:
    ends = (action, first) == (sqlite3.SQLITE_TRANSACTION, "COMMIT")
    return sqlite3.SQLITE_DENY if ends else sqlite3.SQLITE_OK
