"""Files that are read again when they change; what is wrong in one keeps the old."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Generic, TypeAlias, TypeVar

import structlog

from gongji.text.faults import sentence_of, words_of
from gongji.text.files import FileFaultError

T = TypeVar("T")

RELOADED_S: Final = 4.0
"""Seconds within which every process has read files that were written before."""

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
        self,
        paths: Sequence[Path],
        read: Callable[[Sequence[bytes]], T],
        check: Callable[[T], object] | None = None,
    ) -> None:
        """Read the files. ValueError or OSError as `read` has it, or if one is missing.

        What is read from the files is also held to `check`.
        """
        self._paths = tuple(paths)
        self._read = read
        self._check = check
        self._stamp, self._settled = self._look()
        self._contents = self._read_files()
        self.value: T = self._made(self._contents)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs: what was read last, not what it made."""
        state = vars(self).copy()
        # Even if the files are no longer sound when that process begins.
        del state["value"]
        return {**state, "_stamp": None, "_settled": False}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin with what was read last; what has changed since is found at the first look."""
        vars(self).update(state)
        self.value = self._read(self._contents)

    def _made(self, contents: Sequence[bytes]) -> T:
        value = self._read(contents)
        if self._check:
            self._check(value)
        return value

    def refresh(self) -> bool:
        """Read the files again if they have changed; return whether `value` has."""
        stamp, settled = self._look()
        if stamp == self._stamp and self._settled:
            return False
        told = stamp == self._stamp
        self._stamp, self._settled = stamp, settled
        try:
            contents = self._read_files()
            if contents == self._contents:
                return False
            value = self._made(contents)
        except Exception as fault:  # noqa: BLE001 - whatever is wrong, the old stays and the watch goes on
            if not told:
                known = isinstance(fault, ValueError | OSError)
                reason = sentence_of(fault) if known else type(fault).__name__
                structlog.get_logger().warning(
                    "policy_kept", files=self._names(), reason=reason
                )
            return False
        self.value, self._contents = value, contents
        structlog.get_logger().warning("policy_read", files=self._names())
        return True

    def _names(self) -> list[str]:
        return [path.name for path in self._paths]

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

    def _read_files(self) -> list[bytes]:
        return [_content(path) for path in self._paths]


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as fault:
        raise FileFaultError(f"{path} 不能读取：{words_of(fault)}") from fault
    if len(content) > MAX_BYTES:
        raise FileFaultError(f"{path} 超过 {MAX_BYTES // 1024 // 1024} MiB")
    return content


async def watch(
    files: Sequence[WatchedFiles[Any]],
    judge_again: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Refresh files for ever; call `judge_again` once they change, and every JUDGE_S.

    Without files there is nothing to do.
    """
    judged = time.monotonic()
    while files:
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
