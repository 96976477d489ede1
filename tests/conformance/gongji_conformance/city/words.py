"""The words cases are written in, and the numbers the protos have for them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Final, Literal

from gongji.v1 import binding_pb2, filing_pb2, settlement_pb2, types_pb2

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Shanghai knows no summer time since 1991."""

Standing = Literal["在职", "退休", "居民", "未参保"]
Status = Literal["正常", "暂停", "无效", "终止"]
Mark = Literal["跨省备案"]
Place = Literal["一级", "二级", "三级", "未定级", "药店", "已取消定点", "外地三级"]
ResidueOf = Literal["", "住院", "慢特病"]
Kind = Literal[
    "普通门诊",
    "挂号",
    "急诊",
    "慢特病",
    "特药",
    "药店购药",
    "生育门诊",
    "住院",
    "门诊两病",
    "意外伤害",
]
SpentOn = Literal["医疗", "公共卫生", "体育健身", "养生保健"]
Purpose = Literal["就医购药", "居民医保缴费"]
Check = Literal["实名认证", "医保电子凭证", "人脸识别", "查验身份证"]
Consenting = Literal["本人", "短信", "窗口", "监护人"]
FiledAs = Literal["异地长期居住", "异地转诊", "临时外出就医", "异地急诊"]
Use = Literal["none", "own", "order"]

ENROLMENTS: Final = {
    "在职": (types_pb2.SCHEME_EMPLOYEE, "11"),
    "退休": (types_pb2.SCHEME_EMPLOYEE, "12"),
    "居民": (types_pb2.SCHEME_RESIDENT, "15"),
}
"""Scheme and psn_type of each standing; who is not insured has no enrolment."""

STATUSES: Final = {
    "正常": types_pb2.ENROLMENT_STATUS_NORMAL,
    "暂停": types_pb2.ENROLMENT_STATUS_PAUSED,
    "无效": types_pb2.ENROLMENT_STATUS_INVALID,
    "终止": types_pb2.ENROLMENT_STATUS_TERMINATED,
}

MARKS: Final[dict[Mark, str]] = {"跨省备案": "cross_province_filing"}

FILED_AS: Final = {
    "异地长期居住": filing_pb2.FILING_KIND_LONG_TERM,
    "异地转诊": filing_pb2.FILING_KIND_REFERRAL,
    "临时外出就医": filing_pb2.FILING_KIND_TEMPORARY,
    "异地急诊": filing_pb2.FILING_KIND_EMERGENCY,
}

RELATIONS: Final = {
    "配偶": "10",
    "丈夫": "11",
    "妻子": "12",
    "儿子": "20",
    "独生子": "21",
    "养子": "27",
    "女婿": "28",
    "女儿": "30",
    "独生女": "31",
    "养女": "37",
    "儿媳": "38",
    "孙子": "41",
    "孙女": "42",
    "外孙": "43",
    "外孙女": "44",
    "父母": "50",
    "父亲": "51",
    "母亲": "52",
    "公公": "53",
    "婆婆": "54",
    "岳父": "55",
    "岳母": "56",
    "继父": "57",
    "养父": "57",
    "继母": "58",
    "养母": "58",
    "祖父": "61",
    "祖母": "62",
    "外祖父": "63",
    "外祖母": "64",
    "兄弟姐妹": "70",
    "哥哥": "71",
    "嫂子": "72",
    "兄弟": "73",
    "弟弟": "73",
    "弟媳": "74",
    "姐姐": "75",
    "姐夫": "76",
    "妹妹": "77",
    "妹夫": "78",
}
"""GB/T 4761 codes of what the member is to the holder; a case may also write the two digits."""

MATERIALS: Final = {
    "授权人身份证": "holder_id_card",
    "授权人社保卡": "holder_social_security_card",
    "使用人身份信息": "member_identity",
    "结婚证": "marriage_certificate",
    "户口簿": "household_register",
    "出生医学证明": "birth_certificate",
    "其他关系证明": "other_relationship_proof",
}
ORIGINAL: Final = "原件"
"""Ends the name of a material whose original is shown; others are copies or uploads."""

CHECKS: Final = {
    "实名认证": "real_name",
    "医保电子凭证": "e_voucher",
    "人脸识别": "face",
    "查验身份证": "id_card_seen",
}

PURPOSES: Final = {
    "就医购药": types_pb2.PURPOSE_VISIT,
    "居民医保缴费": types_pb2.PURPOSE_RESIDENT_PREMIUM,
}

KINDS: Final = {
    "普通门诊": settlement_pb2.VISIT_KIND_OUTPATIENT,
    "挂号": settlement_pb2.VISIT_KIND_REGISTRATION,
    "急诊": settlement_pb2.VISIT_KIND_EMERGENCY,
    "慢特病": settlement_pb2.VISIT_KIND_CHRONIC,
    "特药": settlement_pb2.VISIT_KIND_SPECIAL_DRUG,
    "药店购药": settlement_pb2.VISIT_KIND_PHARMACY,
    "生育门诊": settlement_pb2.VISIT_KIND_MATERNITY,
    "住院": settlement_pb2.VISIT_KIND_INPATIENT,
    "门诊两病": settlement_pb2.VISIT_KIND_TWO_DISEASES,
    "意外伤害": settlement_pb2.VISIT_KIND_ACCIDENT,
}

RESIDUES: Final = {
    "": settlement_pb2.RESIDUE_OF_UNSPECIFIED,
    "住院": settlement_pb2.RESIDUE_OF_INPATIENT,
    "慢特病": settlement_pb2.RESIDUE_OF_CHRONIC,
}

SPENDING: Final = {
    "医疗": settlement_pb2.SPENDING_MEDICAL,
    "公共卫生": settlement_pb2.SPENDING_PUBLIC_HEALTH,
    "体育健身": settlement_pb2.SPENDING_FITNESS,
    "养生保健": settlement_pb2.SPENDING_WELLNESS,
}

CONSENTS: Final = {
    "本人": binding_pb2.CONSENT_METHOD_OWN_ACCOUNT,
    "短信": binding_pb2.CONSENT_METHOD_PHONE_CODE,
    "窗口": binding_pb2.CONSENT_METHOD_COUNTER,
    "监护人": binding_pb2.CONSENT_METHOD_GUARDIAN,
}

USES: Final = {
    "none": settlement_pb2.ACCOUNT_USE_NONE,
    "own": settlement_pb2.ACCOUNT_USE_OWN,
    "order": settlement_pb2.ACCOUNT_USE_CITY_ORDER,
}

STATES: Final = {
    binding_pb2.BINDING_STATE_AWAITING_CONSENT: "待同意",
    binding_pb2.BINDING_STATE_UNDER_REVIEW: "审核中",
    binding_pb2.BINDING_STATE_ACTIVE: "已生效",
    binding_pb2.BINDING_STATE_REFUSED: "未通过",
    binding_pb2.BINDING_STATE_EXPIRED: "已失效",
    binding_pb2.BINDING_STATE_ENDED: "已解绑",
}


def relation(word: str) -> str:
    """Return the code of a relation. ValueError for an unknown word."""
    if word.isdecimal() and len(word) == 2:
        return word
    if word not in RELATIONS:
        choices = "、".join(RELATIONS)
        raise ValueError(f"不认识的关系 {word!r}；可写：{choices}，或两位代码")
    return RELATIONS[word]


def material(word: str) -> tuple[str, bool]:
    """Return a material's kind and whether its original is shown.

    ValueError for an unknown word.
    """
    plain = word.removesuffix(ORIGINAL)
    if plain not in MATERIALS:
        choices = "、".join(MATERIALS)
        raise ValueError(
            f"不认识的材料 {word!r}；可写：{choices}，原件加“{ORIGINAL}”二字"
        )
    return MATERIALS[plain], plain != word


def instant(text: str) -> datetime:
    """Read `2025-09-30 10:00`, Shanghai time. ValueError for anything else."""
    try:
        at = datetime.strptime(text, "%Y-%m-%d %H:%M")  # noqa: DTZ007 - zone below
    except ValueError:
        raise ValueError(f"时刻应写作 2025-09-30 10:00，得到 {text!r}") from None
    return at.replace(tzinfo=SHANGHAI)


def written(at: datetime) -> str:
    """Write an instant as a case does."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def fen(yuan: Decimal) -> int:
    """Return a case's yuan in fen. ValueError if they are not whole fen."""
    amount = yuan * 100
    if amount != int(amount):
        raise ValueError(f"金额 {yuan} 元不足一分")
    return int(amount)


def yuan(amount: int) -> str:
    """Write fen as a case writes yuan: 10000 → "100.00"."""
    sign = "-" if amount < 0 else ""
    # Divided without the sign: -1 // 100 is -1.
    whole, cents = divmod(abs(amount), 100)
    return f"{sign}{whole}.{cents:02d}"


def percent(ratio_bp: int) -> str:
    """Write basis points as a case writes a ratio: 5500 → "55%", 1250 → "12.5%"."""
    text = f"{ratio_bp // 100}.{ratio_bp % 100:02d}"
    return f"{text.rstrip('0').rstrip('.')}%"
