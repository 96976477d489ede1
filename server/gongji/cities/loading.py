"""Finds installed cities (城市插件) and loads each on its own.

A city's timeline lies over the province's, an adopted candidate or an operator's figure
over both; the core then picks by day. No hook is called while serving.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pluggy

from gongji.audit.hashing import Hasher
from gongji.cities import asking, guards, installed, pinning
from gongji.cities.adoption import (
    Adoption,
    OperatorRules,
    RetiredCredit,
    SchemeRefusal,
    UnknownCandidate,
)
from gongji.cities.city import (
    Cities,
    City,
    DayRules,
    RefusedPlugin,
    cited,
    periods_of,
)
from gongji.cities.contained import contained
from gongji.cities.guards import PluginProblem, refuse
from gongji.cities.hooks import answers_of
from gongji.cities.installed import ENTRY_POINTS, Plugin
from gongji.cities.kept import with_digest
from gongji.rules.clauses import Timeline
from gongji.rules.codes import pooling_area

__all__ = ["ENTRY_POINTS", "city_from", "load_cities"]


def load_cities(
    adopt: Iterable[Adoption] = (),
    retired_credits: Iterable[RetiredCredit] = (),
    refusals: Iterable[SchemeRefusal] = (),
    *,
    pins: Mapping[str, str] = MappingProxyType({}),
    kept_in: Path | None = None,
    hasher: Hasher | None = None,
) -> Cities:
    """Load every installed city, each checked on its own; list what cannot serve.

    A plugin's code runs in a process of its own, or not at all if its answers are kept
    in the folder `kept_in`. `pins` are digests by the plugin's name: if there are any,
    no other plugin serves. `hasher` makes the digests of plugins and rules. ValueError if
    an adoption, a pin or an operator's figure names a city or candidate that is not
    there, or two adoptions of one hook begin on one day.
    """
    operator = OperatorRules(tuple(adopt), tuple(retired_credits), tuple(refusals))
    found = [replace(p, hasher=hasher or p.hasher) for p in installed.plugins()]
    plugins, unfit = _fit(found, pins)
    loaded, faulty = _load_each(plugins, kept_in, operator)
    loaded.sort(key=lambda city: city.area_code)
    refused = [*unfit, *faulty, *_same_area(loaded)]
    cities = Cities(tuple(loaded)).without(refused)
    _refuse_unserved(cities.all, operator)
    return cities


def _fit(
    plugins: Sequence[Plugin], pins: Mapping[str, str]
) -> tuple[list[Plugin], list[RefusedPlugin]]:
    """Return the plugins that may be asked, and those that may not. ValueError."""
    # Pins first: of two that claim one name or area only one can be the pinned one.
    refused = pinning.refused(plugins, pins)
    fit = [plugin for plugin in plugins if not plugin.is_among(refused)]
    namesakes = installed.same_name(fit)
    unique = [plugin for plugin in fit if not plugin.is_among(namesakes)]
    return unique, refused + namesakes


def _load_each(
    plugins: Sequence[Plugin], kept_in: Path | None, operator: OperatorRules
) -> tuple[list[City], list[RefusedPlugin]]:
    """Return the cities that could be loaded, and the plugins that could not."""
    loaded: list[City] = []
    faulty = []
    for plugin, answering in asking.ask(plugins, kept_in):
        try:
            if isinstance(answering, PluginProblem):
                raise answering
            loaded.append(_city_of(plugin, answering, operator))
        except PluginProblem as problem:
            faulty.append(plugin.refused(str(problem)))
    return loaded, faulty


def _city_of(plugin: Plugin, answering: object, operator: OperatorRules) -> City:
    """Return the city of a plugin. PluginProblem, UnknownCandidate."""
    # What came back is judged again: nobody vouches for what judged it there.
    with contained("检查规则时出错", UnknownCandidate):
        return city_from(
            answering,
            pinyin=plugin.name,
            distribution=plugin.distribution,
            version=plugin.version,
            plugin_digest=plugin.digest,
            hasher=plugin.hasher,
            adopt=operator.adoptions,
            retired_credits=operator.retired_credits,
            refusals=operator.refusals,
        )


def city_from(
    plugin: object,
    *,
    pinyin: str = "city",
    distribution: str = "",
    version: str = "0",
    plugin_digest: str = "",
    hasher: Hasher | None = None,
    adopt: Iterable[Adoption] = (),
    retired_credits: Iterable[RetiredCredit] = (),
    refusals: Iterable[SchemeRefusal] = (),
    overrides: Mapping[str, Timeline[Any]] | None = None,
    watch: Callable[[pluggy.PluginManager], None] = lambda _: None,
) -> City:
    """Return one city from a module or object with hooks; `overrides` lie over its answers.

    `watch` sees the manager before any hook is called. PluginProblem with every problem.
    """
    answers = answers_of(plugin, pinyin, overrides or {}, watch)
    identity = answers.identity
    operator = OperatorRules(tuple(adopt), tuple(retired_credits), tuple(refusals))
    laid_over = operator.of(identity.area_code)
    timelines = laid_over.over(answers.timelines, answers.candidates)
    refuse(guards.problems_of_numbers(timelines))
    city = City(
        area_code=identity.area_code,
        name=identity.name,
        pinyin=pinyin,
        plugin=distribution or pinyin,
        version=version,
        plugin_digest=plugin_digest,
        overridden=answers.overridden,
        candidates=answers.candidates,
        adoptions=tuple(map(str, laid_over.adoptions)),
        timelines=timelines,
        _periods=_checked(periods_of(timelines, answers.provincial)),
        _clauses=cited(timelines.values()),
    )
    return with_digest(city, hasher)


def _checked(
    periods: Sequence[tuple[date, DayRules]],
) -> Sequence[tuple[date, DayRules]]:
    """Return the periods. PluginProblem if the hooks contradict each other in any."""
    days = [dict(rules.all()) for _, rules in periods]
    refuse(chain.from_iterable(map(guards.problems_of_day, days)))
    return periods


def _same_area(cities: list[City]) -> list[RefusedPlugin]:
    """Return all plugins that speak for one pooling area (统筹区)."""
    by_area: dict[str, list[City]] = {}
    for city in cities:
        by_area.setdefault(pooling_area(city.area_code), []).append(city)
    refused = []
    for rivals in by_area.values():
        if len(rivals) == 1:
            continue
        names = "、".join(sorted(city.label for city in rivals))
        for city in rivals:
            problem = (
                f"identity：医保区划 {city.area_code} 被多个插件声明：{names}；"
                "请只保留一个"
            )
            refused.append(
                RefusedPlugin(city.label, city.pinyin, problem, city.area_code)
            )
    return refused


def _refuse_unserved(served: Iterable[City], operator: OperatorRules) -> None:
    """ValueError if the operator speaks of a city that is not served."""
    area_codes = {city.area_code for city in served}
    rules: list[Adoption | RetiredCredit | SchemeRefusal] = [*operator.adoptions]
    rules += [*operator.retired_credits, *operator.refusals]
    for rule in rules:
        if rule.area_code not in area_codes:
            msg = f"没有接入医保区划为 {rule.area_code} 的城市"
            raise ValueError(msg)
