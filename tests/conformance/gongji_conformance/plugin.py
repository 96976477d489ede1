"""The pytest plugin: options, the server under judgement, one test item for each city and case, and its verdict."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from gongji_conformance.options import OPTIONS, PREFIX

if TYPE_CHECKING:
    from gongji_conformance.cases.trial import Trial
    from gongji_conformance.city.judged import Judged
    from gongji_conformance.city.stage import Stage
    from gongji_conformance.city.wire import Wire
    from gongji_conformance.session import Session

# Everything else is imported late: this module is loaded by every pytest run that finds the suite installed.

_SESSION = pytest.StashKey["Session"]()
CARRIED = "gongji"
"""The attribute of a pytest report under which a verdict travels between processes."""
_CITY, _CASE = "gongji_city", "gongji_case"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of options.py."""
    group = parser.getgroup("gongji", "gongji 合规测试")
    for option in OPTIONS:
        plain: dict[str, Any] = {"help": option.help}
        if not option.metavar:
            plain["action"] = "store_true"
        elif option.multiple:
            plain |= {"action": "append", "default": [], "metavar": option.metavar}
        else:
            plain |= {"default": "", "metavar": option.metavar}
        group.addoption(PREFIX + option.name, **plain)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Asks for a junit.xml beside our report; reads the options where any is given. UsageError for a wrong one."""
    if (folder := config.getoption("--gongji-report")) and not config.option.xmlpath:
        config.option.xmlpath = f"{folder}/junit.xml"
    if any(config.getoption(PREFIX + option.name) for option in OPTIONS):
        _session(config)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Reports(config), "gongji_reports")


def _session(config: pytest.Config) -> Session:
    """The run of the suite, begun when it is first needed. UsageError where an option cannot be read."""
    from gongji_conformance.session import Session, UnreadableOption  # noqa: PLC0415 - see above

    if _SESSION not in config.stash:
        try:
            config.stash[_SESSION] = Session(config)
        except UnreadableOption as wrong:
            raise pytest.UsageError(str(wrong)) from None
    return config.stash[_SESSION]


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Looks for the server and the cities that are asked for by name before anything else. UsageError."""
    from gongji_conformance.city.stage import StageFault  # noqa: PLC0415 - see above

    wanted = session.config.getoption("--gongji-city")
    if not (wanted or session.config.getoption("--gongji-target")):
        return
    try:
        _session(session.config).stage().chosen(wanted)
    except StageFault as fault:
        raise pytest.UsageError(str(fault)) from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item for each city asked for, or for each of its cases under the case's own number."""
    if not {_CITY, _CASE}.intersection(metafunc.fixturenames):
        return
    from gongji_conformance.city.stage import StageFault  # noqa: PLC0415 - see above

    wanted = metafunc.config.getoption("--gongji-city")
    try:
        stage = _session(metafunc.config).stage()
        if _CASE in metafunc.fixturenames:
            found = stage.cases(wanted)
            metafunc.parametrize(_CASE, found, ids=[case.id for _, case in found], indirect=True)
        else:
            metafunc.parametrize(_CITY, stage.chosen(wanted), indirect=True)
    except StageFault as fault:
        raise pytest.Collector.CollectError(str(fault)) from None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Makes items known by their ids, so that `-k` finds them, and leaves out what the options do not ask for."""
    if _SESSION in config.stash and (unwanted := config.stash[_SESSION].unwanted(items)):
        config.hook.pytest_deselected(items=unwanted)
        items[:] = [item for item in items if item not in unwanted]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What is said from here on belongs to this item."""
    if _SESSION in item.config.stash:
        item.config.stash[_SESSION].begin(item)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Ends a law early where the city declares not to have what it presupposes, and shows that by refusing."""
    if _SESSION in pyfuncitem.config.stash:
        pyfuncitem.config.stash[_SESSION].require(pyfuncitem)


def pytest_assertrepr_compare(config: pytest.Config, op: str, left: object, right: object) -> None:
    """Keeps the two sides of the comparison that did not hold; how pytest explains it stays as it is."""
    if _SESSION in config.stash:
        config.stash[_SESSION].compared(op, left, right)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns the outcome of an item of the suite into one of its verdicts."""
    report = yield
    if _SESSION in item.config.stash:
        item.config.stash[_SESSION].judge(item, call, report)
    return report


class _Reports:
    """Where reports arrive: in the only process, or in the one that gives the others their work."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str, str] | None:
        """The verdicts that pytest has no word for."""
        return _session(self._config).status(report) if hasattr(report, CARRIED) else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the verdict."""
        if hasattr(report, CARRIED):
            _session(self._config).keep(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Writes the reports; patience that has ended fails the run."""
        if _SESSION in self._config.stash:
            self._config.stash[_SESSION].finish(session)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The verdicts by city."""
        if _SESSION in self._config.stash:
            self._config.stash[_SESSION].tell(terminalreporter)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stops a server of our own."""
    if _SESSION in config.stash:
        config.stash[_SESSION].close()


@pytest.fixture(scope="session")
def gongji_stage(pytestconfig: pytest.Config) -> Stage:
    """The server under judgement and what the suite has invented there."""
    return _session(pytestconfig).stage()


@pytest.fixture
def gongji_wire(gongji_stage: Stage) -> Wire:
    """Plain calls to the server."""
    return gongji_stage.wire


@pytest.fixture
def gongji_city(gongji_stage: Stage, request: pytest.FixtureRequest) -> Judged:
    """One city, on a working day at ten in the morning."""
    from gongji_conformance.city.judged import NOW  # noqa: PLC0415 - see above

    gongji_stage.wire.set_clock(NOW)
    return gongji_stage.judged(request.param)


@pytest.fixture
def gongji_case(gongji_stage: Stage, request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Trial:
    """One case of one city, ready to be told."""
    from gongji_conformance.cases.trial import Trial  # noqa: PLC0415 - see above

    pinyin, case = request.param
    return Trial(gongji_stage, pinyin, case, _session(pytestconfig).values)
