"""Memory of this machine and its control group (cgroup): told before the kernel kills."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import structlog

WATCH_S: Final = 5.0
"""Seconds between two looks."""

SHORT: Final = 0.9
"""Share of a limit from which memory is short."""

_MIB: Final = 1024 * 1024

_KIB: Final = 1024

_UNLIMITED: Final = 1 << 60
"""Version 1 says so by the largest number of pages there is."""

# Where the groups are, what they hold, and what of that the kernel takes back at need.
_VERSIONS: Final = (
    ("0::", "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    (
        ":memory:",
        "sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
)


class MemoryUse(NamedTuple):
    """Bytes used of those that may be; `of` is "cgroup" or "machine"."""

    used: int
    limit: int
    of: str

    @property
    def share(self) -> float:
        """Return which part of the limit is used."""
        return self.used / self.limit


def memory_uses(root: Path = Path("/")) -> Iterator[MemoryUse]:
    """Yield what the control groups of this process use, and the machine."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        for mark, mount, *names in _VERSIONS:
            if mark in line:
                group = root / mount / line.rpartition(":")[2].lstrip("/")
                yield from _of_groups(group, root / mount, *names)
    fields = dict(_fields(_text(root / "proc/meminfo")))
    if {"MemTotal:", "MemAvailable:"} <= set(fields):
        total = fields["MemTotal:"] * _KIB
        yield MemoryUse(total - fields["MemAvailable:"] * _KIB, total, "machine")


def _of_groups(
    group: Path, mount: Path, most: str, used: str, cache: str
) -> Iterator[MemoryUse]:
    """Yield what each group around this process uses that has a limit."""
    # Inside a container the group's own path may not be seen, only what is mounted.
    for folder in (group, *group.parents):
        if not folder.is_relative_to(mount):
            return
        limit = _number(_text(folder / most))
        if 0 < limit < _UNLIMITED:
            fields = dict(_fields(_text(folder / "memory.stat")))
            held = _number(_text(folder / used)) - fields.get(cache, 0)
            yield MemoryUse(held, limit, "cgroup")


def _fields(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        name, value, *_ = [*line.split(), "", ""]
        yield name, _number(value)


def _number(text: str) -> int:
    return int(text) if text.strip().isdecimal() else 0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


async def watch_memory() -> None:
    """Log for ever that memory is short, while it is."""
    while True:
        for use in memory_uses():
            if use.share >= SHORT:
                structlog.get_logger().error(
                    "memory_short",
                    used_mib=use.used // _MIB,
                    limit_mib=use.limit // _MIB,
                    of=use.of,
                )
        await asyncio.sleep(WATCH_S)
