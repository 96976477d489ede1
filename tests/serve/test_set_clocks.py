"""Certificates and tokens expire by a clock that is held, whatever the machine's is set to."""

from __future__ import annotations

import pickle
import re
from datetime import timedelta
from pathlib import Path
from time import time

import gongji
import pytest
from gongji.serve.clock import HeldClock

from tests.scaffold.credentials import SPAN, DoorFiles
from tests.serve.test_identification import Admitting, bearer, files

__all__ = ["files"]

MACHINE = {"wall": 0, "passed": 0}
"""The machine's clocks in nanoseconds: also of processes that are started later."""


def _wall() -> int:
    return MACHINE["wall"]


def _passed() -> int:
    return MACHINE["passed"]


def set_by(**by: timedelta) -> None:
    """Set the machine's clock by so much, or let so much pass."""
    for name, amount in by.items():
        MACHINE[name] += round(amount.total_seconds()) * 10**9


@pytest.fixture
def held(files: DoorFiles) -> Admitting:
    """Admits by a clock that is held, as the service does."""
    MACHINE.update(wall=round(time() * 1e9), passed=10**12)
    return Admitting(files, HeldClock(_wall, _passed, tells=False))


def test_set_back_what_expired_stays_so(files: DoorFiles, held: Admitting) -> None:
    """A certificate and a token that have expired stay so when the clock is set back, also
    in a process that is started afterwards, though nobody called in between."""
    pair, token = files.certificate("auditor"), files.token("auditor")
    tried = (pair, bearer(token))
    assert ["auditor"] * 2 == [held(tried[0]), held(authorization=tried[1])]
    gone = SPAN + timedelta(days=1)
    set_by(wall=gone, passed=gone)
    set_by(wall=-gone)
    held.authenticator = pickle.loads(pickle.dumps(held.authenticator))  # noqa: S301 - our own
    expired = ["CredentialExpired"] * 2
    assert expired == [held(tried[0]), held(authorization=tried[1])]


def test_set_ahead_by_years_nothing_expires(files: DoorFiles, held: Admitting) -> None:
    """A clock set ahead by years ends no certificate and no token."""
    pair, token = files.certificate("auditor"), files.token("auditor")
    set_by(wall=timedelta(days=1000))
    assert "auditor" == held(pair)
    assert "auditor" == held(authorization=bearer(token))


READERS = {
    "serve/clock.py": "the held clock itself",
    "serve/tls.py": "how soon our own certificate ends, which is told",
    "serve/watched.py": "whether a file was written within the instant it was read",
    "serve/tracing.py": "when a span began",
    "rpc/call_line.py": "when a line was written",
    "store/committer.py": "when a span's parts began",
    "store/timing.py": "the same",
    "store/databases.py": "commands that open a database",
    "store/administration.py": "the same: never before the last instant on record",
    "store/rekey.py": "the same",
    "store/migrations.py": "the same",
}
"""Modules that read the clock that can be set, and what for."""

WALL = re.compile(r"\btime\.time\b|\btime_ns\b|\bdatetime\.now\b|\butcnow\b")


def test_nothing_else_goes_by_the_clock_that_can_be_set() -> None:
    """Turns, leases, shares and watchdogs go by what passes: none is lengthened or cut
    short by a step. Decisions are given their instant."""
    package = Path(gongji.__file__).parent
    found = set()
    for folder in (
        "serve",
        "store",
        "rpc",
        "settlement",
        "binding",
        "account",
        "audit",
    ):
        for path in (package / folder).rglob("*.py"):
            if WALL.search(path.read_text(encoding="utf-8")):
                found.add(path.relative_to(package).as_posix())
    assert READERS.keys() == found
