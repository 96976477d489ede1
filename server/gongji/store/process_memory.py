"""What a process holds in memory stays in it: no core file, no other process reads it."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

# There is none on Windows. Any: its stubs depend on the system.
_resource: Any = import_module("resource") if find_spec("resource") else None

_PR_SET_DUMPABLE: Final = 4


def keep_private() -> None:
    """Switch off core dumps of this process, and ptrace by others of its user.

    A child that is another program, or that was spawned, has to do so itself.
    """
    if _resource is not None:
        # macOS refuses some; a lower one that is set already stays.
        with suppress(ValueError, OSError):
            _resource.setrlimit(_resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # A core pattern that is a pipe ignores the limit, but not this.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
