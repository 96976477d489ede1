"""Load that others send: beside each, a good caller and health are answered.

Seconds each in `make test`, longer in `make hostile`. Nothing here is measured against a
clock: what a good caller gets is compared with what it gets of the same server alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.cli.started import Started
from tests.hostile.attacks import ATTACKS
from tests.hostile.beside import Beside, beside, sandbox

LONG = os.environ.get("GONGJI_HOSTILE") == "1"

SECONDS = 20.0 if LONG else 3.0

MOST_MB = 150
"""Memory both processes together may grow by; rapid reset took 900 MB more."""

# Of what it gets alone: most of the machine is the attacker's while it sends.
LEAST = 0.002

QUICK = (
    "rapid_reset",
    "guides",
    "untaken",
    "unfinished",
    "rows",
)


@pytest.fixture(scope="module")
def server() -> Iterator[Started]:
    with sandbox() as started:
        yield started


@pytest.fixture(scope="module")
def alone(server: Started) -> Beside:
    return beside(server, "nothing", SECONDS)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("attack", ATTACKS if LONG else QUICK)
def test_a_good_caller_is_answered_beside(
    server: Started, alone: Beside, attack: str
) -> None:
    """No call of his fails, health answers, and memory stays what it was."""
    came = beside(server, attack, SECONDS)
    assert ({}, {}, {}) == (
        came.good.failures,
        came.health.failures,
        came.after.failures,
    )
    assert came.good.rate >= LEAST * alone.good.rate
    assert came.health.count
    before_mb, after_mb = came.memory_mb
    assert after_mb - before_mb <= MOST_MB


def test_the_log_stays_json(server: Started) -> None:
    """Whatever was sent, every line of the log is one of ours."""
    assert [] == [line for line in server.logged if not line.startswith("{")]
