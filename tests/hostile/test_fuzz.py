"""200,000 hostile requests, as many before them: no defect, no crash, no more memory."""

from __future__ import annotations

from tests.hostile.fuzz import fuzz

REQUESTS = 400_000


def test_hostile_requests_find_no_defect() -> None:
    """Mutated requests of every method, raw frames, header floods and slow streams."""
    report = fuzz(REQUESTS, seed=1)
    assert report.sound, report
