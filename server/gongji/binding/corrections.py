"""Changes of the application that would help: what to fill in, bring, choose, accept.

Each says in one sentence, and to programs, what to do, and applies that to the case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, time
from functools import partial
from typing import Any, Final

from msgspec.structs import replace

from gongji.binding.case import (
    Case,
    Change,
)
from gongji.model.binding import (
    AgreementAccepted,
    Material,
)
from gongji.model.conditions import FieldRef, StepAction, WayStep
from gongji.rules.binding import (
    AgreementTerms,
)
from gongji.rules.channels import (
    ChannelId,
    IdentityCheck,
    MaterialKind,
    MaterialNeed,
    MemberField,
)
from gongji.rules.codes import (
    SHANGHAI,
    ConsentMethod,
    Purpose,
    wire_name,
)
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words

# Stands for what the registry does not know and so cannot compare.
_UNKNOWN: Final = "9"


def drop_purpose(case: Case, purpose: Purpose) -> Iterator[Change]:
    """Apply without a purpose; no change if it is the only one."""
    remaining = case.application.purposes - {purpose}
    if remaining:
        text = f"申请时去掉用途“{in_words(purpose)}”"
        yield Change(
            WayStep(StepAction.REMOVE, (purpose_field(purpose),), text),
            lambda case: case.applying(purposes=remaining),
        )


def purpose_field(purpose: Purpose) -> FieldRef:
    """Return a purpose as an item of the application's list."""
    return FieldRef("purposes[]", wire_name(purpose))


def state_relation(code: str) -> Change:
    """State the relation that the registry shows."""
    text = f"如实选择关系类型（登记为代码 {code}）"
    return Change(
        WayStep(StepAction.SET, (FieldRef("relation", code),), text),
        lambda case: case.applying(relation=code),
    )


def through(case: Case, channel: ChannelId) -> Change:
    """Apply through another channel, with all done and filled in that only it asks."""
    before = case.application.channel
    checks = case.rules.value(CityRules.identity_checks)
    asked = case.rules.value(CityRules.fields_asked)
    missing_checks = {check.value for check in checks[channel] - checks[before]}
    # In the order of the form; a set has none.
    more = [field for field in MemberField if field in asked[channel] - asked[before]]
    apply = partial(_through, channel=channel, checks=missing_checks, asked=more)
    fields = (
        FieldRef("channel", channel),
        *map(_check_field, sorted(missing_checks)),
        *[_detail_field(field) for field in more if not _typed(case, field)],
    )
    name = case.channels[channel].name
    return Change(WayStep(StepAction.CHANGE_CHANNEL, fields, f"改用{name}"), apply)


def _through(
    case: Case,
    channel: ChannelId,
    checks: Collection[str],
    asked: Iterable[MemberField],
) -> Case:
    checked = case.application.identity_checks.union(checks)
    case = case.applying(channel=channel, identity_checks=checked)
    for field in asked:
        if not _typed(case, field):
            case = _filled(case, field)
    return case


def _typed(case: Case, field: MemberField) -> str:
    """Return what is filled in about the member; "" if nothing."""
    typed: str = getattr(case.application.member_details, field.value)
    return typed


def do_check(check: IdentityCheck) -> Change:
    """Do an identity check (身份核验)."""

    def apply(case: Case) -> Case:
        completed = case.application.identity_checks | {check.value}
        return case.applying(identity_checks=completed)

    text = f"完成{in_words(check)}后再提交"
    return Change(WayStep(StepAction.ADD, (_check_field(check.value),), text), apply)


def _check_field(check: str) -> FieldRef:
    return FieldRef("identity_checks[]", check)


def fill_in(field: MemberField) -> Change:
    """Fill in what is missing about the member."""
    return _fill(f"填写使用人的{in_words(field)}", field)


def correct(field: MemberField) -> Change:
    """Correct what is said about the member."""
    return _fill(f"核对使用人的{in_words(field)}", field)


def _fill(text: str, field: MemberField) -> Change:
    # What the registry holds is not told to whoever applies.
    fields = (_detail_field(field),)
    return Change(
        WayStep(StepAction.SET, fields, text), lambda case: _filled(case, field)
    )


def _detail_field(field: MemberField) -> FieldRef:
    return FieldRef(f"member_details.{field.value}")


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


def bring(need: MaterialNeed) -> Iterator[Change]:
    """Bring any one of the proofs (材料), the original if that is asked for."""
    text = f"出示{need.name}原件" if need.original else f"上传{need.name}"
    for kind in need.one_of:
        fields = (*_proof(kind, need), FieldRef("materials[].reference"))
        proof = Material(kind.value, need.original, "—")
        yield Change(
            WayStep(StepAction.ADD, fields, text), partial(_with_proof, proof=proof)
        )


def _with_proof(case: Case, proof: Material) -> Case:
    return case.applying(materials=(*case.application.materials, proof))


def proof_fields(need: MaterialNeed) -> tuple[FieldRef, ...]:
    """Return the kinds of proof of which one is needed, and whether as original."""
    fields = [field for kind in need.one_of for field in _proof(kind, need)]
    return tuple(dict.fromkeys(fields))


def _proof(kind: MaterialKind, need: MaterialNeed) -> Iterator[FieldRef]:
    yield FieldRef("materials[].kind", kind.value)
    if need.original:
        yield FieldRef("materials[].original", "true")


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

    version = f"{terms.agreement_id}@{terms.version}"
    fields = (FieldRef("agreement", version),)
    return Change(WayStep(StepAction.ACCEPT, fields, terms.act), apply)


def have_guardian_consent() -> Change:
    """Have a guardian (监护人) give the consent that is there already."""
    return _consent_by(ConsentMethod.GUARDIAN, "由监护人代为同意")


def have_member_consent() -> Change:
    """Have the member give the consent that a guardian gave."""
    return _consent_by(ConsentMethod.OWN_ACCOUNT, "由使用人本人同意")


def _consent_by(method: ConsentMethod, text: str) -> Change:
    return Change(
        WayStep(StepAction.SET, (FieldRef("consent.method", wire_name(method)),), text),
        partial(_consenting, method=method),
    )


def state_of_age(years: int) -> Change:
    """Say that the member, whose age no record tells, is old enough."""
    return Change(
        WayStep(
            StepAction.SET,
            (FieldRef("consent.member_of_age", "true"),),
            f"查验使用人的出生日期，报送其已满{years}周岁",
        ),
        partial(_consenting, member_of_age=True),
    )


def check_member(checks: frozenset[IdentityCheck]) -> Iterator[Change]:
    """Do one of the identity checks the city asks of a member."""
    for check, field in zip(
        _in_order(checks), member_check_fields(checks), strict=True
    ):
        apply = partial(_member_checked, check=check)
        yield Change(
            WayStep(StepAction.ADD, (field,), f"使用人完成{in_words(check)}"), apply
        )


def member_check_fields(checks: frozenset[IdentityCheck]) -> tuple[FieldRef, ...]:
    """Return the identity checks of which the member does one."""
    path = "consent.identity_checks[]"
    return tuple([FieldRef(path, check.value) for check in _in_order(checks)])


def _in_order(checks: frozenset[IdentityCheck]) -> list[IdentityCheck]:
    return sorted(checks, key=lambda check: check.value)


def _member_checked(case: Case, check: IdentityCheck) -> Case:
    consent = case.application.consent
    done = consent.identity_checks if consent else frozenset()
    return _consenting(case, identity_checks=done | {check.value})


def _consenting(case: Case, **changes: Any) -> Case:
    """Return the case with these changes of the consent, if one is there."""
    consent = case.application.consent
    return case.applying(consent=consent and replace(consent, **changes))
