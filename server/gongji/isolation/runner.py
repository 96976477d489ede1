"""Have requests answered by isolated processes, one each."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Final

import msgspec

from gongji.isolation.protocol import (
    WALL_S,
    IsolatedAnswer,
    IsolatedRequest,
    IsolatedRequests,
)

_START_S: Final = 30.0
"""Seconds the launcher itself may take beside its jobs."""

FORKING: Final = hasattr(os, "fork")
"""Whether processes can be forked here; on Windows each job has a launcher of its own."""

_ENVIRONMENT: Final = {
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}
"""The whole environment, beside where modules are found: the same on every machine."""


def run(module: str, jobs: Sequence[IsolatedRequest]) -> list[IsolatedAnswer]:
    """Return what `module`'s function `answer` makes of each request, in order.

    Each is answered in a process of its own that has nothing but its request, reads
    nothing but the interpreter, gongji and the job's own files, and writes nothing but
    its answer. A fault of one is its outcome and touches no other.
    """
    if not jobs:
        return []
    if FORKING or len(jobs) == 1:
        outcomes = _launched(module, jobs)
        if outcomes is not None:
            return outcomes
    if len(jobs) == 1:
        return [IsolatedAnswer(fault="进程没有答完就结束了")]
    # Where a kernel confines less, one process may have ended all: each on its own.
    return [run(module, [job])[0] for job in jobs]


def _environment() -> dict[str, str]:
    """Return all that a launcher finds in its environment."""
    given = dict(_ENVIRONMENT, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
    # Without it Windows starts no Python.
    given |= {n: os.environ[n] for n in ("SYSTEMROOT",) if n in os.environ}
    return given


def _launched(
    module: str, jobs: Sequence[IsolatedRequest]
) -> list[IsolatedAnswer] | None:
    """Return the outcomes of one launcher; None if it gave none. OSError."""
    wall_s = _START_S + WALL_S * len(jobs)
    with tempfile.TemporaryDirectory(prefix="gongji-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-m", "gongji.isolation.launcher"],
            env=_environment(),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        request = msgspec.msgpack.encode(IsolatedRequests(module, tuple(jobs), FORKING))
        with process:
            try:
                answered, _ = process.communicate(request, wall_s)
            except subprocess.TimeoutExpired:
                return None
            finally:
                process.kill()
    try:
        outcomes = msgspec.msgpack.decode(answered, type=list[IsolatedAnswer])
    except msgspec.MsgspecError:
        return None
    return outcomes if len(outcomes) == len(jobs) else None
