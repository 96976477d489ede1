"""Each city's own cases."""

from __future__ import annotations

import pytest

from gongji_conformance.cases.trial import Trial


def test_case(gongji_case: Trial) -> None:
    """Every case of a city comes out as its sentence says, step by step."""
    if failure := gongji_case.failure():
        pytest.fail(failure, pytrace=False)
