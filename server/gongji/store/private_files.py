"""Folders and files that only their owner may read: database, key, token."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_REASONS: Final[Mapping[int, str]] = {
    errno.EACCES: "没有权限",
    errno.EPERM: "没有权限",
    errno.EROFS: "文件系统只读",
    errno.ENOTDIR: "不是目录",
    errno.EEXIST: "不是目录",
    errno.ENOSPC: "磁盘已满",
    errno.ENAMETOOLONG: "名称过长",
    errno.ELOOP: "符号链接成环",
}


def make_folder(path: Path) -> None:
    """Make a folder, for its owner only, unless there is one.

    OSError with a Chinese sentence.
    """
    with _told(f"目录 {path} 无法建立"):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_secret_file(path: Path, content: bytes) -> None:
    """Make a file of mode 0600 unless there is one, even if two processes start at once.

    It is there whole or not at all. OSError with a Chinese sentence.
    """
    if path.exists():
        return
    make_folder(path.parent)
    with _told(f"文件 {path} 无法建立"):
        _make_whole(path, content)


def _make_whole(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # The first to link its draft wins; a rename would replace the other's.
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    _sync_directory(path.parent)


def refuse_exposed(path: Path) -> None:
    """Refuse a folder or file that another user could have written. OSError in Chinese.

    Nothing there is no fault. A folder may be another user's own.
    """
    if os.name != "posix" or not path.exists():
        return
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    if mode & stat.S_IWOTH:
        raise OSError(
            f"本机任何用户都能写 {path}（权限 {mode:04o}）：请查明其中的内容，"
            f"再执行 chmod o-w {path}"
        )
    if path.is_file() and status.st_uid not in {0, os.geteuid()}:
        raise OSError(f"{path} 属于另一用户：请查明来历，移走之后再启动服务")


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Say in Chinese why something could not be made. OSError."""
    try:
        yield
    except OSError as fault:
        reason = _REASONS.get(fault.errno or 0, fault.strerror)
        raise OSError(f"{what}：{reason}") from fault


def _sync_directory(folder: Path) -> None:
    """Make a new name durable."""
    # A database sealed with a key that a power cut takes away is lost.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
