"""May this holder bind this member this way (绑定条件)?

Every condition is asked, and all that fail are returned together. Each is one small
function over the case; `CONDITIONS` lists them in the order the core asks its hooks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Final

from gongji.binding import corrections, remedies
from gongji.binding.asked import Side, city_of
from gongji.binding.case import (
    Case,
    Check,
    Unmet,
    not_met,
    unmet_of,
)
from gongji.binding.channels import ClosedCounter, counter_closed
from gongji.binding.consenting import guardian_consented, member_identified
from gongji.binding.family import (
    born_in_order,
    of_marriage_age,
    one_spouse,
    related,
)
from gongji.binding.submission import (
    OF_SUBMISSION,
    agreement_accepted,
    channel_fits,
    details_right,
    identity_checked,
    materials_complete,
)
from gongji.binding.workdays import Workdays
from gongji.cities.city import City, DayRules
from gongji.model.binding import Binding
from gongji.model.conditions import (
    Condition,
    ConditionCode,
    FieldRef,
    Way,
    remedies_of,
)
from gongji.model.people import Person
from gongji.model.refusals import CounterClosed, NotEligible
from gongji.rules.binding import (
    EnrolmentTerms,
    LapsedPlaces,
    NoLimit,
    Scope,
)
from gongji.rules.clauses import Clause
from gongji.rules.codes import (
    BindingState,
    Purpose,
    pooling_area,
    province,
)
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words

HOLDER: Final = (FieldRef("holder"),)

MEMBER: Final = (FieldRef("member"),)


def failing(case: Case) -> tuple[Unmet, ...]:
    """Return every condition the case does not meet, in the order the core asks."""
    return unmet_of(CONDITIONS, case)


def failing_later(case: Case) -> tuple[Unmet, ...]:
    """Return every condition that an application no longer meets after its submission.

    How it was submitted is not asked again: what was shown then has been shown.
    """
    later = [check for check in CONDITIONS if check not in OF_SUBMISSION]
    return unmet_of(later, case)


def refusal_of(
    unmet: Sequence[Unmet],
    city: City,
    rules: DayRules,
    workdays: Workdays,
    ways: Iterable[Way],
) -> CounterClosed | NotEligible:
    """Return the refusal of an application, with ways that work.

    A closed counter, the first of its conditions, is told alone: what time alone refuses
    may be sent again unchanged.
    """
    first = unmet[0]
    if isinstance(first, ClosedCounter):
        return counter_closed(first, city, workdays, ways)
    return not_eligible(unmet, city, rules, ways)


def not_eligible(
    unmet: Iterable[Unmet],
    city: City,
    rules: DayRules,
    ways: Iterable[Way] = (),
) -> NotEligible:
    """Return the refusal: all conditions, their clauses, ways that work, whom to ask."""
    ways = tuple(ways)
    conditions = tuple(failure.condition for failure in unmet)
    clauses: dict[str, Clause] = {}
    messages = []
    for condition in conditions:
        of = city_of(rules, condition.city) or city
        for number in condition.clauses:
            clauses.setdefault(number, of.clause(number))
        messages.append(f"{condition.message}（{'、'.join(condition.clauses)}）")
    return NotEligible(
        f"不符合绑定条件：{'；'.join(messages)}",
        clauses=clauses.values(),
        conditions=conditions,
        ways=ways,
        remedies=remedies_of(ways),
        help=" ".join(_help(rules, conditions)),
    ).within(city.area_code)


def _help(rules: DayRules, conditions: Iterable[Condition]) -> Iterator[str]:
    """Yield what serves the two without a binding, and whom to ask."""
    instead = dict.fromkeys([c.instead for c in conditions if c.instead])
    for steps in instead:
        yield f"不绑定也可以用医保钱包：{'，'.join([step.text for step in steps])}。"
    for note in rules.value(CityRules.notes):
        if note.when_refused:
            yield f"{note.clause.text}（{note.clause.id}）"


# --- who, with whom -------------------------------------------------------------------


def same_person(case: Case) -> Iterator[Unmet]:
    """Citizens do not bind themselves."""
    if case.same_person:
        message = "授权人与使用人是同一人，本人无须绑定"
        yield not_met(
            case,
            CityRules.relations,
            ConditionCode.SAME_PERSON,
            message,
            fields=MEMBER,
        )


def alive(case: Case) -> Iterator[Unmet]:
    """Both must be alive."""
    if _dead(case.holder, case.today):
        message = "授权人已登记死亡，不能绑定"
        code = ConditionCode.HOLDER_DECEASED
        yield not_met(case, CityRules.holder_terms, code, message, fields=HOLDER)
    if _dead(case.member, case.today):
        message = "使用人已登记死亡，不能绑定"
        code = ConditionCode.MEMBER_DECEASED
        yield not_met(case, CityRules.member_terms, code, message, fields=MEMBER)


def _dead(person: Person, day: date) -> bool:
    return person.died_on is not None and person.died_on <= day


def holder_enrolled(case: Case) -> Iterator[Unmet]:
    """The holder is normally enrolled in a scheme that has an account."""
    terms = case.rules.value(CityRules.holder_terms)
    if not _is_enrolled(case.holder, terms, case.today):
        yield not_met(
            case,
            CityRules.holder_terms,
            ConditionCode.HOLDER_NOT_ENROLLED,
            f"授权人在 {case.today} 不符合参保要求：{in_words(terms)}",
            remedies.enrol_holder(terms),
            fields=HOLDER,
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
                ConditionCode.PURPOSE_NOT_OFFERED,
                f"本市共济用途不含“{in_words(purpose)}”",
                *corrections.drop_purpose(case, purpose),
                fields=(corrections.purpose_field(purpose),),
                clauses=() if terms is None else (terms.clause,),
            )
        # How the member is enrolled is for the member's own city to ask.
        elif case.asks(Side.MEMBER) and not _is_enrolled(
            case.member, terms, case.today
        ):
            yield _member_not_enrolled(case, purpose, terms)


def _member_not_enrolled(case: Case, purpose: Purpose, terms: EnrolmentTerms) -> Unmet:
    day_and_purpose = f"在 {case.today} 不符合“{in_words(purpose)}”"
    return not_met(
        case,
        CityRules.member_terms,
        ConditionCode.MEMBER_NOT_ENROLLED,
        f"使用人{day_and_purpose}的参保要求：{in_words(terms)}",
        *corrections.drop_purpose(case, purpose),
        remedies.enrol_member(purpose, terms),
        fields=(*MEMBER, corrections.purpose_field(purpose)),
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
    """Holder and member are insured as near to each other as the city asks, and it is served."""
    scope = case.rules.value(CityRules.scope)
    area_of = pooling_area if scope is Scope.POOLING_AREA else province
    place = case.member.place_on(case.today)
    home = case.holder.place_on(case.today)
    if area_of(home) != area_of(place):
        yield not_met(
            case,
            CityRules.scope,
            ConditionCode.OUT_OF_SCOPE,
            # Where a stranger is insured is not said to whoever applies for him.
            f"使用人的参保地与授权人参保地 {home} 不在{in_words(scope)}",
            remedies.move_member(case, scope, home),
            fields=MEMBER,
            instead=_wallet(case),
        )
    elif case.unserved:
        yield not_met(
            case,
            CityRules.scope,
            ConditionCode.CITY_NOT_SERVED,
            f"须由使用人参保地同意，而{case.unserved}",
            remedies.move_member(case, scope, home),
            fields=MEMBER,
            clauses=case.rules.value(CityRules.deadlines).clauses.across,
            instead=_wallet(case),
            city=f"{pooling_area(place)}00",
        )


def _wallet(case: Case) -> Way:
    """Return how the holder helps the member without a binding, if they are relatives."""
    relations = case.asking(Side.HOLDER).rules.value(CityRules.relations)
    relation = case.application.relation
    return remedies.by_wallet(relation) if relation in relations.codes else ()


# --- how many -------------------------------------------------------------------------


def room_in_family(case: Case) -> Iterator[Unmet]:
    """The family account has a place left."""
    case = case.asking(Side.HOLDER)
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
            ConditionCode.FAMILY_FULL,
            f"家庭账户{in_words(limit)}，已满",
            remedies.unbind_members(excess),
        )


def room_with_member(case: Case) -> Iterator[Unmet]:
    """The member has not too many holders yet."""
    case = case.asking(Side.MEMBER)
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
            ConditionCode.TOO_MANY_HOLDERS,
            f"使用人{in_words(limit)}，已满",
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
                ConditionCode.ALREADY_BOUND,
                f"该成员已绑定或正在办理（绑定编号 {binding.binding_id}）",
                remedies.unbind(binding.binding_id),
                fields=MEMBER,
                clauses=case.rules.value(CityRules.unbinding).again_clauses,
            )


CONDITIONS: tuple[Check, ...] = (
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
