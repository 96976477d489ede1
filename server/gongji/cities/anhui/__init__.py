"""The province's own answers to the hooks, asked where a city is silent; what a city
lent it is marked 推定 (T…)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from functools import partial
from typing import TYPE_CHECKING

from gongji.cities.anhui import clauses as c
from gongji.rules import benefits as b
from gongji.rules import binding as r
from gongji.rules.channels import (
    Across,
    Asked,
    AtOnce,
    Channel,
    ChannelId,
    ChannelKind,
    CounterHours,
    IdentityCheck,
    MaterialKind,
    MaterialNeed,
    MemberField,
    Note,
    Procedure,
    ReviewLatency,
    Step,
)
from gongji.rules.clauses import Candidate, Clause, Timeline, ruled
from gongji.rules.codes import Purpose, Scheme, Spending, Standing, VisitKind
from gongji.rules.hookspecs import hookimpl
from gongji.rules.money import Rounding

if TYPE_CHECKING:

    def identity() -> r.Identity:
        """Every city answers this itself; declared so that mypy holds this module
        against the whole contract."""


SINCE = "2022-07-01"
"""First day of the family aid mechanism and of the outpatient benefits (C53, A6)."""

_provincial = partial(ruled, since=SINCE)


def _step(text: str, *clauses: Clause, caution: str = "") -> Step:
    return Step(text=text, caution=caution, clauses=clauses)


ONLINE: tuple[ChannelId, ...] = (
    "wanshitong",
    "minip_wechat",
    "minip_alipay",
    "national_app",
)
"""Channels of the whole province that people use from a phone."""

_KIND = MaterialKind

PROOFS = (
    _KIND.HOUSEHOLD_REGISTER,
    _KIND.MARRIAGE_CERTIFICATE,
    _KIND.BIRTH_CERTIFICATE,
    _KIND.OTHER_RELATIONSHIP_PROOF,
)
"""What may prove a relation: 户口簿、结婚证等 (A22)."""


# --- binding: who, with whom ----------------------------------------------------------


@hookimpl
def holder_terms() -> Timeline[r.EnrolmentTerms]:
    """主账户人: 安徽省内正常参加职工基本医疗保险的参保人员 (A8)."""
    return _provincial(
        r.EnrolmentTerms(schemes=frozenset({Scheme.EMPLOYEE})),
        clauses=[c.A8, c.A6, c.C53],
        against=[c.A2, c.C1],
        why=(
            "X12: 两份文件都写机制自2022年起, C53写明2022年7月1日; "
            "2025年是网页的年份, 不是起始日。"
        ),
        settles=[c.X12],
    )


@hookimpl
def member_terms() -> Timeline[Mapping[Purpose, r.EnrolmentTerms]]:
    """使用人须为安徽省内基本医疗保险参保人, 含职工医保、城乡居民医保 (A9)."""
    return _provincial(
        {
            Purpose.VISIT: r.EnrolmentTerms(
                schemes=frozenset({Scheme.EMPLOYEE, Scheme.RESIDENT})
            )
        },
        clauses=[c.A9],
        against=[c.C21, c.C68],
        why=(
            "X4: 按用途分开。就医购药按A9, 职工与居民均可; "
            "居民医保缴费只有滁州写明(C68), 全省不提供该用途。"
        ),
        settles=[c.X4],
    )


@hookimpl
def relations() -> Timeline[r.RelationSet]:
    """主账户人的配偶、父母、子女等近亲属 (A9); 近亲属的范围依 S9."""
    return _provincial(
        r.CLOSE,
        clauses=[c.A9, c.S9],
        against=[c.A3, c.C26, c.C67, c.S8],
        why=(
            "X5: A9写近亲属且主语是全省; 近亲属包括哪些人, 两份文件未写, 依S9; "
            "S8称2024年8月起才扩大, 未经证实。"
        ),
        settles=[c.X5],
    )


@hookimpl
def scope() -> Timeline[r.Scope]:
    """使用人须为安徽省内参保人 (A9): 省内可跨统筹区."""
    return _provincial(
        r.Scope.PROVINCE,
        clauses=[c.A9],
        against=[c.C27, c.C28],
        why="X3: A9的主语是全省; 同一统筹区的要求只见于滁州网页, 作为滁州的值。跨省只有医保钱包。",
        settles=[c.X3],
    )


@hookimpl
def family_limit() -> Timeline[r.FamilyLimit | r.NoLimit]:
    """限额管理只限金额, 不限人数 (A15)."""
    return _provincial(
        r.NO_LIMIT,
        clauses=[c.A15, c.T9],
        against=[c.C22, c.S27],
        why="X6: 7人的规定只见于滁州网页(C22); 写作全省的S27未经证实, 只作候选。",
        settles=[c.X6],
    )


@hookimpl
def giver_limit() -> Timeline[r.GiverLimit | r.NoLimit]:
    """一名使用人可由几名授权人共济, 不设限 (推定 T10)."""
    return _provincial(
        r.NO_LIMIT,
        clauses=[c.T10, c.S31, c.S32],
        against=[c.S29],
        why="两份文件未规定; 亳州、铜陵允许多名授权人(S31、S32), 宣城只许一名(S29), 均未经证实。",
    )


# --- binding: through which channel, with what ----------------------------------------


@hookimpl
def channels() -> Timeline[Mapping[ChannelId, Channel]]:
    """绑定须通过皖事通APP、安徽医保公共服务小程序或线下医保经办窗口 (A1);
    国家医保服务平台APP限异地共济 (A19)."""
    app, minip, counter = ChannelKind.APP, ChannelKind.MINI_PROGRAM, ChannelKind.COUNTER
    hours, across = (
        CounterHours(opens=time(9), closes=time(17)),
        Across.ONLY_ACROSS_AREAS,
    )
    return _provincial(
        {
            "wanshitong": Channel(name="皖事通APP", kind=app, clauses=(c.A1,)),
            "minip_wechat": Channel(
                name="安徽医保公共服务小程序(微信)", kind=minip, clauses=(c.A1, c.A18)
            ),
            "minip_alipay": Channel(
                name="安徽医保公共服务小程序(支付宝)", kind=minip, clauses=(c.A1, c.A18)
            ),
            "national_app": Channel(
                name="国家医保服务平台APP", kind=app, across=across, clauses=(c.A19,)
            ),
            "window": Channel(
                name="线下医保经办窗口",
                kind=counter,
                hours=hours,
                clauses=(c.A1, c.A42, c.T11),
            ),
        },
        clauses=[c.A1, c.A19, c.T11],
        against=[c.C2, c.C3, c.C69, c.H2],
        why=(
            "X8: 渠道是各城市自己声明的代号与名称, 全省取A1所列。X17: "
            "国家医保服务平台APP按A19只受理双方不在同一统筹区的绑定; "
            "H2所写的是开通医保钱包, 不是绑定。"
        ),
        settles=[c.X8, c.X17],
    )


@hookimpl
def identity_checks() -> Timeline[Mapping[ChannelId, frozenset[IdentityCheck]]]:
    """所有参与共济的成员须完成实名认证 (A14); 窗口当面查验 (A1)."""
    online = dict.fromkeys(ONLINE, frozenset({IdentityCheck.REAL_NAME}))
    return _provincial(
        {**online, "window": frozenset({IdentityCheck.ID_CARD_SEEN})},
        clauses=[c.A1, c.A14, c.T12],
        why="A1只写身份验证, A14写实名认证; 人脸识别、医保电子凭证只见于各市文件, 作为各市的值。",
    )


@hookimpl
def fields_asked() -> Timeline[Mapping[ChannelId, frozenset[MemberField]]]:
    """输入使用人姓名、身份证号、医保参保地 (A25); 窗口填使用人身份信息 (A22)."""
    identity_of_member = frozenset({MemberField.NAME, MemberField.CERTIFICATE_NUMBER})
    online = dict.fromkeys(ONLINE, identity_of_member | {MemberField.INSURED_PLACE})
    return _provincial(
        {**online, "window": identity_of_member},
        clauses=[c.A25, c.A22, c.T12],
        against=[c.C4, c.S42],
        why="X11: 四项信息均可填报, 各市声明必填项; 省内可跨统筹区, 故比照A25须填参保地。",
        settles=[c.X11],
    )


@hookimpl
def materials() -> Timeline[Mapping[ChannelId, tuple[MaterialNeed, ...]]]:
    """窗口验身份证、社保卡、关系证明原件 (A36, A22); 线上只在登记信息查不到亲属关系时要
    关系证明 (推定 T18)."""
    proof = MaterialNeed(
        name="关系证明", one_of=PROOFS, asked=Asked.RELATION_NOT_ON_RECORD
    )
    return _provincial(
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
        clauses=[c.A36, c.A22, c.T12, c.T18],
        why="文件只写了安庆与滁州的材料; 其余城市比照安庆, 线上不一概要求上传。",
    )


@hookimpl
def agreement() -> Timeline[r.AgreementTerms]:
    """确认关系并签署电子协议 (A26); 关系类型需如实选择."""
    return _provincial(
        r.AgreementTerms(
            agreement_id="anhui-family-aid",
            version="2025",
            title="职工医保个人账户家庭共济电子协议",
            act="如实选择关系并签署",
        ),
        clauses=[c.A26, c.T12],
        why="A26写电子协议而无名称; 名称与版本号由本服务拟定, 供留存证据用。",
    )


@hookimpl
def consent() -> Timeline[r.ConsentTerms]:
    """由主账户人发起绑定申请, 使用人知情同意 (A13)."""
    return _provincial(
        r.ConsentTerms(required=True, guardian_below_years=18),
        clauses=[c.A13, c.T12, c.T19],
        against=[c.C4],
        why="X10: A13写明使用人知情同意; 滁州的流程只有授权人操作, 作为滁州的值。",
        settles=[c.X10],
    )


@hookimpl
def review_latency() -> Timeline[Mapping[ChannelId, ReviewLatency]]:
    """提交申请, 等待系统审核, 通常1-3个工作日内完成 (A27)."""
    review = ReviewLatency(
        at_once=AtOnce.NEVER, working_days=3, earliest_working_days=1
    )
    return _provincial(
        dict.fromkeys((*ONLINE, "window"), review),
        clauses=[c.A27, c.T7],
        why="全省没有统一的审核时限; 没有自己规定的城市取A27的上限, 不承诺即时生效。",
    )


@hookimpl
def application_expiry() -> Timeline[int]:
    """绑定申请提交后30日内无人答复的, 自动失效 (推定 T3)."""
    return _provincial(
        30, clauses=[c.T3], why="没有文件规定; 申请不能无限期占用家庭账户名额。"
    )


@hookimpl
def unbinding() -> Timeline[r.Unbinding]:
    """进入“已绑定家庭成员”, 选择成员, 点击“解绑”并确认 (C30)."""
    return _provincial(
        r.Unbinding(
            procedure=Procedure(title="解绑", steps=(_step(c.C30.text, c.C30),))
        ),
        clauses=[c.C30, c.T15],
        against=[c.S32, c.S44],
        why="C30确认即解绑; 次日生效(S32)与窗口经审核(S44)均未经证实。",
    )


# --- settlement: the fund -------------------------------------------------------------


@hookimpl
def reimbursement() -> Timeline[Mapping[Scheme, b.Table | b.NoFund]]:
    """起付标准800元, 一二三级60%、55%、50%, 退休高5个百分点, 年度支付限额2000元
    (C58–C62, C99–C101)."""
    employee = b.Table(
        deductible_fen={1: 800_00, 2: 800_00, 3: 800_00},
        ratio_bp={1: 60_00, 2: 55_00, 3: 50_00},
        retired=b.BonusPoints(above_active_bp=5_00),
        cap_fen={Standing.ACTIVE: 2000_00, Standing.RETIRED: 2000_00},
        visit_cap_fen={1: r.NO_LIMIT, 2: r.NO_LIMIT, 3: r.NO_LIMIT},
        unranked_as=1,
        pharmacy=b.NoFund(c.T6),
        covers=frozenset(
            {VisitKind.OUTPATIENT, VisitKind.REGISTRATION, VisitKind.PHARMACY}
        ),
        rounding=Rounding.HALF_UP,
        clauses=b.TableClauses(
            always=(c.C58, c.C62, c.C101, c.T1, c.T13),
            ratio={1: (c.C59, c.C100), 2: (c.C60, c.C100), 3: (c.C61, c.C100)},
            retired=(c.C61B,),
            unranked=(c.T5,),
        ),
        effects=b.Effects(
            order_fen=80_00, splitting_loses_fen=41, splitting_gains_fen=50
        ),
    )
    return _provincial(
        {Scheme.EMPLOYEE: employee, Scheme.RESIDENT: b.NoFund(c.T14)},
        clauses=[
            c.C58,
            c.C59,
            c.C60,
            c.C61,
            c.C61B,
            c.C62,
            c.C99,
            c.C100,
            c.C101,
            c.C53,
            c.T1,
            c.T5,
            c.T13,
            c.S20,
        ],
        against=[c.S4, c.S5, c.S6, c.H6],
        why=(
            "X19、X20: C99至C101的主语是安徽, 一手材料优先; S4、S6未经证实, "
            "只作各市的候选修订。X21: 待遇按险种取值, 居民不适用C58至C62。药店: "
            "S20称统筹基金不支付, S5、S6相反, 均未经证实。"
        ),
        settles=[c.X19, c.X20, c.X21],
    )


@hookimpl
def exclusions() -> Timeline[tuple[b.Exclusion, ...]]:
    """不予报销的情况 (C63–C66)."""
    return _provincial(
        (
            b.Exclusion(situation=b.Situation.PAUSED, clause=c.C63),
            b.Exclusion(situation=b.Situation.INPATIENT_THAT_DAY, clause=c.C64),
            b.Exclusion(situation=b.Situation.RESIDUE, clause=c.C65),
            b.Exclusion(situation=b.Situation.OUTSIDE_POLICY, clause=c.C66),
        ),
        clauses=[c.C63, c.C64, c.C65, c.C66, c.T16],
        why="滁州网页按政策列出四种情形, 全省比照; 先查人、再查时间、再查费用。",
    )


@hookimpl
def out_of_area() -> Timeline[b.OutOfArea]:
    """异地直接结算须预先备案, 也可手工结算; 持社保卡或电子医保凭证就医 (H6–H8, H12)."""
    procedure = Procedure(
        title="异地就医",
        steps=(
            _step("选择异地直接结算或者手工结算", c.H6),
            _step(
                "在参保地医保经办机构办理备案登记",
                c.H7,
                caution="选择直接结算的须预先办理",
            ),
            _step("携带社会保障卡或电子医保凭证到异地定点医疗机构就医", c.H8, c.H12),
        ),
    )
    return _provincial(
        b.OutOfArea(filing_before_direct_settlement=True, procedure=procedure),
        clauses=[c.H6, c.H7, c.H8, c.H12],
        against=[c.H5, c.C86, c.S5],
        why=(
            "X13: 标题问黄山而正文写合肥, 故作为全省通行的做法, 不归于黄山一市; "
            "各地报销政策尚未统一(C86)。"
        ),
        settles=[c.X13],
    )


# --- settlement: the purses -----------------------------------------------------------


@hookimpl
def uses() -> Timeline[b.Uses]:
    """门诊合规费用 (A10), 药店药品、器械、耗材 (A11); 不可用于公共卫生、体育健身、
    养生保健 (A12)."""
    return _provincial(
        b.Uses(
            aid_at=frozenset({b.Use.OUTPATIENT, b.Use.PHARMACY}),
            aid_pays=frozenset({b.BillPart.IN_SCOPE, b.BillPart.FIRST_SELFPAY}),
            own_pays=b.ALL_PARTS,
            never=frozenset(
                {Spending.PUBLIC_HEALTH, Spending.FITNESS, Spending.WELLNESS}
            ),
        ),
        clauses=[c.A10, c.A11, c.A12, c.T8],
        against=[c.A3, c.C68, c.S9],
        why="X15: 取A10、A11; 居民医保缴费只有滁州写明(C68)。"
        "X16: 共济只付合规费用(A10), 即政策范围内与先行自付的剩余; S9较宽, 出自四川, 只作候选。",
        settles=[c.X15, c.X16],
    )


@hookimpl
def purse_order() -> Timeline[b.PurseOrder]:
    """先本人账户, 再按绑定先后用授权人账户, 最后现金 (推定 T2); 共济额度不超过授权人余额 (A15)."""
    return _provincial(
        b.PurseOrder(order=(b.PurseKind.OWN, b.PurseKind.GIVERS)),
        clauses=[c.T2, c.A15, c.S37, c.S38, c.S39],
        against=[c.S40],
        why=(
            "一手材料只写共济额度不超过余额(A15); "
            "扣款顺序多数网页为先本人后共济(S37至S39), 只有S40相反, 故作推定。"
        ),
    )


@hookimpl
def reversal() -> Timeline[b.Reversal]:
    """任何一笔结算均可撤销 (推定 T4)."""
    why = "国家接口(2208)按结算编号撤销, 不要求从最近一笔起; 两份文件未规定。"
    return _provincial(b.Reversal.ANY, clauses=[c.T4], why=why)


@hookimpl
def account_crediting() -> Timeline[b.CreditTerms]:
    """在职计入本人缴费基数的2% (C55); 退休由统筹基金定额划入 (C56); 单位缴费不再划入 (C57)."""
    return _provincial(
        b.CreditTerms(
            active_ratio_bp=2_00,
            retired_fen=b.OPERATOR_SETS,
            employer_part_credited=False,
        ),
        clauses=[c.C55, c.C56, c.C57, c.T16],
        why="退休人员的定额没有文件给出, 由运营方连同起始日设定; 合肥的数额不能用于他市。",
    )


# --- what people read -----------------------------------------------------------------


@hookimpl
def wallet() -> Timeline[b.Wallet]:
    """进入【医保钱包】, 确认使用, 选择使用地并填写手机号 (H2, H3); 开通钱包不产生绑定."""
    opening = (
        "下载并登录“国家医保服务平台”APP",
        "进入【医保钱包】专区,点击“确认使用钱包”",
    )
    steps = (*(_step(text, c.H2) for text in opening), _step(c.H3.text, c.H3))
    return _provincial(
        b.Wallet(procedure=Procedure(title="开通医保钱包", steps=steps), binds=False),
        clauses=[c.H2, c.H3],
        against=[c.A1],
        why="X14: 医保钱包与共济绑定是两项业务; 开通钱包不建立授权人与使用人之间的关系。",
        settles=[c.X14],
    )


@hookimpl
def enquiries() -> Timeline[tuple[Procedure, ...]]:
    """皖事通“共济消费查询” (C70–C74)."""
    steps = tuple(
        _step(clause.text, clause) for clause in (c.C70, c.C71, c.C72, c.C73, c.C74)
    )
    return _provincial(
        (Procedure(title="皖事通APP“共济消费查询”", steps=steps),),
        clauses=[c.C70, c.C71, c.C72, c.C73, c.C74, c.T17],
        why="皖事通是全省共用的APP; 网页与窗口查询只见于滁州, 作为滁州的值。",
    )


@hookimpl
def notes() -> Timeline[tuple[Note, ...]]:
    """机制的来历 (A6) 与异地报销的现状 (C86)."""
    return _provincial(
        (Note(heading="政策背景", clause=c.A6), Note(heading="异地就医", clause=c.C86)),
        clauses=[c.A6, c.C86],
    )


@hookimpl
def candidates() -> tuple[Candidate, ...]:
    """全省没有候选修订; 候选由各市自己列出."""
    return ()
