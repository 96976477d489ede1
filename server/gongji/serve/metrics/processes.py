"""What this process uses: memory, descriptors, processor time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from gongji.serve import descriptors
from gongji.serve.metrics.cells import metrics
from gongji.serve.metrics.families import (
    CPU,
    DESCRIPTOR_LIMIT,
    DESCRIPTORS,
    MEMORY_LIMIT,
    RESIDENT,
    MetricFamily,
)

_PROC: Final = Path("/proc/self")

_CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
"""The limit of our own cgroup where it is the root we see, as in a container."""


def watch_own(process: str) -> None:
    """Have this process's figures read whenever its numbers are told."""
    _read(RESIDENT, process, _resident_bytes)
    _read(DESCRIPTORS, process, _open_descriptors)
    _read(DESCRIPTOR_LIMIT, process, descriptors.limit)
    _read(CPU, process, time.process_time)
    limit = memory_limit()
    metrics.read(MEMORY_LIMIT, lambda: {(): limit} if limit else {})


def _read(family: MetricFamily, process: str, figure: Callable[[], float]) -> None:
    metrics.read(family, lambda: {(process,): figure()})


def _resident_bytes() -> float:
    """Return the memory it holds; 0 if the system does not say."""
    with suppress(OSError):
        pages = (_PROC / "statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return 0.0


def _open_descriptors() -> float:
    with suppress(OSError):
        # One of them lists the folder.
        return sum(1 for _ in (_PROC / "fd").iterdir()) - 1
    return 0.0


def memory_limit() -> float:
    """Return how much memory all processes together may hold; 0 if nobody says."""
    limits = []
    for path in (*_own_cgroup(), _CGROUP_LIMIT):
        with suppress(OSError, ValueError):
            limits.append(float(path.read_text(encoding="ascii")))
    with suppress(OSError, ValueError, AttributeError):
        limits.append(float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")))
    return min(limits, default=0.0)


def _own_cgroup() -> list[Path]:
    """Return the files that limit our own cgroup and those above it (version 2)."""
    with suppress(OSError):
        for line in (_PROC / "cgroup").read_text(encoding="utf-8").splitlines():
            number, _, path = line.split(":", 2)
            if number == "0":
                own = Path("/sys/fs/cgroup", path.lstrip("/"))
                return [
                    folder / "memory.max"
                    for folder in (own, *own.parents)
                    if folder.is_relative_to("/sys/fs/cgroup")
                ]
    return []
