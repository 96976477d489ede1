"""Which process writes to a SQLite file, as Linux tells it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_LOCKS: Final = Path("/proc/locks")

_WRITER: Final = "120"
"""The byte of the shared memory's file that whoever writes has locked (SQLite, WAL)."""


def holder_of(path: Path) -> str:
    """Return who has the file to write, in words; empty if that cannot be told."""
    with suppress(OSError, ValueError):
        shared = Path(f"{path}-shm").stat()
        device, inode = shared.st_dev, shared.st_ino
        at = f"{os.major(device):02x}:{os.minor(device):02x}:{inode}"
        for line in _LOCKS.read_text(encoding="ascii").splitlines():
            # "7: POSIX  ADVISORY  WRITE 4711 fe:01:1234 120 120"; a waiter's has "->".
            fields = line.split()
            if fields[3:4] == ["WRITE"] and fields[5:7] == [at, _WRITER]:
                return _named(int(fields[4]))
    return ""


def _named(pid: int) -> str:
    name = ""
    with suppress(OSError):
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    return f"进程 {pid}（{name}）" if name else f"进程 {pid}"
