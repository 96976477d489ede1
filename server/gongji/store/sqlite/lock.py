"""One server a file: the lock beside a SQLite database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from gongji.store.migrations import make_file

_ENDING_S: Final = 1.0
"""How long a server that is just ending is waited for, in seconds."""


@contextmanager
def hold_alone(path: Path) -> Iterator[None]:
    """Keep every other server from a file for the block. ValueError if one has it; OSError.

    Two servers would write correctly, one after the other, but hold each other up and
    not see what the other adopts.
    """
    lock = path.with_name(f"{path.name}.lock")
    make_file(lock)
    with ExitStack() as stack:
        try:
            # A lock of SQLite's own ends with the process, however that ends, and
            # needs no file to be removed.
            holder = stack.enter_context(
                closing(sqlite3.connect(lock, isolation_level=None, timeout=_ENDING_S))
            )
            holder.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as refused:
            if refused.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise OSError(f"无法锁定 {lock}：{refused}") from refused
            msg = (
                f"{path} 已有服务在使用：SQLite 数据库只供一个服务使用，"
                "请先停下那一个，或另以 --data 指明目录"
            )
            raise ValueError(msg) from refused
        yield
