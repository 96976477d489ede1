"""Who consents to being a member (知情同意): the member, or a minor's guardian (监护人)."""

from __future__ import annotations

from collections.abc import Iterator

from gongji.binding import corrections
from gongji.binding.case import (
    Case,
    Change,
    Unmet,
    not_met,
)
from gongji.model.binding import Consent
from gongji.model.conditions import ConditionCode
from gongji.model.refusals import MalformedField
from gongji.model.subject import CLOCK_SKEW, Subject
from gongji.rules.codes import ADULT_YEARS, SHANGHAI, ConsentMethod
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words


def guardian_consented(case: Case) -> Iterator[Unmet]:
    """A consent that is there is a guardian's for a minor, and only for a minor."""
    consent = case.application.consent
    if consent is None:
        return
    fault = (
        _fault_of_guardian(case, consent)
        if consent.method is ConsentMethod.GUARDIAN
        else _fault_of_member(case, consent)
    )
    if fault is not None:
        code, message, *changes = fault
        hook = CityRules.consent
        clauses = case.rules.value(hook).clauses.guardian
        yield not_met(case, hook, code, message, *changes, clauses=clauses)


def member_identified(case: Case) -> Iterator[Unmet]:
    """The member too has done an identity check the city asks for, if any is reported."""
    hook = CityRules.consent
    terms = case.rules.value(hook)
    consent = case.application.consent
    reported = consent.identity_checks if consent is not None else frozenset()
    required = {check.value for check in terms.member_checked_by}
    # A channel that reports nothing leaves it to how the member consented.
    if consent is None or not reported or not required or reported & required:
        return
    checks = in_words(terms.member_checked_by).replace("、", "或")
    yield not_met(
        case,
        hook,
        ConditionCode.MEMBER_CHECK_MISSING,
        f"使用人须完成{checks}，报送的核验中没有",
        *corrections.check_member(terms.member_checked_by),
        fields=corrections.member_check_fields(terms.member_checked_by),
        clauses=terms.clauses.member_checked_by,
    )


def refuse_not_given_by(
    subject: Subject | None, consent: Consent | None, member: str
) -> None:
    """Refuse a consent that the identified person cannot have given so. MalformedField.

    A guardian consents as such, a member in any other way, and neither before being
    identified.
    """
    if subject is None or consent is None:
        return
    as_guardian = consent.method is ConsentMethod.GUARDIAN
    if as_guardian is (subject.person_no == member):
        who = (
            "使用人本人，不能记为监护人同意"
            if as_guardian
            else "监护人，须记为监护人同意"
        )
        raise MalformedField(f"consent.method：所代的人是{who}", field="consent.method")
    identified = subject.identified_at
    if identified is not None and consent.at < identified - CLOCK_SKEW:
        raise MalformedField(
            "consent.at：同意早于所代的人核验身份的时刻", field="consent.at"
        )


_Fault = tuple[ConditionCode, str, *tuple[Change, ...]]
"""What is wrong with a consent, and what would help."""


def _younger_then(case: Case, consent: Consent, years: int) -> bool | None:
    """Return whether the member was younger on the day of the consent."""
    given = consent.at.astimezone(SHANGHAI).date()
    return case.member.younger_than(years, min(given, case.today))


def _fault_of_guardian(case: Case, consent: Consent) -> _Fault | None:
    # An adult has no guardian, also where the city does not say until when one has.
    years = case.rules.value(CityRules.consent).guardian_below_years or ADULT_YEARS
    if _younger_then(case, consent, years) is not False:
        return None
    message = f"使用人已满{years}周岁，须由本人同意，监护人不能代为同意"
    code = ConditionCode.OWN_CONSENT_REQUIRED
    return code, message, corrections.have_member_consent()


def _fault_of_member(case: Case, consent: Consent) -> _Fault | None:
    years = case.rules.value(CityRules.consent).guardian_below_years
    minor = _younger_then(case, consent, years) if years else False
    if minor is None and not consent.member_of_age:
        message = (
            f"证件与登记信息看不出使用人是否满{years}周岁："
            "须查验其出生日期并报送 consent.member_of_age，或由监护人同意"
        )
        stated = corrections.state_of_age(years)
        code = ConditionCode.MEMBER_AGE_UNKNOWN
        return code, message, stated, corrections.have_guardian_consent()
    if minor:
        message = f"使用人未满{years}周岁，须由监护人同意"
        code = ConditionCode.GUARDIAN_CONSENT_REQUIRED
        return code, message, corrections.have_guardian_consent()
    return None
