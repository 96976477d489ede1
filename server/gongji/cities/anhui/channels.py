"""Through which channel (渠道) one binds, with what, reviewed how fast."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time

from gongji.cities.anhui import assumptions as t
from gongji.cities.anhui import clauses as c
from gongji.cities.anhui import days, law
from gongji.cities.anhui.since import provincial, step
from gongji.rules import binding as r
from gongji.rules.channels import (
    Across,
    Asked,
    AtOnce,
    Channel,
    ChannelClauses,
    ChannelId,
    ChannelKind,
    CounterHours,
    DeadlineClauses,
    Deadlines,
    IdentityCheck,
    MaterialKind,
    MaterialNeed,
    MemberField,
    Procedure,
    ReviewLatency,
)
from gongji.rules.clauses import Timeline
from gongji.rules.codes import MarkKind
from gongji.rules.hookspecs import hookimpl

ONLINE: tuple[ChannelId, ...] = (
    "wanshitong",
    "minip_wechat",
    "minip_alipay",
    "national_app",
)
"""Channels of the whole province that people use from a phone."""

PROOFS = (
    MaterialKind.HOUSEHOLD_REGISTER,
    MaterialKind.MARRIAGE_CERTIFICATE,
    MaterialKind.BIRTH_CERTIFICATE,
    MaterialKind.OTHER_RELATIONSHIP_PROOF,
)
"""What may prove a relation: 户口簿、结婚证等 (A22)."""


_ALL_DAY = ChannelClauses(hours=(t.T11,))

_CHANNELS = {
    "wanshitong": Channel(
        name="皖事通APP",
        kind=ChannelKind.APP,
        clauses=(c.A1,),
        row_clauses=_ALL_DAY,
    ),
    "minip_wechat": Channel(
        name="安徽医保公共服务小程序（微信）",
        kind=ChannelKind.MINI_PROGRAM,
        clauses=(c.A1, c.A18),
        row_clauses=_ALL_DAY,
    ),
    "minip_alipay": Channel(
        name="安徽医保公共服务小程序（支付宝）",
        kind=ChannelKind.MINI_PROGRAM,
        clauses=(c.A1, c.A18),
        row_clauses=_ALL_DAY,
    ),
    "national_app": Channel(
        name="国家医保服务平台APP",
        kind=ChannelKind.APP,
        across=Across.ONLY_ACROSS_AREAS,
        also_for=frozenset({MarkKind.CROSS_PROVINCE_FILING}),
        clauses=(c.A19,),
        row_clauses=_ALL_DAY,
    ),
    "window": Channel(
        name="线下医保经办窗口",
        kind=ChannelKind.COUNTER,
        hours=CounterHours(opens=time(9), closes=time(17)),
        clauses=(c.A1, c.A42, t.T11),
        short_name="线下窗口",
        row_clauses=ChannelClauses(materials=(c.A36,), hours=(c.A42, t.T11)),
    ),
}


@hookimpl
def channels() -> Timeline[Mapping[ChannelId, Channel]]:
    """绑定须通过皖事通APP、安徽医保公共服务小程序或线下医保经办窗口（A1）；
    国家医保服务平台APP限异地共济（A19）。"""
    return provincial(
        _CHANNELS,
        clauses=[c.A1, c.A19, t.T11],
        against=[c.C2, c.C3, c.C69, c.H2],
        why=(
            "X8：渠道是各城市自己声明的代号与名称，全省取A1所列。X17："
            "国家医保服务平台APP按A19只受理双方不在同一统筹区的、或一方为跨省备案人员的绑定；"
            "H2所写的是开通医保钱包，不是绑定。"
        ),
        settles=[c.X8, c.X17],
    )


@hookimpl
def identity_checks() -> Timeline[Mapping[ChannelId, frozenset[IdentityCheck]]]:
    """所有参与共济的成员须完成实名认证（A14）；窗口当面查验（A1）。"""
    online = dict.fromkeys(ONLINE, frozenset({IdentityCheck.REAL_NAME}))
    return provincial(
        {**online, "window": frozenset({IdentityCheck.ID_CARD_SEEN})},
        clauses=[c.A1, c.A14, t.T12],
        why="A1只写身份验证，A14写实名认证；人脸识别、医保电子凭证只见于各市文件，作为各市的值。",
    )


@hookimpl
def fields_asked() -> Timeline[Mapping[ChannelId, frozenset[MemberField]]]:
    """输入使用人姓名、身份证号、医保参保地（A25）；窗口填使用人身份信息（A22）。"""
    identity_of_member = frozenset({MemberField.NAME, MemberField.CERTIFICATE_NUMBER})
    online = dict.fromkeys(ONLINE, identity_of_member | {MemberField.INSURED_PLACE})
    return provincial(
        {**online, "window": identity_of_member},
        clauses=[c.A25, c.A22, t.T12],
        against=[c.C4, c.S42],
        why="X11：四项信息均可填报，各市声明必填项；省内可跨统筹区，故比照A25须填参保地。",
        settles=[c.X11],
    )


@hookimpl
def materials() -> Timeline[Mapping[ChannelId, tuple[MaterialNeed, ...]]]:
    """窗口验身份证、社保卡、关系证明原件（A36，A22）；线上只在登记信息查不到亲属关系时要
    关系证明（推定 T18）。"""
    proof = MaterialNeed(
        name="关系证明", one_of=PROOFS, asked=Asked.RELATION_NOT_ON_RECORD
    )
    return provincial(
        {
            **dict.fromkeys(ONLINE, (proof,)),
            "window": (
                MaterialNeed(
                    name="授权人身份证",
                    one_of=(MaterialKind.HOLDER_ID_CARD,),
                    original=True,
                ),
                MaterialNeed(
                    name="授权人社保卡",
                    one_of=(MaterialKind.HOLDER_SOCIAL_SECURITY_CARD,),
                    original=True,
                ),
                MaterialNeed(name="关系证明", one_of=PROOFS, original=True),
            ),
        },
        clauses=[c.A36, c.A22, t.T12, t.T18],
        why="文件只写了安庆与滁州的材料；其余城市比照安庆，线上不一概要求上传。",
    )


@hookimpl
def agreement() -> Timeline[r.AgreementTerms]:
    """确认关系并签署电子协议（A26）；关系类型需如实选择。"""
    return provincial(
        r.AgreementTerms(
            agreement_id="anhui-family-aid",
            version="2025",
            title="职工医保个人账户家庭共济电子协议",
            act="如实选择关系并签署",
        ),
        clauses=[c.A26, t.T12],
        why="A26写电子协议而无名称；名称与版本号由本服务拟定，供留存证据用。",
    )


@hookimpl
def consent() -> Timeline[r.ConsentTerms]:
    """由主账户人发起绑定申请，使用人知情同意（A13）。"""
    return provincial(
        r.ConsentTerms(
            required=True,
            guardian_below_years=18,
            member_checked_by=frozenset(
                {IdentityCheck.REAL_NAME, IdentityCheck.ID_CARD_SEEN}
            ),
            clauses=r.ConsentClauses(
                member_checked_by=(c.A14, t.T71, t.T12),
                guardian=(c.A13, t.T19, law.L17, law.L23),
            ),
        ),
        clauses=[c.A13, c.A14, t.T12, t.T19, t.T71, law.L17, law.L23],
        against=[c.C4],
        why="X10：A13写明使用人知情同意；滁州的流程只有授权人操作，作为滁州的值。",
        settles=[c.X10],
    )


@hookimpl
def review_latency() -> Timeline[Mapping[ChannelId, ReviewLatency]]:
    """提交申请，等待系统审核，通常1-3个工作日内完成（A27）。"""
    review = ReviewLatency(
        at_once=AtOnce.NEVER, working_days=3, earliest_working_days=1
    )
    return provincial(
        dict.fromkeys((*ONLINE, "window"), review),
        clauses=[c.A27, t.T7],
        why="全省没有统一的审核时限；没有自己规定的城市取A27的上限，不承诺即时生效。",
    )


@hookimpl
def deadlines() -> Timeline[Deadlines]:
    """开始的当日不计入（L201），至最后一日停止业务活动的时间为止（L203，A42）。"""
    return provincial(
        Deadlines(
            due_at=time(17),
            clauses=DeadlineClauses(
                due_at=(days.L203, c.A42, days.T51),
                first_day=(days.L201, days.T51),
                working_days=(days.F2, days.T52),
                across=(t.T110,),
            ),
        ),
        clauses=[days.L201, days.L203, c.A42, days.F2, days.T51, days.T52, t.T110],
        why="没有文件写明；民法典与放假办法是一般规定，业务时间取窗口的（A42）。",
    )


@hookimpl
def application_expiry() -> Timeline[int]:
    """绑定申请提交后30日内无人答复的，自动失效（推定 T3）。"""
    return provincial(
        30, clauses=[t.T3], why="没有文件规定；申请不能无限期占用家庭账户名额。"
    )


@hookimpl
def unbinding() -> Timeline[r.Unbinding]:
    """进入“已绑定家庭成员”，选择成员，点击“解绑”并确认（C30）。"""
    return provincial(
        r.Unbinding(
            procedure=Procedure(title="解绑", steps=(step(c.C30.text, c.C30),)),
            again_clauses=(t.T47,),
        ),
        clauses=[c.C30, t.T15, t.T47],
        against=[c.S32, c.S44],
        why="C30确认即解绑；次日生效（S32）与窗口经审核（S44）均未经证实。",
    )
