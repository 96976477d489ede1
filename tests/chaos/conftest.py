"""How hard the tests try: a few faults in `make test`, hundreds in `make chaos`, which
ends with a table of counts."""

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
# They take seconds each, and a system that grants a little.
collect_ignore = [] if LONG else ["test_small_disk.py"]

SEED = "GONGJI_CHAOS_SEED"
"""Environment variable that has a long run take the same chances again."""

_SHORT_SEED = 20250930
_TALLY = "chaos"
_ORDER = {
    word: at
    for at, word in enumerate(
        ["server", "gateway", "acknowledged", "replays", "reversals", "retries"]
    )
}
"""What stands first in the table, by its first word."""


class Effort(Protocol):
    """How many faults a test makes."""

    def __call__(self, *, short: int, long: int) -> int: ...


@pytest.fixture(scope="session")
def effort() -> Effort:
    """The short number in `make test`, the long one in `make chaos`."""
    return lambda *, short, long: long if LONG else short


@pytest.fixture(scope="session")
def seed() -> int:
    """The same chances in every short run, other ones in each long run."""
    named = os.environ.get(SEED)
    return int(named) if named else secrets.randbits(32) if LONG else _SHORT_SEED


class Tell(Protocol):
    """Keeps what a test counted for the table."""

    def __call__(
        self, book: Book, looked_at: Mapping[str, int], **faults: int
    ) -> None: ...


@pytest.fixture
def tell(record_property: Any, request: pytest.FixtureRequest, seed: int) -> Tell:
    """Puts the counts into the report of the test."""
    began = monotonic()
    print(f"seed {seed}")  # noqa: T201 - shown with a failure

    def told(book: Book, looked_at: Mapping[str, int], **faults: int) -> None:
        tally = {
            **faults,
            **book.tally,
            "attempts lost": len(book.lost),
            "of them refused": len(book.refusals),
            **{f"{name} checked": number for name, number in looked_at.items()},
            "seconds": round(monotonic() - began),
        }
        record_property(
            _TALLY, {"name": request.node.name, "seed": seed, "tally": tally}
        )

    return told


@pytest.fixture(scope="session")
def postgres() -> Iterator[Database]:
    """A server of our own to break; it waits for the disk only in `make chaos`."""
    with Database.running(*(() if LONG else QUICK)) as server:
        yield server


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """Where the data of a service lie: an address of PostgreSQL, or nothing for SQLite;
    a parameter says which."""
    if request.param == "sqlite":
        return ""
    server: Database = request.getfixturevalue("postgres")
    return server.fresh()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder of a service."""
    return tmp_path / "var"


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """The counts of each test of a long run, and those of all."""
    if not LONG:
        return
    told = [
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        for name, value in report.user_properties
        if name == _TALLY
    ]
    totals: Counter[str] = Counter()
    terminalreporter.section("faults and what became of them")
    for one in told:
        totals.update(one["tally"])
        terminalreporter.write_line(f"{one['name']} (seed {one['seed']})")
        _write(terminalreporter, one["tally"])
    terminalreporter.write_line("all together")
    _write(terminalreporter, totals)


def _write(terminalreporter: TerminalReporter, tally: Mapping[str, int]) -> None:
    for counted, number in sorted(
        tally.items(),
        key=lambda item: _ORDER.get(item[0].partition(" ")[0], len(_ORDER)),
    ):
        terminalreporter.write_line(f"{number:>12,}  {counted}")
