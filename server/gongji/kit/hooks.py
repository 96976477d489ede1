"""List every hook with who answers it, and trace the calls made while a city loads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

import pluggy

from gongji.cities.adoption import UnknownCandidate
from gongji.cities.city import Cities, City
from gongji.cities.contained import contained
from gongji.cities.guards import PluginProblem
from gongji.cities.hooks import PROVINCE
from gongji.cities.loading import ENTRY_POINTS, city_from
from gongji.rules.binding import Identity
from gongji.rules.clauses import Candidate, Ruled
from gongji.rules.hookspecs import CityRules, question
from gongji.rules.phrases import in_words

HOOKS: Final = tuple(name for name in vars(CityRules) if not name.startswith("_"))
"""All of them, in the order the core asks."""

PROVINCE_LABEL: Final = "省级"

OF_EACH_CITY: Final = frozenset({"identity"})
"""Hooks every city answers itself."""

HOOK_COLUMNS: Final = ("hook", "signature", "question", "answered_by")

CALL_COLUMNS: Final = ("hook", "plugin", "arguments", "answer")


@dataclass(frozen=True, slots=True)
class HookCall:
    """One plugin's part in a hook call, its arguments and answer as people read them."""

    hook: str
    plugin: str
    arguments: str
    answer: str


# --- the list -------------------------------------------------------------------------


def signature(hook: str) -> str:
    """Return a hook as a city writes it: `scope() -> Timeline[Scope] | None`."""
    annotations = getattr(CityRules, hook).__annotations__
    return f"{hook}() -> {annotations['return']}"


def listing(cities: Cities, city: City | None = None) -> Iterator[Mapping[str, str]]:
    """Yield every hook and who answers it: for one city, or for all of them."""
    for hook in HOOKS:
        yield {
            "hook": hook,
            "signature": signature(hook),
            "question": question(hook),
            "answered_by": "、".join(_answered_by(hook, cities, city)),
        }


def _answered_by(
    hook: str,
    cities: Cities,
    city: City | None,
) -> list[str]:
    chosen = (city,) if city else cities.all
    names = [f"{c.plugin} {c.version}" for c in chosen if _answers(c, hook)]
    # For one city the province answers if it does not; beside all cities it always may.
    if hook not in OF_EACH_CITY and (city is None or not names):
        names.append(PROVINCE_LABEL)
    return names


def _answers(city: City, hook: str) -> bool:
    if hook in OF_EACH_CITY:
        return True
    # Candidates have no timeline that could be overridden.
    if hook == "candidates":
        return bool(city.candidates)
    return hook in city.overridden


# --- the trace ------------------------------------------------------------------------


def trace(pinyin: str) -> tuple[Sequence[HookCall], str]:
    """Return the hook calls made while a plugin is loaded, and why it was refused.

    The reason is "" if it was not. ValueError if no plugin of that name is installed.
    """
    entries = metadata.entry_points(group=ENTRY_POINTS, name=pinyin)
    if not entries:
        installed = sorted(metadata.entry_points(group=ENTRY_POINTS).names)
        raise ValueError(
            f"没有安装名为 {pinyin} 的城市插件；已安装：{'、'.join(installed) or '无'}"
        )
    # Two plugins of one name are refused elsewhere; the trace shows one of them.
    entry = min(entries, key=lambda entry: entry.value)
    calls: list[HookCall] = []
    try:
        with contained(entry.value, UnknownCandidate):
            city_from(
                entry.load(),
                pinyin=pinyin,
                watch=lambda manager: _watch(manager, calls),
            )
    except (PluginProblem, UnknownCandidate) as refused:
        return calls, str(refused)
    return calls, ""


def _watch(manager: pluggy.PluginManager, calls: list[HookCall]) -> None:
    """Write down every call of a manager from now on."""

    def before(
        _: str,
        __: Sequence[pluggy.HookImpl],
        ___: Mapping[str, Any],
    ) -> None:
        """Do nothing: there is no answer yet."""

    def after(
        outcome: pluggy.Result[Any],
        hook: str,
        impls: Sequence[pluggy.HookImpl],
        kwargs: Mapping[str, Any],
    ) -> None:
        values = [f"{name}={value!r}" for name, value in kwargs.items()]
        arguments = ", ".join(values) or "无"
        for impl, answer in _answered(outcome, impls):
            calls.append(
                HookCall(
                    hook=hook,
                    plugin=_plugin_name(impl),
                    arguments=arguments,
                    answer=answer,
                )
            )

    manager.add_hookcall_monitoring(before, after)


def _answered(
    outcome: pluggy.Result[Any], impls: Sequence[pluggy.HookImpl]
) -> Iterator[tuple[pluggy.HookImpl, str]]:
    """Yield each plugin with its answer, in the order they were asked."""
    # pluggy asks the last registered first.
    called = list(reversed(impls))
    if outcome.exception is not None:
        yield called[0], f"{type(outcome.exception).__name__}: {outcome.exception}"
        return
    # pluggy leaves out who answered None. The province always answers, so an answer
    # that is missing is the city's.
    answers = list(outcome.get_result())
    for impl in called:
        silent = len(answers) < len(called) and impl.plugin_name != PROVINCE
        yield impl, "None" if silent or not answers else shown(answers.pop(0))


def _plugin_name(impl: pluggy.HookImpl) -> str:
    if impl.plugin_name == PROVINCE:
        return PROVINCE_LABEL
    return impl.plugin_name


def shown(answer: object) -> str:
    """Return an answer as people read it: each value with its first day and clauses."""
    if isinstance(answer, Identity):
        return f"{answer.name} {answer.area_code}"
    if isinstance(answer, tuple) and answer and all(map(_is_value, answer)):
        return "；".join(map(_shown_value, answer))
    # A plugin may answer with anything at all.
    return repr(answer)


def _is_value(part: object) -> bool:
    return isinstance(part, (Ruled, Candidate))


def _label(part: Ruled[Any] | Candidate) -> str:
    if isinstance(part, Ruled):
        return f"自 {part.since}"
    return f"候选 {part.name}（{part.hook}）"


def _shown_value(part: Ruled[Any] | Candidate) -> str:
    label = _label(part)
    try:
        value = in_words(part.value)
    # Of a type no rule answers with: the guards will say so.
    except TypeError:
        value = repr(part.value)
    clauses = "、".join(clause.id for clause in part.clauses)
    return f"{label}：{value}（{clauses}）"
