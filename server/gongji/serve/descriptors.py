"""Descriptors of this process: as many as the system allows, shared out before they run out."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

# There is none on Windows, nor such a limit. Any: its stubs depend on the system.
resource: Any = import_module("resource") if find_spec("resource") else None

MOST: Final = 65_536
"""More than this is not asked for."""

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


def most_connections() -> int:
    """Return how many connections of callers there is room for beside all else."""
    # With none left, further connections hang without a word.
    return min(MOST_CONNECTIONS, limit() // 2)


def most_streams(most: int) -> int:
    """Return how many streams there is room for, `most` at most."""
    return min(most, limit() // 4)
