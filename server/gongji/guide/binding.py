"""The sections on binding: who, for what, why it fails, how it ends, how to look it up."""

from __future__ import annotations

from collections.abc import Iterator

from gongji.guide.comparison import HOURS
from gongji.guide.page import LineList, Said, Section
from gongji.guide.speaker import Speaker, phrase
from gongji.rules.benefits import PURPOSE_USE
from gongji.rules.binding import NoLimit
from gongji.rules.channels import Across, CounterHours
from gongji.rules.codes import Purpose
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import relations_left_out


def sections(speaker: Speaker) -> tuple[Section, ...]:
    """Who may be bound, and what for."""
    return (
        Section("谁可以办理", (LineList(tuple(_who(speaker))),)),
        Section("共济用途与使用范围", (LineList(tuple(_uses(speaker))),)),
    )


def later_sections(speaker: Speaker) -> tuple[Section, ...]:
    """Why a binding fails, and how it ends."""
    hook = CityRules.unbinding
    unbinding = speaker.value(hook)
    told = speaker.says(
        hook, "确认解绑后立即停止使用; 解绑前已共济支付的费用如有退费, 仍退回原账户。"
    )
    return (
        Section("绑定不成功的原因", (LineList(tuple(_failures(speaker))),)),
        speaker.section("如何解绑", hook, unbinding.procedure, told),
    )


def enquiry_sections(speaker: Speaker) -> tuple[Section, ...]:
    """Care elsewhere, the wallet, enquiries."""
    out_of_area, wallet = (
        speaker.value(CityRules.out_of_area),
        speaker.value(CityRules.wallet),
    )
    need = "须先办理备案" if out_of_area.filing_before_direct_settlement else "无须备案"
    effect = (
        "开通即绑定共济关系"
        if wallet.binds
        else "开通医保钱包不绑定任何人, 不产生家庭共济关系"
    )
    need_said = speaker.says(CityRules.out_of_area, f"异地直接结算{need}。")
    effect_said = speaker.says(CityRules.wallet, f"{effect}。")
    return (
        speaker.section(
            "异地就医", CityRules.out_of_area, out_of_area.procedure, need_said
        ),
        speaker.section("医保钱包", CityRules.wallet, wallet.procedure, effect_said),
        Section("如何查询", parts=tuple(_enquiries(speaker))),
    )


def _who(speaker: Speaker) -> Iterator[Said]:
    yield speaker.says(
        CityRules.holder_terms,
        f"授权人: {phrase(speaker.value(CityRules.holder_terms))}。",
    )
    for purpose, terms in speaker.value(CityRules.member_terms).items():
        yield speaker.says(
            CityRules.member_terms, f"使用人(用于{phrase(purpose)}): {phrase(terms)}。"
        )
    relations = speaker.value(CityRules.relations)
    left_out = "、".join(relations_left_out(relations))
    yield speaker.says(
        CityRules.relations,
        f"亲属范围: {phrase(relations)}。"
        + (f"不包括{left_out}。" if left_out else ""),
    )
    yield speaker.says(
        CityRules.scope,
        f"共济范围: 授权人与使用人的参保地须在{phrase(speaker.value(CityRules.scope))}。",
    )
    yield speaker.says(
        CityRules.family_limit,
        f"家庭账户人数: {phrase(speaker.value(CityRules.family_limit))}。",
    )
    yield speaker.says(
        CityRules.giver_limit,
        f"一名使用人的授权人数: {phrase(speaker.value(CityRules.giver_limit))}。",
    )


def _uses(speaker: Speaker) -> Iterator[Said]:
    uses = speaker.value(CityRules.uses)
    offered = [
        purpose
        for purpose in Purpose
        if purpose in speaker.value(CityRules.member_terms)
    ]
    yield speaker.says(
        CityRules.member_terms, f"绑定时选择的用途: {'、'.join(map(phrase, offered))}。"
    )
    hook = CityRules.uses
    places = ("门诊就医", "定点零售药店", "定点医药机构", "个人缴费")
    yield speaker.about(hook, f"共济账户可用于: {phrase(uses.aid_at)}。", *places)
    yield speaker.about(
        hook, f"共济账户支付的部分: {phrase(uses.aid_pays)}。", "合规费用"
    )
    yield speaker.about(
        hook, f"使用人本人账户支付的部分: {phrase(uses.own_pays)}。", "本人个人账户"
    )
    if uses.never:
        yield speaker.about(
            hook,
            f"任何个人账户都不得用于: {phrase(uses.never)}。",
            "不可用于",
            "不得用于",
        )


def _failures(speaker: Speaker) -> Iterator[Said]:
    """One line for each condition the core asks, in its order."""
    yield from _failures_of_people(speaker)
    yield from _failures_of_number(speaker)
    yield from _failures_of_channel(speaker)


def _failures_of_people(speaker: Speaker) -> Iterator[Said]:
    rules = CityRules
    yield speaker.says(
        rules.holder_terms,
        f"授权人不符合参保要求(须{phrase(speaker.value(CityRules.holder_terms))})。",
    )
    for purpose, terms in speaker.value(rules.member_terms).items():
        yield speaker.says(
            rules.member_terms,
            f"使用人不符合参保要求(用于{phrase(purpose)}的, 须{phrase(terms)})。",
        )
    for purpose in Purpose:
        offered = (
            purpose in speaker.value(rules.member_terms)
            and PURPOSE_USE[purpose] in speaker.value(rules.uses).aid_at
        )
        if not offered:
            yield speaker.says(
                rules.uses, f"申请了本市不提供的用途: {phrase(purpose)}。"
            )
    yield speaker.says(
        rules.relations,
        f"关系不属于{speaker.value(rules.relations).name}, 或与登记的亲属关系不一致。",
    )
    yield speaker.says(rules.scope, f"参保地不在{phrase(speaker.value(rules.scope))}。")


def _failures_of_number(speaker: Speaker) -> Iterator[Said]:
    family, givers = (
        speaker.value(CityRules.family_limit),
        speaker.value(CityRules.giver_limit),
    )
    if not isinstance(family, NoLimit):
        yield speaker.says(
            CityRules.family_limit, f"家庭账户人数已满: {phrase(family)}。"
        )
    if not isinstance(givers, NoLimit):
        yield speaker.says(
            CityRules.giver_limit, f"使用人的授权人数已满: {phrase(givers)}。"
        )


def _failures_of_channel(speaker: Speaker) -> Iterator[Said]:
    for channel in speaker.channels.values():
        if channel.across is Across.ONLY_ACROSS_AREAS:
            told = f"{channel.name}只办理{phrase(channel.across)}, 同一统筹区内请用其他渠道。"
            yield speaker.says_of([channel], told)
        if isinstance(channel.hours, CounterHours):
            yield speaker.says_of(
                [channel], f"{channel.name}只在{phrase(channel.hours)}受理。", HOURS
            )
    yield speaker.says(CityRules.identity_checks, "没有完成所选渠道要求的身份核验。")
    yield speaker.says(CityRules.fields_asked, "使用人信息不准确或填写不全。")
    yield speaker.says(CityRules.materials, "缺少所选渠道要求的材料。")
    act = phrase(speaker.value(CityRules.agreement)).partition("》(")[0] + "》"
    yield speaker.says(CityRules.agreement, f"授权人没有{act}。")
    if speaker.value(CityRules.consent).required:
        yield speaker.says(CityRules.consent, "使用人没有表示知情同意。")
    expiry = phrase(speaker.value(CityRules.application_expiry))
    yield speaker.says(
        CityRules.application_expiry, f"申请提交后{expiry}无人答复, 申请失效。"
    )


def _enquiries(speaker: Speaker) -> Iterator[Section]:
    for procedure in speaker.value(CityRules.enquiries):
        yield Section(
            procedure.title, (speaker.steps(CityRules.enquiries, procedure.steps),)
        )
