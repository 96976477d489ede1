"""A city as loaded: its rules by day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar, cast

import gongji
from gongji.cities import guards
from gongji.cities.guards import refuse
from gongji.model.decided import DecidedBy, RuleRef
from gongji.model.refusals import CityNotServed, NotInForce
from gongji.rules.clauses import Candidate, Clause, Ruled, Timeline
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
        # As many entries as the values have ways to be cited.
        self._refs: dict[tuple[str, tuple[str, ...]], RuleRef] = {}

    def answer(self, hook: Callable[[CityRules], Timeline[T] | None]) -> Ruled[T]:
        """The value of a hook with its day and clauses: `rules.answer(CityRules.family_limit)`."""
        return cast("Ruled[T]", self._values[hook.__name__])

    def value(self, hook: Callable[[CityRules], Timeline[T] | None]) -> T:
        """The bare value of a hook."""
        return self.answer(hook).value

    def ref(self, hook: Callable[[CityRules], object], *clauses: Clause) -> RuleRef:
        """A reference to a hook's value for a decision; `clauses` narrow it to those
        that decided."""
        name = hook.__name__
        numbers = tuple([c.id for c in clauses])
        if (made := self._refs.get((name, numbers))) is None:
            answer = self._values[name]
            made = RuleRef(
                name, answer.since, numbers or tuple(c.id for c in answer.clauses)
            )
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
    _periods: tuple[tuple[date, DayRules], ...] = field(repr=False)
    _clauses: Mapping[str, Clause] = field(repr=False)

    def rules(self, day: date) -> DayRules:
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
        return DecidedBy(
            self.area_code,
            self.plugin,
            self.version,
            gongji.__version__,
            self.adoptions,
        )

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
        raise CityNotServed(
            f"医保区划 {area_code} 所属城市未接入; 已接入: {served}",
            area_code=area_code,
        )

    def named(self, text: str) -> City:
        """The city called by pinyin, Chinese name or area code, as people type it.
        CityNotServed."""
        for city in self.all:
            if text in {city.pinyin, city.name, city.name.removesuffix("市")}:
                return city
        if text.isdecimal():
            return self.of(text)
        faulty = [r for r in self.refused if r.pinyin == text]
        why = (
            "; 已安装但未能加载: " + "; ".join(r.problem for r in faulty)
            if faulty
            else ""
        )
        served = "、".join(f"{c.pinyin}({c.name})" for c in self.all) or "无"
        raise CityNotServed(f"没有城市 {text}; 已接入: {served}{why}")


def _periods(
    timelines: Mapping[str, Timeline[Any]], province: Mapping[str, Timeline[Any]]
) -> tuple[tuple[date, DayRules], ...]:
    """The rules of each period between two changes, from the first day on which every
    hook has a value."""
    first = max(timeline[0].since for timeline in timelines.values())
    days = sorted(
        {first}
        | {
            v.since
            for timeline in timelines.values()
            for v in timeline
            if v.since > first
        }
    )
    problems: list[str] = []
    periods = []
    for day in days:
        values = {
            hook: next(v for v in reversed(timeline) if v.since <= day)
            for hook, timeline in timelines.items()
        }
        problems += guards.problems_of_day(values)
        provincial = frozenset(
            hook
            for hook, value in values.items()
            if any(value is v for v in province[hook])
        )
        periods.append((day, DayRules(values, provincial)))
    refuse(problems)
    return tuple(periods)
