"""The mutants of a city: its own timelines, each with one change, by stable names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, partial
from types import NoneType, SimpleNamespace
from typing import Any, Final, get_args, get_type_hints

from gongji import Identity, Ruled, Timeline, hookimpl
from gongji.cities import guards
from gongji.cities.adoption import over
from gongji.cities.city import City, DayRules
from gongji.cities.guards import refuse
from gongji.cities.loading import city_from
from gongji.rules.hookspecs import CityRules

from gongji_conformance.mutation.variants import variants

PER_CHANNEL: Final = (
    "channels",
    "identity_checks",
    "fields_asked",
    "materials",
    "review_latency",
)
"""Hooks that speak of the same channels: one is dropped from all of them together."""
DROPPED: Final = "去掉"
"""Begins the name of a change that leaves a part out."""

_DAY: Final = timedelta(days=1)

Value = Ruled[Any]
Values = Timeline[Any]
Timelines = Mapping[str, Values]


@dataclass(
    frozen=True,
    slots=True,
)
class Mutant:
    """One change to a city; `timelines` are the answers that differ."""

    name: str
    hook: str
    where: str
    change: str
    since: date
    fields: tuple[str, ...]
    timelines: Timelines

    @property
    def clauses(self) -> set[str]:
        """The clauses its values rest on."""
        values = (value for line in self.timelines.values() for value in line)
        return {clause.id for value in values for clause in value.clauses}

    def applied_to(self, city: City, province: Timelines) -> City:
        """Return the city with this change. PluginProblem if none can be loaded."""
        # As `city_from` would load it with these overrides, but many times faster:
        # only what was changed is checked again.
        for hook, timeline in self.timelines.items():
            refuse(guards.problems_of_timeline(hook, timeline))
        timelines = {**city.timelines, **self.timelines}
        days = first_days(city, timelines)
        periods = tuple((day, _rules(day, timelines, province)) for day in days)
        return replace(
            city,
            timelines=timelines,
            _periods=periods,
        )


def first_days(city: City, timelines: Timelines) -> list[date]:
    """Return the days on which some value begins, none before the city's first."""
    since = {value.since for line in timelines.values() for value in line}
    return sorted({max(day, city.first_day) for day in since})


def _rules(
    day: date,
    timelines: Timelines,
    province: Timelines,
) -> DayRules:
    """Return the rules of a day. PluginProblem if they do not fit each other."""
    values = {hook: _on(day, timeline) for hook, timeline in timelines.items()}
    refuse(guards.problems_of_day(values))
    provincial = {hook for hook, value in values.items() if value in province[hook]}
    return DayRules(values, frozenset(provincial))


def _on(day: date, timeline: Values) -> Value:
    """Return the value of a day."""
    return next(value for value in reversed(timeline) if value.since <= day)


def mutants(city: City) -> list[Mutant]:
    """Return every mutant of the values the city itself gives, in the hooks' order."""
    answers = _Answers(city, province_of(city))
    all_mutants: list[Mutant] = []
    for hook in city.overridden:
        for number, value in enumerate(answers.own(hook)):
            # The first value bears the hook's name, later ones their day as well.
            name = f"{hook}@{value.since}" if number else hook
            all_mutants += _of_value(answers, hook, name, value)
            all_mutants += _of_day(answers, hook, name, value)
    return [*all_mutants, *_of_channels(answers)]


def province_of(city: City) -> Timelines:
    """Return what the province answers if the city is silent."""

    @hookimpl
    def identity() -> Identity:
        return Identity(
            area_code=city.area_code,
            name=city.name,
        )

    return city_from(SimpleNamespace(identity=identity)).timelines


@dataclass(
    frozen=True,
    slots=True,
)
class _Answers:
    """A city's answers beside the province's."""

    city: City
    province: Timelines

    def own(self, hook: str) -> Values:
        """Return the values of a hook that the city gave and some day selects."""
        timeline = self.city.timelines[hook]
        return tuple(value for value in timeline if self._selected(hook, value))

    def _selected(self, hook: str, value: Value) -> bool:
        """Say whether the value is the city's own and in force on its day."""
        rules = self.city.rules(max(value.since, self.city.first_day))
        values = dict(rules.all())
        return not rules.provincial(hook) and values[hook] is value

    def changed(self, hook: str, change: Callable[[Value], Value]) -> Values:
        """Return a hook's timeline with each of the city's values changed."""
        own = tuple(change(value) for value in self.own(hook))
        return over(self.province[hook], own)


def _of_value(
    answers: _Answers,
    hook: str,
    name: str,
    value: Value,
) -> Iterator[Mutant]:
    """Yield the value with each change inside it."""
    for variant in variants(value.value, answer_type(hook), hook):
        dropped = not variant.where and variant.change.startswith(DROPPED)
        # A channel is dropped from all hooks at once: see _of_channels.
        if hook in PER_CHANNEL and dropped:
            continue
        mutated = replace(value, value=variant.value)
        timeline = answers.changed(hook, partial(_replaced, value, mutated))
        yield Mutant(
            name=f"{name}{variant.where} {variant.change}",
            hook=hook,
            where=variant.where,
            change=variant.change,
            since=value.since,
            fields=variant.fields,
            timelines={hook: timeline},
        )


def _replaced(
    value: Value,
    by: Value,
    current: Value,
) -> Value:
    if current is value:
        return by
    return current


def _of_day(
    answers: _Answers,
    hook: str,
    name: str,
    value: Value,
) -> Iterator[Mutant]:
    """Yield the first day a day earlier and later."""
    hooks = [hook]
    if hook == "channels":
        # All that speaks of channels moves with them, or no city can be loaded.
        own = answers.city.overridden
        hooks = [spoken for spoken in PER_CHANNEL if spoken in own]
    for day in (value.since - _DAY, value.since + _DAY):
        change = f"{value.since}→{day}"
        moved = partial(_moved, value.since, day)
        yield Mutant(
            name=f"{name}.since {change}",
            hook=hook,
            where=".since",
            change=change,
            since=value.since,
            fields=("since",),
            timelines={moving: answers.changed(moving, moved) for moving in hooks},
        )


def _moved(
    since: date,
    day: date,
    value: Value,
) -> Value:
    if value.since == since:
        return replace(value, since=day)
    return value


def _of_channels(answers: _Answers) -> Iterator[Mutant]:
    """Yield each channel the city declares, dropped from every hook."""
    declared: dict[str, date] = {}
    # From the last value to the first, so that the day is that of the first.
    for value in reversed(answers.own("channels")):
        declared |= dict.fromkeys(value.value, value.since)
    for channel, since in declared.items():
        change = f"{DROPPED} {channel}"
        yield Mutant(
            name=f"channels {change}",
            hook="channels",
            where="",
            change=change,
            since=since,
            fields=(),
            timelines={
                hook: _without(channel, answers.city.timelines[hook])
                for hook in PER_CHANNEL
            },
        )


def _without(channel: str, timeline: Values) -> Values:
    """Return a timeline in whose values a channel is left out."""
    lacking = []
    for value in timeline:
        channels = dict(value.value)
        channels.pop(channel, None)
        lacking.append(replace(value, value=channels))
    return tuple(lacking)


# Asked for once a value of a hook, and slow: every hint is evaluated anew.
@cache
def answer_type(hook: str) -> Any:
    """Return X of `Timeline[X] | None`, a hook's declared answer."""
    declared = get_type_hints(getattr(CityRules, hook))["return"]
    answers = get_args(declared)
    (timeline,) = (answer for answer in answers if answer is not NoneType)
    (ruled, *_) = get_args(timeline)
    (value_type,) = get_args(ruled)
    return value_type
