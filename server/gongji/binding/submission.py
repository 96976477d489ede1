"""Was it submitted as the city asks (申请渠道与材料): channel, checks, details, proofs?

Only the submission can meet these conditions: what was shown then has been shown.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Iterator,
    Mapping,
)

from gongji.binding import corrections
from gongji.binding.case import (
    Case,
    Unmet,
    not_met,
)
from gongji.model import normal
from gongji.model.conditions import ConditionCode, FieldRef
from gongji.rules.channels import (
    Across,
    Channel,
    ChannelId,
    IdentityCheck,
    MemberField,
)
from gongji.rules.codes import (
    pooling_area,
)
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words, pairs_taken


def channel_fits(case: Case) -> Iterator[Unmet]:
    """A channel for pairs of different pooling areas, or for marked people, is for those."""
    channel = case.rules.value(CityRules.channels).get(case.application.channel)
    if channel is None:
        # The holder's city declares it: that was asked first.
        message = f"使用人参保地没有渠道{case.channel.name}"
    elif _taken_by(channel, case):
        return
    else:
        message = f"{channel.name}只办理{pairs_taken(channel)}"
    alternatives = [
        corrections.through(case, key)
        for key, declared in case.channels.items()
        if declared.across is Across.BOTH and _declared(key, case)
    ]
    yield not_met(
        case,
        CityRules.channels,
        ConditionCode.CHANNEL_NOT_FOR_PAIR,
        message,
        *alternatives,
        fields=(FieldRef("channel"),),
        clauses=channel.clauses if channel else (),
    )


def _taken_by(channel: Channel, case: Case) -> bool:
    """Return whether a channel takes two people insured as these are."""
    if any(map(case.marked, channel.also_for)):
        return True
    home = pooling_area(case.holder.place_on(case.today))
    place = pooling_area(case.member.place_on(case.today))
    return home != place or channel.across is not Across.ONLY_ACROSS_AREAS


def _declared(key: ChannelId, case: Case) -> bool:
    """Return whether each city that is asked declares a channel."""
    return all(key in asked.rules.value(CityRules.channels) for asked in case.turns())


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
                ConditionCode.IDENTITY_CHECK_MISSING,
                f"{case.channel.name}须先完成{in_words(check)}",
                corrections.do_check(check),
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
                ConditionCode.DETAIL_MISSING,
                f"缺少使用人的{in_words(field)}",
                corrections.fill_in(field),
            )
        elif field in wrong:
            yield not_met(
                case,
                CityRules.fields_asked,
                ConditionCode.DETAIL_WRONG,
                f"使用人的{in_words(field)}与登记信息不一致",
                corrections.correct(field),
            )


def details_wrong(case: Case) -> Iterator[MemberField]:
    """Yield the details of the member that are stated and do not agree with the registry."""
    # A field nobody asks for is compared as well: a wrong one names another person.
    for field in MemberField:
        compared_by = _COMPARED_BY[field]
        typed = compared_by(getattr(case.application.member_details, field.value))
        registered = compared_by(corrections.registered(case, field))
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
                ConditionCode.MATERIAL_MISSING,
                f"缺少材料：{need.name}{form}",
                *corrections.bring(need),
                fields=corrections.proof_fields(need),
                clauses=need.clauses,
            )


def agreement_accepted(case: Case) -> Iterator[Unmet]:
    """The holder accepted the city's agreement in its version."""
    terms = case.rules.value(CityRules.agreement)
    accepted = case.application.agreement
    required = (terms.agreement_id, terms.version)
    if accepted is None or (accepted.agreement_id, accepted.version) != required:
        title = f"{terms.title}（编号 {terms.agreement_id}，版本 {terms.version}）"
        yield not_met(
            case,
            CityRules.agreement,
            ConditionCode.AGREEMENT_NOT_ACCEPTED,
            f"授权人未同意{title}",
            corrections.accept(terms),
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
