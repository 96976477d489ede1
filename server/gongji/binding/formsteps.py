"""The steps of a form (申请表): what for, holder, member, proofs, agreement, consent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from gongji.binding.asked import purposes_of, relations_of, turns
from gongji.binding.formconsent import consent_steps
from gongji.binding.formterms import agreement_of
from gongji.cities.city import DayRules
from gongji.model.certificates import NUMBERINGS
from gongji.model.form import (
    FormChoice,
    FormCondition,
    FormConditionKind,
    FormField,
    FormFieldKind,
    FormNotice,
    FormStep,
)
from gongji.rules.channels import (
    Asked,
    Channel,
    ChannelId,
    IdentityCheck,
    MaterialNeed,
    MemberField,
)
from gongji.rules.clauses import Clause
from gongji.rules.codenames import CERTIFICATE_NAMES, relation_name
from gongji.rules.codes import (
    IDENTITY_CARD,
    Purpose,
    wire_name,
)
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words
from gongji.rules.terms import KIN

_NOT_ON_RECORD: Final = FormCondition(
    FormConditionKind.RELATION_NOT_ON_RECORD, "登记信息查不到亲属关系时"
)

_EXAMPLE_CARD: Final = "340899198001010017"
"""Of an area that does not exist, with a right check digit."""

_NUMBER_HELP: Final = (
    f"居民身份证为{NUMBERINGS[IDENTITY_CARD][0].told}；其他证件照证件填写。"
    "空格、大小写、全半角不影响。"
)


class FormScope(Struct, frozen=True, kw_only=True):
    """What a form is for; `channels` are those that take such a pair.

    Two are equal only if both are of one period of the city's rules.
    """

    city: str
    rules: DayRules
    member_city: str
    channel: ChannelId
    relation: str
    purposes: frozenset[Purpose]
    channels: tuple[ChannelId, ...]


def steps_of(scope: FormScope) -> tuple[FormStep, ...]:
    """Return the steps in order; without a channel what to apply for, and no more."""
    what = _what_for(scope)
    if not scope.channel:
        return (what,)
    return (
        what,
        _holder(scope),
        _member(scope),
        *_materials(scope),
        _agreement(scope),
        *consent_steps(scope.rules),
    )


# --- what for -------------------------------------------------------------------------


def _what_for(scope: FormScope) -> FormStep:
    return FormStep(
        title="办理什么",
        fields=(_channel(scope), _purposes(scope), _relation(scope)),
        notices=tuple(_guidance(scope)),
    )


def _channel(scope: FormScope) -> FormField:
    hook = CityRules.channels
    declared = scope.rules.value(hook)
    choices = [
        FormChoice(
            value=key,
            label=declared[key].name,
            help="，".join([in_words(declared[key].hours), *_latencies(scope, key)]),
            group=in_words(declared[key].kind),
        )
        for key in scope.channels
    ]
    return FormField(
        path="channel",
        kind=FormFieldKind.CHOICE,
        label="办理渠道",
        choices=tuple(choices),
        values=(scope.channel,) if scope.channel else (),
        clauses=scope.rules.answer(hook).clauses,
    )


def _latencies(scope: FormScope, key: ChannelId) -> list[str]:
    """Return how long each city reviews, told once if they say alike."""
    asked = turns(scope.rules)
    words = [in_words(r.value(CityRules.review_latency)[key]) for r in asked]
    return list(dict.fromkeys(words))


def _guidance(scope: FormScope) -> Iterator[FormNotice]:
    """Yield where to begin, and what a document says to do step by step."""
    if not scope.channel:
        return
    answer = scope.rules.answer(CityRules.channels)
    channel: Channel = answer.value[scope.channel]
    cited = channel.clauses or answer.clauses
    if channel.entry:
        yield FormNotice(channel.entry, cited, heading="入口")
    for step in channel.steps:
        yield FormNotice(in_words(step), step.clauses or cited, heading="操作步骤")


def _purposes(scope: FormScope) -> FormField:
    hook = CityRules.member_terms
    terms = purposes_of(scope.rules)
    choices = [
        FormChoice(
            value=wire_name(purpose),
            label=in_words(purpose),
            help=f"使用人须{in_words(of_purpose)}",
        )
        for purpose, of_purpose in terms.items()
    ]
    return FormField(
        path="purposes[]",
        kind=FormFieldKind.CHOICES,
        label="共济用途",
        help="至少选一项",
        choices=tuple(choices),
        # The only one there is need not be chosen.
        values=tuple(
            [wire_name(p) for p in terms if p in scope.purposes or len(terms) == 1]
        ),
        clauses=scope.rules.answer(hook).clauses,
    )


def _relation(scope: FormScope) -> FormField:
    hook = CityRules.relations
    choices = [
        FormChoice(value=code, label=relation_name(code), group=_group_of(code))
        for code in sorted(relations_of(scope.rules))
    ]
    return FormField(
        path="relation",
        kind=FormFieldKind.CHOICE,
        label="使用人是授权人的",
        help="如实选择；登记信息查得到亲属关系的，须与登记一致",
        choices=tuple(choices),
        values=(scope.relation,) if scope.relation else (),
        clauses=scope.rules.answer(hook).clauses,
    )


def _group_of(code: str) -> str:
    return next((name for name, codes in KIN if code in codes.split()), "其他")


# --- the people -----------------------------------------------------------------------


def _person(side: str, who: str) -> tuple[FormField, FormField]:
    """Return what names a person: type and number of a certificate."""
    types = [FormChoice(value=code, label=n) for code, n in CERTIFICATE_NAMES.items()]
    instead = f"{side}.person_no"
    return (
        FormField(
            path=f"{side}.certificate.type",
            kind=FormFieldKind.CHOICE,
            label=f"{who}证件类型",
            choices=tuple(types),
            values=(IDENTITY_CARD,),
            instead=instead,
        ),
        FormField(
            path=f"{side}.certificate.number",
            kind=FormFieldKind.TEXT,
            label=f"{who}证件号码",
            help=_NUMBER_HELP,
            example=_EXAMPLE_CARD,
            instead=instead,
            personal=True,
        ),
    )


def _holder(scope: FormScope) -> FormStep:
    required = scope.rules.value(CityRules.identity_checks)[scope.channel]
    checks = [
        FormField(
            path="identity_checks[]",
            kind=FormFieldKind.IDENTITY_CHECK,
            label=f"授权人{in_words(check)}",
            help="由渠道核验授权人的身份，完成之后报送",
            choices=(FormChoice(value=check.value, label=in_words(check)),),
            clauses=scope.rules.answer(CityRules.identity_checks).clauses,
        )
        # Over the enum: fields stand in one order.
        for check in IdentityCheck
        if check in required
    ]
    return FormStep(
        title="授权人",
        help="用谁的个人账户，由本人申请",
        fields=(*_person("holder", "授权人"), *checks),
    )


def _member(scope: FormScope) -> FormStep:
    required = scope.rules.value(CityRules.fields_asked)[scope.channel]
    details = [_detail(scope, field) for field in MemberField if field in required]
    return FormStep(
        title="使用人",
        help="谁可以使用这个账户；所填的须与使用人的登记信息一致",
        fields=(*_person("member", "使用人"), *details),
    )


def _detail(scope: FormScope, field: MemberField) -> FormField:
    place = scope.member_city
    certificate = field is MemberField.CERTIFICATE_NUMBER
    helps = {
        MemberField.NAME: (
            "与使用人的证件一致；空格、全半角、间隔号的写法不影响",
            "李明",
        ),
        MemberField.CERTIFICATE_NUMBER: (_NUMBER_HELP, _EXAMPLE_CARD),
        MemberField.PHONE: (
            "使用人登记的电话号码；空格、连字符、+86不影响",
            "13800138000",
        ),
        MemberField.INSURED_PLACE: ("六位医保区划代码，填到本市即可", place),
    }
    help_text, example = helps[field]
    return FormField(
        path=f"member_details.{field.value}",
        kind=FormFieldKind.TEXT,
        label=f"使用人{in_words(field)}",
        help=help_text,
        example=example,
        values=(place,) if field is MemberField.INSURED_PLACE else (),
        same_as="member.certificate.number" if certificate else "",
        personal=field is not MemberField.INSURED_PLACE,
        clauses=scope.rules.answer(CityRules.fields_asked).clauses,
    )


# --- proofs and agreement -------------------------------------------------------------


def _materials(scope: FormScope) -> Iterator[FormStep]:
    """Yield the step of proofs if the channel asks for any."""
    needs = scope.rules.value(CityRules.materials)[scope.channel]
    clauses = scope.rules.answer(CityRules.materials).clauses
    if needs:
        fields = [_material(need, clauses) for need in needs]
        yield FormStep(title="材料", fields=tuple(fields))


def _material(need: MaterialNeed, clauses: tuple[Clause, ...]) -> FormField:
    kinds = [FormChoice(value=kind.value, label=in_words(kind)) for kind in need.one_of]
    return FormField(
        path="materials[]",
        kind=FormFieldKind.MATERIAL,
        label=need.name,
        help=in_words(need),
        condition=None if need.asked is Asked.ALWAYS else _NOT_ON_RECORD,
        choices=tuple(kinds),
        original=need.original,
        clauses=need.clauses or clauses,
    )


def _agreement(scope: FormScope) -> FormStep:
    agreement = agreement_of(scope.rules, scope.relation, scope.purposes)
    field = FormField(
        path="agreement",
        kind=FormFieldKind.AGREEMENT,
        label=agreement.act,
        help="授权人读过全文之后同意",
        agreement=agreement,
        clauses=scope.rules.answer(CityRules.agreement).clauses,
    )
    return FormStep(title=agreement.title, fields=(field,))
