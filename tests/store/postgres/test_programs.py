"""PostgreSQL's programs: no password where others see it, none older than the server."""

from __future__ import annotations

from pathlib import Path

import pytest
from gongji.store.backup import BackupError
from gongji.store.postgres import programs
from psycopg.conninfo import conninfo_to_dict

URL = "postgresql://keeper:s3cret@db:5433/gongji?options=-csearch_path%3Dours"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Put a program on the path that says what it was told, and no other."""
    program = tmp_path / "pg_dump"
    program.write_text(
        "#!/bin/sh\n"
        '[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 15.3" && exit\n'
        '[ "$1" = fail ] && echo "pg_dump: error: no" >&2 && exit 3\n'
        'echo "$@"; echo "$PGHOST $PGPORT $PGUSER $PGDATABASE $PGPASSWORD $PGOPTIONS"\n'
    )
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "_DEBIAN", tmp_path / "none")
    return program


@pytest.mark.usefixtures("made")
def test_a_program_is_told_where_to_connect_by_its_environment() -> None:
    """Arguments, which everybody sees, hold nothing of the address."""
    arguments, told = programs.run("pg_dump", 15, URL, "--x").splitlines()
    assert "--x" == arguments
    assert "db 5433 keeper gongji s3cret -csearch_path=ours" == told


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("program", "server", "argument", "problem"),
    [
        ("pg_dump", 16, "", r"不低于服务器版本（16）的 pg_dump；本机的过旧：\S+（15）"),
        ("pg_restore", 15, "", "找不到.* pg_restore：请安装"),
        ("pg_dump", 15, "fail", "pg_dump 没有办成：pg_dump: error: no"),
    ],
    ids=["an older one", "none", "one that fails"],
)
def test_what_cannot_be_run_is_said(
    program: str, server: int, argument: str, problem: str
) -> None:
    """The sentence says what to install, or what the program said."""
    with pytest.raises(BackupError, match=problem) as fault:
        programs.run(program, server, URL, argument)
    assert "s3cret" not in str(fault.value)


def test_an_address_with_another_database_keeps_the_rest() -> None:
    """Whatever else the address says still holds."""
    before = conninfo_to_dict(URL)
    after = conninfo_to_dict(programs.address_of(URL, dbname="a b&c"))
    assert before | {"dbname": "a b&c"} == after
