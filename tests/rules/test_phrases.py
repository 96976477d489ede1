"""Rule values in words: every type has a phrase, every value of every city reads as Chinese."""

from __future__ import annotations

import inspect
import re
from datetime import date, time
from enum import Enum

import pytest
from gongji.cities.city import City
from gongji.rules import benefits, binding, channels, clauses, codes, money, phrases
from gongji.rules.benefits import (
    OPERATOR_SETS,
    BillPart,
    BonusPoints,
    CreditTerms,
    Exclusion,
    NoFund,
    PurseKind,
    PurseOrder,
    Reversal,
    Situation,
    Table,
    Use,
    Uses,
)
from gongji.rules.binding import (
    CLOSE,
    DIRECT,
    NO_LIMIT,
    AgreementTerms,
    ConsentTerms,
    EnrolmentTerms,
    FamilyLimit,
    GiverLimit,
    Identity,
    NotOffered,
    RelationSet,
    Scope,
    Unbinding,
)
from gongji.rules.channels import (
    ALWAYS,
    Across,
    Asked,
    AtOnce,
    Channel,
    ChannelKind,
    CounterHours,
    IdentityCheck,
    MaterialKind,
    MaterialNeed,
    Procedure,
    ReviewLatency,
    Step,
)
from gongji.rules.clauses import Clause
from gongji.rules.codes import (
    EnrolmentStatus,
    FilingKind,
    Purpose,
    Scheme,
    Spending,
    Standing,
    VisitKind,
)
from gongji.rules.elsewhere import FilingTerms, FundElsewhere, OutOfArea
from gongji.rules.hookspecs import DATED_HOOKS, CityRules
from gongji.rules.phrases import in_words
from gongji.rules.wallet import Wallet

from tests.scaffold.cities import shipped

CITIES = shipped().all
NOT_OF_RULES = {
    codes.InstitutionKind,
    codes.AccountUse,
    codes.BindingState,
    codes.ConsentMethod,
}
NOT_OF_RULES |= {codes.Payer, codes.EntryKind, codes.NoticeKind, codes.TransferState}
NOT_OF_RULES |= {codes.PayLoc}
"""Enums no rule value holds."""
REPR = re.compile(
    r"[<>{}]|frozenset|Ruled|\w+\(\w+=|\b(?:None|True|False)\b|\.[A-Z]{3,}"
)

C65 = Clause("C65", "剩余自付的门诊费用", "文件")
TABLE = Table(
    deductible_fen={1: 20000, 2: 40000, 3: 40000},
    deductible_year_max_fen=40000,
    ratio_bp={1: 6000, 2: 5550, 3: 5000},
    retired=BonusPoints(above_active_bp=500),
    cap_fen={Standing.ACTIVE: 200000, Standing.RETIRED: 300000},
    visit_cap_fen={1: NO_LIMIT, 2: NO_LIMIT, 3: 30050},
    pharmacy=1,
    covers=frozenset({VisitKind.EMERGENCY, VisitKind.OUTPATIENT}),
)
PROCEDURE = Procedure(
    title="解绑", steps=(Step(text="选择成员"), Step(text="确认", caution="不可撤回"))
)

PHRASES: dict[str, tuple[object, str]] = {
    "a limit that counts the holder": (
        FamilyLimit(people=7, counting_holder=True),
        "最多7人（含授权人本人）",
    ),
    "a limit beside the holder": (
        FamilyLimit(people=6, counting_holder=False),
        "最多6人（不含授权人本人）",
    ),
    "no limit": (NO_LIMIT, "不设限"),
    "one giver": (GiverLimit(givers=1), "最多由1名授权人共济"),
    "always open": (ALWAYS, "24小时"),
    "counter hours": (CounterHours(opens=time(9), closes=time(17)), "工作日9:00–17:00"),
    "active at once": (ReviewLatency(at_once=AtOnce.ALWAYS), "即时生效"),
    "a span of days": (
        ReviewLatency(at_once=AtOnce.NEVER, working_days=3, earliest_working_days=1),
        "1–3个工作日",
    ),
    "one number of days": (
        ReviewLatency(at_once=AtOnce.NEVER, working_days=3),
        "3个工作日",
    ),
    "a number of days that is its own beginning": (
        ReviewLatency(at_once=AtOnce.NEVER, working_days=3, earliest_working_days=3),
        "3个工作日",
    ),
    "at once where checks pass": (
        ReviewLatency(
            at_once=AtOnce.IF_CHECKS_PASS, working_days=3, earliest_working_days=1
        ),
        "自动核验通过即时生效，否则1–3个工作日内审核",
    ),
    "review by channel, the same ones together": (
        {
            "a": ReviewLatency(at_once=AtOnce.ALWAYS),
            "b": ReviewLatency(at_once=AtOnce.NEVER, working_days=3),
            "c": ReviewLatency(at_once=AtOnce.ALWAYS),
        },
        "甲、c：即时生效；b：3个工作日",
    ),
    "channels name themselves": (
        {
            "a": Channel(
                name="国家应用", kind=ChannelKind.APP, across=Across.ONLY_ACROSS_AREAS
            )
        },
        "国家应用（手机应用，24小时，仅限跨统筹区绑定）",
    ),
    "days of expiry": (30, "30天"),
    "the city": (Identity(area_code="341100", name="滁州市"), "滁州市（341100）"),
    "terms by purpose": (
        {
            Purpose.VISIT: EnrolmentTerms(
                schemes=frozenset({Scheme.RESIDENT, Scheme.EMPLOYEE})
            ),
            Purpose.RESIDENT_PREMIUM: EnrolmentTerms(
                schemes=frozenset({Scheme.RESIDENT}), or_enrolling=True
            ),
        },
        (
            "就医购药：正常参加职工医保或城乡居民医保；居民医保个人缴费："
            "正常参加城乡居民医保，或正在办理参保"
        ),
    ),
    "terms with other statuses": (
        EnrolmentTerms(
            schemes=frozenset({Scheme.EMPLOYEE}),
            statuses=frozenset({EnrolmentStatus.PAUSED, EnrolmentStatus.NORMAL}),
        ),
        "参加职工医保（正常参保或暂停参保）",
    ),
    "direct relatives": (
        DIRECT,
        "直系亲属：配偶、父母（含养父母、继父母）、子女（含养子女、继子女）",
    ),
    "close relatives": (
        CLOSE,
        (
            "近亲属：配偶、父母（含养父母、继父母）、子女（含养子女、继子女）、兄弟姐妹、"
            "祖父母、外祖父母、孙子女、外孙子女"
        ),
    ),
    "relations that are part of a group": (
        RelationSet(name="独生子女", codes=frozenset({"31", "21"})),
        "独生子女：GB/T 4761代码21、31",
    ),
    "scope": (Scope.POOLING_AREA, "同一医保统筹区内"),
    "no checks": (frozenset(), "无"),
    "checks in the order they are made": (
        frozenset({IdentityCheck.FACE, IdentityCheck.REAL_NAME}),
        "实名认证、人脸识别",
    ),
    "no materials": ((), "无"),
    "materials": (
        (
            MaterialNeed(
                name="关系证明",
                one_of=(
                    MaterialKind.MARRIAGE_CERTIFICATE,
                    MaterialKind.HOUSEHOLD_REGISTER,
                ),
                original=True,
            ),
            MaterialNeed(
                name="结婚证",
                one_of=(MaterialKind.MARRIAGE_CERTIFICATE,),
                asked=Asked.RELATION_NOT_ON_RECORD,
            ),
        ),
        "关系证明：结婚证或户口簿（原件）；结婚证（复印件或照片，登记信息查不到亲属关系时提供）",
    ),
    "an agreement": (
        AgreementTerms(agreement_id="g", version="2", title="告知书", act="勾选同意"),
        "勾选同意《告知书》（g，版本2）",
    ),
    "consent": (ConsentTerms(required=True), "须使用人本人知情同意"),
    "what stands for consent": (
        ConsentTerms(required=False, in_place_of_it="联系电话"),
        "不另行取得使用人同意，以联系电话代替",
    ),
    "unbinding": (
        Unbinding(procedure=PROCEDURE),
        "解绑：选择成员 → 确认（注意：不可撤回）；确认后立即停止使用",
    ),
    "uses": (
        Uses(
            aid_at=frozenset({Use.PHARMACY, Use.OUTPATIENT}),
            aid_pays=frozenset({BillPart.IN_SCOPE}),
            never=frozenset({Spending.FITNESS}),
        ),
        (
            "共济可用于定点医疗机构门诊就医、定点零售药店购药；"
            "共济支付政策范围内费用的个人负担部分；"
            "共济可支付剩余自付的：门诊慢特病待遇；本人账户支付个人负担的任何部分；"
            "不得用于体育健身"
        ),
    ),
    "a purpose that is not offered": (
        {Purpose.RESIDENT_PREMIUM: NotOffered(C65)},
        "居民医保个人缴费：不提供（C65：剩余自付的门诊费用）",
    ),
    "an exclusion of everybody": (
        Exclusion(situation=Situation.PAUSED, clause=C65),
        "停止缴费或未按规定缴费期间（C65：剩余自付的门诊费用）",
    ),
    "an exclusion of some": (
        Exclusion(
            situation=Situation.PAUSED,
            clause=C65,
            schemes=frozenset({Scheme.EMPLOYEE}),
            standings=frozenset({Standing.RETIRED}),
        ),
        "职工医保退休停止缴费或未按规定缴费期间（C65：剩余自付的门诊费用）",
    ),
    "the order of purses": (
        PurseOrder(order=(PurseKind.OWN, PurseKind.GIVERS)),
        "使用人本人个人账户 → 授权人个人账户（按绑定生效先后） → 现金",
    ),
    "a table": (
        TABLE,
        (
            "起付标准一级200元、二级400元、三级400元，全年累计不超过400元；"
            "支付比例在职一级60%、二级55.5%、三级50%，退休一级65%、二级60.5%、"
            "三级55%（高于在职5个百分点）；年度支付限额在职2000元、退休3000元；"
            "单次支付限额一级不设限、二级不设限、三级300.50元；未定级机构按一级；"
            "定点药店按一级；适用于普通门诊、急诊；支付额四舍五入到分"
        ),
    ),
    "nothing from the fund": (
        NoFund(C65),
        "统筹基金不予支付（C65：剩余自付的门诊费用）",
    ),
    "out of area": (
        OutOfArea(
            filing_before_direct_settlement=True,
            procedure=Procedure(title="备案", steps=()),
        ),
        "异地直接结算须先备案；备案：无",
    ),
    "out of area, some areas exempt, the others at less": (
        OutOfArea(
            filing_before_direct_settlement=False,
            procedure=Procedure(title="备案", steps=()),
            kinds={
                FilingKind.LONG_TERM: FilingTerms(),
                FilingKind.EMERGENCY: FilingTerms(
                    least_months=6,
                    late_days=7,
                    visits=(VisitKind.EMERGENCY,),
                    fund=FundElsewhere(factor_bp=90_00),
                ),
            },
            exempt_areas=("31", "3201"),
            unfiled_fund=FundElsewhere(factor_bp=70_00, less_bp=5_00),
        ),
        (
            "异地直接结算无须备案；医保区划以31、3201开头的地区无须备案，按参保地比例支付；"
            "没有备案的按参保地比例的70%支付，支付比例降低5个百分点；"
            "异地长期居住：就医之前办理，长期有效，按参保地比例支付；"
            "异地急诊：就诊日起7日内可补办，至少6个月，只用于急诊，"
            "按参保地比例的90%支付；备案：无"
        ),
    ),
    "the wallet": (
        Wallet(procedure=Procedure(title="开通", steps=())),
        "开通：无；开通不绑定任何人",
    ),
    "crediting": (
        CreditTerms(active_ratio_bp=200, retired_fen=OPERATOR_SETS),
        (
            "在职为本人参保缴费基数的2%；退休按定额划入，由经办机构另行设定；"
            "单位缴费部分不划入个人账户"
        ),
    ),
    "a figure the operator set": (
        CreditTerms(active_ratio_bp=200, retired_fen=7000),
        "在职为本人参保缴费基数的2%；退休按定额划入，每月70元；单位缴费部分不划入个人账户",
    ),
    "reversal": (Reversal.ANY, "任何一笔结算均可撤销"),
    "a clause": (C65, "剩余自付的门诊费用[C65]"),
}


@pytest.mark.parametrize(("value", "expected"), PHRASES.values(), ids=PHRASES)
def test_phrase(value: object, expected: str) -> None:
    """Each kind of value has the phrase people read."""
    assert expected == in_words(value, {"a": "甲"})


@pytest.mark.parametrize(
    "member",
    [
        member
        for module in (binding, channels, benefits, codes, money, clauses)
        for _, kind in inspect.getmembers(
            module, lambda thing: isinstance(thing, type) and issubclass(thing, Enum)
        )
        if kind.__module__ == module.__name__ and kind not in NOT_OF_RULES
        for member in kind
    ],
    ids=str,
)
def test_every_member_of_every_enum(member: Enum) -> None:
    """Whatever a rule may choose from has a Chinese phrase, another one for each choice."""
    choices = [in_words(choice) for choice in type(member)]

    assert choices.count(in_words(member)) == 1
    assert re.search(r"[\u4e00-\u9fff]", in_words(member))


@pytest.mark.parametrize(
    ("city", "hook"),
    [(city, hook) for city in CITIES for hook in DATED_HOOKS],
    ids=lambda value: getattr(value, "pinyin", value),
)
def test_every_value_of_every_city(city: City, hook: str) -> None:
    """Every value of every hook on every day reads as words, never as Python."""
    for ruled in city.timelines[hook]:
        words = in_words(ruled.value)

        assert words
        assert REPR.search(words) is None


@pytest.mark.parametrize("city", CITIES, ids=lambda city: city.pinyin)
def test_candidates(city: City) -> None:
    """Revisions nothing selects yet can be read too."""
    for candidate in city.candidates:
        assert REPR.search(in_words(candidate.value)) is None


def test_unknown_type() -> None:
    """A value of a type no hook answers with is refused with the place to mend it."""
    with pytest.raises(TypeError, match=r"date.*gongji\.rules\.phrases"):
        in_words(date(2025, 1, 1))


@pytest.mark.parametrize("hook", DATED_HOOKS)
def test_topic(hook: str) -> None:
    """Every hook has a Chinese term for what it is about."""
    assert re.search(r"^[\u4e00-\u9fff、: ]+$", phrases.topic(hook))


def test_topic_of_the_limit() -> None:
    """The term stands in brackets in the hook's own sentence."""
    assert phrases.topic(CityRules.family_limit.__name__) == "家庭账户人数上限"


def test_relations_left_out() -> None:
    """In-laws are named as left out of close relatives."""
    assert phrases.relations_left_out(CLOSE) == (
        "女婿",
        "儿媳",
        "公婆",
        "岳父母",
        "兄弟姐妹的配偶",
    )
