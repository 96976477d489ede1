"""When the jobs of one call waited, were decided and committed, if anybody asks."""

from __future__ import annotations

from contextvars import ContextVar
from time import time_ns
from typing import Final


class JobTiming:
    """The instants of one job, in nanoseconds of the machine's clock; 0 until then."""

    __slots__ = ("began", "committed", "decided", "submitted")

    def __init__(self) -> None:
        self.submitted = time_ns()
        self.began = self.decided = self.committed = 0

    def note(self, began: int, decided: int, committed: int) -> None:
        """Note when its batch began, was decided over and written, and was durable."""
        self.began, self.decided, self.committed = began, decided, committed


job_timings: Final[ContextVar[list[JobTiming] | None]] = ContextVar(
    "job_timings", default=None
)
"""Where the jobs of the call being answered are timed; None if nobody asks."""


def new_timing() -> JobTiming | None:
    """Return the timing of a job that is now submitted; None if nobody asks."""
    # hot path: once a call.
    timings = job_timings.get()
    if timings is None:
        return None
    timing = JobTiming()
    timings.append(timing)
    return timing
