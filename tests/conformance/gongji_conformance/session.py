"""One run of the suite inside pytest: options, server, verdicts, the summary."""

from __future__ import annotations

import itertools
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import date, datetime
from io import StringIO
from pathlib import Path
from typing import Any, Final, cast

import pytest
from msgspec.structs import replace

from gongji_conformance import options
from gongji_conformance.cases.trial import of_cities
from gongji_conformance.city.access import Access
from gongji_conformance.city.callers import read_callers
from gongji_conformance.city.chance import CHANCE, draw
from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.server import ServerUnderTest, SetupFault
from gongji_conformance.city.stubs import Stubs
from gongji_conformance.city.words import SHANGHAI
from gongji_conformance.laws import law
from gongji_conformance.laws.capability import CAPABILITIES
from gongji_conformance.reports import outputs, report
from gongji_conformance.reports.evidence import read_mutation
from gongji_conformance.reports.report import CityReport, Report, RunSummary
from gongji_conformance.verdicts import failures, items, known
from gongji_conformance.verdicts.carried import CARRIED
from gongji_conformance.verdicts.failures import ComparedValues
from gongji_conformance.verdicts.items import (
    ItemEnd,
    JudgedItem,
    VerdictContext,
)
from gongji_conformance.verdicts.results import Result, arrived, carried
from gongji_conformance.verdicts.verdict import NotApplicable, Verdict

_ITEM: Final = pytest.StashKey[JudgedItem]()
_LETTERS: Final = {
    Verdict.KNOWN_FAIL: "k",
    Verdict.NOT_APPLICABLE: "n",
    Verdict.SUITE_ERROR: "E",
}
"""The verdicts pytest has no letter for."""
_NAMED: Final = frozenset({Verdict.KNOWN_FAIL, Verdict.NOT_APPLICABLE})
"""The verdicts that are neither passed nor failed."""


class UnreadableOption(ValueError):  # noqa: N818 - the caller's
    """An option that cannot be read."""


class Session:
    """One run of the suite, begun when pytest starts."""

    def __init__(self, config: pytest.Config) -> None:
        """Begin the run these options ask for. UnreadableOption."""
        self.config = config
        self.values = _values(config)
        try:
            self._read(config)
        except ValueError as error:
            raise UnreadableOption(options.as_typed(self.values, str(error))) from error
        self.results: list[Result] = []
        self.report: Report | None = None
        self._server: ServerUnderTest | SetupFault | None = None
        self._values: ComparedValues | None = None
        self._began = 0.0
        self._written: list[Path] = []
        self._warnings: dict[str, None] = {}

    def _read(self, config: pytest.Config) -> None:
        """Read the options. ValueError."""
        self.access = Access.of(self.values)
        self.callers = read_callers(self.values["gongji_callers"])
        self.profiles = law.chosen_profiles(self.values["gongji_profile"])
        known_file = self.values["gongji_known_fail"]
        self.known = known.read(Path(known_file)) if known_file else ()
        mutation_files = map(Path, self.values["gongji_mutation"])
        self.mutated = [read_mutation(path) for path in mutation_files]
        self.today = _day(self.values["gongji_today"])
        self.seed = _number(self.values["gongji_seed"])
        # With several processes each invents people of its own.
        worker = getattr(config, "workerinput", {}).get("workerid", "")
        CHANCE.begin(f"{self.seed}{worker}")

    @property
    def quick(self) -> bool:
        """Whether one input of each law and one case of each family will do."""
        return bool(self.values["gongji_quick"])

    @property
    def detailed(self) -> bool:
        """Whether calls and hooks are kept for a report."""
        keys = ("gongji_report", "gongji_city", "gongji_target")
        return any(self.values[key] for key in keys)

    def server(self) -> ServerUnderTest:
        """Return the server, reached when it is first needed. SetupFault."""
        # A fault is kept too: nobody waits twice for a server that is not there.
        if self._server is None:
            self._server = self._reached()
        if isinstance(self._server, SetupFault):
            raise self._server
        return self._server

    def _reached(self) -> ServerUnderTest | SetupFault:
        """Reach the server, or return why it cannot be."""
        alone = not hasattr(self.config, "workerinput")
        try:
            with _without_log():
                return ServerUnderTest(self.access, alone=alone, callers=self.callers)
        except SetupFault as fault:
            return fault

    @property
    def _stubs(self) -> Stubs | None:
        if isinstance(self._server, ServerUnderTest):
            return self._server.stubs
        return None

    # --- before ---------------------------------------------------------------------

    def unwanted(self, collected: list[pytest.Item]) -> set[pytest.Item]:
        """Return the items that the options do not ask for.

        All of the suite are made known by their ids. UsageError.
        """
        judged: dict[pytest.Item, JudgedItem] = {}
        for item in collected:
            if (described := items.judged_item(item)) is not None:
                item.stash[_ITEM] = described
                item.extra_keyword_matches.add(described.id)
                judged[item] = described
        if judged and self.known:
            self._refuse_strangers()
        chosen = items.chosen(judged.values(), self.profiles, quick=self.quick)
        return set(judged) - set(itertools.compress(judged, chosen))

    def _refuse_strangers(self) -> None:
        """Raise UsageError if a known failure is of nothing there is."""
        cases = of_cities(self.server(), self.values["gongji_city"])
        numbers = set(law.register())
        numbers.update(case.id for _, case in cases)
        strangers = known.strange(self.known, numbers)
        if strangers:
            names = "、".join(strangers)
            told = f"--gongji-known-fail 中的 {names} 不是任何规矩或案例的编号"
            raise pytest.UsageError(options.as_typed(self.values, told))

    # --- during ---------------------------------------------------------------------

    def begin(self, item: pytest.Item) -> None:
        """Record calls and comparisons for this item from here on."""
        self._values = None
        self._began = time.perf_counter()
        if _ITEM in item.stash and self._stubs is not None:
            self._stubs.recorder.begin()

    def require(self, item: pytest.Function) -> None:
        """End a law whose precondition the city declares not to have.

        NotApplicable if it has it not, AssertionError if it has it all the same.
        """
        judged = item.stash.get(_ITEM, None)
        if judged is None or judged.law is None or not judged.law.needs:
            return
        capability = CAPABILITIES[judged.law.needs]
        city = cast("CityUnderTest", item.funcargs["gongji_city"])
        if not capability.declared(city.requirements):
            capability.denied(city)
            name = f"“{capability.name}”({capability.id})"
            raise NotApplicable(f"本市声明没有{name}，并确实拒绝")

    def compared(
        self,
        op: str,
        left: object,
        right: object,
    ) -> None:
        """Keep the sides of a comparison that did not hold."""
        self._values = failures.compared(op, left, right)

    def judge(
        self,
        item: pytest.Item,
        call: pytest.CallInfo[None],
        report: pytest.TestReport,
    ) -> None:
        """Write the verdict into the report of an item of the suite."""
        judged = item.stash.get(_ITEM, None)
        error = None if call.excinfo is None else call.excinfo.value
        # A faultless setup or teardown says nothing.
        if judged is None or (call.when != "call" and error is None):
            return
        context = VerdictContext(
            self.values, self.known, self.today, self._stubs, self.detailed
        )
        end = ItemEnd(error, call.when, self._values)
        result = replace(
            items.result(judged, end, context),
            seconds=round(time.perf_counter() - self._began, 3),
            test=item.nodeid,
        )
        _write(report, result, item)
        # xdist sends the attributes of a report along, plain values only.
        setattr(report, CARRIED, carried(result))

    # --- after ----------------------------------------------------------------------

    def warn(self, message: warnings.WarningMessage, where: str) -> None:
        """Keep a warning; of many that say the same, one."""
        place = f" [{where}]" if where else ""
        said = f"{message.category.__name__}: {message.message}{place}"
        self._warnings[" ".join(said.split())] = None

    def keep(self, report: pytest.TestReport) -> None:
        """Keep a verdict; with several processes they all arrive here."""
        self.results.append(arrived(getattr(report, CARRIED)))

    def finish(self, session: pytest.Session) -> None:
        """Make and write the report."""
        if not self.results:
            return
        expired = any(entry.expired(self.today) for entry in self.known)
        # Patience that has ended fails the run even if nothing else does.
        if expired and not session.exitstatus:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.detailed:
            with _without_log():
                self.report = report.report_of(self._summary())
        folder = self.values["gongji_report"]
        if self.report is not None and folder:
            self._written = outputs.write(Path(folder), self.report)

    def _summary(self) -> RunSummary:
        """Return what the report is made of."""
        selected = self.config.getoption("keyword") or self.config.getoption("markexpr")
        return RunSummary(
            server=self.server(),
            values=self.values,
            profiles=self.profiles,
            today=self.today,
            at=datetime.now(SHANGHAI),
            seed=self.seed,
            whole=not (self.quick or selected),
            results=self.results,
            mutated=self.mutated,
            warnings=tuple(self._warnings),
        )

    def summarize(self, terminalreporter: Any) -> None:
        """Print verdicts by city, and those neither passed nor failed by name."""
        if not self.results:
            return
        terminalreporter.section("gongji 合规测试")
        warned = [f"  警告 {warning}" for warning in self._warnings]
        for line in (*self._cities(), *self._neither(), *warned):
            terminalreporter.write_line(line)
        for line in self._expired():
            terminalreporter.write_line(line, red=True)
        if self._written:
            paths = "、".join(map(str, self._written))
            terminalreporter.write_line(f"报告：{paths}；种子 {self.seed}")

    def _cities(self) -> Iterator[str]:
        """Yield a line for each city."""
        reported = self.report.cities if self.report else []
        tiers = {city.pinyin: _tier(city) for city in reported}
        for city in dict.fromkeys(result.city for result in self.results):
            results = [result for result in self.results if result.city == city]
            yield f"{city}: {_counted(results)}{tiers.get(city, '')}"

    def _neither(self) -> Iterator[str]:
        """Yield a line for each verdict that is neither passed nor failed."""
        for result in self.results if self.detailed else ():
            if result.verdict in _NAMED:
                verdict = result.verdict.in_words
                yield f"  {verdict} {result.id} [{result.city}] {result.why}"

    def _expired(self) -> Iterator[str]:
        """Yield a line for each known failure whose time is over."""
        for entry in self.known:
            if entry.expired(self.today):
                ended = f"已于 {entry.expires} 到期，负责：{entry.owner}"
                yield f"  已知不合 {entry.id} {ended}"

    @staticmethod
    def status(report: Any) -> tuple[str, str, str] | None:
        """Return category, letter and word of a verdict pytest has none for."""
        verdict = Verdict(getattr(report, CARRIED)["verdict"])
        if verdict not in _LETTERS:
            return None
        # `error` is a category of pytest's own, which it counts and colours.
        category = "error" if verdict is Verdict.SUITE_ERROR else verdict.value
        return category, _LETTERS[verdict], verdict.in_words

    def close(self) -> None:
        """Close the channel and stop a server of our own."""
        if isinstance(self._server, ServerUnderTest):
            self._server.close()


def _values(config: pytest.Config) -> dict[str, Any]:
    """Return the values of the suite's options, and by which program it was started."""
    keys = {option.key: option.name for option in options.OPTIONS}
    keys[options.PROGRAM_KEY] = options.PROGRAM
    return {key: config.getoption(options.PREFIX + name) for key, name in keys.items()}


@contextmanager
def _without_log() -> Iterator[None]:
    # A server of our own logs to the standard output of this process.
    with redirect_stdout(StringIO()):
        yield


def _write(
    report: pytest.TestReport,
    result: Result,
    item: pytest.Item,
) -> None:
    """Write the verdict as pytest and junit.xml understand it."""
    match result.verdict:
        case Verdict.PASS:
            report.outcome = "passed"
            report.longrepr = None
        case Verdict.FAIL | Verdict.SUITE_ERROR:
            report.outcome = "failed"
            report.longrepr = result.failure
        case Verdict.KNOWN_FAIL | Verdict.NOT_APPLICABLE:
            # junit.xml knows no other word for neither passed nor failed.
            report.outcome = "skipped"
            reason = f"{result.verdict.in_words}: {result.why}"
            report.longrepr = (str(item.path), item.location[1] or 0, reason)
    # What a server of our own logged; the calls are in our report.
    report.sections = []
    # Of the item: junit.xml takes them from its last report.
    item.user_properties += [
        ("gongji_id", result.id),
        ("gongji_verdict", result.verdict.value),
    ]


def _counted(results: list[Result]) -> str:
    """Write how often each verdict came out."""
    counts = Counter(result.verdict for result in results)
    words = [
        f"{verdict.in_words} {counts[verdict]}"
        for verdict in Verdict
        if counts[verdict]
    ]
    return ", ".join(words)


def _tier(city: CityReport) -> str:
    """Return the tier, and what is missing for the next."""
    tier = city.tier
    if tier.tier == "unrated":
        return "；没有测全，不评等级"
    until = f" （至 {tier.until}）" if tier.until else ""
    reached = f"；等级 {tier.name}{until}"
    for finding in tier.findings:
        if not finding.met:
            return f"{reached}；再上一级还缺：{finding.says}：{finding.missing}"
    return reached


def _day(text: str) -> date:
    """Return the day an option names, today by default."""
    if not text:
        return datetime.now(SHANGHAI).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UnreadableOption(
            f"--gongji-today 应写作 YYYY-MM-DD, 得到 {text!r}"
        ) from None


def _number(text: str) -> int:
    """Return the seed an option names, one of our own by default."""
    if not text:
        return draw()
    try:
        return int(text)
    except ValueError:
        raise UnreadableOption(f"--gongji-seed 应为整数，得到 {text!r}") from None
