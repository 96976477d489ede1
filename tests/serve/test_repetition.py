"""One line of a kind at a time; those held back are told by the last of them."""

from __future__ import annotations

from typing import Any

import pytest
from gongji.serve import repetition
from gongji.serve.events import EVERY_S
from gongji.serve.repetition import Repetition


class RepeatedLog:
    """A log with a clock of its own; nothing wakes it but the test."""

    def __init__(self) -> None:
        self.now = 100.0
        self.lines: list[dict[str, Any]] = []
        self._repetition = Repetition(self.lines.append, lambda: self.now)

    def tell(self, event: str, **fields: object) -> None:
        """Log an event."""
        line = {"event": event, **fields}
        if self._repetition.passes(line):
            self.lines.append(line)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self._repetition.release()

    def end(self) -> None:
        """End the process."""
        self._repetition.release(all_=True)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> RepeatedLog:
    monkeypatch.setattr(repetition.Repetition, "_wake_in", lambda *_: None)
    return RepeatedLog()


def test_the_first_is_told_at_once_and_the_last_with_a_count(told: RepeatedLog) -> None:
    """Of many within ten seconds the first is a line, and the last one after them."""
    for number in range(5):
        told.tell("database_lost", reason=f"r{number}")
    assert [{"event": "database_lost", "reason": "r0"}] == told.lines
    told.later(EVERY_S - 1)
    assert 1 == len(told.lines)
    told.later(1)
    last = {"event": "database_lost", "reason": "r4", "repeated": 4}
    assert last == told.lines[1]
    told.tell("database_lost", reason="r5")
    assert 2 == len(told.lines)


def test_what_comes_seldom_is_told_each_time(told: RepeatedLog) -> None:
    """Events ten seconds apart are lines of their own, without a count."""
    for _ in range(3):
        told.tell("slow_flush", ms=5)
        told.later(EVERY_S)
    assert [{"event": "slow_flush", "ms": 5}] * 3 == told.lines


def test_kinds_do_not_hide_each_other(told: RepeatedLog) -> None:
    """Two events, or two callers of one event, are told apart; counts are summed."""
    for caller in ("a", "b", "a", "a"):
        told.tell("over_limit", caller=caller, refused=10)
    told.tell("slow_flush", ms=5)
    assert ["a", "b", None] == [line.get("caller") for line in told.lines]
    told.end()
    last = {"event": "over_limit", "caller": "a", "refused": 20, "repeated": 2}
    assert last == told.lines[-1]


def test_kinds_without_end_do_not_fill_the_memory(told: RepeatedLog) -> None:
    """Callers name themselves: of very many one line more is told, not one each."""
    for number in range(5000):
        told.tell("over_limit", caller=str(number), refused=1)
    assert 1001 == len(told.lines)
    told.end()
    assert 5000 == sum(line["refused"] for line in told.lines)
    # Those told long ago are forgotten.
    told.later(EVERY_S)
    told.tell("over_limit", caller="late", refused=1)
    assert "late" == told.lines[-1]["caller"]


def test_nothing_is_told_twice_at_the_end(told: RepeatedLog) -> None:
    """What was told is not told again when the process ends."""
    told.tell("slow_flush", ms=5)
    told.end()
    told.end()
    assert 1 == len(told.lines)
