"""Every figure of the shipped cities is pinned by a case: a sample in `make test`, all
of them in `make prove`."""

from __future__ import annotations

from time import process_time

import pytest
from gongji_conformance.mutation import score

from tests.prove.conftest import LONG

SAMPLE = 40
HIGHEST_TIER_BP = 9500
A_MINUTE = 60.0


@pytest.mark.parametrize(
    "pinyin", ["anqing", "chuzhou", "huangshan"] if LONG else ["chuzhou"]
)
def test_cases_notice(pinyin: str) -> None:
    """At least 95 % of the changes that could be noticed are noticed, within a minute
    of one core."""
    before = process_time()
    scored = score(pinyin, workers=1, sample=0 if LONG else SAMPLE)
    assert scored.ratio_bp >= HIGHEST_TIER_BP, [
        survivor.name for survivor in scored.survived
    ]
    assert scored.whole is LONG
    assert process_time() - before < A_MINUTE
