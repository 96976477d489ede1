"""May this holder bind this member this way (绑定条件)?

Every condition is asked, and all that fail are returned together. Each is one small
function over the case; `CONDITIONS` lists them in the order the core asks its hooks.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from datetime import date

from gongji.binding import remedies
from gongji.binding.case import (
    Case,
    Unmet,
    not_met,
)
from gongji.binding.consenting import guardian_consented, member_identified
from gongji.binding.family import (
    born_in_order,
    of_marriage_age,
    one_spouse,
    related,
)
from gongji.cities.city import City, DayRules
from gongji.model import normal
from gongji.model.binding import Binding
from gongji.model.people import Person
from gongji.model.refusals import NotEligible
from gongji.rules.binding import (
    EnrolmentTerms,
    LapsedPlaces,
    NoLimit,
    Scope,
)
from gongji.rules.channels import (
    Across,
    IdentityCheck,
    MemberField,
)
from gongji.rules.codes import (
    BindingState,
    Purpose,
    pooling_area,
    province,
)
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words, pairs_taken


def failing(case: Case) -> tuple[Unmet, ...]:
    """Return every condition the case does not meet, in the order the core asks."""
    return tuple(unmet for check in CONDITIONS for unmet in check(case))


def failing_later(case: Case) -> tuple[Unmet, ...]:
    """Return every condition that an application no longer meets after its submission.

    How it was submitted is not asked again: what was shown then has been shown.
    """
    later = [check for check in CONDITIONS if check not in OF_SUBMISSION]
    return tuple(unmet for check in later for unmet in check(case))


def not_eligible(
    unmet: Iterable[Unmet],
    city: City,
    rules: DayRules,
    ways: Iterable[remedies.Way] = (),
) -> NotEligible:
    """Return the refusal: all conditions, their clauses, ways that work, whom to ask."""
    conditions = tuple(failure.condition for failure in unmet)
    numbers: dict[str, None] = {}
    messages = []
    for condition in conditions:
        numbers.update(dict.fromkeys(condition.clauses))
        messages.append(f"{condition.message}({'、'.join(condition.clauses)})")
    return NotEligible(
        f"不符合绑定条件: {'; '.join(messages)}",
        clauses=[city.clause(number) for number in numbers],
        conditions=conditions,
        remedies=" | ".join(" + ".join(way) for way in ways),
        help=" ".join(
            f"{note.clause.text}({note.clause.id})"
            for note in rules.value(CityRules.notes)
            if note.when_refused
        ),
    ).within(city.area_code)


# --- who, with whom -------------------------------------------------------------------


def same_person(case: Case) -> Iterator[Unmet]:
    """Citizens do not bind themselves."""
    if case.holder.person_no == case.member.person_no:
        message = "授权人与使用人是同一人, 本人无须绑定"
        yield not_met(case, CityRules.relations, message)


def alive(case: Case) -> Iterator[Unmet]:
    """Both must be alive."""
    if _dead(case.holder, case.today):
        message = "授权人已登记死亡, 不能绑定"
        yield not_met(case, CityRules.holder_terms, message)
    if _dead(case.member, case.today):
        message = "使用人已登记死亡, 不能绑定"
        yield not_met(case, CityRules.member_terms, message)


def _dead(person: Person, day: date) -> bool:
    return person.died_on is not None and person.died_on <= day


def holder_enrolled(case: Case) -> Iterator[Unmet]:
    """The holder is normally enrolled in a scheme that has an account."""
    terms = case.rules.value(CityRules.holder_terms)
    if not _is_enrolled(case.holder, terms, case.today):
        yield not_met(
            case,
            CityRules.holder_terms,
            f"授权人在 {case.today} 不符合参保要求: {in_words(terms)}",
            remedies.enrol_holder(terms),
            clauses=terms.clauses,
        )


def member_enrolled(case: Case) -> Iterator[Unmet]:
    """The member is enrolled as each purpose asks, and the city offers the purpose."""
    by_purpose = case.rules.value(CityRules.member_terms)
    for purpose in sorted(case.application.purposes):
        terms = by_purpose.get(purpose)
        if not isinstance(terms, EnrolmentTerms):
            yield not_met(
                case,
                CityRules.member_terms,
                f"本市共济用途不含“{in_words(purpose)}”",
                *remedies.drop_purpose(case, purpose),
                clauses=() if terms is None else (terms.clause,),
            )
        elif not _is_enrolled(case.member, terms, case.today):
            yield _member_not_enrolled(case, purpose, terms)


def _member_not_enrolled(case: Case, purpose: Purpose, terms: EnrolmentTerms) -> Unmet:
    day_and_purpose = f"在 {case.today} 不符合“{in_words(purpose)}”"
    return not_met(
        case,
        CityRules.member_terms,
        f"使用人{day_and_purpose}的参保要求: {in_words(terms)}",
        *remedies.drop_purpose(case, purpose),
        remedies.enrol_member(purpose, terms),
        clauses=terms.clauses,
    )


def _is_enrolled(person: Person, terms: EnrolmentTerms, today: date) -> bool:
    in_status = [
        enrolment
        for enrolment in person.enrolments
        if enrolment.covers(today) and enrolment.status in terms.statuses
    ]
    if any(enrolment.scheme in terms.schemes for enrolment in in_status):
        return True
    # Who is enrolled elsewhere is not just enrolling (C68).
    return terms.or_enrolling and not in_status


def in_scope(case: Case) -> Iterator[Unmet]:
    """Holder and member are insured as near to each other as the city asks."""
    scope = case.rules.value(CityRules.scope)
    area_of = pooling_area if scope is Scope.POOLING_AREA else province
    place = case.member.place_on(case.today)
    home = case.holder.place_on(case.today)
    if area_of(home) != area_of(place):
        yield not_met(
            case,
            CityRules.scope,
            # Where a stranger is insured is not said to whoever applies for him.
            f"使用人的参保地与授权人参保地 {home} 不在{in_words(scope)}",
            remedies.move_member(scope, home),
        )


# --- how many -------------------------------------------------------------------------


def room_in_family(case: Case) -> Iterator[Unmet]:
    """The family account has a place left."""
    limit = case.rules.value(CityRules.family_limit)
    if isinstance(limit, NoLimit):
        return
    members = {binding.member for binding in _taking_a_place(case, case.of_holder)}
    members.add(case.member.person_no)
    excess = len(members) - limit.members
    if excess > 0:
        yield not_met(
            case,
            CityRules.family_limit,
            f"家庭账户{in_words(limit)}, 已满",
            remedies.unbind_members(excess),
        )


def room_with_member(case: Case) -> Iterator[Unmet]:
    """The member has not too many holders yet."""
    limit = case.rules.value(CityRules.giver_limit)
    if isinstance(limit, NoLimit):
        return
    holders = {binding.holder for binding in _taking_a_place(case, case.of_member)}
    holders.add(case.holder.person_no)
    excess = len(holders) - limit.givers
    if excess > 0:
        yield not_met(
            case,
            CityRules.giver_limit,
            f"使用人{in_words(limit)}, 已满",
            remedies.unbind_holders(excess),
        )


def _taking_a_place(case: Case, bindings: Iterable[Binding]) -> list[Binding]:
    if case.rules.value(CityRules.lapsed_places) is LapsedPlaces.KEPT:
        return list(bindings)
    return [b for b in bindings if b.state is not BindingState.SUSPENDED]


def not_bound_yet(case: Case) -> Iterator[Unmet]:
    """The pair is not bound or applied for already."""
    for binding in case.of_holder:
        if binding.member == case.member.person_no:
            yield not_met(
                case,
                CityRules.unbinding,
                f"该成员已绑定或正在办理(绑定编号 {binding.binding_id})",
                remedies.unbind(binding.binding_id),
                clauses=case.rules.value(CityRules.unbinding).again_clauses,
            )


# --- through which channel, with what -------------------------------------------------


def channel_fits(case: Case) -> Iterator[Unmet]:
    """A channel for pairs of different pooling areas, or for marked people, is for those."""
    people = (case.holder, case.member)
    for kind in case.channel.also_for:
        if any(person.marks_on(case.today, kind.value) for person in people):
            return
    home = pooling_area(case.holder.place_on(case.today))
    place = pooling_area(case.member.place_on(case.today))
    if home != place or case.channel.across is not Across.ONLY_ACROSS_AREAS:
        return
    alternatives = [
        remedies.through(case, key)
        for key, channel in case.rules.value(CityRules.channels).items()
        if channel.across is Across.BOTH
    ]
    yield not_met(
        case,
        CityRules.channels,
        f"{case.channel.name}只办理{pairs_taken(case.channel)}",
        *alternatives,
        clauses=case.channel.clauses,
    )


def identity_checked(case: Case) -> Iterator[Unmet]:
    """The channel has done every identity check it must."""
    required = case.rules.value(CityRules.identity_checks)[case.application.channel]
    completed = case.application.identity_checks
    # Over the enum, not the set: conditions stand in one order.
    for check in IdentityCheck:
        if check in required and check.value not in completed:
            yield not_met(
                case,
                CityRules.identity_checks,
                f"{case.channel.name}须先完成{in_words(check)}",
                remedies.do_check(check),
            )


def details_right(case: Case) -> Iterator[Unmet]:
    """What the channel asks about the member is there and agrees with the registry."""
    required = case.rules.value(CityRules.fields_asked)[case.application.channel]
    wrong = set(details_wrong(case))
    for field in MemberField:
        typed = getattr(case.application.member_details, field.value)
        if field in required and not _COMPARED_BY[field](typed):
            yield not_met(
                case,
                CityRules.fields_asked,
                f"缺少使用人的{in_words(field)}",
                remedies.fill_in(field),
            )
        elif field in wrong:
            yield not_met(
                case,
                CityRules.fields_asked,
                f"使用人的{in_words(field)}与登记信息不一致",
                remedies.correct(field),
            )


def details_wrong(case: Case) -> Iterator[MemberField]:
    """Yield the details of the member that are stated and do not agree with the registry."""
    # A field nobody asks for is compared as well: a wrong one names another person.
    for field in MemberField:
        compared_by = _COMPARED_BY[field]
        typed = compared_by(getattr(case.application.member_details, field.value))
        registered = compared_by(remedies.registered(case, field))
        if typed and registered and typed != registered:
            yield field


_COMPARED_BY: Mapping[MemberField, Callable[[str], str]] = {
    MemberField.NAME: normal.name,
    MemberField.CERTIFICATE_NUMBER: normal.certificate_number,
    MemberField.PHONE: normal.phone,
    MemberField.INSURED_PLACE: pooling_area,
}
"""What of each field must agree: the form both are brought to before they are compared."""


def materials_complete(case: Case) -> Iterator[Unmet]:
    """Every proof asked for is there, as original if an original is asked for."""
    for need in case.materials_needed():
        kinds = {kind.value for kind in need.one_of}
        matching = [m for m in case.application.materials if m.kind in kinds]
        if not any(m.original or not need.original for m in matching):
            form = "原件" if need.original else ""
            yield not_met(
                case,
                CityRules.materials,
                f"缺少材料: {need.name}{form}",
                remedies.bring(need),
                clauses=need.clauses,
            )


def agreement_accepted(case: Case) -> Iterator[Unmet]:
    """The holder accepted the city's agreement in its version."""
    terms = case.rules.value(CityRules.agreement)
    accepted = case.application.agreement
    required = (terms.agreement_id, terms.version)
    if accepted is None or (accepted.agreement_id, accepted.version) != required:
        title = f"{terms.title}(编号 {terms.agreement_id}, 版本 {terms.version})"
        yield not_met(
            case,
            CityRules.agreement,
            f"授权人未同意{title}",
            remedies.accept(terms),
        )


CONDITIONS: tuple[Callable[[Case], Iterable[Unmet]], ...] = (
    same_person,
    alive,
    holder_enrolled,
    member_enrolled,
    related,
    born_in_order,
    one_spouse,
    of_marriage_age,
    in_scope,
    room_in_family,
    room_with_member,
    not_bound_yet,
    channel_fits,
    identity_checked,
    details_right,
    materials_complete,
    agreement_accepted,
    guardian_consented,
    member_identified,
)

OF_SUBMISSION = frozenset(
    {
        channel_fits,
        identity_checked,
        details_right,
        materials_complete,
        agreement_accepted,
    }
)
"""The conditions that only the submission can meet: the channel, and what it was shown."""
