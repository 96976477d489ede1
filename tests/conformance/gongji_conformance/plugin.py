"""The pytest plugin: options, the server under test, one item a city or case."""

from __future__ import annotations

import argparse
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from gongji_conformance.options import OPTIONS, PREFIX, PROGRAM, Option, as_typed
from gongji_conformance.verdicts.carried import CARRIED

if TYPE_CHECKING:
    import warnings

    from gongji_conformance.cases.trial import Trial
    from gongji_conformance.city.city import CityUnderTest
    from gongji_conformance.city.server import ServerUnderTest
    from gongji_conformance.city.stubs import Stubs
    from gongji_conformance.session import Session

# Everything else is imported late (PLC0415): every pytest run that finds the suite
# installed loads this module, whether it judges a city or not.

_SESSION = pytest.StashKey["Session"]()
_CITY, _CASE = "gongji_city", "gongji_case"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of options.py."""
    group = parser.getgroup("gongji", "gongji 合规测试")
    for option in OPTIONS:
        group.addoption(PREFIX + option.name, **_spelling(option))
    # Nobody types it: `gongji conformance` says that it started pytest.
    group.addoption(PREFIX + PROGRAM, default="", help=argparse.SUPPRESS)


def _spelling(option: Option) -> dict[str, Any]:
    """Return an option as pytest's own parser takes it."""
    if not option.metavar:
        return {"help": option.help, "action": "store_true"}
    if option.multiple:
        return {
            "help": option.help,
            "metavar": option.metavar,
            "action": "append",
            "default": [],
        }
    return {
        "help": option.help,
        "metavar": option.metavar,
        "default": "",
    }


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Ask for a junit.xml beside our report, and read the options if any is given.

    UsageError for a wrong one.
    """
    folder = config.getoption("--gongji-report")
    # First of all plugins: pytest's own reads the path while it is configured.
    if folder and not config.option.xmlpath:
        config.option.xmlpath = f"{folder}/junit.xml"
    if any(config.getoption(PREFIX + option.name) for option in OPTIONS):
        _session(config)
    # Workers of xdist send their reports to the process that has no workerinput.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Reports(config), "gongji_reports")


def _session(config: pytest.Config) -> Session:
    """Return the run of the suite, begun when it is first needed. UsageError."""
    from gongji_conformance.session import Session, UnreadableOption  # noqa: PLC0415

    if _SESSION not in config.stash:
        try:
            config.stash[_SESSION] = Session(config)
        except UnreadableOption as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[_SESSION]


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Look for the server and cities named in options before anything else.

    UsageError.
    """
    from gongji_conformance.city.server import SetupFault  # noqa: PLC0415

    names = session.config.getoption("--gongji-city")
    # Before anything is collected: one line, not an error for each test.
    if not (names or session.config.getoption("--gongji-target")):
        return
    try:
        run = _session(session.config)
        run.server().chosen(names)
    except SetupFault as fault:
        raise pytest.UsageError(as_typed(run.values, str(fault))) from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one item for each city, or for each of its cases under its number."""
    if not {_CITY, _CASE}.intersection(metafunc.fixturenames):
        return
    from gongji_conformance.city.server import SetupFault  # noqa: PLC0415

    try:
        _parametrize(metafunc)
    except SetupFault as fault:
        raise pytest.Collector.CollectError(str(fault)) from None


def _parametrize(metafunc: pytest.Metafunc) -> None:
    """Parametrize a test by cases or by cities. SetupFault."""
    from gongji_conformance.cases.trial import of_cities  # noqa: PLC0415

    names = metafunc.config.getoption("--gongji-city")
    server = _session(metafunc.config).server()
    if _CASE in metafunc.fixturenames:
        cases = of_cities(server, names)
        ids = [case.id for _, case in cases]
        metafunc.parametrize(
            _CASE,
            cases,
            ids=ids,
            indirect=True,
        )
    else:
        metafunc.parametrize(_CITY, server.chosen(names), indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Make items known by their ids for `-k`, and leave out what is not asked for."""
    if _SESSION not in config.stash:
        return
    unwanted = config.stash[_SESSION].unwanted(items)
    if unwanted:
        config.hook.pytest_deselected(items=unwanted)
        items[:] = [item for item in items if item not in unwanted]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Record calls for this item from here on."""
    # First: fixtures make calls already.
    if _SESSION in item.config.stash:
        item.config.stash[_SESSION].begin(item)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """End a law early if the city declares not to have what it presupposes."""
    # First: after the test has run it would be too late.
    if _SESSION in pyfuncitem.config.stash:
        pyfuncitem.config.stash[_SESSION].require(pyfuncitem)


def pytest_assertrepr_compare(
    config: pytest.Config,
    op: str,
    left: object,
    right: object,
) -> None:
    """Keep both sides of a comparison that did not hold."""
    # Nothing is returned: how pytest explains it stays as it is.
    if _SESSION in config.stash:
        config.stash[_SESSION].compared(op, left, right)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the outcome of an item of the suite into one of its verdicts."""
    report = yield
    if _SESSION in item.config.stash:
        item.config.stash[_SESSION].judge(item, call, report)
    return report


class _Reports:
    """Receives reports, in the only process or the one that leads the others."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport | pytest.CollectReport
    ) -> tuple[str, str, str] | None:
        """Name the verdicts that pytest has no word for."""
        if not hasattr(report, CARRIED):
            return None
        return _session(self._config).status(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the verdict."""
        if hasattr(report, CARRIED):
            _session(self._config).keep(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the reports."""
        if _SESSION in self._config.stash:
            self._config.stash[_SESSION].finish(session)

    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, nodeid: str
    ) -> None:
        """Keep a warning, so that it is named and not only counted."""
        if _SESSION in self._config.stash:
            self._config.stash[_SESSION].warn(warning_message, nodeid)

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        """Print the verdicts by city."""
        if _SESSION in self._config.stash:
            self._config.stash[_SESSION].summarize(terminalreporter)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop a server of our own."""
    if _SESSION in config.stash:
        config.stash[_SESSION].close()


@pytest.fixture(scope="session")
def gongji_server(pytestconfig: pytest.Config) -> ServerUnderTest:
    """The server under test and the people invented there."""
    return _session(pytestconfig).server()


@pytest.fixture
def gongji_stubs(gongji_server: ServerUnderTest) -> Stubs:
    """Plain calls to the server."""
    return gongji_server.stubs


@pytest.fixture
def gongji_city(
    gongji_server: ServerUnderTest, request: pytest.FixtureRequest
) -> CityUnderTest:
    """One city, on a working day at ten in the morning."""
    from gongji_conformance.city.city import NOW  # noqa: PLC0415

    gongji_server.stubs.set_clock(NOW)
    return gongji_server.city(request.param)


@pytest.fixture
def gongji_case(
    gongji_server: ServerUnderTest,
    request: pytest.FixtureRequest,
    pytestconfig: pytest.Config,
) -> Trial:
    """One case of one city, ready to run."""
    from gongji_conformance.cases.trial import Trial  # noqa: PLC0415

    pinyin, case = request.param
    return Trial(gongji_server, pinyin, case, _session(pytestconfig).values)
