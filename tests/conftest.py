"""Worlds in memory for tests of decisions: two cities under the province's rules."""

from __future__ import annotations

import gc
import os
import sys
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gongji.model.account import Account
from gongji.model.settlement import Accumulator
from gongji.rules.codes import Scheme, pooling_area
from hypothesis import HealthCheck, settings

# The conformance suite lies below this folder and is also run from others, where the
# settings that put the repository on the path do not hold.
sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.canary.overheard import overheard
from tests.postgres import QUICK, Postgres, running
from tests.scaffold.cities import employee_table, two_cities
from tests.scaffold.people import ANQING, CHUZHOU, NOW
from tests.scaffold.world import NewWorld, World
from tests.softhsm import SoftToken, soft_token

# How long an example takes is no law: beside other work any of them may take long.
# Fewer than by default: the whole suite is to end within a quarter of an hour.
settings.register_profile(
    "any machine",
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")


EVERYTHING = os.environ.get("GONGJI_EVERYTHING") == "1"


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Leave to `make test-everything` what is long, and of tables all but a sample.

    A sample is spread evenly over a test's cases: the same at every run.
    """
    if EVERYTHING:
        return
    cases = defaultdict(list)
    for item in items:
        cases[item.nodeid.partition("[")[0]].append(item)
    kept = {item for each in cases.values() for item in _sample(each)}
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def _sample(cases: list[pytest.Item]) -> list[pytest.Item]:
    if cases[0].get_closest_marker("long"):
        return []
    sampled = cases[0].get_closest_marker("sampled")
    most = min(len(cases), sampled.args[0]) if sampled else len(cases)
    return [cases[place * len(cases) // most] for place in range(most)]


def pytest_collection_finish() -> None:
    """Look for garbage in what tests make: all that was collected stays to the end."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[
    None, pytest.TestReport, pytest.TestReport
]:
    """Fail whatever test has a server's log name one of the invented people."""
    report = yield
    if report.passed and (said := overheard(report.capstderr + report.caplog)):
        report.outcome = "failed"
        report.longrepr = f"日志中有个人信息：{said}"
    return report


@pytest.fixture(scope="session")
def new_world() -> NewWorld:
    """Make worlds on 2025-09-30 with 滁州市 and 安庆市 as the province rules."""
    plain = two_cities()

    def make(
        now: datetime = NOW, table: Mapping[str, Any] | None = None, **values: object
    ) -> World:
        if table:
            values["reimbursement"] = employee_table(table)
        return World(two_cities(**values) if values else plain, now)

    return make


@pytest.fixture(scope="session")
def family(new_world: NewWorld) -> NewWorld:
    """Make P1 (50 yuan), bound by P2 of Anqing (20, earlier) and P3 (300, later).

    The year's deductible is behind P1; there is a hospital of level 3 and a pharmacy.
    """

    def make(
        now: datetime = NOW, table: Mapping[str, Any] | None = None, **values: object
    ) -> World:
        world = new_world(now, table, **values)
        world.person("P1")
        world.person("P2", "12", ANQING)
        world.person("P3")
        balances = {"P1": 50_00, "P2": 20_00, "P3": 300_00}
        world.add(*(Account(who, fen, 1) for who, fen in balances.items()))
        area = pooling_area(CHUZHOU)
        world.add(Accumulator("P1", Scheme.EMPLOYEE, area, NOW.year, 800_00, 0))
        world.bind("P3", "P1", NOW - timedelta(days=1))
        world.bind("P2", "P1", NOW - timedelta(days=2))
        world.hospital(2)
        world.hospital(0)
        return world

    return make


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> SoftToken:
    """A token of SoftHSM's with a key `master`."""
    return soft_token(tmp_path_factory.mktemp("hsm"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server a session, started when the first test asks for it."""
    with running(*QUICK) as server:
        yield server
