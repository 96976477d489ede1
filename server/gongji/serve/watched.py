"""Files that are read again when they change; what is wrong in one keeps the old."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Generic, TypeAlias, TypeVar

import structlog

from gongji.text.files import FileFaultError

T = TypeVar("T")

WATCH_S: Final = 1.0
"""Seconds between two looks at the files."""

JUDGE_S: Final = 5.0
"""Seconds after which calls under way are judged again, even if no file has changed."""

MAX_BYTES: Final = 4 * 1024 * 1024
"""Most bytes of a file that is watched."""

_SETTLED_NS: Final = 2_000_000_000
"""A file this much older than its reading cannot have changed within the same instant."""

_Stamp: TypeAlias = tuple[tuple[int, int, int], ...] | None


class WatchedFiles(Generic[T]):
    """What some files say together, such as a certificate and its key.

    `value` is read by any thread; `refresh` is called by one.
    """

    def __init__(
        self, paths: Sequence[Path], read: Callable[[Sequence[bytes]], T]
    ) -> None:
        """Read the files. ValueError or OSError as `read` has it, or if one is missing."""
        self._paths = tuple(paths)
        self._read = read
        self._stamp, self._settled = self._look()
        contents = self._contents()
        self._digest = _digest(contents)
        self.value: T = read(contents)

    def refresh(self) -> bool:
        """Read the files again if they have changed; return whether `value` has."""
        stamp, settled = self._look()
        if stamp == self._stamp and self._settled:
            return False
        told = stamp == self._stamp
        self._stamp, self._settled = stamp, settled
        try:
            contents = self._contents()
            digest = _digest(contents)
            if digest == self._digest:
                return False
            value = self._read(contents)
        except Exception as fault:  # noqa: BLE001 - whatever is wrong, the old stays and the watch goes on
            if not told:
                known = isinstance(fault, ValueError | OSError)
                reason = str(fault) if known else type(fault).__name__
                self._log("policy_kept", reason=reason)
            return False
        self.value, self._digest = value, digest
        self._log("policy_read")
        return True

    def _log(self, event: str, **details: str) -> None:
        files = [path.name for path in self._paths]
        structlog.get_logger().warning(event, files=files, **details)

    def _look(self) -> tuple[_Stamp, bool]:
        """Return what tells the files' editions apart, and whether they are old enough."""
        try:
            found = [path.stat() for path in self._paths]
        except OSError:
            return None, True
        # Before the files are read: what is written meanwhile is seen next time.
        stamp = tuple([(one.st_ino, one.st_size, one.st_mtime_ns) for one in found])
        latest = max(mtime for _, _, mtime in stamp)
        return stamp, time.time_ns() - latest > _SETTLED_NS

    def _contents(self) -> list[bytes]:
        return [_content(path) for path in self._paths]


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as fault:
        raise FileFaultError(f"{path} 不能读取：{fault.strerror}") from fault
    if len(content) > MAX_BYTES:
        raise FileFaultError(f"{path} 超过 {MAX_BYTES // 1024 // 1024} MiB")
    return content


def _digest(contents: Iterable[bytes]) -> bytes:
    return b"".join(hashlib.sha256(content).digest() for content in contents)


async def watch(
    files: Sequence[WatchedFiles[Any]],
    judge_again: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Refresh files for ever; call `judge_again` once they change, and every JUDGE_S."""
    judged = time.monotonic()
    while True:
        await asyncio.sleep(WATCH_S)
        # In a thread: a folder of the network may be slow, a long policy too.
        changed = await asyncio.to_thread(refresh_all, files)
        # Time alone ends what certificates and tokens allow.
        due = time.monotonic() - judged >= JUDGE_S
        if judge_again and (changed or due):
            await judge_again()
            judged = time.monotonic()


def refresh_all(files: Iterable[WatchedFiles[Any]]) -> bool:
    """Refresh each; return whether any has changed."""
    changed = [one.refresh() for one in files]
    return any(changed)
