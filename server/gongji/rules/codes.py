"""The national code lists, and the closed sets of our own; numbers are as on the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, IntEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

IDENTITY_CARD = "01"
"""psn_cert_type of the resident identity card (居民身份证)."""


ADULT_YEARS = 18
"""Who has completed as many years is an adult (《民法典》第十七条)."""


class Scheme(IntEnum):
    """Insurance scheme (insutype 险种); numbers are the national codes."""

    EMPLOYEE = 310
    RESIDENT = 390


class EnrolmentStatus(IntEnum):
    """Status of an enrolment (psn_insu_stas 参保状态)."""

    NORMAL = 1
    PAUSED = 2
    INVALID = 3
    TERMINATED = 4


class Standing(Enum):
    """Standing of a person of the employee scheme (在职/退休), from psn_type."""

    ACTIVE = "active"
    RETIRED = "retired"


STANDINGS: Final[Mapping[Scheme, tuple[Standing, ...]]] = {
    Scheme.EMPLOYEE: (Standing.ACTIVE, Standing.RETIRED),
    # Residents have no standing: figures are read under the active one.
    Scheme.RESIDENT: (Standing.ACTIVE,),
}
"""The standings there are in a scheme, under which its figures are read."""


class InstitutionKind(IntEnum):
    """Kind of designated institution (fixmedins_type)."""

    HOSPITAL = 1
    PHARMACY = 2


CARE_CLASSES = (
    "hospital",
    "community",
    "clinic",
    "village",
    "specialised",
    "dual_channel",
)
"""Classes of institutions (机构类别) that a benefit may tell apart."""


class VisitKind(IntEnum):
    """Kind of visit (med_type 医疗类别)."""

    OUTPATIENT = 11
    REGISTRATION = 12
    EMERGENCY = 13
    CHRONIC = 14
    SPECIAL_DRUG = 18
    PHARMACY = 41
    MATERNITY = 51
    INPATIENT = 2101
    TWO_DISEASES = 9901
    ACCIDENT = 9903


class ResidueOf(IntEnum):
    """Which care left a remainder to pay (剩余自付的来源); numbers as on the wire."""

    INPATIENT = 1
    CHRONIC = 2


class AccountUse(Enum):
    """Which purses the patient wants used (acct_used_flag)."""

    NONE = 0
    OWN = 1
    CITY_ORDER = 2


class Spending(Enum):
    """What a bill's money is spent on."""

    MEDICAL = "medical"
    PUBLIC_HEALTH = "public_health"
    FITNESS = "fitness"
    WELLNESS = "wellness"


class Purpose(IntEnum):
    """What a binding is for (共济用途)."""

    VISIT = 1
    RESIDENT_PREMIUM = 2


class BindingState(IntEnum):
    """Where a binding stands; numbers as on the wire."""

    AWAITING_CONSENT = 1
    UNDER_REVIEW = 2
    ACTIVE = 3
    REFUSED = 4
    EXPIRED = 5
    ENDED = 6
    SUSPENDED = 7


OPEN_STATES = frozenset(
    {
        BindingState.AWAITING_CONSENT,
        BindingState.UNDER_REVIEW,
        BindingState.ACTIVE,
        BindingState.SUSPENDED,
    }
)
"""States in which a binding takes a place in the family."""


class MarkKind(Enum):
    """The marks of a person that a rule asks for; values are the kinds as on the wire."""

    # A filing of another province says it too, wherever filings are kept (`model.filing`).
    CROSS_PROVINCE_FILING = "cross_province_filing"


class FilingKind(IntEnum):
    """Why somebody is treated elsewhere (异地就医备案); numbers as on the wire."""

    LONG_TERM = 1
    REFERRAL = 2
    TEMPORARY = 3
    EMERGENCY = 4


class EvidenceType(IntEnum):
    """What was shown at the counter (mdtrt_cert_type 就诊凭证类型); the national codes."""

    E_VOUCHER = 1
    IDENTITY_CARD = 2
    SOCIAL_SECURITY_CARD = 3


class EvidenceCheck(IntEnum):
    """By what it was held to be the patient's; numbers as on the wire."""

    FORM = 1
    REGISTRY = 2
    ISSUER = 3


class ClaimReason(IntEnum):
    """Why a bill is claimed on paper (手工结算); numbers as on the wire."""

    NOT_FILED = 1
    NOT_CONNECTED = 2
    NO_CARD = 3
    EMERGENCY = 4


class ClaimState(IntEnum):
    """Where a claim on paper stands; numbers as on the wire."""

    SUBMITTED = 1
    REVIEWED = 2
    RETURNED = 3
    PAID = 4
    REFUSED = 5
    WITHDRAWN = 6


class PayLoc(IntEnum):
    """Where a bill is paid (pay_loc 支付地点类别); the numbers are the national codes."""

    INSTITUTION = 2
    IN_PROVINCE = 3
    ACROSS_PROVINCES = 4
    IN_CITY = 6


class ConsentMethod(IntEnum):
    """How the member consented; numbers as on the wire."""

    OWN_ACCOUNT = 1
    PHONE_CODE = 2
    COUNTER = 3
    GUARDIAN = 4


class Payer(IntEnum):
    """Who pays a line; numbers as on the wire."""

    FUND = 1
    OWN_PURSE = 2
    GIVER_PURSE = 3
    CASH = 4
    WALLET = 5
    LARGE_AMOUNT = 6
    CIVIL_SERVANT = 7
    CRITICAL_ILLNESS = 8
    MEDICAL_AID = 9


FURTHER_PAYERS = (
    Payer.LARGE_AMOUNT,
    Payer.CIVIL_SERVANT,
    Payer.CRITICAL_ILLNESS,
    Payer.MEDICAL_AID,
)
"""Who pays of what the fund leaves (hifob_pay, cvlserv_pay, hifmi_pay, maf_pay)."""


class NoticeKind(IntEnum):
    """What a settlement tells beside its amounts; numbers as on the wire."""

    NO_TABLE = 1


class EntryKind(IntEnum):
    """Why money moved in a purse; numbers as on the wire."""

    CREDIT = 1
    BROUGHT_FORWARD = 2
    OWN_CHARGE = 3
    AID_CHARGE = 4
    REFUND = 5
    PREMIUM = 6
    CREDIT_TAKEN_BACK = 7
    BROUGHT_FORWARD_CORRECTED = 8
    CREDIT_CORRECTED = 9
    PREMIUM_REFUNDED = 10
    WALLET_SENT = 11
    WALLET_RECEIVED = 12
    WALLET_RETURNED = 13
    WALLET_CHARGE = 14
    WALLET_REFUND = 15


class TransferState(IntEnum):
    """Where a transfer to a wallet stands; numbers as on the wire."""

    WAITING = 1
    ACCEPTED = 2
    DECLINED = 3
    RETURNED = 4


@lru_cache(maxsize=None, typed=True)
def wire_name(code: IntEnum) -> str:
    """Return what a code is called on the wire: Purpose.VISIT → PURPOSE_VISIT."""
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(code).__name__)
    return f"{kind}_{code.name}".upper()


def pooling_area(area_code: str) -> str:
    """Return the pooling area (统筹区) of a city, county or head office: 340822 → 3408."""
    # Counties (340822) and head offices (340899) belong to their city.
    return area_code[:4]


def province(area_code: str) -> str:
    """Return the province of an area code: 340822 → 34."""
    return area_code[:2]


def covers_area(area: str, code: str) -> bool:
    """Return whether an area holds an institution's: 310000 or 31 all of Shanghai.

    Pooling is by city: a county stands for the city it belongs to.
    """
    # Pairs of zeros at the end name the whole: 340000 a province, 340100 a city.
    prefix = area.removesuffix("00").removesuffix("00") if len(area) == _WHOLE else area
    return code.startswith(prefix[:4])


_WHOLE = 6
"""Digits of an area code; a rule may name its first two or four instead."""


def pay_loc(treated_in: str, insured_in: str) -> PayLoc:
    """Return where a bill is paid, of the areas of treatment and of insurance.

    Pooling is by city, so that in a city no care is elsewhere: IN_CITY is never said.
    """
    if pooling_area(treated_in) == pooling_area(insured_in):
        return PayLoc.INSTITUTION
    if province(treated_in) == province(insured_in):
        return PayLoc.IN_PROVINCE
    return PayLoc.ACROSS_PROVINCES
