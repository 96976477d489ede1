"""Those turned away come again one after the other, neither at once nor never."""

from __future__ import annotations

import pytest
from gongji.rpc.outcome import APART_MS, LATEST_MS, SOONEST_MS, RetrySchedule


def test_turns_are_apart() -> None:
    """However many are turned away at one moment, they come again one after the other."""
    turns = RetrySchedule()
    expected = [SOONEST_MS + place * APART_MS for place in range(1000)]
    assert expected == [turns.wait_ms(0) for _ in range(1000)]


def test_nobody_waits_for_ever() -> None:
    """The last of very many waits no longer than the longest wait."""
    turns = RetrySchedule()
    assert LATEST_MS == max(turns.wait_ms(0) for _ in range(100_000))


@pytest.mark.parametrize("later_ms", [0, 3, 499, 500, 10_000])
def test_a_turn_is_soon_where_nobody_waits(later_ms: int) -> None:
    """Once the turns handed out have passed, the next one is soon again."""
    turns = RetrySchedule()
    turns.wait_ms(0)
    assert max(SOONEST_MS, SOONEST_MS + APART_MS - later_ms) == turns.wait_ms(later_ms)
