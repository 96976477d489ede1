"""One run of the suite inside pytest: options read, the stage, the verdict of each item, what is said at the end."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import redirect_stdout
from datetime import date, datetime
from io import StringIO
from pathlib import Path
from typing import Any, Final, cast

import pytest
from msgspec.structs import replace

from gongji_conformance import options
from gongji_conformance.city.access import Access
from gongji_conformance.city.chance import CHANCE, draw
from gongji_conformance.city.judged import Judged
from gongji_conformance.city.stage import Stage, StageFault
from gongji_conformance.city.words import SHANGHAI
from gongji_conformance.laws import law
from gongji_conformance.laws.capability import CAPABILITIES
from gongji_conformance.plugin import CARRIED
from gongji_conformance.reports import outputs, report
from gongji_conformance.reports.evidence import read_mutation
from gongji_conformance.reports.report import CityReport, Report, Run
from gongji_conformance.verdicts import items, known, telling
from gongji_conformance.verdicts.items import Bench, Subject
from gongji_conformance.verdicts.results import Result, arrived, carried
from gongji_conformance.verdicts.telling import Compared
from gongji_conformance.verdicts.verdict import NotApplicable, Verdict

_SUBJECT: Final = pytest.StashKey[Subject]()
_LETTERS: Final = {Verdict.KNOWN_FAIL: "k", Verdict.NOT_APPLICABLE: "n", Verdict.SUITE_ERROR: "E"}


class UnreadableOption(ValueError):  # noqa: N818 - the caller's
    """An option that cannot be read."""


class Session:
    """What a run of the suite knows; made when pytest starts, the stage only when it is first needed."""

    def __init__(self, config: pytest.Config) -> None:
        """The run these options ask for. UnreadableOption."""
        self.config = config
        try:
            self._read(config)
        except ValueError as wrong:
            raise UnreadableOption(str(wrong)) from wrong
        self.results: list[Result] = []
        self._stage: Stage | StageFault | None = None
        self._sides: Compared | None = None
        self._began = 0.0
        self.report: Report | None = None
        self._written: list[Path] = []

    def _read(self, config: pytest.Config) -> None:
        self.values = {option.key: config.getoption(options.PREFIX + option.name) for option in options.OPTIONS}
        self.access = Access.of(self.values)
        self.profiles = law.asked(self.values["gongji_profile"])
        self.known = known.read(Path(text)) if (text := self.values["gongji_known_fail"]) else ()
        self.mutated = [read_mutation(Path(text)) for text in self.values["gongji_mutation"]]
        self.today = _day(self.values["gongji_today"])
        self.seed = _number(self.values["gongji_seed"])
        CHANCE.begin(f"{self.seed}{getattr(config, 'workerinput', {}).get('workerid', '')}")

    @property
    def quick(self) -> bool:
        """Whether one input of each law and one case of each family will do."""
        return bool(self.values["gongji_quick"])

    @property
    def detailed(self) -> bool:
        """Whether calls and hooks are kept for a report."""
        return bool(self.values["gongji_report"] or self.values["gongji_city"] or self.values["gongji_target"])

    def stage(self) -> Stage:
        """The stage, set up when it is first needed; nobody waits for a server twice. StageFault."""
        if self._stage is None:
            try:
                with redirect_stdout(StringIO()):  # a server of our own logs to it
                    self._stage = Stage(self.access, alone=not hasattr(self.config, "workerinput"))
            except StageFault as fault:
                self._stage = fault
        if isinstance(self._stage, StageFault):
            raise self._stage
        return self._stage

    # --- before --------------------------------------------------------------------------------------------------

    def unwanted(self, collected: list[pytest.Item]) -> set[pytest.Item]:
        """The items of the suite that the options do not ask for; all are made known by their ids. UsageError."""
        ours = [(item, subject) for item in collected if (subject := items.subject_of(item)) is not None]
        for item, subject in ours:
            item.stash[_SUBJECT] = subject
            item.extra_keyword_matches.add(subject.id)
        if ours:
            self._refuse_strangers()
        wanted = items.chosen([subject for _, subject in ours], self.profiles, quick=self.quick)
        return {item for (item, _), asked in zip(ours, wanted, strict=True) if not asked}

    def _refuse_strangers(self) -> None:
        if not self.known:
            return
        cases = {case.id for _, case in self.stage().cases(self.values["gongji_city"])}
        if strangers := known.strange(self.known, cases | set(law.register())):
            raise pytest.UsageError(f"--gongji-known-fail 中的 {'、'.join(strangers)} 不是任何规矩或案例的编号")

    # --- during --------------------------------------------------------------------------------------------------

    def begin(self, item: pytest.Item) -> None:
        """What is said and compared from here on belongs to this item."""
        self._sides, self._began = None, time.perf_counter()
        if _SUBJECT in item.stash and isinstance(self._stage, Stage):
            self._stage.wire.recorder.begin()

    def require(self, item: pytest.Function) -> None:
        """NotApplicable where the city declares not to have what the law needs; AssertionError where it has it."""
        subject = item.stash.get(_SUBJECT, None)
        if subject is None or subject.law is None or not subject.law.needs:
            return
        capability = CAPABILITIES[subject.law.needs]
        city = cast("Judged", item.funcargs["gongji_city"])
        if not capability.declared(city.asked):
            capability.denied(city)
            raise NotApplicable(f"本市声明没有“{capability.name}”({capability.id}), 并确实拒绝")

    def compared(self, op: str, left: object, right: object) -> None:
        """Keeps the sides of a comparison that did not hold."""
        self._sides = telling.compared(op, left, right)

    def judge(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
        """Writes the verdict into the report of an item of the suite; a faultless setup or teardown says nothing."""
        subject = item.stash.get(_SUBJECT, None)
        error = None if call.excinfo is None else call.excinfo.value
        if subject is None or (call.when != "call" and error is None):
            return
        wire = self._stage.wire if isinstance(self._stage, Stage) else None
        bench = Bench(self.values, self.known, self.today, wire, self.detailed)
        found = replace(
            items.result(subject, error, call.when, self._sides, bench),
            seconds=round(time.perf_counter() - self._began, 3),
            test=item.nodeid,
        )
        _write(report, found, item)
        setattr(report, CARRIED, carried(found))

    # --- after ---------------------------------------------------------------------------------------------------

    def keep(self, report: pytest.TestReport) -> None:
        """Keeps a verdict; with several processes they all arrive here."""
        self.results.append(arrived(getattr(report, CARRIED)))

    def finish(self, session: pytest.Session) -> None:
        """Makes and writes the report; a patience that has ended fails the run even where nothing else does."""
        if not self.results:
            return
        if not session.exitstatus and any(entry.expired(self.today) for entry in self.known):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.detailed:
            with redirect_stdout(StringIO()):  # as in stage
                self.report = self._report()
        if self.report is not None and self.values["gongji_report"]:
            self._written = outputs.write(Path(self.values["gongji_report"]), self.report)

    def _report(self) -> Report:
        selected = self.config.getoption("keyword") or self.config.getoption("markexpr")
        run = Run(
            stage=self.stage(),
            values=self.values,
            profiles=self.profiles,
            today=self.today,
            at=datetime.now(SHANGHAI),
            seed=self.seed,
            whole=not (self.quick or selected),
            results=self.results,
            mutated=self.mutated,
        )
        return report.made(run)

    def tell(self, terminalreporter: Any) -> None:
        """Verdicts by city, and what is neither passed nor failed by name."""
        if not self.results:
            return
        write = terminalreporter.write_line
        terminalreporter.section("gongji 合规测试")
        tiers = {city.pinyin: _tier(city) for city in self.report.cities} if self.report else {}
        for city in dict.fromkeys(found.city for found in self.results):
            counted = _counted([found for found in self.results if found.city == city])
            write(f"{city}: {counted}{tiers.get(city, '')}")
        for found in [r for r in self.results if r.verdict in {Verdict.KNOWN_FAIL, Verdict.NOT_APPLICABLE}]:
            if self.detailed:
                write(f"  {found.verdict.in_words} {found.id} [{found.city}] {found.why}")
        for entry in self.known:
            if entry.expired(self.today):
                write(f"  已知不合 {entry.id} 已于 {entry.expires} 到期, 负责: {entry.owner}", red=True)
        if self._written:
            write(f"报告: {'、'.join(str(path) for path in self._written)}; 种子 {self.seed}")

    @staticmethod
    def status(report: Any) -> tuple[str, str, str] | None:
        """Category, letter and word of a verdict pytest has none for."""
        verdict = Verdict(getattr(report, CARRIED)["verdict"])
        if verdict not in _LETTERS:
            return None
        category = "error" if verdict is Verdict.SUITE_ERROR else verdict.value
        return category, _LETTERS[verdict], verdict.in_words

    def close(self) -> None:
        """Hangs up."""
        if isinstance(self._stage, Stage):
            self._stage.close()


def _write(report: pytest.TestReport, found: Result, item: pytest.Item) -> None:
    """The verdict as pytest and junit.xml understand it: what is not applicable or known counts as skipped there."""
    where = (str(item.path), item.location[1] or 0)
    match found.verdict:
        case Verdict.PASS:
            report.outcome, report.longrepr = "passed", None
        case Verdict.FAIL | Verdict.SUITE_ERROR:
            report.outcome, report.longrepr = "failed", found.failure
        case Verdict.KNOWN_FAIL | Verdict.NOT_APPLICABLE:
            report.outcome = "skipped"
            report.longrepr = (*where, f"{found.verdict.in_words}: {found.why}")
    report.sections = []  # what a server of our own logged; what was said is in the report
    # of the item: junit.xml takes them from its last report
    item.user_properties += [("gongji_id", found.id), ("gongji_verdict", found.verdict.value)]


def _counted(results: list[Result]) -> str:
    counted = Counter(found.verdict for found in results)
    return ", ".join(f"{verdict.in_words} {counted[verdict]}" for verdict in Verdict if counted[verdict])


def _tier(city: CityReport) -> str:
    """The tier, and what is missing for the next."""
    if city.tier.tier == "unrated":
        return "; 没有测全, 不评等级"
    until = f" (至 {city.tier.until})" if city.tier.until else ""
    gaps = [f"{found.says}: {found.missing}" for found in city.tier.findings if not found.met]
    return f"; 等级 {city.tier.name}{until}" + (f"; 再上一级还缺: {gaps[0]}" if gaps else "")


def _day(text: str) -> date:
    """The day an option names; today where it names none."""
    try:
        return date.fromisoformat(text) if text else datetime.now(SHANGHAI).date()
    except ValueError:
        raise UnreadableOption(f"--gongji-today 应写作 YYYY-MM-DD, 得到 {text!r}") from None


def _number(text: str) -> int:
    """The seed an option names; one of our own where it names none."""
    try:
        return int(text) if text else draw()
    except ValueError:
        raise UnreadableOption(f"--gongji-seed 应为整数, 得到 {text!r}") from None
