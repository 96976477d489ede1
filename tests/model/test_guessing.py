"""Guesses counted: so many in a window, then a pause."""

from __future__ import annotations

from datetime import timedelta

import pytest
from gongji.model.guessing import Guesses, GuessingLimits, one_more, refuse_paused
from gongji.model.refusals import GuessingPaused
from hypothesis import given
from hypothesis import strategies as st

from tests.scaffold.people import NOW

LIMITS = GuessingLimits(wrong=3, within_s=60, pause_s=100)


def answered(seconds: list[int]) -> list[int]:
    """Return at which of these seconds a wrong guess is answered at all."""
    known: Guesses | None = None
    told = []
    for second in seconds:
        now = NOW + timedelta(seconds=second)
        try:
            refuse_paused(known, now)
        except GuessingPaused:
            continue
        known = one_more("P1/app", known, now, LIMITS, LIMITS.wrong)
        told.append(second)
    return told


def model(seconds: list[int]) -> list[int]:
    """Return the same, counted by hand: windows begin with a guess, pauses end them."""
    told: list[int] = []
    window: list[int] = []
    paused_until = -1
    for second in seconds:
        if second < paused_until:
            continue
        if paused_until >= 0 or (window and second >= window[0] + 60):
            window, paused_until = [], -1
        window.append(second)
        told.append(second)
        if len(window) == 3:
            paused_until = second + 100
    return told


@given(st.lists(st.integers(0, 900), max_size=40).map(sorted))
def test_guesses_against_a_model(seconds: list[int]) -> None:
    """A wrong guess is answered exactly if no pause lasts; the third of a window begins one."""
    assert model(seconds) == answered(seconds)


@given(st.lists(st.integers(0, 900), max_size=40).map(sorted))
def test_a_bound_on_guesses(seconds: list[int]) -> None:
    """Within the length of a pause no more than twice the allowed guesses are answered."""
    told = answered(seconds)
    for first in told:
        within = [second for second in told if first <= second < first + 100]
        assert len(within) <= 2 * LIMITS.wrong


def test_the_pause_says_when_it_ends() -> None:
    """A pause is refused with the milliseconds until its end, rounded up."""
    guesses = Guesses(
        guesses_id="P1/app", wrong=3, since=NOW, paused_until=NOW + timedelta(seconds=9)
    )
    with pytest.raises(GuessingPaused) as caught:
        refuse_paused(guesses, NOW + timedelta(seconds=1, microseconds=1))
    assert 8000 == caught.value.retry_ms
    refuse_paused(guesses, NOW + timedelta(seconds=9))


def test_a_clock_set_back_forgets() -> None:
    """In a window that begins after now nothing was guessed yet."""
    ahead = Guesses(guesses_id="P1/app", wrong=2, since=NOW + timedelta(seconds=1))
    assert 1 == one_more("P1/app", ahead, NOW, LIMITS, LIMITS.wrong).wrong
