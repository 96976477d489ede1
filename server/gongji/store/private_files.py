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

_AS_IT_IS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Opens no link, and waits for no writer of a pipe."""

_WRITING: Final = stat.S_IWGRP | stat.S_IWOTH

_OWNER_ONLY: Final = stat.S_IRWXU

_OWNER_AND_GROUP: Final = stat.S_IRWXU | stat.S_IRGRP


class ExposedFileError(ValueError):
    """A file of secrets is a link, no file, or one that others can read or write."""


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
    sync_folder(path.parent)


def refuse_exposed(path: Path, *, readable: bool = False) -> None:
    """Refuse a folder or file that another user could have written. OSError in Chinese.

    Unless it is to be `readable`, also one that others than its group can read. Nothing
    there is no fault. A folder may be another user's own.
    """
    if os.name != "posix":
        return
    if path.is_symlink():
        raise OSError(
            f"{path} 是符号链接，它指向哪里可由别人改动：请直接写明 {path.resolve()}"
        )
    if not path.exists():
        return
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    if mode & _WRITING or (mode & stat.S_IRWXO and not readable):
        doing, remedy = ("改动", "g-w,o-w") if mode & _WRITING else ("读到", "o=")
        raise OSError(
            f"本机的其他用户能{doing} {path}（权限 {mode:04o}）：请查明其中的内容，"
            f"再执行 chmod {remedy} {path}"
        )
    if path.is_file() and status.st_uid not in {0, os.geteuid()}:
        raise OSError(f"{path} 属于另一用户：请查明来历，移走之后再启动服务")


def read_secret_file(path: Path, what: str, most: int) -> bytes:
    """Return up to so many bytes of a file that we alone, or we and root, can read.

    `what` names it in Chinese. ExposedFileError; OSError.
    """
    # What is judged is what is read: no other file can take its place in between.
    try:
        descriptor = os.open(path, os.O_RDONLY | _AS_IT_IS)
    except OSError as fault:
        if fault.errno != errno.ELOOP:
            raise
        raise ExposedFileError(
            f"{what} {path} 是符号链接，它指向哪里可由别人改动：请直接写明 {path.resolve()}，"
            "或换成文件本身"
        ) from fault
    try:
        _check_secret(path, what, os.fstat(descriptor))
        return os.read(descriptor, most)
    finally:
        os.close(descriptor)


def _check_secret(path: Path, what: str, status: os.stat_result) -> None:
    """ExposedFileError unless it is an ordinary file that nobody else can read or write."""
    if not stat.S_ISREG(status.st_mode):
        raise ExposedFileError(f"{what} {path} 不是普通文件")
    if os.name != "posix":
        return
    own = os.geteuid()
    if status.st_uid not in {0, own}:
        raise ExposedFileError(f"{what} {path} 不属于运行服务的用户：请查明来历")
    mode = stat.S_IMODE(status.st_mode)
    # Root may hand it to a service's group, as systemd does with credentials.
    allowed = _OWNER_ONLY if status.st_uid == own else _OWNER_AND_GROUP
    if mode & ~allowed:
        raise ExposedFileError(
            f"{what} {path} 的权限为 {mode:04o}，别的用户能读到或改动："
            f"请执行 chmod 0600 {path}；可能已被读到的，请换新的"
        )


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Say in Chinese why something could not be made. OSError."""
    try:
        yield
    except OSError as fault:
        reason = _REASONS.get(fault.errno or 0, fault.strerror)
        raise OSError(f"{what}：{reason}") from fault


def sync_folder(folder: Path) -> None:
    """Make a new name durable."""
    # A database sealed with a key that a power cut takes away is lost.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
