"""What a process holds in memory stays in it: no core file, no other process reads it."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from typing import Final

from gongji.serve.descriptors import resource

_PR_SET_DUMPABLE: Final = 4


def keep_private() -> None:
    """Switch off core dumps of this process, and ptrace by others of its user.

    A child that is another program has to do so itself.
    """
    if resource is not None:
        # macOS refuses some; a lower one that is set already stays.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # A core pattern that is a pipe ignores the limit, but not this.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
