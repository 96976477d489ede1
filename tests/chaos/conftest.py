"""How hard the tests try: a few faults in `make test`, hundreds in `make chaos`.

`make chaos` ends with a table of counts.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.chaos.book import Book
from tests.chaos.database import Database
from tests.postgres import QUICK

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

LONG = os.environ.get("GONGJI_CHAOS") == "1"
# They take seconds or minutes each, and one of them a system that grants a little.
_LONG = [
    "test_backup.py",
    "test_database.py",
    "test_disk.py",
    "test_failover.py",
    "test_migrate.py",
    "test_small_disk.py",
    "test_upgrade.py",
]
collect_ignore = [] if LONG else _LONG

SEED = "GONGJI_CHAOS_SEED"
"""Environment variable that has a long run take the same chances again."""

_SHORT_SEED = 20250930
_TALLY = "chaos"
_FIRST = ("server", "gateway", "acknowledged", "replays", "reversals", "retries")
"""What stands first in the table, by its first word, in this order."""


def engines(*, short: str) -> list[str]:
    """Return the databases a test runs over: one in `make test`, both in `make chaos`."""
    return ["sqlite", "postgres"] if LONG else [short]


class Effort(Protocol):
    """How many faults a test makes."""

    def __call__(self, *, short: int, long: int) -> int: ...


@pytest.fixture(scope="session")
def effort() -> Effort:
    """Return the short number in `make test`, the long one in `make chaos`."""
    return lambda *, short, long: long if LONG else short


@pytest.fixture(scope="session")
def seed() -> int:
    """Return the same seed in every short run, another in each long run."""
    named = os.environ.get(SEED)
    if named:
        return int(named)
    return secrets.randbits(32) if LONG else _SHORT_SEED


class Tell(Protocol):
    """Puts what a test counted into the table."""

    def __call__(
        self, book: Book, audited: Mapping[str, int], **faults: int
    ) -> None: ...


@pytest.fixture
def tell(record_property: Any, request: pytest.FixtureRequest, seed: int) -> Tell:
    """Put the counts into the report of the test."""
    began = monotonic()
    print(f"seed {seed}")  # noqa: T201 - shown with a failure

    def put(book: Book, audited: Mapping[str, int], **faults: int) -> None:
        tally = {
            **faults,
            **book.tally,
            "attempts lost": len(book.lost),
            "of them refused": len(book.refusals),
        }
        for name, number in audited.items():
            tally[f"{name} checked"] = number
        tally["seconds"] = round(monotonic() - began)
        counts = {"name": request.node.name, "seed": seed, "tally": tally}
        record_property(_TALLY, counts)

    return put


@pytest.fixture(scope="session")
def postgres() -> Iterator[Database]:
    """Give a PostgreSQL to break; it waits for the disk only in `make chaos`."""
    with Database.running(*(() if LONG else QUICK)) as server:
        yield server


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """Return a service's database: an address of PostgreSQL, or "" for SQLite.

    A parameter says which.
    """
    if request.param == "sqlite":
        return ""
    server: Database = request.getfixturevalue("postgres")
    return server.fresh()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return the data folder of a service."""
    return tmp_path / "var"


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Write the counts of each test of a long run, and those of all."""
    if not LONG:
        return
    totals: Counter[str] = Counter()
    terminalreporter.section("faults and what became of them")
    for counts in _counts_of(terminalreporter):
        totals.update(counts["tally"])
        terminalreporter.write_line(f"{counts['name']} (seed {counts['seed']})")
        _write(terminalreporter, counts["tally"])
    terminalreporter.write_line("all together")
    _write(terminalreporter, totals)


def _counts_of(terminalreporter: TerminalReporter) -> Iterator[Any]:
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in report.user_properties:
                if name == _TALLY:
                    yield value


def _write(terminalreporter: TerminalReporter, tally: Mapping[str, int]) -> None:
    for name in sorted(tally, key=_place):
        terminalreporter.write_line(f"{tally[name]:>12,}  {name}")


def _place(name: str) -> int:
    first_word = name.partition(" ")[0]
    return _FIRST.index(first_word) if first_word in _FIRST else len(_FIRST)
