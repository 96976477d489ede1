"""Applications faultless but for one thing, with the one condition they then fail; and
applications that only look faulty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from gongji.model.binding import Material, MemberDetails
from gongji.model.people import Certificate, Kin, Mark
from gongji.rules.codes import EnrolmentStatus, MarkKind, Purpose, Scheme

from tests.binding.applying import TUESDAY, Applicants, enrolled

YESTERDAY = TUESDAY.date() - timedelta(days=1)
PREMIUM = frozenset({Purpose.RESIDENT_PREMIUM})
RESIDENT = {"psn_type": "15"}
BORN_1955 = {
    "certificate": Certificate("01", Applicants.identity_number(1, born="19550101"))
}


@dataclass(frozen=True)
class Row:
    """An application faultless but for what is said, and the one condition it fails.

    `changes` are the application's; `expected` the hook, clauses that must be cited,
    and what the message says.
    """

    channel: str
    expected: tuple[str, set[str], str] = ("", set(), "")
    holder: Mapping[str, Any] = field(default_factory=dict)
    member: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    city: str = "chuzhou"


NORMALLY = "正常参加职工医保"
PEOPLE = {
    "a resident's holder has no account": Row(
        "wanshitong",
        ("holder_terms", {"A8"}, f"授权人在 2025-09-30 .*{NORMALLY}"),
        holder=RESIDENT,
    ),
    "a holder whose payments are paused": Row(
        "wanshitong",
        ("holder_terms", {"A8"}, NORMALLY),
        holder={"enrolments": enrolled(Scheme.EMPLOYEE, status=EnrolmentStatus.PAUSED)},
    ),
    "a holder whose enrolment ended yesterday": Row(
        "wanshitong",
        ("holder_terms", {"A8"}, NORMALLY),
        holder={"enrolments": enrolled(Scheme.EMPLOYEE, until=YESTERDAY)},
    ),
    "a resident for a visit in Chuzhou": Row(
        "wanshitong",
        ("member_terms", {"C21"}, f"使用人在 2025-09-30 不符合“就医购药”.*{NORMALLY}"),
        member=RESIDENT,
    ),
    "a member whose payments are paused": Row(
        "wanshitong",
        ("member_terms", {"C21"}, NORMALLY),
        member={"enrolments": enrolled(Scheme.EMPLOYEE, status=EnrolmentStatus.PAUSED)},
    ),
    "a member enrolled nowhere": Row(
        "wanshitong", ("member_terms", {"C21"}, NORMALLY), member={"enrolments": ()}
    ),
    "an employee's premium as a resident": Row(
        "wanshitong",
        ("member_terms", {"C68"}, "居民医保个人缴费.*正常参加城乡居民医保"),
        changes={"purposes": PREMIUM},
    ),
    "premiums in Anqing, which does not offer them": Row(
        "wanshitong",
        ("member_terms", {"T-AQ9"}, "本市共济用途不含“居民医保个人缴费”"),
        member=RESIDENT,
        changes={"purposes": PREMIUM},
        city="anqing",
    ),
    "a holder who has died": Row(
        "wanshitong",
        ("holder_terms", {"A8"}, "授权人已登记死亡"),
        holder={"died_on": YESTERDAY},
    ),
    "a member who has died": Row(
        "wanshitong",
        ("member_terms", {"C21"}, "使用人已登记死亡"),
        member={"died_on": YESTERDAY},
    ),
    "a member of another pooling area": Row(
        "wanshitong",
        (
            "scope",
            {"C27", "C28"},
            "使用人的参保地与授权人参保地 341100 不在同一医保统筹区",
        ),
        member={"place": "340800"},
    ),
    "a member whose city refuses": Row(
        "wanshitong",
        (
            "scope",
            {"C27", "C28"},
            "滁州市（341100）：使用人的参保地与授权人参保地 340800",
        ),
        member={"place": "341100"},
        city="anqing",
    ),
    "a member whose city is not served": Row(
        "wanshitong",
        ("scope", {"T110"}, "医保区划 340100 所属城市未接入"),
        member={"place": "340100"},
        city="anqing",
    ),
    "a member of another province": Row(
        "wanshitong",
        ("scope", {"A9"}, "使用人的参保地与授权人参保地 340800 不在"),
        member={"place": "320100"},
        city="anqing",
    ),
}
"""Who they are and where they are insured."""


def kin(of_holder: str = "", of_member: str = "") -> dict[str, Any]:
    """What the registry knows: what M is to H, and what H is to M."""
    return {
        "holder": {"kin": (Kin("M", of_holder, "户籍"),)} if of_holder else {},
        "member": {"kin": (Kin("H", of_member, "户籍"),)} if of_member else {},
    }


RELATIONS = {
    "a brother in Chuzhou": Row(
        "wanshitong",
        ("relations", {"C26"}, "71 不属于直系亲属"),
        changes={"relation": "71"},
    ),
    "a father-in-law": Row(
        "wanshitong",
        ("relations", {"A9"}, "53 不属于近亲属"),
        changes={"relation": "53"},
        city="anqing",
    ),
    "himself": Row(
        "wanshitong",
        ("relations", {"C26"}, "关系代码 01 不属于"),
        changes={"relation": "01"},
    ),
    "a spouse whom the registry knows as a son": Row(
        "wanshitong",
        ("relations", {"C26"}, "10 与登记的亲属关系不一致"),
        **kin(of_holder="20"),
    ),
    "a father whom the registry knows as a father-in-law": Row(
        "wanshitong",
        ("relations", {"C26"}, "51 与登记的亲属关系不一致"),
        **kin(of_holder="53"),
        changes={"relation": "51"},
    ),
    "a father whose own record knows a son-in-law": Row(
        "wanshitong",
        ("relations", {"C26"}, "51 与登记的亲属关系不一致"),
        **kin(of_member="28"),
        changes={"relation": "51"},
    ),
    "a spouse whose own record knows no relative": Row(
        "wanshitong",
        ("relations", {"C26"}, "10 与登记的亲属关系不一致"),
        **kin(of_member="99"),
    ),
}
"""What they are to each other."""


def filed(until: date | None = None) -> dict[str, Any]:
    """Return what makes a person filed for care in another province since 2025."""
    kind = MarkKind.CROSS_PROVINCE_FILING.value
    return {"marks": (Mark(kind, "", date(2025, 1, 1), until),)}


NO_DETAILS = MemberDetails()
CHANNELS = {
    "no real name": Row(
        "wanshitong",
        ("identity_checks", {"C10"}, "皖事通APP须先完成实名认证"),
        changes={"identity_checks": frozenset({"e_voucher"})},
    ),
    "no e-voucher": Row(
        "minip_wechat",
        ("identity_checks", {"C2"}, "须先完成.*电子.*凭证"),
        changes={"identity_checks": frozenset({"real_name"})},
    ),
    "no face in Anqing's Wanshitong": Row(
        "wanshitong",
        ("identity_checks", {"A24"}, "须先完成人脸识别"),
        changes={"identity_checks": frozenset({"real_name"})},
        city="anqing",
    ),
    "no phone": Row(
        "wanshitong",
        ("fields_asked", {"C13"}, "缺少使用人的联系电话"),
        changes={
            "member_details": MemberDetails(
                certificate_number=Applicants.identity_number(1)
            )
        },
    ),
    "a phone of blanks": Row(
        "wanshitong",
        ("fields_asked", {"C13"}, "缺少使用人的联系电话"),
        changes={
            "member_details": MemberDetails(
                "", Applicants.identity_number(1), "\u3000 - "
            )
        },
    ),
    "another phone": Row(
        "wanshitong",
        ("fields_asked", {"C13"}, "使用人的联系电话与登记信息不一致"),
        changes={
            "member_details": MemberDetails(
                "", Applicants.identity_number(1), "10000000001"
            )
        },
    ),
    "another name, though nobody asked": Row(
        "wanshitong",
        ("fields_asked", {"C13"}, "使用人的姓名与登记信息不一致"),
        changes={
            "member_details": MemberDetails(
                "别人", Applicants.identity_number(1), "10000000000"
            )
        },
    ),
    "another insured place": Row(
        "wanshitong",
        ("fields_asked", {"A25"}, "使用人的医保参保地与登记信息不一致"),
        changes={
            "member_details": MemberDetails(
                "某某", Applicants.identity_number(1), "", "341100"
            )
        },
        city="anqing",
    ),
    "no upload in Chuzhou's mini-program": Row(
        "minip_wechat",
        ("materials", {"C4", "C24"}, "缺少材料：结婚证或居民户口簿"),
        changes={"materials": ()},
    ),
    "another upload": Row(
        "city_wechat",
        ("materials", {"C8"}, "缺少材料：结婚证或居民户口簿"),
        changes={
            "materials": (Material("holder_id_card", original=True, reference="1"),)
        },
    ),
    "no proof where the registry shows no relation": Row(
        "wanshitong",
        ("materials", {"A34"}, "缺少材料：关系证明$"),
        changes={"materials": ()},
        city="anqing",
    ),
    "a copy at the window": Row(
        "window",
        ("materials", {"A36"}, "缺少材料：关系证明原件"),
        changes={
            "materials": (
                Material("holder_id_card", original=True, reference="1"),
                Material("holder_social_security_card", original=True, reference="2"),
                Material("household_register", original=False, reference="3"),
            )
        },
        city="anqing",
    ),
    "no agreement": Row(
        "wanshitong",
        ("agreement", {"C12"}, "授权人未同意.*版本 2025"),
        changes={"agreement": None},
    ),
    "the national app within one pooling area": Row(
        "national_app",
        ("channels", {"A19"}, "国家医保服务平台APP只办理.*跨统筹区"),
        city="anqing",
    ),
    "the national app for somebody whose filing ended yesterday": Row(
        "national_app",
        ("channels", {"A19"}, "或一方为跨省备案人员"),
        member=filed(until=YESTERDAY),
        city="anqing",
    ),
    "the national app within one pooling area of Huangshan": Row(
        "national_app",
        ("channels", {"A19"}, "国家医保服务平台APP只办理.*跨统筹区"),
        city="huangshan",
    ),
}
"""How they apply."""

FAILING = PEOPLE | RELATIONS | CHANNELS

FITS = {
    "two employees of Chuzhou": Row("wanshitong"),
    "a retired holder": Row("wanshitong", holder={"psn_type": "12"}),
    "a member of a county of the holder's city": Row(
        "wanshitong", member={"place": "341122"}
    ),
    "a holder filed at the head office": Row("wanshitong", holder={"place": "341199"}),
    "an enrolment that ends today": Row(
        "wanshitong",
        holder={"enrolments": enrolled(Scheme.EMPLOYEE, until=TUESDAY.date())},
    ),
    "a premium for a resident": Row(
        "wanshitong", member=RESIDENT, changes={"purposes": PREMIUM}
    ),
    "a premium for somebody just enrolling": Row(
        "wanshitong", member={"enrolments": ()}, changes={"purposes": PREMIUM}
    ),
    "a resident parent in Anqing": Row(
        "wanshitong",
        member={**RESIDENT, **BORN_1955},
        changes={"relation": "51"},
        city="anqing",
    ),
    "a sister in Anqing": Row("wanshitong", changes={"relation": "75"}, city="anqing"),
    "a member of another pooling area, Anqing": Row(
        "wanshitong", member={"place": "341000"}, city="anqing"
    ),
    "the national app across pooling areas": Row(
        "national_app", member={"place": "341000"}, city="anqing"
    ),
    "the national app for a filed member of the same area": Row(
        "national_app", member=filed(), city="anqing"
    ),
    "the national app for a filed holder of the same area": Row(
        "national_app", holder=filed(until=TUESDAY.date()), city="huangshan"
    ),
    "a birth certificate": Row(
        "minip_wechat",
        changes={
            "materials": (Material("birth_certificate", original=False, reference="1"),)
        },
    ),
    "any proof where the document says so": Row(
        "city_wechat",
        changes={
            "materials": (
                Material("other_relationship_proof", original=False, reference="1"),
            )
        },
    ),
    "the original where a copy would do": Row(
        "minip_wechat",
        changes={
            "materials": (Material("household_register", original=True, reference="1"),)
        },
    ),
    "no proof where the registry shows the relation": Row(
        "wanshitong", **kin(of_holder="11"), changes={"materials": ()}, city="anqing"
    ),
    "no proof where the member's record shows it": Row(
        "wanshitong",
        member={**kin(of_member="30")["member"], **BORN_1955},
        changes={"materials": (), "relation": "52"},
        city="anqing",
    ),
    "nothing to upload in Chuzhou's Wanshitong": Row(
        "wanshitong", changes={"materials": ()}
    ),
    "no consent in Chuzhou": Row("wanshitong", changes={"consent": None}),
    "a phone the registry does not know": Row(
        "wanshitong",
        member={"phone": ""},
        changes={
            "member_details": MemberDetails(
                "", Applicants.identity_number(1), "10000000001"
            )
        },
    ),
    "details typed otherwise than they are registered": Row(
        "wanshitong",
        member={"name": "古丽米热·艾比布力 ", "phone": "0550-3012345"},
        changes={
            "member_details": MemberDetails(
                "古丽米热 • 艾比布力",
                f" {Applicants.identity_number(1)} ",
                "+86 550 3012345",
            )
        },
    ),
    "a check more than asked": Row(
        "wanshitong",
        changes={"identity_checks": frozenset({"real_name", "e_voucher", "face"})},
    ),
}
