"""The sections on binding (绑定): who, for what, why it fails, how it ends, enquiries."""

from __future__ import annotations

from collections.abc import Iterator

from gongji.guide.builder import GuideBuilder, phrase
from gongji.guide.cross import two_cities
from gongji.guide.elsewhere import at_the_counter, out_of_area
from gongji.guide.page import (
    Section,
    Statement,
    list_section,
)
from gongji.rules.benefits import PURPOSE_USE, Uses
from gongji.rules.binding import EnrolmentTerms, NoLimit, NotOffered, offered
from gongji.rules.channels import (
    Across,
    Channel,
    CounterHours,
)
from gongji.rules.codes import Purpose, ResidueOf
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import (
    act_in_words,
    hours_in_words,
    money_in_words,
    pairs_taken,
    paying_in_words,
    relations_left_out,
    returning_in_words,
)


def sections(builder: GuideBuilder) -> tuple[Section, ...]:
    """Return who may be bound, and what for."""
    uses = (_purposes(builder), *_uses(builder))
    return (
        list_section("谁可以办理", _people(builder)),
        list_section("共济用途与使用范围", uses),
    )


def later_sections(builder: GuideBuilder) -> tuple[Section, ...]:
    """Return why a binding fails, and how it ends."""
    # In the order in which the core asks its conditions (binding/eligibility.py).
    failures = (
        *_failures_of_people(builder),
        *_failures_of_number(builder),
        *_failures_of_channel(builder),
        *_failures_of_form(builder),
    )
    effect = builder.statement(
        CityRules.unbinding,
        "确认解绑后立即停止使用；解绑前已共济支付的费用如有退费，仍退回原账户。",
    )
    procedure = builder.value(CityRules.unbinding).procedure
    return (
        list_section("绑定不成功的原因", failures),
        builder.section(
            "如何解绑",
            CityRules.unbinding,
            procedure,
            effect,
        ),
    )


def enquiry_sections(builder: GuideBuilder) -> tuple[Section, ...]:
    """Return what is shown at the counter, care elsewhere, two cities, wallet, enquiries."""
    enquiries = [
        Section(
            procedure.title,
            (builder.steps(CityRules.enquiries, procedure.steps),),
        )
        for procedure in builder.value(CityRules.enquiries)
    ]
    return (
        at_the_counter(builder),
        out_of_area(builder),
        two_cities(builder),
        _wallet(builder),
        Section("如何查询", parts=tuple(enquiries)),
    )


def _wallet(builder: GuideBuilder) -> Section:
    hook = CityRules.wallet
    wallet = builder.value(hook)
    nobody = "开通医保钱包不绑定任何人，不产生家庭共济关系。"
    effect = builder.statement(
        hook,
        "开通即绑定共济关系。" if wallet.binds else nobody,
    )
    return builder.section(
        "医保钱包",
        hook,
        wallet.procedure,
        effect,
        *_transfers(builder),
        *_paying(builder),
    )


def _transfers(builder: GuideBuilder) -> Iterator[Statement]:
    """Yield how money comes into a relative's wallet, and back."""
    hook = CityRules.wallet_terms
    terms = builder.value(hook)
    cited = terms.clauses
    number = phrase(terms).partition("，")[0]
    yield builder.statement(hook, f"转账{number}。", cited.number)
    if not isinstance(terms.most_fen, NoLimit):
        most = money_in_words(terms.most_fen)
        yield builder.statement(hook, f"转账每笔不超过{most}。", cited.amount)
    yield builder.statement(hook, f"{hours_in_words(terms)}。", cited.hours)
    if terms.one_at_a_time:
        yield builder.statement(
            hook, "前一笔转账未被接收之前，不得再转。", cited.waiting
        )
    yield builder.statement(
        hook,
        "接收人须是亲属范围之内的亲属，并已开通医保钱包。",
        (*cited.relation, *cited.receiver),
    )
    yield builder.statement(hook, f"转账{returning_in_words(terms)}。", cited.returning)


def _paying(builder: GuideBuilder) -> Iterator[Statement]:
    """Yield what one's own wallet pays, and where."""
    hook = CityRules.wallet_terms
    terms = builder.value(hook)
    cited = terms.clauses
    yield builder.statement(hook, f"{paying_in_words(terms)}。", cited.paying)
    only_there = "医保钱包只在使用地支付：就医地不在使用地之内的，请先变更使用地。"
    yield builder.statement(hook, only_there, cited.place)


def _people(builder: GuideBuilder) -> Iterator[Statement]:
    terms = builder.value(CityRules.holder_terms)
    text = f"授权人：{phrase(terms)}。"
    yield builder.statement(CityRules.holder_terms, text, terms.clauses)
    for purpose, terms in offered(builder.value(CityRules.member_terms)).items():
        yield builder.statement(
            CityRules.member_terms,
            f"使用人（用于{phrase(purpose)}）：{phrase(terms)}。",
            terms.clauses,
        )
    yield _relations(builder)
    yield builder.value_in(CityRules.marriage, "配偶：{}。")
    yield builder.value_in(CityRules.scope, "共济范围：授权人与使用人的参保地须在{}。")
    yield builder.value_in(CityRules.family_limit, "家庭账户人数：{}。")
    yield builder.value_in(CityRules.giver_limit, "一名使用人的授权人数：{}。")
    yield builder.value_in(CityRules.lapsed_places, "绑定暂停期间{}。")


def _relations(builder: GuideBuilder) -> Statement:
    relations = builder.value(CityRules.relations)
    text = f"亲属范围：{phrase(relations)}。"
    if left_out := relations_left_out(relations):
        text += f"不包括{'、'.join(left_out)}。"
    return builder.statement(CityRules.relations, text)


def _purposes(builder: GuideBuilder) -> Statement:
    terms = offered(builder.value(CityRules.member_terms))
    purposes = [purpose for purpose in Purpose if purpose in terms]
    return builder.statement(
        CityRules.member_terms,
        f"绑定时选择的用途：{'、'.join(map(phrase, purposes))}。",
        [clause for purpose in purposes for clause in terms[purpose].clauses],
    )


def _uses(builder: GuideBuilder) -> Iterator[Statement]:
    hook = CityRules.uses
    uses = builder.value(hook)
    cited = uses.clauses
    yield builder.statement(
        hook,
        f"共济账户可用于：{phrase(uses.aid_at)}。",
        cited.aid_at,
    )
    yield builder.statement(
        hook,
        f"共济账户支付的部分：{phrase(uses.aid_pays)}。",
        cited.aid_pays,
    )
    yield builder.statement(
        hook,
        f"共济账户支付的剩余自付：{_residues(uses)}。",
        cited.aid_residue_of,
    )
    yield builder.statement(
        hook,
        f"使用人本人账户支付的部分：{phrase(uses.own_pays)}。",
        cited.own_pays,
    )
    if uses.never:
        yield builder.statement(
            hook,
            f"任何个人账户都不得用于：{phrase(uses.never)}。",
            cited.never,
        )


def _residues(uses: Uses) -> str:
    """Return which remainders a giver's purse may pay, and which not."""
    never = frozenset(ResidueOf) - uses.aid_residue_of
    texts = []
    if uses.aid_residue_of:
        texts.append(f"可支付{phrase(uses.aid_residue_of)}支付后的剩余自付")
    if never:
        texts.append(f"不支付{phrase(never)}支付后的剩余自付")
    return "，".join(texts)


def _failures_of_people(builder: GuideBuilder) -> Iterator[Statement]:
    """Return a line for each condition on the people, in the order the core asks."""
    holder = builder.value(CityRules.holder_terms)
    text = f"授权人不符合参保要求（须{phrase(holder)}）。"
    yield builder.statement(CityRules.holder_terms, text, holder.clauses)
    by_purpose = builder.value(CityRules.member_terms)
    for purpose, terms in offered(by_purpose).items():
        yield builder.statement(
            CityRules.member_terms,
            f"使用人不符合参保要求（用于{phrase(purpose)}的，须{phrase(terms)}）。",
            terms.clauses,
        )
    for purpose in Purpose:
        yield from _failure_of_purpose(builder, purpose, by_purpose.get(purpose))
    relations = builder.value(CityRules.relations).name
    yield builder.statement(
        CityRules.relations,
        f"关系不属于{relations}，或与登记的亲属关系、出生日期不一致。",
    )
    yield builder.value_in(CityRules.marriage, "申报的配偶关系不符合：{}。")
    yield builder.value_in(CityRules.scope, "参保地不在{}。")


def _failure_of_purpose(
    builder: GuideBuilder, purpose: Purpose, terms: EnrolmentTerms | NotOffered | None
) -> Iterator[Statement]:
    """Yield a line if the city does not offer a purpose, or no purse may be used for it."""
    text = f"申请了本市不提供的用途：{phrase(purpose)}。"
    if not isinstance(terms, EnrolmentTerms):
        cited = () if terms is None else (terms.clause,)
        yield builder.statement(CityRules.member_terms, text, cited)
    elif PURPOSE_USE[purpose] not in builder.value(CityRules.uses).aid_at:
        yield builder.statement(CityRules.uses, text)


def _failures_of_number(builder: GuideBuilder) -> Iterator[Statement]:
    if not isinstance(
        builder.value(CityRules.family_limit),
        NoLimit,
    ):
        yield builder.value_in(CityRules.family_limit, "家庭账户人数已满：{}。")
    if not isinstance(
        builder.value(CityRules.giver_limit),
        NoLimit,
    ):
        yield builder.value_in(CityRules.giver_limit, "使用人的授权人数已满：{}。")
    yield builder.statement(
        CityRules.unbinding,
        "该成员已绑定或正在办理，不能重复申请；如要更改，先解绑。",
        builder.value(CityRules.unbinding).again_clauses,
    )


def _failures_of_channel(builder: GuideBuilder) -> Iterator[Statement]:
    for channel in builder.channels.values():
        if channel.across is Across.ONLY_ACROSS_AREAS:
            pairs = pairs_taken(channel)
            text = f"{channel.name}只办理{pairs}，同一统筹区内请用其他渠道。"
            yield builder.on_channels([channel], text)
        if isinstance(channel.hours, CounterHours):
            yield _failure_of_hours(builder, channel)


def _failure_of_hours(
    builder: GuideBuilder,
    channel: Channel,
) -> Statement:
    text = f"{channel.name}只在{phrase(channel.hours)}受理。"
    if channel.row_clauses.hours:
        clauses = channel.row_clauses.hours
        return builder.statement(CityRules.channels, text, clauses)
    return builder.on_channels([channel], text)


def _failures_of_form(builder: GuideBuilder) -> Iterator[Statement]:
    yield builder.statement(
        CityRules.identity_checks, "没有完成所选渠道要求的身份核验。"
    )
    yield builder.statement(CityRules.fields_asked, "使用人信息不准确或填写不全。")
    yield builder.statement(CityRules.materials, "缺少所选渠道要求的材料。")
    act = act_in_words(builder.value(CityRules.agreement))
    yield builder.statement(
        CityRules.agreement,
        f"授权人没有{act}。",
    )
    if builder.value(CityRules.consent).required:
        yield builder.statement(CityRules.consent, "使用人没有表示知情同意。")
    yield builder.value_in(
        CityRules.application_expiry, "申请提交后{}无人答复，申请失效。"
    )
