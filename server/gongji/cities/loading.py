"""Finds cities by entry point, one PluginManager each, reads and checks every answer
once; failure stays in one city.

A city's timeline lies over the province's, an adopted candidate or an operator's figure
over both: the core then picks by day. Nothing here is asked again while serving.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pluggy

from gongji.cities import adoption, anhui, guards
from gongji.cities.adoption import Adoption, RetiredCredit, UnknownCandidate
from gongji.cities.city import Cities, City, RefusedPlugin, _periods
from gongji.cities.guards import PluginProblem, refuse
from gongji.rules.binding import Identity
from gongji.rules.clauses import Timeline, clauses_in
from gongji.rules.codes import pooling_area
from gongji.rules.hookspecs import DATED_HOOKS, PROJECT, CityRules, hookimpl

ENTRY_POINTS = "gongji.cities"


def load_cities(
    adopt: Iterable[Adoption] = (), retired_credits: Iterable[RetiredCredit] = ()
) -> Cities:
    """Every installed city, each checked on its own; what cannot serve is listed with its problem.

    ValueError where an adoption or an operator's figure names a city or candidate that
    is not there, or two adoptions of one hook begin on one day.
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
    for area_code in [a.area_code for a in adopt] + [
        c.area_code for c in retired_credits
    ]:
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
    manager.register(anhui, "province")
    manager.register(plugin, pinyin)
    manager.check_pending()
    watch(manager)
    identity = _identity(manager)
    if overrides:
        manager.register(_answers(overrides), "overrides")
    answers = _timelines(manager)
    timelines = {
        hook: reduce(adoption.over, reversed(given)) for hook, given in answers.items()
    }
    candidates = tuple(c for answer in _ask(manager, "candidates") for c in answer)
    adopted = tuple(a for a in adopt if a.area_code == identity.area_code)
    timelines = adoption.with_adoptions(timelines, candidates, adopted)
    credits_ = [
        credit for credit in retired_credits if credit.area_code == identity.area_code
    ]
    timelines["account_crediting"] = adoption.with_retired_credits(
        timelines["account_crediting"], credits_
    )
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
        _periods=_periods(
            timelines, {hook: given[-1] for hook, given in answers.items()}
        ),
        _clauses={c.id: c for c in cited},
    )


def _distinct(entries: Iterable[metadata.EntryPoint]) -> list[metadata.EntryPoint]:
    """Entry points without the second sight of one distribution that an editable
    install may give."""
    seen = {(_label(entry), entry.name, entry.value): entry for entry in entries}
    return sorted(seen.values(), key=lambda entry: (entry.name, _label(entry)))


def _label(entry: metadata.EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


def _same_name(entries: list[metadata.EntryPoint]) -> list[RefusedPlugin]:
    """Distributions that claim one entry-point name: all of them, since none is more
    right than another."""
    rivals = {
        entry.name: [_label(e) for e in entries if e.name == entry.name]
        for entry in entries
    }
    return [
        RefusedPlugin(
            _label(e),
            e.name,
            f"多个插件使用同一名称 {e.name}: {', '.join(rivals[e.name])}; 请只保留一个",
        )
        for e in entries
        if len(rivals[e.name]) > 1
    ]


def _same_area(cities: list[City]) -> list[RefusedPlugin]:
    """Plugins that speak for one pooling area: all of them."""
    areas = Counter(pooling_area(c.area_code) for c in cities)
    refused = []
    for city in cities:
        if areas[area := pooling_area(city.area_code)] > 1:
            rivals = ", ".join(
                f"{c.plugin} {c.version}"
                for c in cities
                if pooling_area(c.area_code) == area
            )
            told = f"identity: 医保区划 {city.area_code} 被多个插件声明: {rivals}; 请只保留一个"
            refused.append(
                RefusedPlugin(f"{city.plugin} {city.version}", city.pinyin, told)
            )
    return refused


def _load(
    entry: metadata.EntryPoint,
    adopt: Iterable[Adoption],
    credits_: Iterable[RetiredCredit],
) -> City:
    try:
        plugin = entry.load()
    except (Exception, SystemExit) as error:
        told = f"导入 {entry.value} 失败: {_fault(error)}"
        raise PluginProblem(told) from error
    distribution, _, version = _label(entry).partition(" ")
    try:
        return city_from(
            plugin,
            pinyin=entry.name,
            distribution=distribution,
            version=version,
            adopt=adopt,
            retired_credits=credits_,
        )
    except (PluginProblem, UnknownCandidate):
        raise
    except (
        Exception
    ) as error:  # whatever a plugin does to the guards, the other cities serve
        told = f"检查规则时出错: {_fault(error)}"
        raise PluginProblem(told) from error


def _fault(error: BaseException) -> str:
    """An exception with the file and line it came from."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
    )


def _ask(manager: pluggy.PluginManager, hook: str) -> list[Any]:
    """All answers to a hook but None, the city's before the province's. PluginProblem
    where one raises."""
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
    answers: dict[str, list[Timeline[Any]]] = {
        hook: _ask(manager, hook) for hook in DATED_HOOKS
    }
    problems = [
        f"{hook}: 城市与省级都没有给出答案"
        for hook, given in answers.items()
        if not given
    ]
    for hook, given in answers.items():
        problems += [
            p for timeline in given for p in guards.problems_of_timeline(hook, timeline)
        ]
    problems += [
        p
        for given in _ask(manager, "candidates")
        for p in guards.problems_of_candidates(given)
    ]
    refuse(problems)
    return answers


def _answers(overrides: Mapping[str, Timeline[Any]]) -> SimpleNamespace:
    """A plugin that answers each hook with a given timeline."""

    def answering(timeline: Timeline[Any]) -> Callable[[], Timeline[Any]]:
        @hookimpl
        def answer() -> Timeline[Any]:
            return timeline

        return answer

    return SimpleNamespace(
        **{hook: answering(timeline) for hook, timeline in overrides.items()}
    )
