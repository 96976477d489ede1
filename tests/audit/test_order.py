"""The ids of leaves as a checkpoint keeps them."""

from __future__ import annotations

from itertools import accumulate

import pytest
from gongji.audit.order import IdRanges, ids_in
from hypothesis import given
from hypothesis import strategies as st

RANGES = {
    "": [],
    "0": [0],
    "7": [7],
    "1-3": [1, 2, 3],
    "1-2,4": [1, 2, 4],
    "5,3-4,9": [5, 3, 4, 9],
}
"""Ids in the order of their leaves, and their text."""


def written(numbers: list[int]) -> list[str]:
    """Return numbers as ids."""
    return [f"{number:016d}" for number in numbers]


@pytest.mark.parametrize("text", RANGES)
def test_ids_are_told_by_their_ranges(text: str) -> None:
    """Whatever follows the one before goes on with its range, anything else begins one."""
    assert text == IdRanges(written(RANGES[text])).text


@given(st.lists(st.integers(1, 3), min_size=1))
def test_each_id_is_told_again(steps: list[int]) -> None:
    """Whatever ids ascend are read again from their text."""
    ids = written(list(accumulate(steps)))
    assert ids == list(ids_in(IdRanges(ids).text))


def test_what_is_no_id_stands_for_itself() -> None:
    """No range takes it up, so that a text with it is like no other."""
    assert "1,x,2" == IdRanges(["0000000000000001", "x", "0000000000000002"]).text
