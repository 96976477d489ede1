"""安庆市的规则：每个钩子上方写条款，条款原文见 clauses.py；没有写的钩子从省级规则。"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from gongji import (
    ALL_PARTS,
    CLOSE,
    AgreementTerms,
    Asked,
    AtOnce,
    BillPart,
    Candidate,
    Channel,
    ChannelId,
    ConsentClauses,
    ConsentTerms,
    EnrolmentTerms,
    Identity,
    IdentityCheck,
    MaterialKind,
    MaterialNeed,
    MemberField,
    Note,
    NotOffered,
    Purpose,
    RelationSet,
    ResidueOf,
    ReviewLatency,
    Scheme,
    Scope,
    Spending,
    Timeline,
    Use,
    Uses,
    UsesClauses,
    hookimpl,
    ruled,
)

from . import clauses as c
from .channel_table import CHANNELS
from .revisions import REVISIONS

_anqing = partial(ruled, since="2022-07-01")
"""安徽省自2022年起实施家庭共济（A6），起始日依省级规则（C53）。"""

ONLINE: tuple[ChannelId, ...] = (
    "wanshitong",
    "minip_wechat",
    "minip_alipay",
    "national_app",
)
AT_COUNTER: tuple[ChannelId, ...] = ("window", "bank")

PROOFS = (
    MaterialKind.HOUSEHOLD_REGISTER,
    MaterialKind.MARRIAGE_CERTIFICATE,
    MaterialKind.BIRTH_CERTIFICATE,
    MaterialKind.OTHER_RELATIONSHIP_PROOF,
)
"""关系证明：户口簿、结婚证等（A22）。"""


@hookimpl
def identity() -> Identity:
    """安庆市，医保区划 340800。"""
    return Identity(area_code="340800", name="安庆市")


# --- 绑定: 谁与谁 ---------------------------------------------------------------------


@hookimpl
def member_terms() -> Timeline[Mapping[Purpose, EnrolmentTerms | NotOffered]]:
    """须为安徽省内基本医疗保险参保人，含职工医保、城乡居民医保（A9）；
    不提供居民医保缴费（T-AQ9）。"""
    return _anqing(
        {
            Purpose.VISIT: EnrolmentTerms(
                schemes=frozenset({Scheme.EMPLOYEE, Scheme.RESIDENT}), clauses=(c.A9,)
            ),
            Purpose.RESIDENT_PREMIUM: NotOffered(c.T_AQ9),
        },
        clauses=[c.A9, c.T_AQ9],
        against=[c.C21, c.C68],
        why=(
            "X4：按用途分开。就医购药依A9，职工与居民均可；"
            "安庆的材料没有写居民医保缴费，不提供该用途。"
        ),
        settles=[c.X4],
    )


@hookimpl
def relations() -> Timeline[RelationSet]:
    """主账户人的配偶、父母、子女等近亲属（A9）。"""
    return _anqing(
        CLOSE,
        clauses=[c.A9, c.S9],
        against=[c.A3, c.C26, c.C67],
        why="X5：A9是对使用人的正式表述，写近亲属；A3只是举例。近亲属包括哪些人材料未写，依S9。",
        settles=[c.X5],
    )


@hookimpl
def scope() -> Timeline[Scope]:
    """使用人须为安徽省内参保人（A9）。"""
    return _anqing(
        Scope.PROVINCE,
        clauses=[c.A9],
        against=[c.C27],
        why="X3：安庆的材料写安徽省内；同一统筹区（C27）是滁州的。",
        settles=[c.X3],
    )


# --- 绑定: 哪个渠道, 要什么 -----------------------------------------------------------


@hookimpl
def channels() -> Timeline[Mapping[ChannelId, Channel]]:
    """皖事通（A17），小程序（A18），国家平台APP（A19），经办窗口（A20），合作银行网点
    （A21）；窗口工作日9:00-17:00（A42）。"""
    return _anqing(
        CHANNELS,
        clauses=[c.A1, c.A17, c.A18, c.A19, c.A20, c.A21, c.A40, c.A41, c.A42],
        against=[c.C2, c.C3, c.C69, c.H2, c.A30],
        why=(
            "X8：各处对同一业务的称呼不同，渠道按安庆材料所用的名称声明。X17："
            "国家医保服务平台APP依A19只受理双方不在同一统筹区的绑定；"
            "H2所写的是开通医保钱包，不是绑定。X18：“即时办结”（A30）以窗口开门（A42）"
            "为前提，服务时间以外不受理，答复下次开门时间。"
        ),
        settles=[c.X8, c.X17, c.X18],
    )


@hookimpl
def identity_checks() -> Timeline[Mapping[ChannelId, frozenset[IdentityCheck]]]:
    """须完成实名认证（A14）；皖事通另需人脸识别（A24）；窗口查验身份证（A36）。"""
    return _anqing(
        {
            **dict.fromkeys(ONLINE, frozenset({IdentityCheck.REAL_NAME})),
            "wanshitong": frozenset({IdentityCheck.REAL_NAME, IdentityCheck.FACE}),
            **dict.fromkeys(AT_COUNTER, frozenset({IdentityCheck.ID_CARD_SEEN})),
        },
        clauses=[c.A14, c.A24, c.A36, c.T_AQ2, c.T_AQ7],
        against=[c.C2, c.C10],
        why=(
            "X9：身份核验按市、按渠道取值；人脸识别只写在安庆皖事通的步骤里，"
            "电子凭证授权是滁州的。"
        ),
        settles=[c.X9],
    )


@hookimpl
def fields_asked() -> Timeline[Mapping[ChannelId, frozenset[MemberField]]]:
    """输入使用人姓名、身份证号、医保参保地（A25）；窗口填使用人身份信息（A22）。"""
    person = frozenset({MemberField.NAME, MemberField.CERTIFICATE_NUMBER})
    return _anqing(
        {
            **dict.fromkeys(ONLINE, person | {MemberField.INSURED_PLACE}),
            **dict.fromkeys(AT_COUNTER, person),
        },
        clauses=[c.A25, c.A18, c.A22, c.T_AQ1, c.T_AQ2, c.T_AQ4],
        against=[c.C4],
        why=(
            "X11：申请可填四项信息，必填项由各市声明；安庆可省内跨统筹区，"
            "故线上须填参保地，不要求联系电话。"
        ),
        settles=[c.X11],
    )


@hookimpl
def materials() -> Timeline[Mapping[ChannelId, tuple[MaterialNeed, ...]]]:
    """线上仅需在线身份验证（A34，A35）；窗口须身份证、社保卡、关系证明原件（A36，A22）。"""
    if_unknown = MaterialNeed(
        name="关系证明", one_of=PROOFS, asked=Asked.RELATION_NOT_ON_RECORD
    )
    originals = (
        MaterialNeed(
            name="授权人身份证", one_of=(MaterialKind.HOLDER_ID_CARD,), original=True
        ),
        MaterialNeed(
            name="授权人社保卡",
            one_of=(MaterialKind.HOLDER_SOCIAL_SECURITY_CARD,),
            original=True,
        ),
        MaterialNeed(name="关系证明", one_of=PROOFS, original=True),
    )
    return _anqing(
        {
            **dict.fromkeys(ONLINE, (if_unknown,)),
            **dict.fromkeys(AT_COUNTER, originals),
        },
        clauses=[c.A34, c.A35, c.A36, c.T_AQ1, c.T_AQ3],
        against=[c.A22, c.C4, c.C8, c.C13],
        why="X7：材料按市、按渠道取值。A22的总表写在线下办理之下，与A36一致，不适用于线上；"
        "线上查不到亲属关系而须人工审核的，才要关系证明。使用人身份信息（A22）是填报项，不是原件。",
        settles=[c.X7],
    )


@hookimpl
def agreement() -> Timeline[AgreementTerms]:
    """确认关系并签署电子协议，关系类型需如实选择（A26）；身份核验、信息填报与账户授权（A5）。"""
    return _anqing(
        AgreementTerms(
            agreement_id="anqing-family-aid",
            version="2025",
            title="职工医保个人账户家庭共济电子协议",
            act="如实选择关系并签署",
        ),
        clauses=[c.A26, c.A5],
        why="A26写电子协议而无名称与版本，由本服务拟定，供留存证据用。",
    )


@hookimpl
def consent() -> Timeline[ConsentTerms]:
    """由主账户人发起绑定申请，使用人知情同意（A13）。"""
    return _anqing(
        ConsentTerms(
            required=True,
            guardian_below_years=18,
            member_checked_by=frozenset(
                {IdentityCheck.REAL_NAME, IdentityCheck.ID_CARD_SEEN}
            ),
            clauses=ConsentClauses(
                guardian=(c.A13, c.T_AQ8, c.L17, c.L23),
                member_checked_by=(c.A14, c.T_AQ60),
            ),
        ),
        clauses=[c.A13, c.A14, c.T_AQ8, c.T_AQ60, c.L17, c.L23],
        against=[c.C4, c.C13],
        why="X10：安庆的材料写明使用人知情同意；只有授权人操作的流程是滁州的。",
        settles=[c.X10],
    )


@hookimpl
def review_latency() -> Timeline[Mapping[ChannelId, ReviewLatency]]:
    """皖事通实时审核即时生效（A28），否则1-3个工作日（A27）；小程序1-3个工作日（A29）；
    窗口即时办结（A30）。"""
    reviewed = partial(ReviewLatency, working_days=3, earliest_working_days=1)
    return _anqing(
        {
            "wanshitong": reviewed(
                at_once=AtOnce.IF_CHECKS_PASS, clauses=(c.A28, c.A27)
            ),
            "minip_wechat": reviewed(at_once=AtOnce.NEVER, clauses=(c.A29,)),
            "minip_alipay": reviewed(at_once=AtOnce.NEVER, clauses=(c.A29,)),
            "national_app": reviewed(at_once=AtOnce.NEVER, clauses=(c.A29, c.T_AQ2)),
            "window": ReviewLatency(at_once=AtOnce.ALWAYS, clauses=(c.A30,)),
            "bank": ReviewLatency(at_once=AtOnce.ALWAYS, clauses=(c.A30, c.T_AQ1)),
        },
        clauses=[c.A28, c.A27, c.A29, c.A30, c.T_AQ1, c.T_AQ2],
        against=[c.A27, c.C4, c.C8, c.C13],
        why=(
            "X1：自动核验（登记信息查得到亲属关系、双方参保、范围相符）"
            "全部通过的即时生效（A28）；其余进入审核，至迟3个工作日（A27）。X2："
            "审核按市、按渠道取值，提交即完成是滁州的。"
        ),
        settles=[c.X1, c.X2],
    )


# --- 个人账户 -------------------------------------------------------------------------


@hookimpl
def uses() -> Timeline[Uses]:
    """门诊就医的合规费用（A10），药店的药品、医疗器械、医用耗材（A11）；
    不可用于公共卫生、体育健身、养生保健（A12）。"""
    return _anqing(
        Uses(
            aid_at=frozenset({Use.OUTPATIENT, Use.PHARMACY}),
            aid_pays=frozenset({BillPart.IN_SCOPE, BillPart.FIRST_SELFPAY}),
            own_pays=ALL_PARTS,
            never=frozenset(
                {Spending.PUBLIC_HEALTH, Spending.FITNESS, Spending.WELLNESS}
            ),
            aid_residue_of=frozenset({ResidueOf.CHRONIC}),
            clauses=UsesClauses(
                aid_at=(c.A10, c.A11),
                uses={Use.OUTPATIENT: (c.A10,), Use.PHARMACY: (c.A11,)},
                aid_residue_of=(c.A10, c.T_AQ10),
                aid_pays=(c.A10,),
                own_pays=(c.T_AQ5,),
                never=(c.A12,),
            ),
        ),
        clauses=[c.A10, c.A11, c.A12, c.T_AQ5, c.T_AQ10],
        against=[c.A3, c.C68, c.S9],
        why="X15：使用场景逐条列出门诊与药店（A10、A11），比A3的概述完整；"
        "居民医保缴费（C68）是滁州的。"
        "X16：共济只付合规费用（A10），即政策范围内与先行自付的剩余；S9较宽，出自四川，作候选。",
        settles=[c.X15, c.X16],
    )


# --- 给人看的 -------------------------------------------------------------------------


@hookimpl
def notes() -> Timeline[tuple[Note, ...]]:
    """共济是什么（A3），绑定是关键步骤（A5），全流程线上办理（A16），推荐优先线上、
    窗口兜底（A43）。"""
    return _anqing(
        (
            Note(heading="什么是共济", clause=c.A3),
            Note(heading="为什么要绑定", clause=c.A5),
            Note(heading="怎么选渠道", clause=c.A16),
            Note(heading="怎么选渠道", clause=c.A43),
        ),
        clauses=[c.A3, c.A5, c.A16, c.A43],
    )


@hookimpl
def candidates() -> tuple[Candidate, ...]:
    """未经证实或出自外省的修订，见 revisions.py；运营方写明起始日并采用之前不决定任何事项。"""
    return REVISIONS
