"""A city as loaded: its rules by day, for whoever decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, TypeVar, cast

import gongji
from gongji.model.decided import DecidedBy, RuleRef
from gongji.model.refusals import CityNotServed, NotInForce
from gongji.rules.clauses import Candidate, Clause, Ruled, Timeline, clauses_in
from gongji.rules.codes import pooling_area
from gongji.rules.hookspecs import CityRules

T = TypeVar("T")


class DayRules:
    """The rule values of one city on one day."""

    __slots__ = ("_provincial", "_refs", "_values")

    def __init__(
        self, values: Mapping[str, Ruled[Any]], provincial: frozenset[str]
    ) -> None:
        self._values = values
        self._provincial = provincial
        # A cache, never emptied: a decision cites the same few references again and
        # again, and there are only as many as the values have ways to be cited.
        self._refs: dict[tuple[str, tuple[str, ...]], RuleRef] = {}

    def answer(self, hook: Callable[[CityRules], Timeline[T] | None]) -> Ruled[T]:
        """Return a hook's value with its day and clauses: `rules.answer(CityRules.scope)`."""
        return cast("Ruled[T]", self._values[hook.__name__])

    def value(self, hook: Callable[[CityRules], Timeline[T] | None]) -> T:
        """Return the bare value of a hook."""
        # hot path: seven times a bill.
        ruled: Ruled[T] = self._values[hook.__name__]
        return ruled.value

    def ref(self, hook: Callable[[CityRules], object], *clauses: Clause) -> RuleRef:
        """Return a reference to a hook's value; `clauses` narrow it to those that decided."""
        name = hook.__name__
        # hot path: a list inside tuple() is faster than a generator.
        numbers = tuple([clause.id for clause in clauses])
        ref = self._refs.get((name, numbers))
        if ref is None:
            answer = self._values[name]
            all_numbers = tuple(clause.id for clause in answer.clauses)
            # Clauses of several parts: one that gives two of them is cited once.
            cited = tuple(dict.fromkeys(numbers)) or all_numbers
            ref = RuleRef(name, answer.since, cited)
            self._refs[name, numbers] = ref
        return ref

    def provincial(self, hook: str) -> bool:
        """Return whether the province's answer stands, the city having none for the day."""
        return hook in self._provincial

    def all(self) -> Iterator[tuple[str, Ruled[Any]]]:
        """Yield every hook with its value, in the order the core asks."""
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
    # The digest of all of this as it is kept (`cities.kept`), and that document.
    rules_digest: str = ""
    document: bytes = field(default=b"", repr=False, compare=False)
    # The digest of the plugin's files; "" if it was not loaded from any.
    plugin_digest: str = field(default="", compare=False)
    _periods: Sequence[tuple[date, DayRules]] = field(repr=False)
    _clauses: Mapping[str, Clause] = field(repr=False)

    @property
    def label(self) -> str:
        """Return the distribution and version of its plugin, as where one is refused."""
        return f"{self.plugin} {self.version}"

    def rules(self, day: date) -> DayRules:
        """Return the rules in force on a day. NotInForce before the first rule of all."""
        return self.period(day)[1]

    def period(self, day: date) -> tuple[date, DayRules]:
        """Return the rules in force on a day, with their first day. NotInForce."""
        for since, rules in reversed(self._periods):
            if since <= day:
                return since, rules
        raise NotInForce(
            f"{self.name}在 {day} 尚无有效规则：最早的规则自 {self.first_day} 起施行",
            clauses=self._periods[0][1].answer(CityRules.holder_terms).clauses,
            first_day=str(self.first_day),
        )

    def periods(self) -> Iterator[tuple[date, DayRules]]:
        """Yield the rules of each period between two changes, with its first day."""
        yield from self._periods

    @property
    def first_day(self) -> date:
        """Return the first day on which every hook has a value."""
        return self._periods[0][0]

    @property
    def decided_by(self) -> DecidedBy:
        """Return what every decision records about who decided."""
        return DecidedBy(
            self.area_code,
            self.plugin,
            self.version,
            gongji.__version__,
            self.adoptions,
            self.rules_digest,
            plugin_digest=self.plugin_digest,
        )

    def clauses(self) -> Iterator[Clause]:
        """Yield the clauses that its rules cite."""
        yield from self._clauses.values()

    def clause(self, number: str) -> Clause:
        """Return the clause of that number. KeyError if no rule of the city cites it."""
        return self._clauses[number]


@dataclass(frozen=True, slots=True)
class RefusedPlugin:
    """A plugin that was found and does not serve; `problem` has one problem a line.

    `area_code` is its city's, "" if it did not come to say it.
    """

    plugin: str
    pinyin: str
    problem: str
    area_code: str = ""

    @property
    def told(self) -> str:
        """The problem without the plugin's own words, for the log and for callers.

        Whatever it has got hold of: they are anybody's.
        """
        return _OWN_WORDS.sub("…", self.problem)


# Each to the end of its line if the problem was cut off within it.
_OWN_WORDS: Final = re.compile(
    r"「[^」\n]*」?"
    r"|'(?:\\.|[^'\\\n])*'?"
    r'|"(?:\\.|[^"\\\n])*"?'
    r"|\d{7,}[\dXx]*"
)
"""Words that are quoted, texts as Python writes them, and long numbers."""


@dataclass(frozen=True, slots=True)
class Cities:
    """All served cities by area code, and the refused plugins."""

    all: tuple[City, ...]
    refused: tuple[RefusedPlugin, ...] = ()

    def without(self, unfit: Iterable[RefusedPlugin]) -> Cities:
        """Return the same with some of the served cities refused."""
        refused = [*self.refused, *unfit]
        # By the distribution too: another may bear the name of one that serves.
        names = {(plugin.plugin, plugin.pinyin) for plugin in refused}
        served = [c for c in self.all if (c.label, c.pinyin) not in names]
        refused.sort(key=lambda plugin: (plugin.pinyin, plugin.plugin))
        return Cities(tuple(served), tuple(refused))

    def of(self, area_code: str) -> City:
        """Return the city an area code belongs to. CityNotServed."""
        # A county or head-office code belongs to its city by the first four digits.
        area = pooling_area(area_code)
        for city in self.all:
            if pooling_area(city.area_code) == area:
                return city
        served = "、".join(f"{c.name}（{c.area_code}）" for c in self.all) or "无"
        raise CityNotServed(
            f"医保区划 {area_code} 所属城市未接入；已接入：{served}",
            area_code=area_code,
        )

    def named(self, text: str) -> City:
        """Return the city called by pinyin, Chinese name or area code. CityNotServed."""
        for city in self.all:
            if text in {city.pinyin, city.name, city.name.removesuffix("市")}:
                return city
        if text.isdecimal():
            return self.of(text)
        faulty = [plugin for plugin in self.refused if plugin.pinyin == text]
        problems = "；".join(plugin.problem for plugin in faulty)
        why = f"；已安装但未能加载：{problems}" if faulty else ""
        served = "、".join(f"{c.pinyin}（{c.name}）" for c in self.all) or "无"
        raise CityNotServed(f"没有城市 {text}；已接入：{served}{why}")


def periods_of(
    timelines: Mapping[str, Timeline[Any]],
    provincial: Callable[[str, Ruled[Any]], bool],
) -> tuple[tuple[date, DayRules], ...]:
    """Return the rules of each period between two changes, with its first day.

    The first period begins when every hook has a value; `provincial` says of a hook's
    value whether it is the province's.
    """
    periods = []
    for day in _days_of_change(timelines):
        values = {
            hook: _in_force(timeline, day) for hook, timeline in timelines.items()
        }
        of_province = [
            hook for hook, ruled in values.items() if provincial(hook, ruled)
        ]
        periods.append((day, DayRules(values, frozenset(of_province))))
    return tuple(periods)


def cited(timelines: Iterable[Timeline[Any]]) -> dict[str, Clause]:
    """Return the clauses behind timelines, by number."""
    clauses: dict[str, Clause] = {}
    for timeline in timelines:
        clauses.update({clause.id: clause for clause in clauses_in(timeline)})
    return clauses


def _days_of_change(timelines: Mapping[str, Timeline[Any]]) -> list[date]:
    """Return the days on which a value changes, from the first with a value for all."""
    first = max(timeline[0].since for timeline in timelines.values())
    days = {value.since for timeline in timelines.values() for value in timeline}
    return sorted({first, *(day for day in days if day > first)})


def _in_force(timeline: Timeline[T], day: date) -> Ruled[T]:
    """Return the last value that begins on or before a day."""
    return next(value for value in reversed(timeline) if value.since <= day)
