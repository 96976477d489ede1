"""The step of a form in which the member consents (知情同意), if the city asks for that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gongji.cities.city import DayRules
from gongji.model.form import (
    FormChoice,
    FormCondition,
    FormConditionKind,
    FormField,
    FormFieldKind,
    FormStep,
)
from gongji.rules.binding import ConsentTerms
from gongji.rules.channels import IdentityCheck
from gongji.rules.clauses import Clause
from gongji.rules.codes import ADULT_YEARS, ConsentMethod, wire_name
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words

_METHODS: Final = {
    ConsentMethod.OWN_ACCOUNT: "使用人在自己的账号里确认",
    ConsentMethod.PHONE_CODE: "使用人确认发到其手机的验证码",
    ConsentMethod.COUNTER: "使用人在窗口当面签字",
    ConsentMethod.GUARDIAN: "由监护人代为同意",
}


def consent_steps(rules: DayRules) -> Iterator[FormStep]:
    """Yield the step of the member's consent if the city asks for it."""
    answer = rules.answer(CityRules.consent)
    terms = answer.value
    if not terms.required:
        return
    days = in_words(rules.value(CityRules.application_expiry))
    yield FormStep(
        title="使用人知情同意",
        help=f"{in_words(terms)}。使用人此刻能够同意的，现在取得；否则不填，以后另行同意",
        if_left_out=f"申请等待使用人另行同意；{days}内无人答复，申请失效",
        fields=tuple(_consent_fields(terms, answer.clauses)),
    )


def _consent_fields(
    terms: ConsentTerms, clauses: tuple[Clause, ...]
) -> Iterator[FormField]:
    years = terms.guardian_below_years
    guardian = terms.clauses.guardian or clauses
    yield FormField(
        path="consent.method",
        kind=FormFieldKind.CHOICE,
        label="同意的方式",
        choices=tuple(_methods(years)),
        clauses=guardian,
    )
    yield FormField(
        path="consent.at",
        kind=FormFieldKind.INSTANT,
        label="同意的时刻",
        clauses=clauses,
    )
    if years:
        yield FormField(
            path="consent.member_of_age",
            kind=FormFieldKind.TICK,
            label=f"已查验使用人满{years}周岁",
            condition=FormCondition(
                FormConditionKind.MEMBER_AGE_UNKNOWN,
                f"证件与登记信息看不出使用人是否满{years}周岁、由其本人同意时",
                years,
            ),
            clauses=guardian,
        )
    if terms.member_checked_by:
        yield _member_check(terms, clauses)
    yield FormField(
        path="consent.reference",
        kind=FormFieldKind.TEXT,
        label="同意的凭据",
        help="渠道自己的编号，供以后查证；不写个人信息",
        example="CONSENT-20250930-0001",
        required=False,
    )


def _methods(years: int) -> Iterator[FormChoice]:
    """Yield the ways to consent, each with the age at which it is the member's."""
    own = (
        FormCondition(FormConditionKind.MEMBER_OF_AGE, f"使用人已满{years}周岁", years)
        if years
        else None
    )
    below = years or ADULT_YEARS
    guardian = FormCondition(
        FormConditionKind.MEMBER_BELOW_AGE, f"使用人未满{below}周岁", below
    )
    for method, label in _METHODS.items():
        yield FormChoice(
            value=wire_name(method),
            label=label,
            condition=guardian if method is ConsentMethod.GUARDIAN else own,
        )


def _member_check(terms: ConsentTerms, clauses: tuple[Clause, ...]) -> FormField:
    checks = [check for check in IdentityCheck if check in terms.member_checked_by]
    return FormField(
        path="consent.identity_checks[]",
        kind=FormFieldKind.IDENTITY_CHECK,
        label="对同意的人的身份核验",
        help="报送的须有其中之一；不报送的，以同意的方式为准",
        required=False,
        choices=tuple([FormChoice(value=c.value, label=in_words(c)) for c in checks]),
        clauses=terms.clauses.member_checked_by or clauses,
    )
