"""What would help (办法): changes that meet a condition, and the ways made of them.

A change says in one sentence what to do, and applies that to the case. Nothing is
promised that was not tried: each way is applied and decided again before it is named.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Sequence,
)
from datetime import datetime, time

from msgspec.structs import replace

from gongji.binding.case import (
    Case,
    Change,
    Unmet,
)
from gongji.model.binding import (
    AgreementAccepted,
    Binding,
    Consent,
    Material,
)
from gongji.model.people import Enrolment, Person
from gongji.rules.binding import (
    AgreementTerms,
    EnrolmentTerms,
    Scope,
)
from gongji.rules.channels import (
    ChannelId,
    IdentityCheck,
    MaterialNeed,
    MemberField,
)
from gongji.rules.codes import (
    SHANGHAI,
    ConsentMethod,
    Purpose,
)
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words

MOST_WAYS = 3
"""How many ways a citizen is offered; more would not help to choose."""

# Far above what the conditions need: each change meets one for good.
_MOST_STEPS = 12

# Stands for what the registry does not know and so cannot compare.
_UNKNOWN = "9"

Way = tuple[str, ...]
"""The changes of one way, as sentences."""

Check = Callable[[Case], Sequence[Unmet]]
"""Says which conditions a case does not meet."""


# --- ways -----------------------------------------------------------------------------


def ways(
    case: Case,
    open_channels: Iterable[ChannelId],
    check: Check,
) -> tuple[Way, ...]:
    """Return ways that work now, the shortest first; none if nothing would help."""
    current = case.application.channel
    alternatives = [channel for channel in open_channels if channel != current]
    starts = [[], *([through(case, channel)] for channel in alternatives)]
    working: dict[Way, None] = {}
    for start in starts:
        changes = _way_from(case, start, check)
        if changes is not None:
            working[tuple(change.text for change in changes)] = None
    shortest = sorted(working, key=len)
    return tuple(shortest[:MOST_WAYS])


def _way_from(case: Case, start: list[Change], check: Check) -> list[Change] | None:
    """Return the changes that meet one condition after another, none superfluous."""
    changes = list(start)
    for _ in range(_MOST_STEPS):
        unmet = check(_after(case, changes))
        if not unmet:
            return _needed(case, changes, check)
        if not unmet[0].changes:
            return None
        changes.append(unmet[0].changes[0])
    return None


def _needed(case: Case, changes: list[Change], check: Check) -> list[Change]:
    """Return the changes without those that the others make superfluous."""
    needed = changes
    for change in changes:
        without = [step for step in needed if step is not change]
        if not check(_after(case, without)):
            needed = without
    return needed


def _after(case: Case, changes: list[Change]) -> Case:
    for change in changes:
        case = change.apply(case)
    return case


# --- changes of the people ------------------------------------------------------------


def enrol_holder(terms: EnrolmentTerms) -> Change:
    """Enrol the holder as the terms ask."""

    def apply(case: Case) -> Case:
        return replace(case, holder=_enrolled(case, case.holder, terms))

    return Change(f"授权人{in_words(terms)}后再申请", apply)


def enrol_member(purpose: Purpose, terms: EnrolmentTerms) -> Change:
    """Enrol the member as the terms of a purpose ask."""

    def apply(case: Case) -> Case:
        return replace(case, member=_enrolled(case, case.member, terms))

    return Change(f"使用人{in_words(terms)}后再申请“{in_words(purpose)}”", apply)


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


def move_member(scope: Scope, place: str) -> Change:
    """Have the member insured in the holder's place, and the form say so."""

    def apply(case: Case) -> Case:
        moved = replace(case, member=replace(case.member, first_place=place, moves=()))
        details = case.application.member_details
        if details.insured_place:
            details = replace(details, insured_place=place)
        return moved.applying(member_details=details)

    return Change(f"使用人的参保关系转入授权人所在的{in_words(scope)}后再申请", apply)


# --- changes of their bindings --------------------------------------------------------


def unbind_members(number: int) -> Change:
    """End the bindings of so many other members."""

    def apply(case: Case) -> Case:
        members = {binding.member for binding in case.of_holder}
        members.discard(case.application.member)
        ended = sorted(members)[:number]
        remaining = [b for b in case.of_holder if b.member not in ended]
        return replace(case, of_holder=tuple(remaining))

    return Change(f"先解绑 {number} 名已绑定的家庭成员", apply)


def unbind_holders(number: int) -> Change:
    """End the member's bindings with so many other holders."""

    def apply(case: Case) -> Case:
        holders = {binding.holder for binding in case.of_member}
        holders.discard(case.application.holder)
        ended = sorted(holders)[:number]
        remaining = [b for b in case.of_member if b.holder not in ended]
        return replace(case, of_member=tuple(remaining))

    return Change(f"使用人先与 {number} 名其他授权人解绑", apply)


def unbind(binding_id: str, text: str = "") -> Change:
    """End one binding, which the text names if it is not the applicant's own."""

    def without(bindings: Iterable[Binding]) -> tuple[Binding, ...]:
        return tuple(b for b in bindings if b.binding_id != binding_id)

    def apply(case: Case) -> Case:
        return replace(
            case,
            of_holder=without(case.of_holder),
            of_member=without(case.of_member),
            reversed=without(case.reversed),
        )

    return Change(text or f"如要更改, 先解绑 {binding_id}", apply)


def end_marriage(who: str, person_no: str, spouse: str) -> Change:
    """End a marriage in the registry that has ended."""

    def ended(person: Person) -> Person:
        if person.person_no != person_no:
            return person
        kin = tuple(kin for kin in person.kin if kin.person_no != spouse)
        return replace(person, kin=kin)

    def apply(case: Case) -> Case:
        return replace(case, holder=ended(case.holder), member=ended(case.member))

    return Change(f"先在登记中更正{who}的婚姻状况", apply)


# --- changes of the application -------------------------------------------------------


def drop_purpose(case: Case, purpose: Purpose) -> Iterator[Change]:
    """Apply without a purpose; no change if it is the only one."""
    remaining = case.application.purposes - {purpose}
    if remaining:
        text = f"申请时去掉用途“{in_words(purpose)}”"
        yield Change(text, lambda case: case.applying(purposes=remaining))


def state_relation(code: str) -> Change:
    """State the relation that the registry shows."""
    text = f"如实选择关系类型(登记为代码 {code})"
    return Change(text, lambda case: case.applying(relation=code))


def through(case: Case, channel: ChannelId) -> Change:
    """Apply through another channel, with all done and filled in that only it asks."""
    before = case.application.channel
    checks = case.rules.value(CityRules.identity_checks)
    fields = case.rules.value(CityRules.fields_asked)
    missing_checks = {check.value for check in checks[channel] - checks[before]}
    # In the order of the form; a set has none.
    more = [field for field in MemberField if field in fields[channel] - fields[before]]

    def apply(case: Case) -> Case:
        checked = case.application.identity_checks | missing_checks
        case = case.applying(channel=channel, identity_checks=checked)
        for field in more:
            if not getattr(case.application.member_details, field.value):
                case = _filled(case, field)
        return case

    name = case.rules.value(CityRules.channels)[channel].name
    return Change(f"改用{name}", apply)


def do_check(check: IdentityCheck) -> Change:
    """Do an identity check (身份核验)."""

    def apply(case: Case) -> Case:
        completed = case.application.identity_checks | {check.value}
        return case.applying(identity_checks=completed)

    return Change(f"完成{in_words(check)}后再提交", apply)


def fill_in(field: MemberField) -> Change:
    """Fill in what is missing about the member."""
    text = f"填写使用人的{in_words(field)}"
    return Change(text, lambda case: _filled(case, field))


def correct(field: MemberField) -> Change:
    """Correct what is said about the member."""
    text = f"核对使用人的{in_words(field)}"
    return Change(text, lambda case: _filled(case, field))


def _filled(case: Case, field: MemberField) -> Case:
    """Return the case with what the registry holds in one field of the form."""
    value = registered(case, field) or _UNKNOWN
    details = replace(case.application.member_details, **{field.value: value})
    return case.applying(member_details=details)


def registered(case: Case, field: MemberField) -> str:
    """Return what the registry holds of what a form asks; "" if it does not know."""
    member = case.member
    match field:
        case MemberField.NAME:
            return member.name
        case MemberField.CERTIFICATE_NUMBER:
            return member.certificate.number
        case MemberField.PHONE:
            return member.phone
        case MemberField.INSURED_PLACE:
            return member.place_on(case.today)


def bring(need: MaterialNeed) -> Change:
    """Bring a proof (材料), the original if that is asked for."""

    def apply(case: Case) -> Case:
        proof = Material(need.one_of[0].value, need.original, "—")
        return case.applying(materials=(*case.application.materials, proof))

    text = f"出示{need.name}原件" if need.original else f"上传{need.name}"
    return Change(text, apply)


def accept(terms: AgreementTerms) -> Change:
    """Accept the city's agreement (协议)."""

    def apply(case: Case) -> Case:
        midnight = datetime.combine(case.today, time.min, SHANGHAI)
        accepted = AgreementAccepted(
            agreement_id=terms.agreement_id,
            version=terms.version,
            text_sha256="",
            at=midnight,
        )
        return case.applying(agreement=accepted)

    return Change(terms.act, apply)


def have_guardian_consent(consent: Consent) -> Change:
    """Have a guardian (监护人) give the consent that is there already."""
    by_guardian = replace(consent, method=ConsentMethod.GUARDIAN)
    return Change("由监护人代为同意", lambda case: case.applying(consent=by_guardian))


def have_member_consent(consent: Consent) -> Change:
    """Have the member give the consent that a guardian gave."""
    own = replace(consent, method=ConsentMethod.OWN_ACCOUNT)
    return Change("由使用人本人同意", lambda case: case.applying(consent=own))


def state_of_age(consent: Consent, years: int) -> Change:
    """Say that the member, whose age no record tells, is old enough."""
    stated = replace(consent, member_of_age=True)
    text = f"查验使用人的出生日期，报送其已满{years}周岁"
    return Change(text, lambda case: case.applying(consent=stated))


def check_member(consent: Consent, checks: frozenset[IdentityCheck]) -> Change:
    """Do one of the identity checks the city asks of a member."""
    check = min(checks, key=lambda check: check.value)
    done = replace(consent, identity_checks=consent.identity_checks | {check.value})
    text = f"使用人完成{in_words(check)}"
    return Change(text, lambda case: case.applying(consent=done))
