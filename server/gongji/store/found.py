"""What is found where a database should be, before it is opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from gongji.store.keys.source import Keys
from gongji.store.migrations import DatabaseMissingError

_MAKING_S: Final = 3.0
"""How long the tables of a server that starts at the same time are waited for, in seconds."""


def path_of(address: str) -> Path:
    """Return the file an address names: `sqlite:///var/x.db` is relative. ValueError."""
    if "://" not in address:
        return Path(address)
    scheme, _, path = address.partition("://")
    if scheme != "sqlite" or not path.startswith("/") or path == "/":
        msg = (
            f"数据库地址 {address} 不受支持：请给出文件路径、sqlite:///路径 或 "
            "postgresql://主机/库名"
        )
        raise ValueError(msg)
    return Path(path[1:])


def missing(what: str, key: Keys, *traces: Path) -> DatabaseMissingError | None:
    """Return what to raise if there is no database; None if there never was one."""
    # A key that is no file is there before any database.
    files = [at for at in (key, *traces) if isinstance(at, Path)]
    trace = next((file for file in files if file.exists()), None)
    return DatabaseMissingError(what, trace) if trace else None


def logs_of(path: Path) -> list[Path]:
    """Return the files that SQLite keeps beside a database while it is in use."""
    return [path.with_name(f"{path.name}-{suffix}") for suffix in ("wal", "journal")]


def appears(condition: Callable[[], bool]) -> bool:
    """Return whether a condition holds within `_MAKING_S`."""
    until = monotonic() + _MAKING_S
    while not (holds := condition()) and monotonic() < until:
        sleep(0.1)
    return holds
