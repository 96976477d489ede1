"""Refusals and their conditions: records to messages."""

from __future__ import annotations

from collections.abc import Iterable

from gongji.model.conditions import Condition, FieldRef, Way, WayStep
from gongji.model.refusals import Refusal
from gongji.rpc.convert.values import clause_to, instant_to
from gongji.v1 import binding_pb2 as pb


def explanation_to(refusal: Refusal) -> pb.Explanation:
    """Return all that a refusal tells, whole."""
    return pb.Explanation(
        reason=refusal.reason(),
        message=refusal.message,
        clauses=map(clause_to, refusal.clauses),
        conditions=map(condition_to, refusal.conditions),
        ways=map(way_to, refusal.ways),
        metadata=refusal.metadata,
    )


def condition_to(condition: Condition) -> pb.Condition:
    """Return a condition that is not met, whole."""
    return pb.Condition(
        code=pb.ConditionCode.ValueType(condition.code),
        hook=condition.hook,
        fields=fields_to(condition.fields),
        clauses=condition.clauses,
        message=condition.message,
        ways=map(way_to, condition.ways),
        city=condition.city,
        instead=way_to(condition.instead) if condition.instead else None,
    )


def fields_to(fields: Iterable[FieldRef]) -> list[pb.FieldRef]:
    """Return fields by their paths, each with what belongs there."""
    return [pb.FieldRef(path=field.path, value=field.value) for field in fields]


def paths_to(fields: Iterable[FieldRef]) -> list[pb.FieldRef]:
    """Return fields by their paths alone, each path once."""
    paths = dict.fromkeys(field.path for field in fields)
    return [pb.FieldRef(path=path) for path in paths]


def way_to(way: Way) -> pb.Way:
    """Return steps that are done together."""
    return pb.Way(steps=map(_step_to, way))


def _step_to(step: WayStep) -> pb.Step:
    return pb.Step(
        action=pb.StepAction.ValueType(step.action),
        fields=fields_to(step.fields),
        text=step.text,
        count=step.count,
        not_before=instant_to(step.not_before),
    )
