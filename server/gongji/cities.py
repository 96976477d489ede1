"""Finds cities by entry point, one PluginManager each, reads and checks every answer once; failure stays in one city.

A city's timeline lies over the province's, an adopted candidate or an operator's figure over both: the core then picks
by day. Nothing here is asked again while serving.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import pluggy

import gongji
from gongji import adoption, baseline, guards
from gongji.adoption import Adoption, RetiredCredit, UnknownCandidate
from gongji.clauses import Candidate, Clause, Ruled, Timeline, clauses_in
from gongji.codes import pooling_area
from gongji.errors import CityNotServed, NotInForce
from gongji.hookspecs import DATED_HOOKS, PROJECT, CityRules, hookimpl
from gongji.model import DecidedBy, RuleRef
from gongji.rules import Identity

__all__ = [
    "Adoption",
    "Cities",
    "City",
    "PluginProblem",
    "RefusedPlugin",
    "RetiredCredit",
    "Rules",
    "UnknownCandidate",
    "city_from",
    "load_cities",
]

T = TypeVar("T")
ENTRY_POINTS = "gongji.cities"


class PluginProblem(Exception):  # noqa: N818 - a finding about a plugin
    """A plugin cannot serve; the message says why, in Chinese, one problem a line."""


class Rules:
    """The rule values of one city on one day."""

    __slots__ = ("_provincial", "_refs", "_values")

    def __init__(self, values: Mapping[str, Ruled[Any]], provincial: frozenset[str]) -> None:
        self._values = values
        self._provincial = provincial
        # As many entries as the values have ways to be cited.
        self._refs: dict[tuple[str, tuple[str, ...]], RuleRef] = {}

    def answer(self, hook: Callable[[CityRules], Timeline[T] | None]) -> Ruled[T]:
        """The value of a hook with its day and clauses: `rules.answer(CityRules.family_limit)`."""
        return cast("Ruled[T]", self._values[hook.__name__])

    def value(self, hook: Callable[[CityRules], Timeline[T] | None]) -> T:
        """The bare value of a hook."""
        return self.answer(hook).value

    def ref(self, hook: Callable[[CityRules], object], *clauses: Clause) -> RuleRef:
        """A reference to a hook's value for a decision; `clauses` narrow it to those that decided."""
        name = hook.__name__
        numbers = tuple([c.id for c in clauses])
        if (made := self._refs.get((name, numbers))) is None:
            answer = self._values[name]
            made = RuleRef(name, answer.since, numbers or tuple(c.id for c in answer.clauses))
            self._refs[name, numbers] = made
        return made

    def provincial(self, hook: str) -> bool:
        """Whether the province's answer stands because the city gave none for the day."""
        return hook in self._provincial

    def all(self) -> Iterator[tuple[str, Ruled[Any]]]:
        """Every hook with its value, in the order the core asks."""
        yield from self._values.items()


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """One served city: who decides, and its rules by day."""

    area_code: str
    name: str
    pinyin: str
    plugin: str
    version: str
    overridden: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    adoptions: tuple[str, ...]
    timelines: Mapping[str, Timeline[Any]]
    _periods: tuple[tuple[date, Rules], ...] = field(repr=False)
    _clauses: Mapping[str, Clause] = field(repr=False)

    def rules(self, day: date) -> Rules:
        """The rules in force on a day. NotInForce before the first rule of all."""
        for since, rules in reversed(self._periods):
            if since <= day:
                return rules
        raise NotInForce(
            f"{self.name}在 {day} 尚无有效规则: 最早的规则自 {self.first_day} 起施行",
            clauses=self._periods[0][1].answer(CityRules.holder_terms).clauses,
            first_day=str(self.first_day),
        )

    @property
    def first_day(self) -> date:
        """The first day on which every hook has a value."""
        return self._periods[0][0]

    @property
    def decided_by(self) -> DecidedBy:
        """What every decision keeps about who decided."""
        return DecidedBy(self.area_code, self.plugin, self.version, gongji.__version__, self.adoptions)

    def clause(self, number: str) -> Clause:
        """The clause of that number. KeyError where no rule of the city cites it."""
        return self._clauses[number]


@dataclass(frozen=True, slots=True)
class RefusedPlugin:
    """A plugin that was found and does not serve; `problem` has one problem a line."""

    plugin: str
    pinyin: str
    problem: str


@dataclass(frozen=True, slots=True)
class Cities:
    """All served cities by area code, and the plugins refused."""

    all: tuple[City, ...]
    refused: tuple[RefusedPlugin, ...] = ()

    def of(self, area_code: str) -> City:
        """The city an area code belongs to, by its first four digits. CityNotServed."""
        area = pooling_area(area_code)
        for city in self.all:
            if pooling_area(city.area_code) == area:
                return city
        served = "、".join(f"{c.name}({c.area_code})" for c in self.all) or "无"
        raise CityNotServed(f"医保区划 {area_code} 所属城市未接入; 已接入: {served}", area_code=area_code)

    def named(self, text: str) -> City:
        """The city called by pinyin, Chinese name or area code, as people type it. CityNotServed."""
        for city in self.all:
            if text in {city.pinyin, city.name, city.name.removesuffix("市")}:
                return city
        if text.isdecimal():
            return self.of(text)
        faulty = [r for r in self.refused if r.pinyin == text]
        why = "; 已安装但未能加载: " + "; ".join(r.problem for r in faulty) if faulty else ""
        served = "、".join(f"{c.pinyin}({c.name})" for c in self.all) or "无"
        raise CityNotServed(f"没有城市 {text}; 已接入: {served}{why}")


def load_cities(adopt: Iterable[Adoption] = (), retired_credits: Iterable[RetiredCredit] = ()) -> Cities:
    """Every installed city, each checked on its own; what cannot serve is listed with its problem.

    ValueError where an adoption or an operator's figure names a city or candidate that is not there, or two
    adoptions of one hook begin on one day.
    """
    adopt, retired_credits = tuple(adopt), tuple(retired_credits)
    found = _distinct(metadata.entry_points(group=ENTRY_POINTS))
    loaded: list[City] = []
    refused = _same_name(found)
    twins = {r.pinyin for r in refused}
    for entry in found:
        if entry.name in twins:
            continue
        try:
            loaded.append(_load(entry, adopt, retired_credits))
        except PluginProblem as faulty:
            refused.append(RefusedPlugin(_label(entry), entry.name, str(faulty)))
    rivals = _same_area(loaded)
    refused += rivals
    served = [c for c in loaded if c.pinyin not in {r.pinyin for r in rivals}]
    for area_code in [a.area_code for a in adopt] + [c.area_code for c in retired_credits]:
        if all(c.area_code != area_code for c in served):
            msg = f"没有接入医保区划为 {area_code} 的城市"
            raise ValueError(msg)
    return Cities(
        tuple(sorted(served, key=lambda c: c.area_code)),
        tuple(sorted(refused, key=lambda r: (r.pinyin, r.plugin))),
    )


def city_from(
    plugin: object,
    *,
    pinyin: str = "city",
    distribution: str = "",
    version: str = "0",
    adopt: Iterable[Adoption] = (),
    retired_credits: Iterable[RetiredCredit] = (),
    overrides: Mapping[str, Timeline[Any]] | None = None,
    watch: Callable[[pluggy.PluginManager], None] = lambda _: None,
) -> City:
    """One city from a module or object with hooks; `overrides` lie over its answers.

    `watch` sees the manager before any hook is called. PluginProblem with every problem.
    """
    refuse(guards.problems_of_plugin(plugin))
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(CityRules)
    manager.register(baseline, "province")
    manager.register(plugin, pinyin)
    manager.check_pending()
    watch(manager)
    identity = _identity(manager)
    if overrides:
        manager.register(_answers(overrides), "overrides")
    answers = _timelines(manager)
    timelines = {hook: reduce(adoption.over, reversed(given)) for hook, given in answers.items()}
    candidates = tuple(c for answer in _ask(manager, "candidates") for c in answer)
    adopted = tuple(a for a in adopt if a.area_code == identity.area_code)
    timelines = adoption.with_adoptions(timelines, candidates, adopted)
    credits_ = [credit for credit in retired_credits if credit.area_code == identity.area_code]
    timelines["account_crediting"] = adoption.with_retired_credits(timelines["account_crediting"], credits_)
    cited = [c for timeline in timelines.values() for c in clauses_in(timeline)]
    return City(
        area_code=identity.area_code,
        name=identity.name,
        pinyin=pinyin,
        plugin=distribution or pinyin,
        version=version,
        overridden=tuple(hook for hook, given in answers.items() if len(given) > 1),
        candidates=candidates,
        adoptions=tuple(str(a) for a in adopted),
        timelines=timelines,
        _periods=_periods(timelines, {hook: given[-1] for hook, given in answers.items()}),
        _clauses={c.id: c for c in cited},
    )


def refuse(problems: Iterable[str]) -> None:
    """PluginProblem with all problems, one a line, where there are any."""
    if told := "\n".join(dict.fromkeys(problems)):
        raise PluginProblem(told)


def _distinct(entries: Iterable[metadata.EntryPoint]) -> list[metadata.EntryPoint]:
    """Entry points without the second sight of one distribution that an editable install may give."""
    seen = {(_label(entry), entry.name, entry.value): entry for entry in entries}
    return sorted(seen.values(), key=lambda entry: (entry.name, _label(entry)))


def _label(entry: metadata.EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


def _same_name(entries: list[metadata.EntryPoint]) -> list[RefusedPlugin]:
    """Distributions that claim one entry-point name: all of them, since none is more right than another."""
    rivals = {entry.name: [_label(e) for e in entries if e.name == entry.name] for entry in entries}
    return [
        RefusedPlugin(_label(e), e.name, f"多个插件使用同一名称 {e.name}: {', '.join(rivals[e.name])}; 请只保留一个")
        for e in entries
        if len(rivals[e.name]) > 1
    ]


def _same_area(cities: list[City]) -> list[RefusedPlugin]:
    """Plugins that speak for one pooling area: all of them."""
    areas = Counter(pooling_area(c.area_code) for c in cities)
    refused = []
    for city in cities:
        if areas[area := pooling_area(city.area_code)] > 1:
            rivals = ", ".join(f"{c.plugin} {c.version}" for c in cities if pooling_area(c.area_code) == area)
            told = f"identity: 医保区划 {city.area_code} 被多个插件声明: {rivals}; 请只保留一个"
            refused.append(RefusedPlugin(f"{city.plugin} {city.version}", city.pinyin, told))
    return refused


def _load(entry: metadata.EntryPoint, adopt: Iterable[Adoption], credits_: Iterable[RetiredCredit]) -> City:
    try:
        plugin = entry.load()
    except (Exception, SystemExit) as error:
        told = f"导入 {entry.value} 失败: {_fault(error)}"
        raise PluginProblem(told) from error
    distribution, _, version = _label(entry).partition(" ")
    try:
        return city_from(
            plugin, pinyin=entry.name, distribution=distribution, version=version, adopt=adopt, retired_credits=credits_
        )
    except (PluginProblem, UnknownCandidate):
        raise
    except Exception as error:  # whatever a plugin does to the guards, the other cities serve
        told = f"检查规则时出错: {_fault(error)}"
        raise PluginProblem(told) from error


def _fault(error: BaseException) -> str:
    """An exception with the file and line it came from."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"


def _ask(manager: pluggy.PluginManager, hook: str) -> list[Any]:
    """All answers to a hook but None, the city's before the province's. PluginProblem where one raises."""
    try:
        return cast("list[Any]", getattr(manager.hook, hook)())
    except (Exception, SystemExit) as error:
        raise PluginProblem(f"{hook}: 调用时出错: {_fault(error)}") from error


def _identity(manager: pluggy.PluginManager) -> Identity:
    answers = _ask(manager, "identity")
    if not answers:
        raise PluginProblem("identity: 每个城市须自己声明医保区划与名称")
    refuse(guards.problems_of_identity(answers[0]))
    return cast("Identity", answers[0])


def _timelines(manager: pluggy.PluginManager) -> dict[str, list[Timeline[Any]]]:
    """Each hook's answers, the topmost first and the province's last. PluginProblem."""
    answers: dict[str, list[Timeline[Any]]] = {hook: _ask(manager, hook) for hook in DATED_HOOKS}
    problems = [f"{hook}: 城市与省级都没有给出答案" for hook, given in answers.items() if not given]
    for hook, given in answers.items():
        problems += [p for timeline in given for p in guards.problems_of_timeline(hook, timeline)]
    problems += [p for given in _ask(manager, "candidates") for p in guards.problems_of_candidates(given)]
    refuse(problems)
    return answers


def _periods(
    timelines: Mapping[str, Timeline[Any]], province: Mapping[str, Timeline[Any]]
) -> tuple[tuple[date, Rules], ...]:
    """The rules of each period between two changes, from the first day on which every hook has a value."""
    first = max(timeline[0].since for timeline in timelines.values())
    days = sorted({first} | {v.since for timeline in timelines.values() for v in timeline if v.since > first})
    problems: list[str] = []
    periods = []
    for day in days:
        values = {hook: next(v for v in reversed(timeline) if v.since <= day) for hook, timeline in timelines.items()}
        problems += guards.problems_of_day(values)
        provincial = frozenset(hook for hook, value in values.items() if any(value is v for v in province[hook]))
        periods.append((day, Rules(values, provincial)))
    refuse(problems)
    return tuple(periods)


def _answers(overrides: Mapping[str, Timeline[Any]]) -> SimpleNamespace:
    """A plugin that answers each hook with a given timeline."""

    def answering(timeline: Timeline[Any]) -> Callable[[], Timeline[Any]]:
        @hookimpl
        def answer() -> Timeline[Any]:
            return timeline

        return answer

    return SimpleNamespace(**{hook: answering(timeline) for hook, timeline in overrides.items()})
