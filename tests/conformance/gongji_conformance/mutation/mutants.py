"""The mutants of a city: its own timelines, each with one change, under a name that stays the same from run to run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, partial
from types import SimpleNamespace
from typing import Any, Final, get_args, get_type_hints

from gongji import Identity, Ruled, Timeline, hookimpl
from gongji.cities import guards
from gongji.cities.adoption import over
from gongji.cities.city import City, DayRules
from gongji.cities.guards import refuse
from gongji.cities.loading import city_from
from gongji.rules.hookspecs import CityRules

from gongji_conformance.mutation.variants import variants

PER_CHANNEL: Final = ("channels", "identity_checks", "fields_asked", "materials", "review_latency")
"""Hooks that speak of the same channels: one is dropped from all of them together."""

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change to a city: the hook, where in its value, what; `timelines` are the answers that are others."""

    name: str
    hook: str
    where: str
    change: str
    since: date
    fields: tuple[str, ...]
    timelines: Mapping[str, Timeline[Any]]

    def born(self, city: City, province: Mapping[str, Timeline[Any]]) -> City:
        """The city with this change, as `city_from` would load it with these overrides, but many times faster.

        PluginProblem where no such city can be loaded.
        """
        refuse(p for hook, timeline in self.timelines.items() for p in guards.problems_of_timeline(hook, timeline))
        timelines = {**city.timelines, **self.timelines}
        days = sorted({max(value.since, city.first_day) for timeline in timelines.values() for value in timeline})
        periods = tuple((day, _rules(day, timelines, province)) for day in days)
        return replace(city, timelines=timelines, _periods=periods)


def _rules(day: date, timelines: Mapping[str, Timeline[Any]], province: Mapping[str, Timeline[Any]]) -> DayRules:
    """The rules of a day. PluginProblem where they do not fit each other."""
    values = {hook: next(v for v in reversed(timeline) if v.since <= day) for hook, timeline in timelines.items()}
    refuse(guards.problems_of_day(values))
    return DayRules(values, frozenset(hook for hook, value in values.items() if value in province[hook]))


def mutants(city: City) -> list[Mutant]:
    """Every mutant of the values the city itself gives, in the order of the hooks; the province's are not its own."""
    book = _Book(city, province_of(city))
    made: list[Mutant] = []
    for hook in city.overridden:
        for at, value in enumerate(book.own(hook)):
            told = f"{hook}@{value.since}" if at else hook
            made += _of_value(book, hook, told, value)
            made += _of_day(book, hook, told, value)
    return made + list(_of_channels(book))


def province_of(city: City) -> Mapping[str, Timeline[Any]]:
    """What the province answers where the city is silent."""

    @hookimpl
    def identity() -> Identity:
        return Identity(area_code=city.area_code, name=city.name)

    return city_from(SimpleNamespace(identity=identity)).timelines


@dataclass(frozen=True, slots=True)
class _Book:
    """A city's answers beside the province's."""

    city: City
    province: Mapping[str, Timeline[Any]]

    def own(self, hook: str) -> Timeline[Any]:
        """The values of a hook that the city gave and some day selects."""
        return tuple(value for value in self.city.timelines[hook] if self._selected(hook, value))

    def _selected(self, hook: str, value: Ruled[Any]) -> bool:
        rules = self.city.rules(max(value.since, self.city.first_day))
        return not rules.provincial(hook) and dict(rules.all())[hook] is value

    def renewed(self, hook: str, change: Callable[[Ruled[Any]], Ruled[Any]]) -> Timeline[Any]:
        """A hook's whole timeline with each of the city's values as `change` makes it."""
        return over(self.province[hook], tuple(change(value) for value in self.own(hook)))


def _of_value(book: _Book, hook: str, told: str, value: Ruled[Any]) -> Iterator[Mutant]:
    for variant in variants(value.value, answer_type(hook), hook):
        if hook in PER_CHANNEL and not variant.where and variant.change.startswith("去掉"):
            continue  # a channel is dropped everywhere at once
        name = f"{told}{variant.where} {variant.change}"
        changed = replace(value, value=variant.value)
        timelines = {hook: book.renewed(hook, partial(_instead_of, value, changed))}
        yield Mutant(name, hook, variant.where, variant.change, value.since, variant.fields, timelines)


def _instead_of(value: Ruled[Any], changed: Ruled[Any], given: Ruled[Any]) -> Ruled[Any]:
    return changed if given is value else given


def _of_day(book: _Book, hook: str, told: str, value: Ruled[Any]) -> Iterator[Mutant]:
    """The first day a day earlier and later; of the channels together with all that speaks of them."""
    together = [other for other in PER_CHANNEL if other in book.city.overridden] if hook == "channels" else [hook]
    for day in (value.since - _DAY, value.since + _DAY):
        change = f"{value.since}→{day}"
        timelines = {other: book.renewed(other, partial(_moved, value.since, day)) for other in together}
        yield Mutant(f"{told}.since {change}", hook, ".since", change, value.since, ("since",), timelines)


def _moved(since: date, day: date, given: Ruled[Any]) -> Ruled[Any]:
    return replace(given, since=day) if given.since == since else given


def _of_channels(book: _Book) -> Iterator[Mutant]:
    """Each channel the city declares, dropped from every hook that speaks of it."""
    declared = {channel: value.since for value in reversed(book.own("channels")) for channel in value.value}
    for channel, since in declared.items():
        change = f"去掉 {channel}"
        timelines = {
            hook: tuple(_without(channel, ruled) for ruled in book.city.timelines[hook]) for hook in PER_CHANNEL
        }
        yield Mutant(f"channels {change}", "channels", "", change, since, (), timelines)


def _without(channel: str, value: Ruled[Any]) -> Ruled[Any]:
    return replace(value, value={key: part for key, part in value.value.items() if key != channel})


@cache
def answer_type(hook: str) -> Any:
    """X of `Timeline[X] | None`, a hook's declared answer."""
    declared = get_type_hints(getattr(CityRules, hook))["return"]
    timeline = next(answer for answer in get_args(declared) if answer is not type(None))
    return get_args(get_args(timeline)[0])[0]
