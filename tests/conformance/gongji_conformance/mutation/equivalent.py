"""Mutants that nobody could notice: explicit rules, each with its reason; no list of names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date
from typing import Any, Final

from gongji import (
    ChannelClauses,
    ChannelKind,
    Clause,
    CreditClauses,
    Note,
    Procedure,
    ReviewLatency,
    Step,
    TableClauses,
    Timeline,
    UsesClauses,
)
from gongji.cities.city import City

from gongji_conformance.mutation.mutants import Mutant

PROSE: Final = frozenset(
    {"name", "title", "act", "heading", "entry", "ease", "audience", "short_name", "text", "caution", "in_place_of_it"}
)
"""Fields that hold sentences for people to read."""

_CLAUSES: Final = (Clause, ChannelClauses, CreditClauses, TableClauses, UsesClauses)
_WRITTEN: Final = (*_CLAUSES, Step, Note, Procedure)
_DECLARED: Final = frozenset({"effects", "declared"})
_COUNTERS: Final = frozenset({ChannelKind.COUNTER, ChannelKind.BANK})

Rule = Callable[[Mutant, City], bool]


def why_equivalent(mutant: Mutant, city: City) -> str:
    """Why no case could notice a mutant of the city; "" where some case could."""
    return next((reason for reason, holds in RULES.items() if holds(mutant, city)), "")


def figures(value: Any) -> Any:
    """A rule value without its sentences, sources and declarations: what can decide something."""
    if isinstance(value, _WRITTEN):
        return None
    if isinstance(value, Mapping):
        return {key: figures(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(kept for part in value if (kept := figures(part)) is not None)
    if isinstance(value, ChannelKind):
        return value in _COUNTERS
    if isinstance(value, ReviewLatency) and value.earliest_working_days >= value.working_days:
        value = replace(value, earliest_working_days=0)  # no span to print
    if is_dataclass(value) and not isinstance(value, type):
        kept = [field.name for field in fields(value) if field.name not in PROSE | _DECLARED]
        return (type(value).__name__, {name: figures(getattr(value, name)) for name in kept})
    return value


def _declared(mutant: Mutant, _: City) -> bool:
    return bool(_DECLARED.intersection(mutant.fields))


def _either(mutant: Mutant, _: City) -> bool:
    return "one_of" in mutant.fields and mutant.change.endswith("对调")


def _all_needed(mutant: Mutant, _: City) -> bool:
    return mutant.hook == "materials" and not mutant.fields and "[" in mutant.where and mutant.change.endswith("对调")


def _too_early(mutant: Mutant, city: City) -> bool:
    """The day moved lies before the province's first, when nobody answers."""
    return mutant.where == ".since" and _days_of(mutant, city) == set()


def _no_span(mutant: Mutant, city: City) -> bool:
    return mutant.fields[-1:] == ("earliest_working_days",) and not _changed_days(mutant, city)


def _other_kind(mutant: Mutant, city: City) -> bool:
    return mutant.fields[-1:] == ("kind",) and not _changed_days(mutant, city)


def _same_on_its_day(mutant: Mutant, city: City) -> bool:
    return mutant.where == ".since" and not _changed_days(mutant, city)


def _only_words(mutant: Mutant, city: City) -> bool:
    return not _changed_days(mutant, city)


def _changed_days(mutant: Mutant, city: City) -> set[date]:
    """The days from which some figure is another than the city's."""
    return {
        day
        for day in _days_of(mutant, city)
        for hook, timeline in mutant.timelines.items()
        if figures(_on(day, timeline)) != figures(_on(day, city.timelines[hook]))
    }


def _days_of(mutant: Mutant, city: City) -> set[date]:
    """The days, none before the first rule of all, from which the mutant's value is not the city's own."""
    return {
        day
        for hook, timeline in mutant.timelines.items()
        for day in {max(v.since, city.first_day) for v in (*timeline, *city.timelines[hook])}
        if _on(day, timeline) != _on(day, city.timelines[hook])
    }


def _on(day: date, timeline: Timeline[Any]) -> Any:
    return next((ruled.value for ruled in reversed(timeline) if ruled.since <= day), None)


RULES: Final[Mapping[str, Rule]] = {
    "声明的次序与拆分影响、反常待遇不决定金额, 由 gongji check 复算": _declared,
    "几种材料有一种即可, 先后不决定任何事项": _either,
    "各项材料都须齐备, 先后不决定任何事项": _all_needed,
    "全省机制施行之前没有规则可依, 提前一日不改变任何答复": _too_early,
    "没有审核时限的起止, 起始天数不显示": _no_span,
    "渠道种类只分当面与非当面, 同类互换只改变指南中的称呼": _other_kind,
    "改动的那一日, 全省或前一取值与本市相同": _same_on_its_day,
    "只是给人看的文字(名称、步骤、说明)不同, 取值相同": _only_words,
}
"""Each reason with the rule that recognises it, the first that holds named."""
