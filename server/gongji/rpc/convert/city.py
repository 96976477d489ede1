"""A city's rule values: data for programs and words for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, time
from enum import Enum
from typing import Any

import msgspec

from gongji.cities.city import City, DayRules
from gongji.rpc.convert.values import clause_to, day_to
from gongji.rules.clauses import Candidate, Clause, Grade, Ruled, clauses_in
from gongji.rules.hookspecs import CityRules, question
from gongji.rules.phrases import in_words
from gongji.v1 import city_pb2 as pb
from gongji.v1 import types_pb2


def city_to(city: City) -> pb.CitySummary:
    """Return a served city."""
    return pb.CitySummary(
        area_code=city.area_code,
        name=city.name,
        pinyin=city.pinyin,
        plugin=city.plugin,
        plugin_version=city.version,
        hooks_overridden=len(city.overridden),
        plugin_digest=city.plugin_digest,
        rules_digest=city.rules_digest,
        adoptions=city.adoptions,
        operator_clauses=[
            clause_to(clause)
            for clause in city.clauses()
            if clause.grade is Grade.OPERATOR
        ],
    )


def rules_to(city: City, day: date) -> pb.GetCityResponse:
    """Return all rule values of a city on a day. NotInForce."""
    rules = city.rules(day)
    return pb.GetCityResponse(
        city=city_to(city),
        day=day_to(day),
        rules=[_rule_to(hook, value, rules) for hook, value in rules.all()],
        candidates=[_candidate_to(candidate) for candidate in city.candidates],
        adoptions=city.adoptions,
        notes=[clause_to(note.clause) for note in rules.value(CityRules.notes)],
    )


def _rule_to(hook: str, ruled: Ruled[Any], rules: DayRules) -> pb.RuleValue:
    return pb.RuleValue(
        hook=hook,
        question=question(hook),
        value_json=value_json(ruled.value),
        in_words=in_words(ruled.value),
        since=day_to(ruled.since),
        clauses=_clauses_to((*ruled.clauses, *clauses_in(ruled.value))),
        against=_clauses_to(ruled.against),
        why=ruled.why,
        settles=[pb.Contradiction(id=x.id, clash=x.clash) for x in ruled.settles],
        provincial=rules.provincial(hook),
    )


def _candidate_to(candidate: Candidate) -> pb.CandidateRevision:
    return pb.CandidateRevision(
        name=candidate.name,
        hook=candidate.hook,
        value_json=value_json(candidate.value),
        in_words=in_words(candidate.value),
        clauses=_clauses_to((*candidate.clauses, *clauses_in(candidate.value))),
        why_not=candidate.why_not,
    )


def _clauses_to(clauses: Iterable[Clause]) -> list[types_pb2.Clause]:
    """Return each clause once, in the order of its first mention."""
    distinct = {clause.id: clause for clause in clauses}
    return [clause_to(clause) for clause in distinct.values()]


def value_json(value: object) -> str:
    """Return a rule value as JSON.

    Enums by value, sets sorted, clauses by their number, keys as text.
    """
    return msgspec.json.encode(_plain(value)).decode()


def _plain(value: object) -> Any:
    """Return a rule value in dictionaries, lists, text and numbers."""
    if isinstance(value, Clause):
        return value.id
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(part) for key, part in value.items()}
    if isinstance(value, AbstractSet):
        # Of one rule the same JSON in every process: sets have no order of their own.
        return sorted((_plain(part) for part in value), key=str)
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return _leaf(value)


def _leaf(value: object) -> Any:
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, (date, time)) else value
