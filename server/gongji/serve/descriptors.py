"""Descriptors of this process: as many as the system allows, shared out before they run out."""

from __future__ import annotations

import asyncio
import errno
import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import structlog

# There is none on Windows, nor such a limit. Any: its stubs depend on the system.
resource: Any = import_module("resource") if find_spec("resource") else None

MOST: Final = 65_536
"""More than this is not asked for."""

RESERVE: Final = 64
"""Descriptors of the service's own: files, processes, the database, the log."""

SPARE: Final = 16
"""With no more than this left, streams are refused before anything else suffers."""

LOOK_S: Final = 1.0
"""Seconds between two counts."""

_OWN: Final = "/proc/self/fd"

MOST_CONNECTIONS: Final = 8192
"""Connections of callers at once; one more is closed."""


def raise_limit() -> None:
    """Let this process and its children have as many descriptors as they may."""
    if resource is not None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def limit() -> int:
    """Return how many descriptors this process may have."""
    if resource is None:
        return MOST
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else soft


def _shared() -> int:
    """Return how many descriptors callers may take: the others are the service's own."""
    return max(limit() - RESERVE, limit() // 4)


def most_connections() -> int:
    """Return how many connections of callers there is room for beside all else."""
    # With none left, further connections hang without a word.
    return min(MOST_CONNECTIONS, _shared() // 2)


def most_streams(most: int) -> int:
    """Return how many streams there is room for, `most` at most."""
    return min(most, _shared() // 4)


def lacking(fault: OSError) -> bool:
    """Return whether something failed since there are no descriptors."""
    return fault.errno in {errno.EMFILE, errno.ENFILE}


class DescriptorCount:
    """How many descriptors this process has left, looked up every second."""

    def __init__(self) -> None:
        self._limit = limit()
        self._used = 0

    @property
    def short(self) -> bool:
        """Whether what is left is kept for the log, the database and connections."""
        return self._used > self._limit - SPARE

    def took(self) -> None:
        """Count one that was taken since the last look."""
        self._used += 1

    def look(self) -> None:
        """Count all, and log if they are short."""
        try:
            self._used = len(os.listdir(_OWN))  # noqa: PTH208 - names alone, and nothing made of each
        except FileNotFoundError:  # such as macOS
            return
        except OSError:  # none is left to look with
            self._used = self._limit
        if self.short:
            structlog.get_logger().error(
                "descriptors_short", used=self._used, limit=self._limit
            )

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            # In a thread: with very many it takes milliseconds.
            await asyncio.to_thread(self.look)
            await asyncio.sleep(LOOK_S)
