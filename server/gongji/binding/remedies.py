"""Changes of the facts that would help (补救办法): of people and of their bindings.

Each says in one sentence, and to programs, what to do, and applies that to the case.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
)
from typing import Final

from msgspec.structs import replace

from gongji.binding.case import (
    Case,
    Change,
)
from gongji.model.conditions import FieldRef, StepAction, Way, WayStep
from gongji.model.people import Enrolment, Person
from gongji.rules.binding import (
    EnrolmentTerms,
    Scope,
)
from gongji.rules.codes import (
    Purpose,
    wire_name,
)
from gongji.rules.phrases import in_words

# 10 spouse (配偶), of which 11 husband and 12 wife are kinds.
_SPOUSE_CODE: Final = "10"


# --- changes of the people ------------------------------------------------------------


def enrol_holder(terms: EnrolmentTerms) -> Change:
    """Enrol the holder as the terms ask."""

    def apply(case: Case) -> Case:
        return case.with_people(holder=_enrolled(case, case.holder, terms))

    text = f"授权人{in_words(terms)}后再申请"
    return Change(
        WayStep(StepAction.REGISTER, _enrolment("holder", terms), text), apply
    )


def enrol_member(purpose: Purpose, terms: EnrolmentTerms) -> Change:
    """Enrol the member as the terms of a purpose ask."""

    def apply(case: Case) -> Case:
        return case.with_people(member=_enrolled(case, case.member, terms))

    text = f"使用人{in_words(terms)}后再申请“{in_words(purpose)}”"
    return Change(
        WayStep(StepAction.REGISTER, _enrolment("member", terms), text), apply
    )


def _enrolment(side: str, terms: EnrolmentTerms) -> tuple[FieldRef, ...]:
    """Return the row of the enrolment that `_enrolled` adds."""
    row = f"{side}.enrolments[]"
    return (
        FieldRef(f"{row}.scheme", wire_name(min(terms.schemes))),
        FieldRef(f"{row}.status", wire_name(min(terms.statuses))),
    )


def _enrolled(case: Case, person: Person, terms: EnrolmentTerms) -> Person:
    """Return the person enrolled as the terms ask, from today on."""
    scheme = min(terms.schemes)
    remaining = [
        enrolment
        for enrolment in person.enrolments
        if enrolment.scheme is not scheme or not enrolment.covers(case.today)
    ]
    # psn_type 11 is active: no condition asks whether a person is retired.
    new = Enrolment(scheme, "11", min(terms.statuses), case.today)
    return replace(person, enrolments=(*remaining, new))


def move_member(case: Case, scope: Scope, place: str) -> Change:
    """Have the member insured in the holder's place, and the form say so."""
    fields = [FieldRef("member.insured_place", place)]
    if case.application.member_details.insured_place:
        fields.append(FieldRef("member_details.insured_place", place))

    def apply(case: Case) -> Case:
        moved = case.with_people(
            member=replace(case.member, first_place=place, moves=())
        )
        details = case.application.member_details
        if details.insured_place:
            details = replace(details, insured_place=place)
        return moved.applying(member_details=details)

    text = f"使用人的参保关系转入授权人所在的{in_words(scope)}后再申请"
    return Change(WayStep(StepAction.REGISTER, tuple(fields), text), apply)


def by_wallet(relation: str) -> Way:
    """Return how a holder gives money to such a relative without a binding (医保钱包)."""
    opened = (FieldRef("use_place"), FieldRef("phone"))
    sent = (FieldRef("relation", relation), FieldRef("fen"))
    return (
        WayStep(StepAction.OPEN_WALLET, opened, "双方开通医保钱包"),
        WayStep(StepAction.TRANSFER, sent, "授权人向使用人的钱包转账"),
    )


# --- changes of their bindings --------------------------------------------------------


def unbind_members(number: int) -> Change:
    """End the bindings of so many other members."""

    def apply(case: Case) -> Case:
        members = {binding.member for binding in case.of_holder}
        members.discard(case.application.member)
        ended = sorted(members)[:number]
        return case.without({b.binding_id for b in case.of_holder if b.member in ended})

    text = f"先解绑 {number} 名已绑定的家庭成员"
    fields = (FieldRef("holder"),)
    return Change(WayStep(StepAction.UNBIND, fields, text, count=number), apply)


def unbind_holders(number: int) -> Change:
    """End the member's bindings with so many other holders."""

    def apply(case: Case) -> Case:
        holders = {binding.holder for binding in case.of_member}
        holders.discard(case.application.holder)
        ended = sorted(holders)[:number]
        return case.without({b.binding_id for b in case.of_member if b.holder in ended})

    text = f"使用人先与 {number} 名其他授权人解绑"
    fields = (FieldRef("member"),)
    return Change(WayStep(StepAction.UNBIND, fields, text, count=number), apply)


def unbind(binding_id: str) -> Change:
    """End one binding of the applicant's own."""
    return Change(
        WayStep(
            StepAction.UNBIND,
            (FieldRef("binding_id", binding_id),),
            f"如要更改，先解绑 {binding_id}",
        ),
        _without(binding_id),
    )


def unbind_spouse(binding_id: str, text: str) -> Change:
    """End the member's binding to another spouse, whose id is not told to the applicant."""
    return Change(
        WayStep(
            StepAction.UNBIND,
            (FieldRef("member"), FieldRef("relation", _SPOUSE_CODE)),
            text,
            count=1,
        ),
        _without(binding_id),
    )


def _without(binding_id: str) -> Callable[[Case], Case]:
    """Return how a case changes when a binding is ended."""
    return lambda case: case.without({binding_id})


def end_marriage(side: str, who: str, person_no: str, spouse: str) -> Change:
    """End a marriage in the registry that has ended."""

    def ended(person: Person) -> Person:
        if person.person_no != person_no:
            return person
        kin = tuple(kin for kin in person.kin if kin.person_no != spouse)
        return replace(person, kin=kin)

    def apply(case: Case) -> Case:
        return case.with_people(holder=ended(case.holder), member=ended(case.member))

    text = f"先在登记中更正{who}的婚姻状况"
    # Who the spouse is on record is not told to whoever applies.
    fields = (FieldRef(f"{side}.kin[].relation", _SPOUSE_CODE),)
    return Change(WayStep(StepAction.REGISTER, fields, text), apply)
