"""The form of an application: what is asked for, and the form as messages."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from google.protobuf.descriptor import Descriptor

from gongji.binding.form import AdmittedForm, FormQuery
from gongji.model import form as model
from gongji.rpc.convert.values import (
    clause_to,
    day_to,
    decided_by_to,
    optional_day_from,
)
from gongji.rules.clauses import Clause
from gongji.rules.codes import Purpose
from gongji.v1 import binding_pb2 as pb
from gongji.v1 import constraints_pb2

_NO_RULE: Final = constraints_pb2.FieldRule()


def form_query_from(message: pb.DescribeFormRequest) -> FormQuery:
    """Return what a form is asked for."""
    return FormQuery(
        holder_city=message.holder_city,
        member_city=message.member_city,
        channel=message.channel,
        relation=message.relation,
        purposes=frozenset(Purpose(p) for p in message.purposes),
        marks=frozenset(message.marks),
        day=optional_day_from(message.day),
    )


def form_to(form: model.ApplicationForm) -> pb.DescribeFormResponse:
    """Return a form with its clauses in full and the constraints of its fields."""
    return pb.DescribeFormResponse(
        title=form.title,
        complete=form.complete,
        steps=[_step_to(step) for step in form.steps],
        outcomes=[_outcome_to(outcome) for outcome in form.outcomes],
        notices=[_notice_to(notice) for notice in form.notices],
        clauses=[clause_to(clause) for clause in _cited(form)],
    )


def admitted_to(admitted: AdmittedForm) -> pb.DescribeFormResponse:
    """Return what a reply says beside the form: its day, and whose rules it is made of."""
    other = admitted.member_city
    return pb.DescribeFormResponse(
        day=day_to(admitted.day),
        decided_by=decided_by_to(admitted.city.decided_by),
        member_decided_by=decided_by_to(other.decided_by) if other else None,
    )


def _cited(form: model.ApplicationForm) -> Iterable[Clause]:
    """Return every clause of a form once, in the order of its first mention."""
    parts: list[model.FormField | model.FormNotice | model.FormOutcome] = []
    for step in form.steps:
        for field in step.fields:
            parts += [field, *(field.agreement.articles if field.agreement else ())]
        parts += step.notices
    parts += [*form.outcomes, *form.notices]
    return dict.fromkeys([clause for part in parts for clause in part.clauses])


def _step_to(step: model.FormStep) -> pb.FormStep:
    return pb.FormStep(
        title=step.title,
        help=step.help,
        optional=bool(step.if_left_out),
        if_left_out=step.if_left_out,
        fields=[_field_to(field) for field in step.fields],
        notices=[_notice_to(notice) for notice in step.notices],
    )


def _field_to(field: model.FormField) -> pb.FormField:
    return pb.FormField(
        path=field.path,
        kind=pb.FormFieldKind.ValueType(field.kind),
        label=field.label,
        help=field.help,
        example=field.example,
        required=field.required,
        condition=_condition_to(field.condition),
        choices=[_choice_to(choice) for choice in field.choices],
        values=field.values,
        same_as=field.same_as,
        instead=field.instead,
        constraints=constraints_of(field.path),
        original=field.original,
        agreement=_agreement_to(field.agreement),
        personal=field.personal,
        clauses=_numbers(field.clauses),
    )


@cache
def constraints_of(path: str) -> constraints_pb2.FieldRule | None:
    """Return the rule of the field at a path of an application; None if it has none.

    KeyError if there is no such field. Shared: to be copied, never changed.
    """
    descriptor: Descriptor | None = pb.SubmitBindingRequest.DESCRIPTOR
    rule = _NO_RULE
    for name in path.split("."):
        if descriptor is None:
            raise KeyError(path)
        field = descriptor.fields_by_name[name.removesuffix("[]")]
        rule = field.GetOptions().Extensions[constraints_pb2.rule]
        descriptor = field.message_type
    return None if rule == _NO_RULE else rule


def _condition_to(condition: model.FormCondition | None) -> pb.FormCondition | None:
    if condition is None:
        return None
    return pb.FormCondition(
        kind=pb.FormConditionKind.ValueType(condition.kind),
        years=condition.years,
        in_words=condition.in_words,
    )


def _choice_to(choice: model.FormChoice) -> pb.FormChoice:
    return pb.FormChoice(
        value=choice.value,
        label=choice.label,
        help=choice.help,
        group=choice.group,
        condition=_condition_to(choice.condition),
    )


def _agreement_to(agreement: model.FormAgreement | None) -> pb.FormAgreement | None:
    if agreement is None:
        return None
    return pb.FormAgreement(
        agreement_id=agreement.agreement_id,
        version=agreement.version,
        title=agreement.title,
        act=agreement.act,
        articles=[_notice_to(article) for article in agreement.articles],
        text=agreement.text,
    )


def _notice_to(notice: model.FormNotice) -> pb.FormNotice:
    return pb.FormNotice(
        heading=notice.heading, text=notice.text, clauses=_numbers(notice.clauses)
    )


def _outcome_to(outcome: model.FormOutcome) -> pb.FormOutcome:
    return pb.FormOutcome(
        condition=_condition_to(outcome.condition),
        state=pb.BindingState.ValueType(outcome.state),
        in_words=outcome.in_words,
        working_days=outcome.working_days,
        clauses=_numbers(outcome.clauses),
    )


def _numbers(clauses: Iterable[Clause]) -> list[str]:
    """Return the number of each clause once."""
    return list(dict.fromkeys([clause.id for clause in clauses]))
