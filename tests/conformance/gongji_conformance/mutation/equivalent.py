"""Mutants that nobody could notice, by rules with a reason each; no list of names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date
from itertools import product
from typing import Any, Final

from gongji import (
    ChannelKind,
    Clause,
    Exclusion,
    NoFund,
    Note,
    NotOffered,
    Procedure,
    ReviewLatency,
    Scheme,
    Situation,
    Standing,
    Step,
    Timeline,
)
from gongji.cities.city import City

from gongji_conformance.mutation.curves import outcomes
from gongji_conformance.mutation.mutants import Mutant
from gongji_conformance.mutation.sources import SOURCES

PROSE: Final = frozenset(
    [
        "name",
        "title",
        "act",
        "heading",
        "entry",
        "ease",
        "audience",
        "text",
        "caution",
        "in_place_of_it",
    ]
)
"""Fields that hold sentences for people to read."""

_WRITTEN: Final = (*SOURCES, Step, Note, Procedure)
_DECLARED: Final = frozenset({"effects", "declared"})
_COUNTERS: Final = frozenset({ChannelKind.COUNTER, ChannelKind.BANK})

Recogniser = Callable[[Mutant, City], bool]


def why_equivalent(mutant: Mutant, city: City) -> str:
    """Return why no case could notice a mutant, "" if some case could."""
    reasons = (reason for reason, holds in RULES.items() if holds(mutant, city))
    return next(reasons, "")


def figures(value: Any) -> Any:
    """Return what of a rule value can decide something.

    Without its sentences, sources and declarations.
    """
    if isinstance(value, _WRITTEN):
        return None
    if isinstance(value, Mapping):
        # A purpose is not offered, whether that is said or left out.
        told = {k: v for k, v in value.items() if not isinstance(v, NotOffered)}
        return {key: figures(part) for key, part in told.items()}
    if isinstance(value, tuple):
        parts = map(figures, value)
        return tuple(part for part in parts if part is not None)
    if isinstance(value, ChannelKind):
        return value in _COUNTERS
    if is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, _figures_of_record(value)
    return value


def _figures_of_record(value: Any) -> dict[str, Any]:
    """Return the figures of a record by field."""
    if isinstance(value, ReviewLatency) and _is_one_day(value):
        # Only a span is printed: its first day decides nothing here.
        value = replace(value, earliest_working_days=0)
    names = {field.name for field in fields(value)} - PROSE - _DECLARED
    return {name: figures(getattr(value, name)) for name in names}


def _is_one_day(review: ReviewLatency) -> bool:
    return review.earliest_working_days >= review.working_days


def _declared(mutant: Mutant, _: City) -> bool:
    return bool(_DECLARED.intersection(mutant.fields))


def _either(mutant: Mutant, _: City) -> bool:
    return "one_of" in mutant.fields and mutant.change.endswith("对调")


def _all_needed(mutant: Mutant, _: City) -> bool:
    """Recognise materials swapped that are all needed."""
    swapped = mutant.change.endswith("对调")
    of_channel = not mutant.fields and "[" in mutant.where
    return mutant.hook == "materials" and of_channel and swapped


def _too_early(mutant: Mutant, city: City) -> bool:
    """Recognise a day moved before the province's first, when nobody answers."""
    return mutant.where == ".since" and not _days_of(mutant, city)


def _no_span(mutant: Mutant, city: City) -> bool:
    return _is_of(mutant, "earliest_working_days") and _only_words(mutant, city)


def _same_kind(mutant: Mutant, city: City) -> bool:
    return _is_of(mutant, "kind") and _only_words(mutant, city)


def _is_of(mutant: Mutant, field: str) -> bool:
    return mutant.fields[-1:] == (field,)


def _same_on_its_day(mutant: Mutant, city: City) -> bool:
    return mutant.where == ".since" and _only_words(mutant, city)


def _only_words(mutant: Mutant, city: City) -> bool:
    """Recognise a change after which every figure is the city's own on every day."""
    for day in _days_of(mutant, city):
        for hook, timeline in mutant.timelines.items():
            changed = figures(_on(day, timeline))
            own = figures(_on(day, city.timelines[hook]))
            if changed != own:
                return False
    return True


def _same_exclusions(mutant: Mutant, city: City) -> bool:
    """Recognise exclusions that say the same to everybody the fund pays."""
    if mutant.hook != "exclusions":
        return False
    for day in _days_of(mutant, city):
        entries = _on(day, city.timelines["reimbursement"])
        changed = _on(day, mutant.timelines["exclusions"])
        own = _on(day, city.timelines["exclusions"])
        for people in product(Scheme, Standing):
            paid = not isinstance(entries[people[0]], NoFund)
            if paid and _told(changed, *people) != _told(own, *people):
                return False
    return True


def _same_curves(mutant: Mutant, city: City) -> bool:
    """Recognise tables under which every bill of everybody ends as it did."""
    # On another day the value's own clauses are another's, which bills may cite.
    if mutant.hook != "reimbursement" or mutant.where == ".since":
        return False
    for day in _days_of(mutant, city):
        changed = outcomes(_on(day, mutant.timelines["reimbursement"]) or {})
        own = outcomes(_on(day, city.timelines["reimbursement"]) or {})
        if changed is None or changed != own:
            return False
    return True


def _told(
    exclusions: Iterable[Exclusion], scheme: Scheme, standing: Standing
) -> list[tuple[Situation, Clause]]:
    """Return what the exclusions say to the insured of a scheme and standing, in order."""
    told: dict[Situation, Clause] = {}
    for exclusion in exclusions:
        if exclusion.speaks_of(scheme, standing):
            told.setdefault(exclusion.situation, exclusion.clause)
    return list(told.items())


def _days_of(mutant: Mutant, city: City) -> set[date]:
    """Return the days from which the mutant's value is not the city's own.

    None before the first rule of all.
    """
    days = set()
    for hook, timeline in mutant.timelines.items():
        own = city.timelines[hook]
        for value in (*timeline, *own):
            day = max(value.since, city.first_day)
            if _on(day, timeline) != _on(day, own):
                days.add(day)
    return days


def _on(day: date, timeline: Timeline[Any]) -> Any:
    values = (ruled.value for ruled in reversed(timeline) if ruled.since <= day)
    return next(values, None)


RULES: Final[Mapping[str, Recogniser]] = {
    "声明的次序与拆分影响、反常待遇不决定金额，由 gongji check 复算": _declared,
    "几种材料有一种即可，先后不决定任何事项": _either,
    "各项材料都须齐备，先后不决定任何事项": _all_needed,
    "全省机制施行之前没有规则可依，提前一日不改变任何答复": _too_early,
    "没有审核时限的起止，起始天数不显示": _no_span,
    "渠道种类只分当面与非当面，同类互换只改变指南中的称呼": _same_kind,
    "改动的那一日，全省或前一取值与本市相同": _same_on_its_day,
    "这几条不予支付各说不同的人，或所说的人统筹基金本不支付": _same_exclusions,
    "没有账单触及此数：每一级别、身份的支付曲线与所引条款都不变": _same_curves,
    "只是给人看的文字（名称、步骤、说明）不同，取值相同": _only_words,
}
"""Each reason with the rule that recognises it, the first that holds named."""
