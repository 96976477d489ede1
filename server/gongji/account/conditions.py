"""The conditions on which a purse pays a relative's premium (代缴居民医保)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, TypeAlias

from gongji.binding import corrections
from gongji.binding.case import Case
from gongji.binding.eligibility import (
    HOLDER,
    MEMBER,
    holder_enrolled,
    member_enrolled,
)
from gongji.binding.status import status_of
from gongji.cities.city import Cities, DayRules
from gongji.model.conditions import (
    Condition,
    ConditionCode,
    FieldRef,
    StepAction,
    WayStep,
)
from gongji.model.people import alive_on
from gongji.rules.benefits import Use
from gongji.rules.binding import offered
from gongji.rules.clauses import Clause
from gongji.rules.codes import BindingState, Purpose
from gongji.rules.hookspecs import CityRules
from gongji.rules.terms import TERMS

PREMIUM: Final = TERMS[Use][Use.RESIDENT_PREMIUM]

Hook: TypeAlias = Callable[[CityRules], object]


def unmet_conditions(case: Case, cities: Cities) -> Iterator[Condition]:
    """Return every unmet condition, in the order the core asks its hooks.

    Of one that also ended the binding, as it is now.
    """
    unmet = tuple(asked(case))
    yield from unmet
    hooks = {condition.hook for condition in unmet}
    yield from (c for c in _ended(case, cities) if c.hook not in hooks)


def asked(case: Case) -> Iterator[Condition]:
    """Yield every unmet condition that the holder's city alone decides."""
    yield from _alive(case)
    for check in (holder_enrolled, member_enrolled):
        for unmet in check(case):
            yield _of_premium(unmet.condition)
    yield from _bound(case)
    yield from _usable(case)


def _ended(case: Case, cities: Cities) -> Iterator[Condition]:
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
            yield Condition(
                hook=status.rule.hook,
                clauses=status.rule.clauses,
                message=f"绑定已于 {status.since} 终止：{status.why}",
                remedy=again.text,
                code=ConditionCode.BINDING_ENDED,
                fields=MEMBER,
                ways=((again,),),
            )


def _alive(case: Case) -> Iterator[Condition]:
    if not alive_on(case.holder, case.today):
        cited = case.rules.value(CityRules.holder_terms).clauses
        code, message = ConditionCode.HOLDER_DECEASED, "授权人已登记死亡"
        yield condition(
            case, CityRules.holder_terms, code, message, *cited, fields=HOLDER
        )
    if not alive_on(case.member, case.today):
        cited = clauses_of_premium(case.rules)
        code, message = ConditionCode.MEMBER_DECEASED, "使用人已登记死亡"
        yield condition(
            case, CityRules.member_terms, code, message, *cited, fields=MEMBER
        )


def _bound(case: Case) -> Iterator[Condition]:
    # Nobody is bound to himself, and an own premium is no relative's (C68).
    if case.holder.person_no == case.member.person_no:
        message = f"授权人与使用人是同一人：个人账户只代缴亲属的{PREMIUM}"
        code = ConditionCode.SAME_PERSON
        yield condition(case, CityRules.relations, code, message, fields=MEMBER)
    elif not case.of_holder:
        message = f"授权人与使用人之间没有生效的、用途含“{PREMIUM}”的绑定"
        # A binding helps only if the city offers one for this purpose.
        step = None
        if Purpose.RESIDENT_PREMIUM in offered(
            case.rules.value(CityRules.member_terms)
        ):
            step = _binding(f"先办理用途含“{PREMIUM}”的绑定")
        code = ConditionCode.NOT_BOUND
        yield condition(
            case, CityRules.relations, code, message, fields=MEMBER, step=step
        )


def _usable(case: Case) -> Iterator[Condition]:
    """Return the condition that the holder's city lets purses pay premiums (X15)."""
    uses = case.rules.value(CityRules.uses)
    if Use.RESIDENT_PREMIUM not in uses.aid_at:
        message = f"授权人参保地的个人账户不得用于{PREMIUM}"
        opening = uses.opening(Use.RESIDENT_PREMIUM)
        code = ConditionCode.PURSE_USE_NOT_ADMITTED
        yield condition(case, CityRules.uses, code, message, *opening, fields=HOLDER)


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


def _binding(text: str) -> WayStep:
    """Return the step of making a binding for premiums."""
    fields = (corrections.purpose_field(Purpose.RESIDENT_PREMIUM),)
    return WayStep(StepAction.BIND, fields, text)
