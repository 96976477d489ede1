"""Finds installed cities (城市插件) and loads each on its own.

A city's timeline lies over the province's, an adopted candidate or an operator's figure
over both; the core then picks by day. No hook is called while serving.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from importlib import metadata
from itertools import chain
from types import SimpleNamespace
from typing import Any, cast

import pluggy

from gongji.cities import adoption, anhui, guards
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
from gongji.cities.kept import with_digest
from gongji.rules.binding import Identity
from gongji.rules.clauses import Candidate, Ruled, Timeline
from gongji.rules.codes import pooling_area
from gongji.rules.hookspecs import DATED_HOOKS, PROJECT, CityRules, hookimpl

ENTRY_POINTS = "gongji.cities"


def load_cities(
    adopt: Iterable[Adoption] = (),
    retired_credits: Iterable[RetiredCredit] = (),
    refusals: Iterable[SchemeRefusal] = (),
) -> Cities:
    """Load every installed city, each checked on its own; list what cannot serve.

    ValueError if an adoption or an operator's figure names a city or candidate that is
    not there, or two adoptions of one hook begin on one day.
    """
    operator = OperatorRules(tuple(adopt), tuple(retired_credits), tuple(refusals))
    entries = _distinct(metadata.entry_points(group=ENTRY_POINTS))
    refused = _same_name(entries)
    ambiguous = {plugin.pinyin for plugin in refused}
    unique = [entry for entry in entries if entry.name not in ambiguous]
    loaded, faulty = _load_each(unique, operator)
    rivals = _same_area(loaded)
    rival_names = {plugin.pinyin for plugin in rivals}
    served = [city for city in loaded if city.pinyin not in rival_names]
    _refuse_unserved(served, operator)
    served.sort(key=lambda city: city.area_code)
    refused += faulty + rivals
    refused.sort(key=lambda plugin: (plugin.pinyin, plugin.plugin))
    return Cities(tuple(served), tuple(refused))


def _load_each(
    entries: Iterable[metadata.EntryPoint], operator: OperatorRules
) -> tuple[list[City], list[RefusedPlugin]]:
    """Return the cities that could be loaded, and the plugins that could not."""
    loaded: list[City] = []
    faulty = []
    for entry in entries:
        try:
            loaded.append(_load(entry, operator))
        except PluginProblem as problem:
            faulty.append(RefusedPlugin(_label(entry), entry.name, str(problem)))
    return loaded, faulty


@dataclass(frozen=True, slots=True)
class _Answers:
    """Each hook's answers, the topmost first and the province's last; the candidates."""

    layers: Mapping[str, Sequence[Timeline[Any]]]
    candidates: tuple[Candidate, ...]

    @property
    def timelines(self) -> dict[str, Timeline[Any]]:
        """Return one timeline a hook: each layer laid over those below."""
        return {
            hook: reduce(adoption.over, reversed(layers))
            for hook, layers in self.layers.items()
        }

    def provincial(self, hook: str, ruled: Ruled[Any]) -> bool:
        """Return whether a value is the province's."""
        # Identity, not equality: a city may give the very figures of the province.
        return any(ruled is item for item in self.layers[hook][-1])

    @property
    def overridden(self) -> tuple[str, ...]:
        """Return the hooks the city itself answers."""
        return tuple(hook for hook, layers in self.layers.items() if len(layers) > 1)


def city_from(
    plugin: object,
    *,
    pinyin: str = "city",
    distribution: str = "",
    version: str = "0",
    adopt: Iterable[Adoption] = (),
    retired_credits: Iterable[RetiredCredit] = (),
    refusals: Iterable[SchemeRefusal] = (),
    overrides: Mapping[str, Timeline[Any]] | None = None,
    watch: Callable[[pluggy.PluginManager], None] = lambda _: None,
) -> City:
    """Return one city from a module or object with hooks; `overrides` lie over its answers.

    `watch` sees the manager before any hook is called. PluginProblem with every problem.
    """
    refuse(guards.problems_of_plugin(plugin))
    manager = _manager_of(plugin, pinyin, overrides or {})
    watch(manager)
    identity = _identity(manager)
    answers = _answers(manager)
    operator = OperatorRules(tuple(adopt), tuple(retired_credits), tuple(refusals))
    laid_over = operator.of(identity.area_code)
    timelines = laid_over.over(answers.timelines, answers.candidates)
    city = City(
        area_code=identity.area_code,
        name=identity.name,
        pinyin=pinyin,
        plugin=distribution or pinyin,
        version=version,
        overridden=answers.overridden,
        candidates=answers.candidates,
        adoptions=tuple(map(str, laid_over.adoptions)),
        timelines=timelines,
        _periods=_checked(periods_of(timelines, answers.provincial)),
        _clauses=cited(timelines.values()),
    )
    return with_digest(city)


def _checked(
    periods: Sequence[tuple[date, DayRules]],
) -> Sequence[tuple[date, DayRules]]:
    """Return the periods. PluginProblem if the hooks contradict each other in any."""
    days = [dict(rules.all()) for _, rules in periods]
    refuse(chain.from_iterable(map(guards.problems_of_day, days)))
    return periods


def _manager_of(
    plugin: object, pinyin: str, overrides: Mapping[str, Timeline[Any]]
) -> pluggy.PluginManager:
    """Return a manager of the province, one city, and what lies over its answers.

    One manager a city: in a shared one the next city would answer if this one is silent.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(CityRules)
    # pluggy calls the plugin registered last first, so the city lies over the province.
    manager.register(anhui, "province")
    manager.register(plugin, pinyin)
    if overrides:
        manager.register(_answering(overrides), "overrides")
    manager.check_pending()
    return manager


def _distinct(entries: Iterable[metadata.EntryPoint]) -> list[metadata.EntryPoint]:
    """Return the entry points in order, each once."""
    # An editable install may show the entry points of one distribution twice.
    unique = {(_label(entry), entry.name, entry.value): entry for entry in entries}
    return sorted(unique.values(), key=lambda entry: (entry.name, _label(entry)))


def _label(entry: metadata.EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


def _same_name(entries: list[metadata.EntryPoint]) -> list[RefusedPlugin]:
    """Return all distributions that claim one entry-point name; none is more right."""
    labels: dict[str, list[str]] = {}
    for entry in entries:
        labels.setdefault(entry.name, []).append(_label(entry))
    refused = []
    for name, rivals in labels.items():
        if len(rivals) > 1:
            problem = f"多个插件使用同一名称 {name}: {', '.join(rivals)}; 请只保留一个"
            refused += [RefusedPlugin(label, name, problem) for label in rivals]
    return refused


def _same_area(cities: list[City]) -> list[RefusedPlugin]:
    """Return all plugins that speak for one pooling area (统筹区)."""
    by_area: dict[str, list[City]] = {}
    for city in cities:
        by_area.setdefault(pooling_area(city.area_code), []).append(city)
    refused = []
    for rivals in by_area.values():
        if len(rivals) == 1:
            continue
        labels = [f"{city.plugin} {city.version}" for city in rivals]
        names = ", ".join(labels)
        for city, label in zip(rivals, labels, strict=True):
            problem = (
                f"identity: 医保区划 {city.area_code} 被多个插件声明: {names}; "
                "请只保留一个"
            )
            refused.append(RefusedPlugin(label, city.pinyin, problem))
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


def _load(entry: metadata.EntryPoint, operator: OperatorRules) -> City:
    """Return the city of an entry point. PluginProblem, UnknownCandidate."""
    with contained(f"导入 {entry.value} 失败"):
        plugin = entry.load()
    distribution, _, version = _label(entry).partition(" ")
    # Whatever a plugin does to the guards, the other cities serve.
    with contained("检查规则时出错", UnknownCandidate):
        return city_from(
            plugin,
            pinyin=entry.name,
            distribution=distribution,
            version=version,
            adopt=operator.adoptions,
            retired_credits=operator.retired_credits,
            refusals=operator.refusals,
        )


def _ask(manager: pluggy.PluginManager, hook: str) -> list[Any]:
    """Return all answers but None, the city's before the province's. PluginProblem."""
    with contained(f"{hook}: 调用时出错"):
        return cast("list[Any]", getattr(manager.hook, hook)())


def _identity(manager: pluggy.PluginManager) -> Identity:
    answers = _ask(manager, "identity")
    if not answers:
        raise PluginProblem("identity: 每个城市须自己声明医保区划与名称")
    refuse(guards.problems_of_identity(answers[0]))
    return cast("Identity", answers[0])


def _answers(manager: pluggy.PluginManager) -> _Answers:
    """Return each hook's answers. PluginProblem with every problem."""
    layers = {hook: _ask(manager, hook) for hook in DATED_HOOKS}
    problems = []
    for hook, timelines in layers.items():
        if not timelines:
            problems.append(f"{hook}: 城市与省级都没有给出答案")
    for hook, timelines in layers.items():
        for timeline in timelines:
            problems += guards.problems_of_timeline(hook, timeline)
    proposals = _ask(manager, "candidates")
    for candidates in proposals:
        problems += guards.problems_of_candidates(candidates)
    refuse(problems)
    return _Answers(layers, tuple(chain.from_iterable(proposals)))


def _answering(overrides: Mapping[str, Timeline[Any]]) -> SimpleNamespace:
    """Return a plugin that answers each hook with the timeline given for it."""

    def hook_of(timeline: Timeline[Any]) -> Callable[[], Timeline[Any]]:
        @hookimpl
        def answer() -> Timeline[Any]:
            return timeline

        return answer

    hooks = {hook: hook_of(timeline) for hook, timeline in overrides.items()}
    return SimpleNamespace(**hooks)
