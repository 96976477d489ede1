"""Why the database cannot be used stands in the log, once, and when it can again."""

from __future__ import annotations

from gongji.serve.database_events import SLOW_FLUSH_S, LoggedStore
from gongji.store.condition import READING, WRITING, StoreCondition
from gongji.store.engine import EngineDown
from structlog.testing import capture_logs


def test_a_loss_and_its_end_are_a_line_each() -> None:
    """However many calls fail, the log has the reason once, and for how long it was."""
    times = iter([0.0, 10.0, 17.5])
    condition = StoreCondition()
    condition.observe(LoggedStore(lambda: next(times)))
    with capture_logs() as lines:
        for part in (WRITING, WRITING, READING):
            condition.failed(part, EngineDown("full", "disk_full"))
        for part in (WRITING, READING, WRITING):
            condition.well(part)
    assert [
        {"event": "database_lost", "log_level": "error", "reason": "disk_full"},
        {"event": "database_back", "log_level": "info", "seconds": 7.5},
    ] == lines


def test_what_is_slow_is_told_in_milliseconds() -> None:
    """A wait names whom it was for; a commit is told of only if it took long."""
    condition = StoreCondition()
    condition.observe(LoggedStore())
    with capture_logs() as lines:
        condition.committed(3, SLOW_FLUSH_S / 2)
        condition.committed(3, 1.2)
        condition.waited(4.25, "pid 7")
    assert [
        {"event": "slow_flush", "log_level": "warning", "ms": 1200, "jobs": 3},
        {"event": "lock_waited", "log_level": "warning", "ms": 4250, "why": "pid 7"},
    ] == lines
