"""A city's rule values as data for programs and words for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, time
from enum import Enum
from typing import Any

import msgspec

from gongji.cities.city import City, DayRules
from gongji.rpc.convert.values import clause, day_to
from gongji.rules.clauses import Candidate, Clause, Ruled, clauses_in
from gongji.rules.hookspecs import CityRules, question
from gongji.rules.phrases import in_words
from gongji.v1 import city_pb2 as pb


def city_to(city: City) -> pb.CitySummary:
    """A served city."""
    return pb.CitySummary(
        area_code=city.area_code,
        name=city.name,
        pinyin=city.pinyin,
        plugin=city.plugin,
        plugin_version=city.version,
        hooks_overridden=len(city.overridden),
    )


def rules_to(city: City, day: date) -> pb.GetCityResponse:
    """All rule values of a city on a day. NotInForce."""
    rules = city.rules(day)
    return pb.GetCityResponse(
        city=city_to(city),
        day=day_to(day),
        rules=[_rule(hook, value, rules) for hook, value in rules.all()],
        candidates=[_candidate(c) for c in city.candidates],
        adoptions=city.adoptions,
        notes=[clause(note.clause) for note in rules.value(CityRules.notes)],
    )


def _rule(hook: str, ruled: Ruled[Any], rules: DayRules) -> pb.RuleValue:
    return pb.RuleValue(
        hook=hook,
        question=question(hook),
        value_json=value_json(ruled.value),
        in_words=in_words(ruled.value),
        since=day_to(ruled.since),
        clauses=_distinct((*ruled.clauses, *clauses_in(ruled.value))),
        against=_distinct(ruled.against),
        why=ruled.why,
        settles=[pb.Contradiction(id=x.id, clash=x.clash) for x in ruled.settles],
        provincial=rules.provincial(hook),
    )


def _candidate(candidate: Candidate) -> pb.CandidateRevision:
    return pb.CandidateRevision(
        name=candidate.name,
        hook=candidate.hook,
        value_json=value_json(candidate.value),
        in_words=in_words(candidate.value),
        clauses=_distinct((*candidate.clauses, *clauses_in(candidate.value))),
        why_not=candidate.why_not,
    )


def _distinct(clauses: Iterable[Clause]) -> list[Any]:
    """Each clause once, in the order of its first mention."""
    return [clause(one) for one in {c.id: c for c in clauses}.values()]


def value_json(value: object) -> str:
    """A rule value as JSON: enums by value, sets sorted, clauses by their number, keys as text."""
    return msgspec.json.encode(_plain(value)).decode()


def _plain(value: Any) -> Any:
    """A rule value in dictionaries, lists, text and numbers."""
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(part) for key, part in value.items()}
    if isinstance(value, AbstractSet):
        return sorted((_plain(part) for part in value), key=str)
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    if is_dataclass(value) and not isinstance(value, Clause):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return _leaf(value)


def _leaf(value: Any) -> Any:
    if isinstance(value, Clause):
        return value.id
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, (date, time)) else value
