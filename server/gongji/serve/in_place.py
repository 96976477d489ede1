"""Whether a database's file is still where it was while it is served."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from gongji.store.databases import MEMORY, database_at
from gongji.store.found import path_of

_LOOK_S: Final = 1.0


async def stay_in_place(address: str | Path) -> None:
    """Watch a database's file, for ever. OSError if it is gone, or another one.

    What is written to a file that has no name any more is lost when it is closed. Of a
    database without a file nothing is watched.
    """
    if database_at(address).shared or str(address) == MEMORY:
        return
    path = path_of(str(address))
    first = _identity(path)
    while True:
        await asyncio.sleep(_LOOK_S)
        if _identity(path) != first:
            raise OSError(
                f"数据库文件 {path} 在运行中被移走、删除或换成了另一个，现停止："
                "最后一两秒的提交可能只在原来的文件里，请找回它，或从备份恢复"
            )


def _identity(path: Path) -> tuple[int, int]:
    """Return device and number of a file, zeros if there is none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino
