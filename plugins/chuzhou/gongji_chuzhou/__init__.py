"""滁州市的规则：每个钩子上方写条款，条款原文见 clauses.py；没有写的钩子从省级规则。"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from gongji import (
    ALL_PARTS,
    DIRECT,
    OPERATOR_SETS,
    AgreementTerms,
    AtOnce,
    BillPart,
    Candidate,
    Channel,
    ChannelId,
    ConsentClauses,
    ConsentTerms,
    CreditClauses,
    CreditTerms,
    EnrolmentTerms,
    Exclusion,
    FamilyLimit,
    Identity,
    IdentityCheck,
    MaterialNeed,
    MemberField,
    NoFund,
    NoLimit,
    Note,
    Procedure,
    Purpose,
    RelationSet,
    ResidueOf,
    ReviewLatency,
    Scheme,
    Scope,
    Spending,
    Table,
    Timeline,
    Unbinding,
    Use,
    Uses,
    UsesClauses,
    hookimpl,
    ruled,
)

from . import clauses as c
from . import law, paying
from .channel_table import CHANNELS, MATERIALS, steps
from .fund_table import EMPLOYEE, EXCLUSIONS
from .revisions import REVISIONS

_chuzhou = partial(ruled, since="2022-07-01")
"""滁州门诊共济政策自2022年7月1日起实施（C53）。"""


@hookimpl
def identity() -> Identity:
    """滁州市，医保区划 341100。"""
    return Identity(area_code="341100", name="滁州市")


# --- 绑定: 谁与谁 ---------------------------------------------------------------------


@hookimpl
def member_terms() -> Timeline[Mapping[Purpose, EnrolmentTerms]]:
    """家庭成员必须是参保地的职工医保参保人员（C21）；个人账户可缴家庭成员参加居民医保等
    的个人缴费（C68）。"""
    return _chuzhou(
        {
            Purpose.VISIT: EnrolmentTerms(
                schemes=frozenset({Scheme.EMPLOYEE}), clauses=(c.C21,)
            ),
            Purpose.RESIDENT_PREMIUM: EnrolmentTerms(
                schemes=frozenset({Scheme.RESIDENT}),
                or_enrolling=True,
                clauses=(c.C68,),
            ),
        },
        clauses=[c.C21, c.C68],
        against=[c.A9],
        why=(
            "X4：按用途分开，绑定时选择。就医购药依C21只限职工医保；"
            "缴居民医保费的成员必然参加或正在参加居民医保（C68）。"
            "不分用途则同一网页的C21与C68不能并存。"
        ),
        settles=[c.X4],
    )


@hookimpl
def relations() -> Timeline[RelationSet]:
    """直系亲属（如父母、配偶、子女）才能进行共济（C26）；共济对象为职工及其配偶、父母、
    子女（C67）。"""
    return _chuzhou(
        DIRECT,
        clauses=[c.C26, c.C67],
        against=[c.A9, c.S8],
        why=(
            "X5：滁州网页两处都只写配偶、父母、子女；近亲属出自安庆材料（A9）；"
            "2024年扩大范围（S8）未经证实，作候选。"
        ),
        settles=[c.X5],
    )


@hookimpl
def scope() -> Timeline[Scope]:
    """必须在同一医保统筹区内（C27，C28）。"""
    return _chuzhou(
        Scope.POOLING_AREA,
        clauses=[c.C27, c.C28],
        against=[c.A9, c.S29],
        why=(
            "X3：滁州网页写明同一统筹区；全省范围（A9）出自安庆材料，"
            "省内全面跨统筹区的说法（S29）未经证实，作候选。"
        ),
        settles=[c.X3],
    )


@hookimpl
def family_limit() -> Timeline[FamilyLimit | NoLimit]:
    """同一个家庭账户最多能绑定7人，包括授权人本人（C22）。"""
    return _chuzhou(
        FamilyLimit(people=7, counting_holder=True),
        clauses=[c.C22],
        against=[c.A15],
        why="X6：滁州网页写明人数；A15只限金额，与人数无关。",
        settles=[c.X6],
    )


# --- 绑定: 哪个渠道, 要什么 -----------------------------------------------------------


@hookimpl
def channels() -> Timeline[Mapping[ChannelId, Channel]]:
    """小程序（C2–C4），公众号（C5–C8），皖事通APP（C9–C13），安徽e保、支付宝、
    网上办事大厅（C69）。"""
    return _chuzhou(
        CHANNELS,
        clauses=[c.C2, c.C5, c.C9, c.C69],
        against=[c.A17, c.A18],
        why=(
            "X8：各处对同一业务的称呼不同，渠道按滁州网页所用的名称声明。"
            "社保中心窗口在滁州网页中只用于查询（C80至C82），不是绑定渠道。"
        ),
        settles=[c.X8],
    )


@hookimpl
def identity_checks() -> Timeline[Mapping[ChannelId, frozenset[IdentityCheck]]]:
    """进行电子医保凭证授权和实名认证（C2，C6，C10）。"""
    return _chuzhou(
        dict.fromkeys(
            CHANNELS, frozenset({IdentityCheck.REAL_NAME, IdentityCheck.E_VOUCHER})
        ),
        clauses=[c.C2, c.C6, c.C10, c.C14, c.T_CZ6],
        against=[c.A24],
        why="X9：身份核验按市、按渠道取值；滁州三个渠道都写电子凭证与实名，没有一个写人脸识别。",
        settles=[c.X9],
    )


@hookimpl
def fields_asked() -> Timeline[Mapping[ChannelId, frozenset[MemberField]]]:
    """输入被绑定人员的身份证号码和联系电话（C4，C8，C13；C23，C25）。"""
    return _chuzhou(
        dict.fromkeys(
            CHANNELS, frozenset({MemberField.CERTIFICATE_NUMBER, MemberField.PHONE})
        ),
        clauses=[c.C4, c.C8, c.C13, c.C23, c.C25, c.C14, c.T_CZ6],
        against=[c.A25, c.S42],
        why="X11：申请可填四项信息，必填项由各市声明；滁州三个渠道都只要身份证号码和联系电话。",
        settles=[c.X11],
    )


@hookimpl
def materials() -> Timeline[Mapping[ChannelId, tuple[MaterialNeed, ...]]]:
    """小程序、公众号上传结婚证或居民户口簿等证明资料（C4，C8，C24）；皖事通不上传（C13）。"""
    return _chuzhou(
        MATERIALS,
        clauses=[c.C4, c.C8, c.C13, c.C24, c.T_CZ6, c.T_CZ40],
        against=[c.A34],
        why=(
            "X7：材料按市、按渠道取值。小程序与公众号写明上传；皖事通的步骤没有上传，"
            "不得因总表（C24）而加。"
        ),
        settles=[c.X7],
    )


@hookimpl
def agreement() -> Timeline[AgreementTerms]:
    """阅读相关解释，勾选“我已认真阅读”，点击“同意”（C12；C3，C7）。"""
    return _chuzhou(
        AgreementTerms(
            agreement_id="chuzhou-family-aid-notice",
            version="2025",
            title="个人账户共济绑定须知",
            act="勾选“我已认真阅读”并同意",
        ),
        clauses=[c.C12, c.C3, c.C7, c.T_CZ12],
        why="网页没有写须知的名称与版本，由本服务拟定，供留存证据用。",
    )


@hookimpl
def consent() -> Timeline[ConsentTerms]:
    """绑定流程只有授权人操作（C2–C13）。"""
    return _chuzhou(
        ConsentTerms(
            required=False,
            in_place_of_it="所填的使用人联系电话和上传的证明资料",
            clauses=ConsentClauses(guardian=(law.L17, law.L23)),
        ),
        clauses=[c.C4, c.C8, c.C13, c.T_CZ8, law.L17, law.L23],
        against=[c.A13],
        why="X10：滁州的步骤没有使用人操作；知情同意（A13）出自安庆材料。",
        settles=[c.X10],
    )


@hookimpl
def review_latency() -> Timeline[Mapping[ChannelId, ReviewLatency]]:
    """点击“提交”完成绑定（C4，C8，C13）。"""
    told = {"minip_wechat": (c.C4,), "city_wechat": (c.C8,), "wanshitong": (c.C13,)}
    return _chuzhou(
        {
            channel: ReviewLatency(
                at_once=AtOnce.ALWAYS, clauses=told.get(channel, (c.C14, c.T_CZ7))
            )
            for channel in CHANNELS
        },
        clauses=[c.C4, c.C8, c.C13, c.C14, c.T_CZ7],
        against=[c.A29],
        why="X2：审核按市、按渠道取值；滁州各渠道提交即完成，小程序1-3个工作日（A29）是安庆的。",
        settles=[c.X2],
    )


@hookimpl
def unbinding() -> Timeline[Unbinding]:
    """进入“已绑定家庭成员”，选择成员，点击“解绑”并确认（C30）；解绑与绑定同渠道（C69）。"""
    return _chuzhou(
        Unbinding(
            procedure=Procedure(title="解绑", steps=steps(c.C30)),
            again_clauses=(c.T_CZ16,),
        ),
        clauses=[c.C30, c.C69, c.T_CZ11, c.T_CZ16],
        why="C30写到确认解绑为止，没有审核。",
    )


# --- 结算 -----------------------------------------------------------------------------


@hookimpl
def reimbursement() -> Timeline[Mapping[Scheme, Table | NoFund]]:
    """起付标准800元（C58），一二三级60%、55%、50%（C59–C61），退休高5个百分点（C61b），
    限额2000元（C62）。"""
    return _chuzhou(
        {Scheme.EMPLOYEE: EMPLOYEE, Scheme.RESIDENT: NoFund(c.T_CZ5)},
        clauses=[
            c.C58,
            c.C59,
            c.C60,
            c.C61,
            c.C61B,
            c.C62,
            c.C53,
            c.T_CZ1,
            c.T_CZ3,
            c.T_CZ4,
            paying.T_CZ14,
        ],
        against=[c.S4, c.S6, c.H6],
        why="X19、X20：滁州网页写明且与本市医院2022年12月的通知一致；S6未经证实，作候选V2。"
        "X21：C58写明职工医保，居民不适用；H6说的是异地结算方式。",
        settles=[c.X19, c.X20, c.X21],
    )


@hookimpl
def exclusions() -> Timeline[tuple[Exclusion, ...]]:
    """职工不予报销的情况（C63–C66）；退休职工停缴比照在职（T-CZ13）。"""
    return _chuzhou(
        EXCLUSIONS,
        clauses=[c.C63, c.C64, c.C65, c.C66, paying.T_CZ13],
        why="四条的主语都是职工；居民没有门诊待遇表，依T-CZ5不予支付，不问这些情形。",
    )


@hookimpl
def uses() -> Timeline[Uses]:
    """定点医药机构的药品、器械、耗材等费用及参加居民医保等的个人缴费（C68）；
    不可用于公共卫生等（A12）。"""
    return _chuzhou(
        Uses(
            aid_at=frozenset({Use.OUTPATIENT, Use.PHARMACY, Use.RESIDENT_PREMIUM}),
            aid_pays=frozenset({BillPart.IN_SCOPE, BillPart.FIRST_SELFPAY}),
            own_pays=ALL_PARTS,
            never=frozenset(
                {Spending.PUBLIC_HEALTH, Spending.FITNESS, Spending.WELLNESS}
            ),
            aid_residue_of=frozenset({ResidueOf.CHRONIC}),
            clauses=UsesClauses(
                aid_at=(c.C68, c.A10),
                uses={
                    Use.OUTPATIENT: (c.C68, c.A10),
                    Use.PHARMACY: (c.C68,),
                    Use.RESIDENT_PREMIUM: (c.C68,),
                },
                aid_residue_of=(c.A10, paying.T_CZ15),
                aid_pays=(c.A10,),
                own_pays=(c.T_CZ9,),
                never=(c.A12,),
            ),
        ),
        clauses=[c.C68, c.A10, c.A12, c.T_CZ9, paying.T_CZ15],
        against=[c.A3, c.S9],
        why="X15：C68比只写门诊就医的A3宽，且写明居民医保缴费。"
        "X16：共济只付合规费用（A10），即政策范围内与先行自付的剩余；S9较宽，出自四川，作候选。",
        settles=[c.X15, c.X16],
    )


@hookimpl
def account_crediting() -> Timeline[CreditTerms]:
    """在职计入本人缴费基数的2%（C55）；退休由统筹基金按定额划入（C56）；
    单位缴费不再划入（C57）。"""
    return _chuzhou(
        CreditTerms(
            active_ratio_bp=2_00,
            retired_fen=OPERATOR_SETS,
            employer_part_credited=False,
            clauses=CreditClauses(active=(c.C55,), retired=(c.C56,), employer=(c.C57,)),
        ),
        clauses=[c.C55, c.C56, c.C57],
        why="C56没有写退休人员的定额，由运营方连同起始日设定。",
    )


# --- 给人看的 -------------------------------------------------------------------------


@hookimpl
def enquiries() -> Timeline[tuple[Procedure, ...]]:
    """皖事通“共济消费查询”（C70–C74），网站或移动端（C75–C79），
    社保中心或劳动保障部门（C80–C82）。"""
    app = (c.C70, c.C71, c.C72, c.C73, c.C74)
    site = (c.C75, c.C76, c.C77, c.C78, c.C79)
    counter = (c.C80, c.C81, c.C82)
    return _chuzhou(
        (
            Procedure(title="皖事通APP“共济消费查询”", steps=steps(*app)),
            Procedure(title="医保共济官方网站或移动端应用程序", steps=steps(*site)),
            Procedure(title="当地社保中心或劳动保障部门", steps=steps(*counter)),
        ),
        clauses=[*app, *site, *counter],
    )


@hookimpl
def notes() -> Timeline[tuple[Note, ...]]:
    """绑定不成功的原因（C28，C29），遇到问题找谁（C31）；异地就医报销的现状（C86）。"""
    return _chuzhou(
        (
            Note(heading="常见问题", clause=c.C28),
            Note(heading="常见问题", clause=c.C29),
            Note(heading="常见问题", clause=c.C31, when_refused=True),
            Note(heading="异地就医", clause=c.C86),
        ),
        clauses=[c.C28, c.C29, c.C31, c.C86],
    )


@hookimpl
def candidates() -> tuple[Candidate, ...]:
    """未经证实或出自外省的修订，见 revisions.py；运营方写明起始日并采用之前不决定任何事项。"""
    return REVISIONS
