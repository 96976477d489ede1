"""What the trailer of a refused call tells of its conditions: as much as fits, and that.

Codes, paths and clauses of all of them always; sentences are left out between sentences.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from google.protobuf.message import Message
from google.rpc.error_details_pb2 import PreconditionFailure

from gongji.model.conditions import Condition
from gongji.model.refusals import Refusal
from gongji.rpc.convert.refusals import condition_to, fields_to, paths_to, way_to
from gongji.v1 import binding_pb2 as pb

MAX_MESSAGE: Final = 160
"""Most characters of the sentence of a refusal."""

_SHORT: Final = 60
"""As many where there is no room for more."""

CUT: Final = "（以下略）"
"""Ends what is not told whole."""

# After these a sentence, a way or at least a heading is over; the first that help.
_ENDS: Final = (("。", "；", "！", "？", "; ", " | "), ("：", ": "))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailerForm:
    """How much a trailer tells.

    text        most characters of each sentence and each figure
    sentence    most characters of the sentence of the refusal itself
    whole       whether conditions have their sentences and ways
    together    whether conditions of one code and the same clauses are told as one
    values      whether fields have their values
    violations  whether PreconditionFailure, too, lists the conditions
    paths       whether conditions have their fields and clauses
    """

    text: int = 0
    sentence: int = MAX_MESSAGE
    whole: bool = False
    together: bool = False
    values: bool = True
    violations: bool = True
    paths: bool = True


_FEWEST: Final = TrailerForm(
    sentence=_SHORT, together=True, values=False, violations=False
)

FORMS: Final = (
    TrailerForm(text=400, whole=True),
    *[TrailerForm(text=length) for length in (400, 160, 100, 60, 40, 24)],
    TrailerForm(sentence=_SHORT),
    TrailerForm(sentence=_SHORT, together=True),
    TrailerForm(sentence=_SHORT, together=True, violations=False),
    _FEWEST,
    # More conditions than any rules have: their codes.
    replace(_FEWEST, paths=False),
)
"""From the most to the least that a trailer tells."""


def abridged(text: str, most: int) -> str:
    """Return a text of at most so many characters, ended between sentences and marked."""
    if len(text) <= most:
        return text
    room = most - len(CUT)
    if room < 0:
        return ""
    for ends in _ENDS:
        over = max(text.rfind(end, 0, room) for end in ends)
        if over >= 0:
            return text[: over + 1].rstrip() + CUT
    return CUT


def conditions_in(refusal: Refusal, form: TrailerForm) -> list[Message]:
    """Return the details that list the conditions of a refusal."""
    parts: list[Message] = [_explanation(refusal, form)]
    if form.violations:
        violations = [_violation(c, form) for c in refusal.conditions]
        parts.append(PreconditionFailure(violations=violations))
    return parts


def _explanation(refusal: Refusal, form: TrailerForm) -> pb.Explanation:
    """Return the conditions for programs; reason and sentence stand beside it."""
    if form.whole:
        return pb.Explanation(
            conditions=map(condition_to, refusal.conditions),
            ways=map(way_to, refusal.ways),
        )
    told = [_bare(condition, form) for condition in refusal.conditions]
    return pb.Explanation(
        conditions=_together(told) if form.together else told, abridged=True
    )


def _bare(condition: Condition, form: TrailerForm) -> pb.Condition:
    """Return what a condition must tell: code, fields, clauses."""
    code = pb.ConditionCode.ValueType(condition.code)
    if not form.paths:
        return pb.Condition(code=code)
    told = fields_to if form.values else paths_to
    return pb.Condition(
        code=code,
        fields=told(condition.fields),
        clauses=condition.clauses,
        city=condition.city,
    )


def _together(conditions: list[pb.Condition]) -> list[pb.Condition]:
    """Return conditions of one city, code and clauses as one that has all their fields."""
    told: dict[tuple[str, int, str], pb.Condition] = {}
    for condition in conditions:
        alike = condition.city, condition.code, ",".join(condition.clauses)
        first = told.setdefault(alike, condition)
        known = {(field.path, field.value) for field in first.fields}
        first.fields.extend(
            [f for f in condition.fields if (f.path, f.value) not in known]
        )
    return list(told.values())


def _violation(
    condition: Condition, form: TrailerForm
) -> PreconditionFailure.Violation:
    """Return one unmet condition: hook, clauses, what is wrong and its remedy."""
    text = "；办法：".join(filter(None, (condition.message, condition.remedy)))
    return PreconditionFailure.Violation(
        type=condition.hook,
        subject=",".join(condition.clauses),
        description=abridged(text, form.text),
    )
