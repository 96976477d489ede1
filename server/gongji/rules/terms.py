"""The field's Chinese terms for what a rule names: enum members, kin, levels."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from gongji.rules.benefits import (
    BillPart,
    CreditDay,
    Oddity,
    OperatorSets,
    PurseKind,
    Reversal,
    Situation,
    Use,
)
from gongji.rules.binding import LapsedPlaces, NoLimit, Scope
from gongji.rules.channels import (
    Across,
    AlwaysOpen,
    Asked,
    AtOnce,
    ChannelKind,
    IdentityCheck,
    MaterialKind,
    MemberField,
)
from gongji.rules.clauses import Grade
from gongji.rules.codes import (
    ClaimReason,
    ClaimState,
    EnrolmentStatus,
    EvidenceCheck,
    EvidenceType,
    FilingKind,
    MarkKind,
    Payer,
    Purpose,
    ResidueOf,
    Scheme,
    Spending,
    Standing,
    VisitKind,
)
from gongji.rules.elsewhere import ClaimPaper
from gongji.rules.money import Rounding

TERMS: Mapping[type[Enum], Mapping[Enum, str]] = {
    NoLimit: {NoLimit.NO_LIMIT: "不设限"},
    AlwaysOpen: {AlwaysOpen.ALWAYS: "24小时"},
    OperatorSets: {OperatorSets.OPERATOR_SETS: "由经办机构另行设定"},
    LapsedPlaces: {
        LapsedPlaces.KEPT: "仍占用名额",
        LapsedPlaces.FREED: "不占用名额",
    },
    CreditDay: {CreditDay.FIRST: "当月第一日", CreditDay.LAST: "当月最后一日"},
    Scheme: {Scheme.EMPLOYEE: "职工医保", Scheme.RESIDENT: "城乡居民医保"},
    EnrolmentStatus: {
        EnrolmentStatus.NORMAL: "正常参保",
        EnrolmentStatus.PAUSED: "暂停参保",
        EnrolmentStatus.INVALID: "无效参保",
        EnrolmentStatus.TERMINATED: "终止参保",
    },
    Standing: {Standing.ACTIVE: "在职", Standing.RETIRED: "退休"},
    Payer: {
        Payer.FUND: "统筹基金",
        Payer.OWN_PURSE: "本人个人账户",
        Payer.GIVER_PURSE: "授权人的共济账户",
        Payer.CASH: "个人现金",
        Payer.WALLET: "医保钱包",
        Payer.LARGE_AMOUNT: "职工大额医疗补助",
        Payer.CIVIL_SERVANT: "公务员医疗补助",
        Payer.CRITICAL_ILLNESS: "居民大病保险",
        Payer.MEDICAL_AID: "医疗救助",
    },
    VisitKind: {
        VisitKind.OUTPATIENT: "普通门诊",
        VisitKind.REGISTRATION: "门诊挂号",
        VisitKind.EMERGENCY: "急诊",
        VisitKind.CHRONIC: "门诊慢特病",
        VisitKind.SPECIAL_DRUG: "特药购药",
        VisitKind.PHARMACY: "定点药店购药",
        VisitKind.MATERNITY: "生育门诊",
        VisitKind.INPATIENT: "住院",
        VisitKind.TWO_DISEASES: "门诊两病",
        VisitKind.ACCIDENT: "意外伤害门诊",
    },
    ResidueOf: {
        ResidueOf.INPATIENT: "住院待遇",
        ResidueOf.CHRONIC: "门诊慢特病待遇",
    },
    Spending: {
        Spending.MEDICAL: "医疗费用",
        Spending.PUBLIC_HEALTH: "公共卫生费用",
        Spending.FITNESS: "体育健身",
        Spending.WELLNESS: "养生保健消费",
    },
    Purpose: {Purpose.VISIT: "就医购药", Purpose.RESIDENT_PREMIUM: "居民医保个人缴费"},
    Scope: {Scope.POOLING_AREA: "同一医保统筹区内", Scope.PROVINCE: "本省内"},
    ChannelKind: {
        ChannelKind.APP: "手机应用",
        ChannelKind.MINI_PROGRAM: "小程序",
        ChannelKind.WECHAT: "微信公众号",
        ChannelKind.WEB: "网站",
        ChannelKind.COUNTER: "窗口",
        ChannelKind.BANK: "银行网点",
    },
    Across: {
        Across.BOTH: "同一统筹区与跨统筹区绑定",
        Across.ONLY_ACROSS_AREAS: "跨统筹区绑定",
    },
    FilingKind: {
        FilingKind.LONG_TERM: "异地长期居住",
        FilingKind.REFERRAL: "异地转诊",
        FilingKind.TEMPORARY: "临时外出就医",
        FilingKind.EMERGENCY: "异地急诊",
    },
    EvidenceType: {
        EvidenceType.E_VOUCHER: "医保电子凭证",
        EvidenceType.IDENTITY_CARD: "居民身份证",
        EvidenceType.SOCIAL_SECURITY_CARD: "社会保障卡",
    },
    EvidenceCheck: {
        EvidenceCheck.FORM: "只核对了格式，没有核实",
        EvidenceCheck.REGISTRY: "与登记的患者相符",
        EvidenceCheck.ISSUER: "经签发方核验",
    },
    ClaimReason: {
        ClaimReason.NOT_FILED: "异地就医未备案",
        ClaimReason.NOT_CONNECTED: "机构不能直接结算",
        ClaimReason.NO_CARD: "未带社会保障卡或电子医保凭证",
        ClaimReason.EMERGENCY: "急诊",
    },
    ClaimState: {
        ClaimState.SUBMITTED: "待初审",
        ClaimState.REVIEWED: "待复核",
        ClaimState.RETURNED: "已退回",
        ClaimState.PAID: "已支付",
        ClaimState.REFUSED: "不予支付",
        ClaimState.WITHDRAWN: "已撤回",
    },
    ClaimPaper: {
        ClaimPaper.INVOICE: "医疗收费票据",
        ClaimPaper.ITEM_LIST: "费用清单",
        ClaimPaper.MEDICAL_RECORD: "病历资料",
        ClaimPaper.PATIENT_IDENTITY: "患者身份凭证",
    },
    MarkKind: {MarkKind.CROSS_PROVINCE_FILING: "跨省备案人员"},
    IdentityCheck: {
        IdentityCheck.REAL_NAME: "实名认证",
        IdentityCheck.E_VOUCHER: "医保电子凭证授权",
        IdentityCheck.FACE: "人脸识别",
        IdentityCheck.ID_CARD_SEEN: "当面查验身份证",
    },
    MemberField: {
        MemberField.NAME: "姓名",
        MemberField.CERTIFICATE_NUMBER: "身份证号码",
        MemberField.PHONE: "联系电话",
        MemberField.INSURED_PLACE: "医保参保地",
    },
    MaterialKind: {
        MaterialKind.HOLDER_ID_CARD: "授权人身份证",
        MaterialKind.HOLDER_SOCIAL_SECURITY_CARD: "授权人社保卡",
        MaterialKind.MEMBER_IDENTITY: "使用人身份信息",
        MaterialKind.MARRIAGE_CERTIFICATE: "结婚证",
        MaterialKind.HOUSEHOLD_REGISTER: "户口簿",
        MaterialKind.BIRTH_CERTIFICATE: "出生医学证明",
        MaterialKind.OTHER_RELATIONSHIP_PROOF: "其他关系证明",
    },
    Asked: {
        Asked.ALWAYS: "必须提供",
        Asked.RELATION_NOT_ON_RECORD: "登记信息查不到亲属关系时提供",
    },
    AtOnce: {
        AtOnce.ALWAYS: "即时生效",
        AtOnce.IF_CHECKS_PASS: "自动核验通过即时生效",
        AtOnce.NEVER: "人工审核",
    },
    Use: {
        Use.OUTPATIENT: "定点医疗机构门诊就医",
        Use.PHARMACY: "定点零售药店购药",
        Use.RESIDENT_PREMIUM: "居民医保个人缴费",
    },
    BillPart: {
        BillPart.IN_SCOPE: "政策范围内费用的个人负担部分",
        BillPart.FIRST_SELFPAY: "先行自付部分",
        BillPart.ABOVE_LIMIT: "超限价自费部分",
        BillPart.OUT_OF_CATALOGUE: "目录外全自费部分",
    },
    PurseKind: {
        PurseKind.OWN: "使用人本人个人账户",
        PurseKind.GIVERS: "授权人个人账户（按绑定生效先后）",
        PurseKind.WALLET: "使用人医保钱包",
    },
    Situation: {
        Situation.PAUSED: "停止缴费或未按规定缴费期间",
        Situation.INPATIENT_THAT_DAY: "住院期间的门诊费用",
        Situation.RESIDUE: "其他待遇支付后的剩余自付",
        Situation.OUTSIDE_POLICY: "不符合政策规定的费用",
    },
    Oddity: {
        Oddity.RETIRED_BELOW_ACTIVE: "退休人员的统筹支付低于在职人员",
        Oddity.LOWER_LEVEL_BELOW_HIGHER: "低级别机构的统筹支付低于高级别机构",
        Oddity.MARKED_BELOW_UNMARKED: "有标识的统筹支付低于没有标识的",
        Oddity.LIMIT_USED_UP_ELSEWHERE: "限额可能先被限额不同的另一行用完",
        Oddity.UNUSUAL_FIGURE: "数额少见：比例不足10%，或起付标准不足10元、超过10万元",
    },
    Reversal: {
        Reversal.ANY: "任何一笔结算均可撤销",
        Reversal.LAST_FIRST: "须从最近一笔结算起依次撤销",
    },
    Rounding: {Rounding.HALF_UP: "四舍五入到分", Rounding.DOWN: "舍去不足一分的部分"},
    Grade: {
        Grade.DOCUMENT: "一手材料",
        Grade.OFFICIAL: "官方公开来源",
        Grade.UNCONFIRMED: "未经证实",
        Grade.OPERATOR: "运营方设定",
        Grade.ASSUMPTION: "推定",
    },
}
"""Every member of every enum a rule value may hold."""

# In-laws last, for these are asked for most if a city leaves them out.
KIN: tuple[tuple[str, str], ...] = (
    ("配偶", "10 11 12"),
    ("父母（含养父母、继父母）", "50 51 52 57 58"),
    (
        "子女（含养子女、继子女）",
        "20 21 22 23 24 25 26 27 29 30 31 32 33 34 35 36 37 39",
    ),
    ("兄弟姐妹", "70 71 73 75 77 79"),
    ("祖父母、外祖父母", "60 61 62 63 64"),
    ("孙子女、外孙子女", "40 41 42 43 44 49"),
    ("女婿", "28"),
    ("儿媳", "38"),
    ("公婆", "53 54"),
    ("岳父母", "55 56"),
    ("兄弟姐妹的配偶", "72 74 76 78"),
)
"""Relations as people call them, with their GB/T 4761 codes; the last five are in-laws (姻亲)."""

LEVELS: Mapping[int, str] = {1: "一级", 2: "二级", 3: "三级"}
"""Levels of institutions (医疗机构级别)."""
