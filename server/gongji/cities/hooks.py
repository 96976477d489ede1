"""Ask a plugin every hook, the province below it, and check what they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from itertools import chain
from types import MappingProxyType, SimpleNamespace
from typing import Any, cast

import pluggy

from gongji.cities import adoption, anhui, guards
from gongji.cities.contained import contained
from gongji.cities.guards import PluginProblem, refuse
from gongji.rules.binding import Identity
from gongji.rules.clauses import Candidate, Ruled, Timeline
from gongji.rules.hookspecs import DATED_HOOKS, PROJECT, CityRules, hookimpl

PROVINCE = "province"
"""The name of the lowest plugin, which answers every hook."""


@dataclass(frozen=True, slots=True)
class HookAnswers:
    """Who a plugin speaks for, and what it and the province answer.

    Each hook has the topmost answer first and the province's last.
    """

    identity: Identity
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


def answers_of(
    plugin: object,
    pinyin: str,
    overrides: Mapping[str, Timeline[Any]] = MappingProxyType({}),
    watch: Callable[[pluggy.PluginManager], None] = lambda _: None,
) -> HookAnswers:
    """Return what a module or object with hooks answers, `overrides` above it.

    `watch` sees the manager before any hook is called. PluginProblem with every problem.
    """
    refuse(guards.problems_of_plugin(plugin))
    manager = _manager_of(plugin, pinyin, overrides)
    watch(manager)
    return _answers(manager, _identity(manager))


def answering(answers: Mapping[str, object]) -> SimpleNamespace:
    """Return a plugin that answers each hook with what is given for it."""

    def hook_of(answer: object) -> Callable[[], object]:
        @hookimpl
        def answering_hook() -> object:
            return answer

        return answering_hook

    return SimpleNamespace(
        **{hook: hook_of(answer) for hook, answer in answers.items()}
    )


@cache
def _provincial() -> Mapping[str, Any]:
    """Return what the province answers to each hook, asked and checked once: it is ours
    and the same for every city. PluginProblem."""
    answers = {hook: getattr(anhui, hook)() for hook in (*DATED_HOOKS, "candidates")}
    refuse(
        chain.from_iterable(
            guards.problems_of_timeline(hook, answers[hook]) for hook in DATED_HOOKS
        )
    )
    return answers


def _manager_of(
    plugin: object, pinyin: str, overrides: Mapping[str, Timeline[Any]]
) -> pluggy.PluginManager:
    """Return a manager of the province, one city, and what lies over its answers.

    One manager a city: in a shared one the next city would answer if this one is silent.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(CityRules)
    # pluggy calls the plugin registered last first, so the city lies over the province.
    manager.register(answering(_provincial()), PROVINCE)
    manager.register(plugin, pinyin)
    if overrides:
        manager.register(answering(overrides), "overrides")
    manager.check_pending()
    return manager


def _ask(manager: pluggy.PluginManager, hook: str) -> list[Any]:
    """Return all answers but None, the city's before the province's. PluginProblem."""
    with contained(f"{hook}：调用时出错"):
        return cast("list[Any]", getattr(manager.hook, hook)())


def _identity(manager: pluggy.PluginManager) -> Identity:
    answers = _ask(manager, "identity")
    if not answers:
        raise PluginProblem("identity：每个城市须自己声明医保区划与名称")
    refuse(guards.problems_of_identity(answers[0]))
    return cast("Identity", answers[0])


def _answers(manager: pluggy.PluginManager, identity: Identity) -> HookAnswers:
    """Return each hook's answers. PluginProblem with every problem."""
    layers = {hook: _ask(manager, hook) for hook in DATED_HOOKS}
    provincial = _provincial()
    problems: list[str] = []
    for hook, timelines in layers.items():
        for timeline in timelines:
            if timeline is not provincial.get(hook):
                problems += guards.problems_of_timeline(hook, timeline)
    proposals = _ask(manager, "candidates")
    for candidates in proposals:
        problems += guards.problems_of_candidates(candidates)
    refuse(problems)
    return HookAnswers(identity, layers, tuple(chain.from_iterable(proposals)))
