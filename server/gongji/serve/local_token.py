"""The local token: a file in the data folder that admits whoever can read it."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from gongji.client.credentials import LOCAL_TOKEN
from gongji.serve.watched import WatchedFiles
from gongji.store.private_files import make_secret_file

_BYTES: Final = 32

_AS_IT_IS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Opens no link, and waits for no writer of a pipe."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class TokenFileError(ValueError):
    """The token's file is not one that its owner alone can read, or holds no token."""


class LocalToken(WatchedFiles[str]):
    """The token of a data folder: if its file is deleted, another one takes its place."""

    def __init__(self, data: Path) -> None:
        """Make the file unless there is one. Errors as of `make_local_token`."""
        self._data = data
        path = make_local_token(data)
        super().__init__([path], _token_in, partial(_check_read, path))

    def refresh(self) -> bool:
        """Make the file again if it is gone; read it again if it has changed."""
        # Several processes do so at once: the first one's token is everybody's.
        with suppress(OSError, ValueError):
            make_local_token(self._data)
        return super().refresh()


def _check_read(path: Path, token: str) -> None:
    """Refuse what is not the owner's alone, or was read of another file. TokenFileError."""
    if read_local_token(path) != token:
        raise TokenFileError(f"令牌文件 {path} 刚刚换过")


def _token_in(contents: Sequence[bytes]) -> str:
    """Return the token that the file holds. TokenFileError."""
    text = contents[0].decode("ascii", "replace").strip()
    if not _TOKEN.fullmatch(text):
        raise TokenFileError("令牌文件中没有令牌：请删除该文件，会另行生成")
    return text


def make_local_token(data: Path) -> Path:
    """Make the token's file in a data folder unless there is one; return its path.

    TokenFileError if there is one that others can read; OSError.
    """
    path = data / LOCAL_TOKEN
    make_secret_file(path, f"{secrets.token_urlsafe(_BYTES)}\n".encode())
    read_local_token(path)
    return path


def read_local_token(path: Path) -> str:
    """Return the token in a file. TokenFileError; OSError."""
    # What is judged is what is read: no other file can take its place in between.
    try:
        descriptor = os.open(path, os.O_RDONLY | _AS_IT_IS)
    except OSError as fault:
        if fault.errno != errno.ELOOP:
            raise
        raise TokenFileError(f"令牌文件 {path} 不是普通文件") from fault
    try:
        _check_private(path, os.fstat(descriptor))
        text = os.read(descriptor, 2 * _BYTES).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)
    if not _TOKEN.fullmatch(text):
        raise TokenFileError(f"令牌文件 {path} 中没有令牌：请删除该文件，会另行生成")
    return text


def _check_private(path: Path, status: os.stat_result) -> None:
    """TokenFileError unless it is an ordinary file that its owner, we, alone can read."""
    if not stat.S_ISREG(status.st_mode):
        raise TokenFileError(f"令牌文件 {path} 不是普通文件")
    if os.name != "posix":
        return
    if status.st_uid != os.geteuid():
        raise TokenFileError(f"令牌文件 {path} 不属于运行服务的用户：请删除该文件")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise TokenFileError(
            f"令牌文件 {path} 的权限为 {mode:04o}，须为 0600："
            "别的用户可能读到过它，请删除该文件，会另行生成"
        )
