"""Every hook with its signature, question and who answers; and every call made while a
city is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

import pluggy

from gongji.cities import anhui
from gongji.cities.adoption import UnknownCandidate
from gongji.cities.city import Cities, City
from gongji.cities.guards import PluginProblem
from gongji.cities.loading import ENTRY_POINTS, city_from
from gongji.rules.binding import Identity
from gongji.rules.clauses import Candidate, Ruled
from gongji.rules.hookspecs import CityRules, question
from gongji.rules.phrases import in_words

HOOKS: Final = tuple(name for name in vars(CityRules) if not name.startswith("_"))
"""All of them, in the order the core asks."""

PROVINCE: Final = "省级"

OF_EACH_CITY: Final = frozenset({"identity"})
"""Hooks every city answers itself."""

HOOK_COLUMNS: Final = ("hook", "signature", "question", "answered_by")

CALL_COLUMNS: Final = ("hook", "plugin", "arguments", "answer")


@dataclass(frozen=True, slots=True)
class HookCall:
    """One plugin's part in one hook call: what it was given, what it answered; "" where
    it fell silent."""

    hook: str
    plugin: str
    arguments: str
    answer: str


def signature(hook: str) -> str:
    """A hook as a city writes it: `family_limit() -> Timeline[FamilyLimit | NoLimit] | None`."""
    return f"{hook}() -> {getattr(CityRules, hook).__annotations__['return']}"


def listing(cities: Cities, city: City | None = None) -> Iterator[Mapping[str, str]]:
    """Every hook and who answers it: one city's plugin or the province, or all cities that do."""
    for hook in HOOKS:
        answering = [c for c in ((city,) if city else cities.all) if _answers(c, hook)]
        names = [f"{c.plugin} {c.version}" for c in answering]
        if hook not in OF_EACH_CITY and (city is None or not names):
            names.append(PROVINCE)
        yield {
            "hook": hook,
            "signature": signature(hook),
            "question": question(hook),
            "answered_by": "、".join(names),
        }


def trace(pinyin: str) -> tuple[Sequence[HookCall], str]:
    """Every hook call made while that plugin is loaded, and why it was refused where it was.

    ValueError where none of that name is installed.
    """
    found = sorted(
        metadata.entry_points(group=ENTRY_POINTS, name=pinyin),
        key=lambda entry: entry.value,
    )
    if not found:
        names = (
            "、".join(sorted(metadata.entry_points(group=ENTRY_POINTS).names)) or "无"
        )
        raise ValueError(f"没有安装名为 {pinyin} 的城市插件; 已安装: {names}")
    calls: list[HookCall] = []
    try:
        city_from(
            found[0].load(), pinyin=pinyin, watch=lambda manager: _watch(manager, calls)
        )
    except (PluginProblem, UnknownCandidate) as refused:
        return calls, str(refused)
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its trace is what is asked for
        return calls, f"{type(error).__name__}: {error}"
    return calls, ""


def _answers(city: City, hook: str) -> bool:
    if hook in OF_EACH_CITY:
        return True
    return bool(city.candidates) if hook == "candidates" else hook in city.overridden


def _watch(manager: pluggy.PluginManager, calls: list[HookCall]) -> None:
    """Writes down every call of a manager from now on."""

    def before(_: str, __: Sequence[pluggy.HookImpl], ___: Mapping[str, Any]) -> None:
        """Nothing is known yet."""

    def after(
        outcome: pluggy.Result[Any],
        hook: str,
        impls: Sequence[pluggy.HookImpl],
        kwargs: Mapping[str, Any],
    ) -> None:
        arguments = (
            ", ".join(f"{key}={value!r}" for key, value in kwargs.items()) or "无"
        )
        answers = _answered(outcome, impls)
        calls.extend(
            HookCall(hook, _name(impl), arguments, answer) for impl, answer in answers
        )

    manager.add_hookcall_monitoring(before, after)


def _answered(
    outcome: pluggy.Result[Any], impls: Sequence[pluggy.HookImpl]
) -> Iterator[tuple[pluggy.HookImpl, str]]:
    """Each plugin with its answer, in the order they were asked: the last registered first.

    pluggy leaves out who answered None; the province always answers, so an answer that
    is missing is the city's.
    """
    asked = list(reversed(impls))
    if outcome.exception is not None:
        yield asked[0], f"{type(outcome.exception).__name__}: {outcome.exception}"
        return
    given = list(outcome.get_result())
    for impl in asked:
        silent = len(given) < len(asked) and impl.plugin is not anhui
        yield impl, "None" if silent or not given else told(given.pop(0))


def _name(impl: pluggy.HookImpl) -> str:
    return PROVINCE if impl.plugin is anhui else impl.plugin_name


def told(answer: object) -> str:
    """An answer as people read it: each value with its first day and clauses; whatever
    it is, where it is no rule."""
    if isinstance(answer, Identity):
        return f"{answer.name} {answer.area_code}"
    if (
        isinstance(answer, tuple)
        and answer
        and all(isinstance(part, (Ruled, Candidate)) for part in answer)
    ):
        return "; ".join(_value(part) for part in answer)
    return repr(answer)


def _value(part: Ruled[Any] | Candidate) -> str:
    when = (
        f"自 {part.since}"
        if isinstance(part, Ruled)
        else f"候选 {part.name}({part.hook})"
    )
    try:
        value = in_words(part.value)
    except TypeError:
        value = repr(part.value)
    return f"{when}: {value} ({'、'.join(clause.id for clause in part.clauses)})"
