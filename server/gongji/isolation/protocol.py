"""What is asked of the launcher of isolated processes, and what it answers."""

from __future__ import annotations

from typing import Final

import msgspec

WALL_S: Final = 10.0
"""Seconds in which a process must have answered; then it is killed."""

ANSWER_BYTES: Final = 2**20
"""The longest answer that is taken."""


class IsolatedRequest(msgspec.Struct, frozen=True):
    """A request to one isolated process, and the files it may read beside the interpreter."""

    request: bytes
    reads: tuple[str, ...]


class IsolatedRequests(msgspec.Struct, frozen=True):
    """All that a launcher is asked: each job is done by `module`'s function `answer`."""

    module: str
    jobs: tuple[IsolatedRequest, ...]
    # Where processes cannot be forked, the launcher answers its only job itself.
    forking: bool = True


class IsolatedAnswer(msgspec.Struct, frozen=True):
    """The bytes a process answered, or in Chinese why it did not."""

    answer: bytes = b""
    fault: str = ""
