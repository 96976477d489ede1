"""How long the proofs run: short in `make test`, long in `make prove`."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings

LONG = os.environ.get("GONGJI_PROVE") == "1"

Effort = Callable[..., settings]


@pytest.fixture(scope="session")
def effort() -> Effort:
    """Return the settings of a proof: `short` or `long` examples of `steps` steps each.

    Every short run has the same examples.
    """

    def settings_of(*, short: int, long: int, steps: int = 50) -> settings:
        return settings(
            max_examples=long if LONG else short,
            stateful_step_count=steps,
            derandomize=not LONG,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        )

    return settings_of
