"""A form filled in by somebody who reads nothing but the form, and knows the family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from gongji.v1 import binding_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from gongji_conformance.city.stubs import new_id, stamp

EVIDENCE: Final = "conformance/form"
"""Reference to evidence that nobody needs to see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicants:
    """What a family knows of itself, and how it applies.

    answers    what they type or choose, by path
    on_record  whether the registry shows their relation
    age        the member's age; None if nobody can tell it
    consents   whether the member's consent comes with the application
    """

    answers: Mapping[str, str]
    now: datetime
    on_record: bool = False
    age: int | None = 40
    consents: bool = True

    def holds(self, condition: binding_pb2.FormCondition) -> bool:
        """Return whether a condition of the form holds for them."""
        below = self.age is not None and self.age < condition.years
        return {
            binding_pb2.FORM_CONDITION_KIND_UNSPECIFIED: True,
            binding_pb2.FORM_CONDITION_KIND_RELATION_ON_RECORD: self.on_record,
            binding_pb2.FORM_CONDITION_KIND_RELATION_NOT_ON_RECORD: not self.on_record,
            binding_pb2.FORM_CONDITION_KIND_MEMBER_BELOW_AGE: below,
            binding_pb2.FORM_CONDITION_KIND_MEMBER_OF_AGE: not below,
            binding_pb2.FORM_CONDITION_KIND_MEMBER_AGE_UNKNOWN: self.age is None,
            binding_pb2.FORM_CONDITION_KIND_CONSENT_LEFT_OUT: not self.consents,
        }[condition.kind]


@dataclass(slots=True)
class Filling:
    """An application as it is filled in, field by field."""

    family: Applicants
    request: binding_pb2.SubmitBindingRequest = field(
        default_factory=lambda: binding_pb2.SubmitBindingRequest(request_id=new_id())
    )
    asked: list[binding_pb2.FormField] = field(default_factory=list)
    """The fields that were filled in."""

    def fill(self, form: binding_pb2.DescribeFormResponse, without: int = -1) -> None:
        """Fill in a form; leave out one of the fields, by its place among those asked."""
        place = 0
        for step in form.steps:
            if step.optional and not self.family.consents:
                continue
            for one in step.fields:
                if self.family.holds(one.condition):
                    if place != without:
                        self._answer(one)
                    self.asked.append(one)
                    place += 1

    def _answer(self, one: binding_pb2.FormField) -> None:
        if one.kind == binding_pb2.FORM_FIELD_KIND_TEXT and not one.required:
            return
        for value in self._values(one):
            self._put(one.path, value)

    def _values(self, one: binding_pb2.FormField) -> list[Any]:
        """Return what goes to the path of a field: of a list perhaps several."""
        if one.kind == binding_pb2.FORM_FIELD_KIND_TEXT:
            return [self._typed(one)]
        if one.kind == binding_pb2.FORM_FIELD_KIND_CHOICES and one.values:
            return list(one.values)
        now = stamp(self.family.now)
        chosen = self._chosen(one) if one.choices else ""
        made = {
            binding_pb2.FORM_FIELD_KIND_TICK: True,
            binding_pb2.FORM_FIELD_KIND_INSTANT: now,
            binding_pb2.FORM_FIELD_KIND_AGREEMENT: _accepted(one.agreement, now),
            binding_pb2.FORM_FIELD_KIND_MATERIAL: _proof(one, chosen),
        }
        return [made.get(one.kind, chosen)]

    def _typed(self, one: binding_pb2.FormField) -> str:
        answers = self.family.answers
        known = answers.get(one.same_as) or answers.get(one.path)
        return known or one.values[0]

    def _chosen(self, one: binding_pb2.FormField) -> str:
        """Return the family's answer, else what the form begins with or allows first."""
        allowed = [c.value for c in one.choices if self.family.holds(c.condition)]
        known = self.family.answers.get(one.path)
        chosen = known or [*one.values, *allowed][0]
        if chosen not in allowed:
            raise ValueError(f"{one.path}：{chosen} 不在 {allowed} 中")
        return chosen

    def _put(self, path: str, value: Any) -> None:
        """Put an answer where its path says."""
        *above, last = path.split(".")
        message: Any = self.request
        for name in above:
            message = getattr(message, name)
        described = message.DESCRIPTOR.fields_by_name[last.removesuffix("[]")]
        if described.enum_type is not None:
            value = described.enum_type.values_by_name[value].number
        if last.endswith("[]"):
            getattr(message, described.name).append(value)
        elif described.message_type is not None:
            getattr(message, described.name).CopyFrom(value)
        else:
            setattr(message, described.name, value)


def _accepted(
    agreement: binding_pb2.FormAgreement, now: Timestamp
) -> binding_pb2.AgreementAccepted:
    return binding_pb2.AgreementAccepted(
        agreement_id=agreement.agreement_id, version=agreement.version, at=now
    )


def _proof(one: binding_pb2.FormField, kind: str) -> binding_pb2.Material:
    return binding_pb2.Material(kind=kind, original=one.original, reference=EVIDENCE)


def filled(
    form: binding_pb2.DescribeFormResponse, family: Applicants
) -> binding_pb2.SubmitBindingRequest:
    """Return the application that a family makes on a form."""
    filling = Filling(family)
    filling.fill(form)
    return filling.request


def expected_state(
    form: binding_pb2.DescribeFormResponse, family: Applicants
) -> binding_pb2.BindingState.ValueType:
    """Return the state the form foresees for a family's binding."""
    return next(one.state for one in form.outcomes if family.holds(one.condition))
