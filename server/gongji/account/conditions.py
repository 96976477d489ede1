"""The conditions on which a purse pays a relative's premium (代缴居民医保)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, time
from typing import Final, TypeAlias

from msgspec.structs import replace as replace_case

from gongji.binding import corrections
from gongji.binding.case import Case, Change, Unmet, not_met
from gongji.binding.eligibility import (
    HOLDER,
    MEMBER,
    holder_enrolled,
    member_enrolled,
)
from gongji.binding.status import status_of
from gongji.binding.ways import ways
from gongji.cities.city import Cities, DayRules
from gongji.model.binding import Binding
from gongji.model.conditions import (
    Condition,
    ConditionCode,
    FieldRef,
    StepAction,
    Way,
    WayStep,
)
from gongji.model.decided import DecidedBy
from gongji.model.people import alive_on
from gongji.rules.benefits import Use
from gongji.rules.binding import offered
from gongji.rules.clauses import Clause
from gongji.rules.codes import SHANGHAI, BindingState, Purpose
from gongji.rules.hookspecs import CityRules
from gongji.rules.terms import TERMS

PREMIUM: Final = TERMS[Use][Use.RESIDENT_PREMIUM]

Hook: TypeAlias = Callable[[CityRules], object]


def unmet_conditions(case: Case, cities: Cities) -> Iterator[Condition]:
    """Return every unmet condition, in the order the core asks its hooks.

    Of one that also ended the binding, as it is now.
    """
    return (unmet.condition for unmet in _unmet(case, cities))


def asked(case: Case) -> Iterator[Condition]:
    """Yield every unmet condition that the holder's city alone decides."""
    return (unmet.condition for unmet in _asked(case))


def whole_ways(
    case: Case, cities: Cities, others: Iterable[Condition]
) -> tuple[Way, ...]:
    """Return ways that meet every condition, the shortest first; none if nothing would.

    `others` are those on the request alone: whoever mends them changes nothing else.
    """
    steps = [step for other in others for way in other.ways[:1] for step in way]
    working = ways(case, (), lambda changed: tuple(_unmet(changed, cities)))
    return tuple([(*way, *steps) for way in working])


def _unmet(case: Case, cities: Cities) -> Iterator[Unmet]:
    unmet = tuple(_asked(case))
    yield from unmet
    hooks = {one.condition.hook for one in unmet}
    yield from (u for u in _ended(case, cities) if u.condition.hook not in hooks)


def _asked(case: Case) -> Iterator[Unmet]:
    yield from _alive(case)
    for check in (holder_enrolled, member_enrolled):
        for unmet in check(case):
            yield Unmet(_of_premium(unmet.condition), unmet.changes)
    yield from _bound(case)
    yield from _usable(case)


def _ended(case: Case, cities: Cities) -> Iterator[Unmet]:
    """Return the fact that ended the binding for this purpose, if one did."""
    for binding in case.of_holder:
        status = status_of(
            binding,
            case.holder,
            case.member,
            cities,
            case.today,
            purposes=case.application.purposes,
        )
        if status.state is BindingState.ENDED and status.rule is not None:
            again = _binding("重新办理绑定")
            ended = Condition(
                hook=status.rule.hook,
                clauses=status.rule.clauses,
                message=f"绑定已于 {status.since} 终止：{status.why}",
                remedy=again.step.text,
                code=ConditionCode.BINDING_ENDED,
                fields=MEMBER,
                ways=((again.step,),),
            )
            yield Unmet(ended, (again,))


def _alive(case: Case) -> Iterator[Unmet]:
    if not alive_on(case.holder, case.today):
        cited = case.rules.value(CityRules.holder_terms).clauses
        code, message = ConditionCode.HOLDER_DECEASED, "授权人已登记死亡"
        yield _hopeless(
            condition(
                case, CityRules.holder_terms, code, message, *cited, fields=HOLDER
            )
        )
    if not alive_on(case.member, case.today):
        cited = clauses_of_premium(case.rules)
        code, message = ConditionCode.MEMBER_DECEASED, "使用人已登记死亡"
        yield _hopeless(
            condition(
                case, CityRules.member_terms, code, message, *cited, fields=MEMBER
            )
        )


def _hopeless(condition: Condition) -> Unmet:
    """Return a condition that nothing meets."""
    return Unmet(condition, ())


def _bound(case: Case) -> Iterator[Unmet]:
    # Nobody is bound to himself, and an own premium is no relative's (C68).
    if case.holder.person_no == case.member.person_no:
        message = f"授权人与使用人是同一人：个人账户只代缴亲属的{PREMIUM}"
        code = ConditionCode.SAME_PERSON
        yield _hopeless(
            condition(case, CityRules.relations, code, message, fields=MEMBER)
        )
    elif not case.of_holder:
        message = f"授权人与使用人之间没有生效的、用途含“{PREMIUM}”的绑定"
        # A binding helps only if the city offers one for this purpose.
        changes = []
        if Purpose.RESIDENT_PREMIUM in offered(
            case.rules.value(CityRules.member_terms)
        ):
            changes.append(_binding(f"先办理用途含“{PREMIUM}”的绑定"))
        code = ConditionCode.NOT_BOUND
        yield not_met(case, CityRules.relations, code, message, *changes, fields=MEMBER)


def _usable(case: Case) -> Iterator[Unmet]:
    """Return the condition that the holder's city lets purses pay premiums (X15)."""
    uses = case.rules.value(CityRules.uses)
    if Use.RESIDENT_PREMIUM not in uses.aid_at:
        message = f"授权人参保地的个人账户不得用于{PREMIUM}"
        opening = uses.opening(Use.RESIDENT_PREMIUM)
        code = ConditionCode.PURSE_USE_NOT_ADMITTED
        yield _hopeless(
            condition(case, CityRules.uses, code, message, *opening, fields=HOLDER)
        )


def clauses_of_premium(rules: DayRules) -> tuple[Clause, ...]:
    """Return the clauses on whose premium may be paid, none if they are not named."""
    terms = offered(rules.value(CityRules.member_terms)).get(Purpose.RESIDENT_PREMIUM)
    return terms.clauses if terms else ()


def condition(
    case: Case,
    hook: Hook,
    code: ConditionCode,
    message: str,
    *cited: Clause,
    fields: tuple[FieldRef, ...] = (),
    step: WayStep | None = None,
) -> Condition:
    """Return an unmet condition of a hook, with the clauses cited or all of its rule.

    It looks at `fields`, if they are left out at those of the step that would meet it.
    """
    return Condition(
        hook=hook.__name__,
        clauses=case.rules.ref(hook, *cited).clauses,
        message=message,
        remedy=step.text if step else "",
        code=code,
        fields=fields or (step.fields if step else ()),
        ways=((step,),) if step else (),
    )


def _of_premium(condition: Condition) -> Condition:
    """Return a condition of a binding as one of a premium, which names no purposes."""
    people = [f for f in condition.fields if f in {*HOLDER, *MEMBER}]
    return replace(condition, fields=tuple(people) or MEMBER)


def _binding(text: str) -> Change:
    """Bind the two for premiums, from today on."""
    fields = (corrections.purpose_field(Purpose.RESIDENT_PREMIUM),)
    return Change(WayStep(StepAction.BIND, fields, text), _bound_today)


def _bound_today(case: Case) -> Case:
    """Return the case with a new binding of the two, instead of any before."""
    at = datetime.combine(case.today, time.min, SHANGHAI)
    application = case.application
    binding = Binding(
        binding_id="",
        holder=application.holder,
        member=application.member,
        relation=application.relation,
        purposes=application.purposes,
        channel=application.channel,
        state=BindingState.ACTIVE,
        submitted_at=at,
        active_at=at,
        decided_by=DecidedBy("", "", "", ""),
    )
    return replace_case(case, of_holder=(binding,), of_member=(binding,))
