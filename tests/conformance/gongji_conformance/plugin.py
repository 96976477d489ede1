"""The pytest plugin: options, the server under judgement, and one test item for each city and case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from gongji_conformance.judged import Judged
    from gongji_conformance.stage import Stage
    from gongji_conformance.trial import Trial
    from gongji_conformance.wire import Wire

_STAGE = pytest.StashKey["Stage | Exception"]()
"""The stage, or why there is none: nobody waits for a server twice."""
_CITY, _CASE = "gongji_city", "gongji_case"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--gongji-city` and `--gongji-target`."""
    group = parser.getgroup("gongji", "gongji 合规测试")
    group.addoption(
        "--gongji-city",
        action="append",
        default=[],
        metavar="NAME",
        help="只测这个城市(拼音, 如 chuzhou); 可重复. 默认: 每个已接入的城市",
    )
    group.addoption(
        "--gongji-target",
        default="",
        metavar="HOST:PORT",
        help="测一个正在运行的沙盒服务(gongji serve --sandbox). 默认: 在本进程内另起一个",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item for each city asked for, or for each of its cases under the case's own number."""
    if not {_CITY, _CASE}.intersection(metafunc.fixturenames):
        return
    from gongji_conformance.stage import StageFault  # noqa: PLC0415 - as in _stage

    stage, wanted = _stage(metafunc.config), metafunc.config.getoption("--gongji-city")

    try:
        if _CASE in metafunc.fixturenames:
            found = stage.cases(wanted)
            metafunc.parametrize(_CASE, found, ids=[case.id for _, case in found], indirect=True)
        else:
            metafunc.parametrize(_CITY, stage.chosen(wanted), indirect=True)
    except StageFault as fault:
        raise pytest.Collector.CollectError(str(fault)) from None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stops a server of our own."""
    stage = config.stash.get(_STAGE, None)
    if stage is not None and not isinstance(stage, Exception):
        stage.close()


def _stage(config: pytest.Config) -> Stage:
    """The stage, set up when it is first needed. CollectError where it cannot be."""
    # Late: this module is loaded by every pytest run that finds the suite installed.
    from gongji_conformance.stage import Stage, StageFault  # noqa: PLC0415 - see above

    if _STAGE not in config.stash:
        try:
            config.stash[_STAGE] = Stage(config.getoption("--gongji-target"), alone=not hasattr(config, "workerinput"))
        except StageFault as fault:
            config.stash[_STAGE] = fault
    stage = config.stash[_STAGE]
    if isinstance(stage, Exception):
        raise pytest.Collector.CollectError(str(stage))
    return stage


@pytest.fixture(scope="session")
def gongji_stage(pytestconfig: pytest.Config) -> Stage:
    """The server under judgement and what the suite has invented there."""
    return _stage(pytestconfig)


@pytest.fixture
def gongji_wire(gongji_stage: Stage) -> Wire:
    """Plain calls to the server."""
    return gongji_stage.wire


@pytest.fixture
def gongji_city(gongji_stage: Stage, request: pytest.FixtureRequest) -> Judged:
    """One city, on a working day at ten in the morning."""
    from gongji_conformance.judged import NOW, Judged  # noqa: PLC0415 - as in _stage

    gongji_stage.wire.set_clock(NOW)
    city = gongji_stage.city(request.param)
    return Judged(city, gongji_stage.wire, gongji_stage.world(city.area_code))


@pytest.fixture
def gongji_case(gongji_stage: Stage, request: pytest.FixtureRequest) -> Trial:
    """One case of one city, ready to be told."""
    from gongji_conformance.trial import Trial  # noqa: PLC0415 - as in _stage

    pinyin, case = request.param
    return Trial(gongji_stage, pinyin, case)
