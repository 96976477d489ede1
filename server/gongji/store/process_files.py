"""Files of one process each, locked while it lives: what outlives it says how it ended.

Windows has no such lock.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl


@contextmanager
def locked_new(path: Path, size: int) -> Iterator[BinaryIO]:
    """Make a file of so many zeros and hold it locked for the block. OSError."""
    # Locked before it has its name: nobody takes it for a dead process's.
    draft = path.with_name(f".{path.name}")
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        _lock(file)
        file.write(bytes(size))
        file.flush()
        draft.rename(path)
        yield file


@contextmanager
def of_dead(path: Path) -> Iterator[BinaryIO | None]:
    """Open the file of a process that lives no longer; None if it lives, or is gone."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    with file:
        alive = True
        with suppress(BlockingIOError):
            _lock(file)
            alive = False
        yield None if alive else file


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold a file locked for the block, made if need be; yield whether it could be.

    OSError.
    """
    with path.open("ab") as file:
        held = False
        with suppress(BlockingIOError):
            _lock(file)
            held = True
        yield held


def _lock(file: BinaryIO) -> None:
    """Lock a file for as long as it is open. BlockingIOError if another process has it."""
    if sys.platform != "win32":
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
