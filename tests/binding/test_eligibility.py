"""Who may bind whom: one row a condition, all failing conditions together, every limit
at its edges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from gongji.binding.eligibility import CONDITIONS
from gongji.model.binding import Application, Material, MemberDetails
from gongji.model.people import Kin
from gongji.model.refusals import Condition, NotEligible
from gongji.rules.binding import FamilyLimit, GiverLimit
from gongji.rules.clauses import Clause, ruled
from gongji.rules.codes import ConsentMethod, EnrolmentStatus, Purpose, Scheme
from gongji.rules.hookspecs import DATED_HOOKS
from msgspec.structs import replace

from tests.binding.applying import PLACES, TUESDAY, Applicants, enrolled, with_values

YESTERDAY = TUESDAY.date() - timedelta(days=1)
PREMIUM = frozenset({Purpose.RESIDENT_PREMIUM})
RESIDENT = {"psn_type": "15"}
TEST = Clause("W1", "测试的条款。", "测试")


@dataclass(frozen=True)
class Row:
    """An application that is faultless but for what is said, and the one condition it then fails.

    `changes` are the application's; `expected` the hook, clauses that must be cited,
    and what the message says.
    """

    channel: str
    expected: tuple[str, set[str], str] = ("", set(), "")
    holder: Mapping[str, Any] = field(default_factory=dict)
    member: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    city: str = "chuzhou"


def refusals(world: Applicants, application: Application) -> list[Condition]:
    """The conditions of the refusal, none where the application passes."""
    try:
        world.decide(world.submission(application))
    except NotEligible as refused:
        return list(refused.conditions)
    return []


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
        ("member_terms", {"A9"}, "本市共济用途不含“居民医保个人缴费”"),
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
            "使用人参保地 340800 与授权人参保地 341100 不在同一医保统筹区",
        ),
        member={"place": "340800"},
    ),
    "a member of another province": Row(
        "wanshitong",
        ("scope", {"A9"}, "使用人参保地 320100 与授权人参保地 340800 不在"),
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
        ("materials", {"C4", "C24"}, "缺少材料: 结婚证或居民户口簿"),
        changes={"materials": ()},
    ),
    "another upload": Row(
        "city_wechat",
        ("materials", {"C8"}, "缺少材料: 结婚证或居民户口簿"),
        changes={
            "materials": (Material("holder_id_card", original=True, reference="1"),)
        },
    ),
    "no proof where the registry shows no relation": Row(
        "wanshitong",
        ("materials", {"A34"}, "缺少材料: 关系证明$"),
        changes={"materials": ()},
        city="anqing",
    ),
    "a copy at the window": Row(
        "window",
        ("materials", {"A36"}, "缺少材料: 关系证明原件"),
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
    "the national app within one pooling area of Huangshan": Row(
        "national_app",
        ("channels", {"A19"}, "国家医保服务平台APP只办理.*跨统筹区"),
        city="huangshan",
    ),
}
"""How they apply."""

ROWS = PEOPLE | RELATIONS | CHANNELS


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_condition(row: Row) -> None:
    """Each condition that fails alone is named alone: by its hook, its clauses and its figure."""
    world = Applicants(row.city, holder=row.holder, member=row.member)
    hook, clauses, message = row.expected
    found = refusals(world, world.application(row.channel, **row.changes))

    assert [hook] == [c.hook for c in found]
    assert clauses <= set(found[0].clauses)
    assert re.search(message, found[0].message), found[0].message


def test_another_version_of_the_agreement() -> None:
    """An agreement counts in the city's id and version only."""
    world = Applicants()
    good = world.application("wanshitong").agreement
    assert good is not None
    for other in (
        replace(good, version="2024"),
        replace(good, agreement_id="anqing-family-aid"),
    ):
        assert ["agreement"] == [
            c.hook
            for c in refusals(world, world.application("wanshitong", agreement=other))
        ]


def test_minor() -> None:
    """For a child a guardian consents where the city asks for consent: the day before
    the birthday, not on it."""
    world = Applicants(
        "huangshan", member={"certificate": _born("20070930"), "psn_type": "15"}
    )
    child = world.application("wanshitong", relation="20")
    by_guardian = replace(child, consent=world.consent(ConsentMethod.GUARDIAN))
    assert [] == refusals(world, child)

    world.now -= timedelta(days=1)
    told = refusals(world, child)
    assert [("consent", True)] == [(c.hook, "未满18周岁" in c.message) for c in told]
    assert [] == refusals(world, by_guardian)


def _born(day: str) -> Any:
    return replace(
        Applicants().get("M").certificate,
        number=Applicants.identity_number(1, born=day),
    )


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
        "wanshitong", member=RESIDENT, changes={"relation": "51"}, city="anqing"
    ),
    "a sister in Anqing": Row("wanshitong", changes={"relation": "75"}, city="anqing"),
    "a member of another pooling area, Anqing": Row(
        "wanshitong", member={"place": "341100"}, city="anqing"
    ),
    "the national app across pooling areas": Row(
        "national_app", member={"place": "341100"}, city="anqing"
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
        **kin(of_member="30"),
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
    "a check more than asked": Row(
        "wanshitong",
        changes={"identity_checks": frozenset({"real_name", "e_voucher", "face"})},
    ),
}


@pytest.mark.parametrize("row", FITS.values(), ids=FITS)
def test_fits(row: Row) -> None:
    """What the rules allow is not refused."""
    world = Applicants(row.city, holder=row.holder, member=row.member)

    assert [] == refusals(world, world.application(row.channel, **row.changes))


@pytest.mark.parametrize("pinyin", PLACES)
def test_every_channel(pinyin: str) -> None:
    """Through every channel of every city a faultless application passes."""
    world = Applicants(pinyin)
    world.person("far", place="341800", phone="10000000000")
    channels = world.city.timelines["channels"][-1].value
    for number, channel in channels.items():
        member = "far" if channel.across.value == "only_across_areas" else "M"
        assert [] == refusals(world, world.application(number, member=member)), number


def test_all_at_once() -> None:
    """Whatever fails is told at once, in the order of the conditions, and the message
    carries each with its clauses."""
    world = Applicants(
        holder=RESIDENT, member={**RESIDENT, "place": "340800", "died_on": YESTERDAY}
    )
    for n in range(7):
        world.bind("H", f"M{n}", TUESDAY)
    wrong = Application(
        holder="H",
        member="M",
        relation="71",
        purposes=PREMIUM | {Purpose.VISIT},
        channel="minip_wechat",
    )
    with pytest.raises(NotEligible) as refused:
        world.decide(world.submission(wrong))

    hooks = [
        "member_terms",
        "holder_terms",
        "member_terms",
        "relations",
        "scope",
        "family_limit",
    ]
    hooks += ["identity_checks"] * 2 + ["fields_asked"] * 2 + ["materials", "agreement"]
    assert hooks == [c.hook for c in refused.value.conditions]
    assert all(c.message in refused.value.message for c in refused.value.conditions)
    assert all(
        set(c.clauses) <= {clause.id for clause in refused.value.clauses}
        for c in refused.value.conditions
    )
    assert {"A8", "C21", "C26", "C27", "C22", "C2", "C4", "C24", "C12"} <= {
        c.id for c in refused.value.clauses
    }


def test_order_of_conditions() -> None:
    """Conditions are asked in one fixed order, each once, and name hooks there are."""
    assert len(set(CONDITIONS)) == len(CONDITIONS)
    assert {"family_limit", "materials", "consent"} <= set(DATED_HOOKS)


FAMILIES = {
    "with the holder: five members and one more are seven": (
        FamilyLimit(people=7, counting_holder=True),
        5,
        True,
    ),
    "with the holder: six members and one more are eight": (
        FamilyLimit(people=7, counting_holder=True),
        6,
        False,
    ),
    "with the holder: already too many": (
        FamilyLimit(people=7, counting_holder=True),
        7,
        False,
    ),
    "without the holder: six and one more are seven": (
        FamilyLimit(people=7, counting_holder=False),
        6,
        True,
    ),
    "without the holder: seven and one more are eight": (
        FamilyLimit(people=7, counting_holder=False),
        7,
        False,
    ),
    "nobody but the holder": (FamilyLimit(people=1, counting_holder=True), 0, False),
    "one beside the holder": (FamilyLimit(people=2, counting_holder=True), 0, True),
}


@pytest.mark.parametrize(("limit", "bound", "fits"), FAMILIES.values(), ids=FAMILIES)
def test_family_limit(limit: FamilyLimit, bound: int, *, fits: bool) -> None:
    """不超过 n includes n: n people fit, n + 1 do not, the holder counted where the
    rule counts him."""
    served = with_values(
        "chuzhou", {"family_limit": ruled(limit, since="2022-07-01", clauses=[TEST])}
    )
    world = Applicants(served=served)
    for n in range(bound):
        world.bind("H", f"M{n}", TUESDAY)
    found = refusals(world, world.application("wanshitong"))
    how = "含" if limit.counting_holder else "不含"

    assert ([] if fits else ["family_limit"]) == [c.hook for c in found]
    assert all(
        f"最多{limit.people}人({how}授权人本人), 已满" in c.message for c in found
    )


@pytest.mark.parametrize(
    ("givers", "bound", "fits"),
    [(1, 0, True), (1, 1, False), (2, 1, True), (2, 2, False)],
)
def test_giver_limit(givers: int, bound: int, *, fits: bool) -> None:
    """A member fits with as many holders as the city says, and with none more."""
    limit = ruled(GiverLimit(givers=givers), since="2022-07-01", clauses=[TEST])
    world = Applicants(served=with_values("chuzhou", {"giver_limit": limit}))
    for n in range(bound):
        world.bind(f"H{n}", "M", TUESDAY)
    found = refusals(world, world.application("wanshitong"))

    assert ([] if fits else ["giver_limit"]) == [c.hook for c in found]
    assert all(f"最多由{givers}名授权人共济" in c.message for c in found)
