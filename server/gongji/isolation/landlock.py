"""Leave a process the files it may read (Linux Landlock), and nothing to write to."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

# Numbers that are the same on every machine.
_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446

_VERSION, _PATH_BENEATH = 1, 1

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3

_FILES: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Every right to files that a version of the interface knows: what is not given is refused."""

_TCP, _SCOPED = 3, 3
"""Binding and connecting (version 4); abstract sockets and signals of others (version 6)."""

_NETWORK_SINCE, _SCOPED_SINCE = 4, 6

_PR_SET_NO_NEW_PRIVS: Final = 38


def version() -> int:
    """Return which version of the interface the kernel has; 0 if it has none."""
    if sys.platform != "linux":
        return 0
    return max(0, _call(_CREATE, None, 0, _VERSION))


def restrict(reads: Iterable[Path], lists: Iterable[Path]) -> None:
    """Refuse this process every file but those below `reads`, for reading only. OSError.

    Of the folders in `lists` it learns the names of their files, below them too.
    """
    known = version()
    handled = _FILES[max(number for number in _FILES if number <= known)]
    rights = struct.pack(
        "=QQQ",
        handled,
        _TCP if known >= _NETWORK_SINCE else 0,
        _SCOPED if known >= _SCOPED_SINCE else 0,
    )
    # An older kernel knows only the first of these words.
    size = 24 if known >= _SCOPED_SINCE else 16 if known >= _NETWORK_SINCE else 8
    rules = _checked(_call(_CREATE, rights, size, 0))
    try:
        for path in reads:
            folder = path.is_dir()
            _allow(rules, path, _READ_FILE | _READ_DIR if folder else _READ_FILE)
        for path in lists:
            if path.is_dir():
                _allow(rules, path, _READ_DIR)
        _set_no_new_privileges()
        _checked(_call(_RESTRICT, rules, 0))
    finally:
        os.close(rules)


def _allow(rules: int, path: Path, rights: int) -> None:
    # What is not there cannot be read either.
    with suppress(FileNotFoundError, NotADirectoryError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            rule = struct.pack("=Qi", rights, place)
            _checked(_call(_ADD_RULE, rules, _PATH_BENEATH, rule, 0))
        finally:
            os.close(place)


def _set_no_new_privileges() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def _call(number: int, *arguments: bytes | int | None) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    given = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return int(libc.syscall(ctypes.c_long(number), *given))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "Landlock")
    return result
