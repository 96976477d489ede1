"""PostgreSQL's own programs: where they are, and how they are told what to connect to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from gongji.store.backup import BackupError

_DEBIAN: Final = Path("/usr/lib/postgresql")
"""Where Debian's packages lie, a folder a major version, none of them on the path."""

_SHOWN: Final = 500
"""Characters of what a program printed last."""


def address_of(url: str, **changed: str) -> str:
    """Return an address with other parameters of the connection."""
    parameters = {name: str(v) for name, v in conninfo_to_dict(url).items()} | changed
    return f"postgresql:///?{urlencode(parameters, quote_via=quote)}"


def run(program: str, server: int, url: str, *arguments: str) -> str:
    """Run a program over a database; return what it printed. BackupError; OSError.

    `server` is the major version of the server: older programs cannot be used.
    """
    command = [str(_found(program, server)), *arguments]
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program, our arguments
        command,
        env=_environment(url),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip()[-_SHOWN:]
        msg = f"{program} 没有办成：{said or f'以 {done.returncode} 退出'}"
        raise BackupError(msg)
    return done.stdout


def _environment(url: str) -> Mapping[str, str]:
    """Return the variables that say where to connect: arguments are seen by everybody."""
    variables = {
        option.keyword.decode(): option.envvar.decode()
        for option in pq.Conninfo.get_defaults()
        if option.envvar
    }
    stated: dict[str, Any] = conninfo_to_dict(url)
    return os.environ | {
        variables[name]: str(value)
        for name, value in stated.items()
        if name in variables
    }


def _found(program: str, server: int) -> Path:
    """Return the first such program that is not older than the server. BackupError."""
    older = []
    for path in _candidates(program):
        version = _major(path)
        if version >= server:
            return path
        older.append(f"{path}（{version}）")
    there = f"；本机的过旧：{'、'.join(older)}" if older else ""
    msg = (
        f"找不到不低于服务器版本（{server}）的 {program}{there}："
        f"请安装 PostgreSQL 的客户端程序（Debian：apt-get install postgresql-client-{server}）"
    )
    raise BackupError(msg)


def _candidates(program: str) -> Iterator[Path]:
    if path := shutil.which(program):
        yield Path(path)
    yield from sorted(_DEBIAN.glob(f"*/bin/{program}"))


def _major(path: Path) -> int:
    printed = subprocess.run(  # noqa: S603 - as above
        [path, "--version"], capture_output=True, text=True, check=False
    )
    found = re.search(r"(\d+)", printed.stdout)
    return int(found[1]) if found else 0
