"""The contradictions of the sources: by which rule each is settled, and what else it could be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gongji import (
    ALL_PARTS,
    ALWAYS,
    CLOSE,
    NO_LIMIT,
    Across,
    AtOnce,
    ConsentTerms,
    IdentityCheck,
    MemberField,
    Purpose,
    ReviewLatency,
    Scheme,
    Scope,
    Use,
)
from gongji.model.people import Kin
from gongji.rules.codes import SHANGHAI, AccountUse

from tests.binding.applying import (
    enrolled,
)
from tests.cities.scenarios import (
    Scenario,
    applying,
    first_day,
    offered,
    paying,
    reading,
)


@dataclass(frozen=True)
class Contradiction:
    """Where it is settled, its outcome, and what would come of another value."""

    city: str
    hook: str
    scenario: Scenario
    outcome: str
    other_value: Callable[[Any], Any]
    other_outcome: str
    since: str = "2022-07-01"


SPOUSES = {"kin": (Kin("M", "10", "户籍"),)}
RESIDENT = {"psn_type": "15"}
RETIRED = {"psn_type": "12"}
REVIEWED = ReviewLatency(at_once=AtOnce.NEVER, working_days=3, earliest_working_days=1)
EVENING = datetime(2025, 9, 30, 17, 30, tzinfo=SHANGHAI)
AID: dict[str, Any] = {"account_use": AccountUse.CITY_ORDER}


def entry(key: object, value: object) -> Callable[[Any], Any]:
    """Return the rule's mapping with another value for one key."""
    return lambda shipped: {**shipped, key: value}


def in_entry(key: object, **changes: object) -> Callable[[Any], Any]:
    """The rule's mapping with one value changed in part."""
    return lambda shipped: {**shipped, key: replace(shipped[key], **changes)}


BINDING = {
    "X1": Contradiction(
        "anqing",
        "review_latency",
        applying("anqing", "wanshitong", holder=SPOUSES),
        "active",
        entry("wanshitong", REVIEWED),
        "under_review, due 2025-10-11 17:00",
    ),
    "X2": Contradiction(
        "chuzhou",
        "review_latency",
        applying("chuzhou", "minip_wechat"),
        "active",
        entry("minip_wechat", REVIEWED),
        "under_review, due 2025-10-11 17:00",
    ),
    "X3": Contradiction(
        "chuzhou",
        "scope",
        applying("chuzhou", "wanshitong", member={"place": "340800"}),
        "refused: scope",
        lambda _: Scope.PROVINCE,
        # Anqing, which must agree too, reviews whom the registry does not show (A27).
        "under_review, due 2025-10-11 17:00",
    ),
    "X4": Contradiction(
        "chuzhou",
        "member_terms",
        applying("chuzhou", "wanshitong", member=RESIDENT),
        "refused: member_terms",
        in_entry(Purpose.VISIT, schemes=frozenset(Scheme)),
        "active",
    ),
    "X5": Contradiction(
        "chuzhou",
        "relations",
        applying("chuzhou", "wanshitong", relation="71"),
        "refused: relations",
        lambda _: CLOSE,
        "active",
    ),
    "X6": Contradiction(
        "chuzhou",
        "family_limit",
        applying("chuzhou", "wanshitong", bound=6),
        "refused: family_limit",
        lambda _: NO_LIMIT,
        "active",
    ),
    "X7": Contradiction(
        "chuzhou",
        "materials",
        applying("chuzhou", "minip_wechat", materials=()),
        "refused: materials",
        entry("minip_wechat", ()),
        "active",
    ),
    "X8": Contradiction(
        "huangshan",
        "channels",
        offered("huangshan", "皖事通APP"),
        "皖事通APP",
        in_entry("wanshitong", name="皖事通APP“家庭共济”"),
        "皖事通APP“家庭共济”",
    ),
    "X9": Contradiction(
        "anqing",
        "identity_checks",
        applying(
            "anqing",
            "wanshitong",
            holder=SPOUSES,
            identity_checks=frozenset({"real_name"}),
        ),
        "refused: identity_checks",
        entry("wanshitong", frozenset({IdentityCheck.REAL_NAME})),
        "active",
    ),
    "X10": Contradiction(
        "anqing",
        "consent",
        applying("anqing", "wanshitong", holder=SPOUSES, consent=None),
        "awaiting_consent",
        lambda _: ConsentTerms(required=False, in_place_of_it="联系电话"),
        "active",
    ),
    "X11": Contradiction(
        "chuzhou",
        "fields_asked",
        applying("chuzhou", "wanshitong"),
        "active",
        entry(
            "wanshitong",
            frozenset(
                {
                    MemberField.NAME,
                    MemberField.CERTIFICATE_NUMBER,
                    MemberField.INSURED_PLACE,
                }
            ),
        ),
        "refused: fields_asked, fields_asked",
    ),
    "X12": Contradiction(
        "chuzhou",
        "holder_terms",
        first_day("chuzhou"),
        "2022-07-01",
        lambda shipped: shipped,
        "2025-01-01",
        since="2025-01-01",
    ),
    "X17": Contradiction(
        "anqing",
        "channels",
        applying("anqing", "national_app"),
        "refused: channels",
        in_entry("national_app", across=Across.BOTH),
        "under_review, due 2025-10-11 17:00",
    ),
    "X18": Contradiction(
        "anqing",
        "channels",
        applying("anqing", "window", now=EVENING),
        (
            "COUNTER_CLOSED: 安庆市各级医保经办服务窗口现在不办理：工作日9:00–17:00；"
            "下次开放 2025-10-09 09:00"
        ),
        in_entry("window", hours=ALWAYS),
        "active",
    ),
}
SETTLEMENT = {
    "X13": Contradiction(
        "huangshan",
        "out_of_area",
        paying("huangshan", 2, 1000_00, place="340100"),
        "FILING_REQUIRED",
        lambda shipped: replace(shipped, filing_before_direct_settlement=False),
        "fund 100.00, cash 900.00",
    ),
    "X14": Contradiction(
        "huangshan",
        "wallet",
        reading("huangshan", "开通医保钱包不绑定任何人"),
        "开通医保钱包不绑定任何人",
        lambda shipped: replace(shipped, binds=True),
        "not said",
    ),
    "X15": Contradiction(
        "chuzhou",
        "uses",
        paying("chuzhou", 0, 100_00, **AID),
        "aid 100.00",
        lambda shipped: replace(shipped, aid_at=frozenset({Use.OUTPATIENT})),
        "cash 100.00",
    ),
    "X16": Contradiction(
        "chuzhou",
        "uses",
        paying("chuzhou", 2, 0, out_of_catalogue_fen=100_00, **AID),
        "cash 100.00",
        lambda shipped: replace(shipped, aid_pays=ALL_PARTS),
        "aid 100.00",
    ),
    "X19": Contradiction(
        "chuzhou",
        "reimbursement",
        paying("chuzhou", 8, 1000_00, patient=RETIRED),
        "fund 130.00, cash 870.00",
        in_entry(Scheme.EMPLOYEE, retired={1: 70_00, 2: 60_00, 3: 60_00}),
        "fund 140.00, cash 860.00",
    ),
    "X20": Contradiction(
        "chuzhou",
        "reimbursement",
        paying("chuzhou", 2, 1000_00),
        "fund 100.00, cash 900.00",
        in_entry(Scheme.EMPLOYEE, deductible_fen={1: 200_00, 2: 400_00, 3: 400_00}),
        "fund 300.00, cash 700.00",
    ),
    "X21": Contradiction(
        "anqing",
        "reimbursement",
        paying(
            "anqing",
            2,
            1000_00,
            patient={"enrolments": enrolled(Scheme.RESIDENT, "15")},
        ),
        "cash 1,000.00",
        lambda shipped: {**shipped, Scheme.RESIDENT: shipped[Scheme.EMPLOYEE]},
        "fund 100.00, cash 900.00",
    ),
}
ROWS = BINDING | SETTLEMENT
