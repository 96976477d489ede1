"""What would help: twenty applications that must be refused, and what works when the
advice is followed by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any, ClassVar

import pytest
from gongji.cities.city import Cities
from gongji.model.binding import Application, Binding, Material, MemberDetails
from gongji.model.people import Kin
from gongji.model.refusals import CounterClosed, NotEligible
from gongji.rules.channels import Across, CounterHours
from gongji.rules.clauses import Clause, ruled
from gongji.rules.codes import SHANGHAI, ConsentMethod, Purpose, Scheme
from gongji.rules.hookspecs import CityRules
from msgspec.structs import replace

from tests.binding.applying import TUESDAY, Applicants, cities, enrolled, with_values

TEST = Clause("W1", "测试的条款。", "测试")
VISIT, PREMIUM = Purpose.VISIT, Purpose.RESIDENT_PREMIUM
REGISTER = Material("household_register", original=False, reference="附件")
Follow = Callable[[Applicants, Application], Application]


@dataclass(frozen=True, kw_only=True)
class Refused:
    """An application through a channel, faultless but for `changes`; the hooks that
    refuse it, the shortest way told, and what following that way changes. No way means
    that nothing the applicant can do would help.
    """

    city: str = "chuzhou"
    channel: str = "minip_wechat"
    holder: Mapping[str, Any] = field(default_factory=dict)
    member: Mapping[str, Any] = field(default_factory=dict)
    bound: int = 0
    changes: Mapping[str, Any] = field(default_factory=dict)
    hooks: tuple[str, ...]
    way: tuple[str, ...] = ()
    follow: Follow = lambda _, application: application


def _with(**changes: Any) -> Follow:
    return lambda _, application: replace(application, **changes)


def _through(channel: str, **changes: Any) -> Follow:
    return lambda world, a: world.application(
        channel, relation=a.relation, purposes=a.purposes, **changes
    )


def _unbinding(world: Applicants, application: Application) -> Application:
    world.do(world.unbind(world.all(Binding)[0].binding_id))
    return application


def _enrolling(person_no: str, scheme: Scheme = Scheme.EMPLOYEE) -> Follow:
    def follow(world: Applicants, application: Application) -> Application:
        world.add(replace(world.get(person_no), enrolments=enrolled(scheme)))
        return application

    return follow


def _recording(person_no: str, *kin: Kin) -> Follow:
    def follow(world: Applicants, application: Application) -> Application:
        world.add(replace(world.get(person_no), kin=kin))
        return application

    return follow


def _moving(place: str) -> Follow:
    def follow(world: Applicants, application: Application) -> Application:
        world.add(replace(world.get("M"), first_place=place))
        return application

    return follow


def _all(*steps: Follow) -> Follow:
    def follow(world: Applicants, application: Application) -> Application:
        for step in steps:
            application = step(world, application)
        return application

    return follow


NO_CHECKS: Mapping[str, Any] = {"identity_checks": frozenset()}
MOVE_IN = "使用人的参保关系转入授权人所在的同一医保统筹区内后再申请"
APPLICATIONS = {
    "no proof through the mini-program": Refused(
        changes={"materials": ()},
        hooks=("materials",),
        way=("上传结婚证或居民户口簿等证明资料",),
        follow=_with(materials=(REGISTER,)),
    ),
    "the e-voucher not activated": Refused(
        changes={"identity_checks": frozenset({"real_name"})},
        hooks=("identity_checks",),
        way=("完成医保电子凭证授权后再提交",),
        follow=_with(identity_checks=frozenset({"real_name", "e_voucher"})),
    ),
    "no identity check at all through Wanshitong": Refused(
        channel="wanshitong",
        changes=NO_CHECKS,
        hooks=("identity_checks", "identity_checks"),
        way=("完成实名认证后再提交", "完成医保电子凭证授权后再提交"),
        follow=_with(identity_checks=frozenset({"real_name", "e_voucher"})),
    ),
    "phone left out": Refused(
        changes={"member_details": MemberDetails()},
        hooks=("fields_asked", "fields_asked"),
        way=("填写使用人的身份证号码", "填写使用人的联系电话"),
        follow=lambda world, a: replace(
            a, member_details=world.application(a.channel).member_details
        ),
    ),
    "notice not accepted": Refused(
        changes={"agreement": None},
        hooks=("agreement",),
        way=("勾选“我已认真阅读”并同意",),
        follow=lambda world, a: replace(
            a, agreement=world.application(a.channel).agreement
        ),
    ),
    "an eighth person": Refused(
        bound=6,
        hooks=("family_limit",),
        way=("先解绑 1 名已绑定的家庭成员",),
        follow=_unbinding,
    ),
    "an eighth person of another city": Refused(
        bound=6,
        member={"place": "340800"},
        hooks=("scope", "family_limit"),
        way=(MOVE_IN, "先解绑 1 名已绑定的家庭成员"),
        follow=_all(_moving("341122"), _unbinding),
    ),
    "a member of another pooling area": Refused(
        member={"place": "340800"},
        hooks=("scope",),
        way=(MOVE_IN,),
        follow=_moving("341122"),
    ),
    "a resident for visits": Refused(
        member={"psn_type": "15"},
        hooks=("member_terms",),
        way=("使用人正常参加职工医保后再申请“就医购药”",),
        follow=_enrolling("M"),
    ),
    "a resident for visits and premium": Refused(
        member={"psn_type": "15"},
        changes={"purposes": frozenset({VISIT, PREMIUM})},
        hooks=("member_terms",),
        way=("申请时去掉用途“就医购药”",),
        follow=_with(purposes=frozenset({PREMIUM})),
    ),
    "a premium in a city that has none": Refused(
        city="anqing",
        channel="wanshitong",
        changes={"purposes": frozenset({VISIT, PREMIUM})},
        hooks=("member_terms",),
        way=("申请时去掉用途“居民医保个人缴费”",),
        follow=_with(purposes=frozenset({VISIT})),
    ),
    "a holder who is a resident": Refused(
        holder={"psn_type": "15"},
        hooks=("holder_terms",),
        way=("授权人正常参加职工医保后再申请",),
        follow=_enrolling("H"),
    ),
    "a brother in Chuzhou": Refused(changes={"relation": "71"}, hooks=("relations",)),
    "a father-in-law in Anqing": Refused(
        city="anqing",
        channel="wanshitong",
        changes={"relation": "55"},
        hooks=("relations",),
    ),
    "a spouse claimed as a child": Refused(
        holder={"kin": (Kin("M", "10", "登记"),)},
        changes={"relation": "20"},
        hooks=("relations",),
        way=("如实选择关系类型（登记为代码 10）",),
        follow=_with(relation="10"),
    ),
    "the national app within one area": Refused(
        city="anqing",
        channel="national_app",
        hooks=("channels",),
        way=("改用皖事通APP",),
        follow=_through("wanshitong"),
    ),
    "the window without originals": Refused(
        city="anqing",
        channel="window",
        changes={"materials": ()},
        hooks=("materials", "materials", "materials"),
        way=("改用皖事通APP", "上传关系证明"),
        follow=_through("wanshitong", materials=(REGISTER,)),
    ),
    "Wanshitong without proof where the registry is silent": Refused(
        city="anqing",
        channel="wanshitong",
        changes={"materials": ()},
        hooks=("materials",),
        way=("上传关系证明",),
        follow=_with(materials=(REGISTER,)),
    ),
    "himself": Refused(changes={"member": "H"}, hooks=("relations",)),
    "another spouse on record": Refused(
        holder={"kin": (Kin("X", "12", "登记"),)},
        hooks=("marriage",),
        way=("先在登记中更正授权人的婚姻状况",),
        follow=_recording("H"),
    ),
    "a son older than his father": Refused(
        member={"born": "19500601"}, changes={"relation": "20"}, hooks=("relations",)
    ),
    "a child that consents himself": Refused(
        city="anqing",
        channel="wanshitong",
        member={"born": "20150601"},
        changes={"relation": "20"},
        hooks=("consent",),
        way=("由监护人代为同意",),
        follow=lambda world, a: replace(
            a, consent=world.consent(ConsentMethod.GUARDIAN)
        ),
    ),
}


def _world(row: Refused) -> tuple[Applicants, Application]:
    """The world of a row and its application; `bound` other members are bound already."""
    member = dict(row.member)
    born = member.pop("born", None)
    world = Applicants(row.city, holder=row.holder, member=member)
    if born is not None:
        number = world.identity_number(900, born=born)
        world.add(
            replace(
                world.get("M"),
                certificate=replace(world.get("M").certificate, number=number),
            )
        )
    for n in range(row.bound):
        world.person(f"B{n}", place=world.get("H").first_place, phone="10000000000")
        world.submit(world.application("wanshitong", member=f"B{n}", relation="27"))
    return world, world.application(row.channel, **row.changes)


class TestWays:
    """Ways are told only where they work."""

    @pytest.mark.parametrize("row", APPLICATIONS.values(), ids=APPLICATIONS)
    def test_every_reason_and_the_shortest_way(self, row: Refused) -> None:
        """A refusal lists every failing condition with its clauses, and first the
        shortest way that works."""
        world, application = _world(row)
        with pytest.raises(NotEligible) as refused:
            world.decide(world.submission(application))

        assert row.hooks == tuple(c.hook for c in refused.value.conditions)
        assert all(c.clauses and c.message for c in refused.value.conditions)
        # "A + B | C": ways, each of one or more changes.
        shortest, _, _ = refused.value.metadata["remedies"].partition(" | ")
        changes = set(shortest.split(" + ")) if shortest else set()
        assert set(row.way) == changes

    followed: ClassVar = {name: row for name, row in APPLICATIONS.items() if row.way}

    @pytest.mark.parametrize("row", followed.values(), ids=followed)
    def test_following_the_way_by_hand_passes(self, row: Refused) -> None:
        """Whoever does what the way says, and nothing more, is accepted."""
        world, application = _world(row)
        binding = world.submit(row.follow(world, application))

        assert "M" == binding.member

    def test_a_closed_counter_tells_the_next_opening(self) -> None:
        """Asked again at the opening told, the same application passes (X18)."""
        world = Applicants("anqing", now=datetime(2025, 9, 30, 17, 0, tzinfo=SHANGHAI))
        application = world.application("window")
        with pytest.raises(CounterClosed) as closed:
            world.submit(application)
        opening = datetime.fromisoformat(closed.value.metadata["next_opening"])
        world.now = opening

        assert datetime(2025, 10, 9, 9, 0, tzinfo=SHANGHAI) == opening
        assert "M" == world.submit(application).member


def with_afternoons_at_the_bank() -> Cities:
    """Return the cities; in 安庆 banks alone take pairs of one area, from 14:00."""
    declared = cities().named("anqing").rules(TUESDAY.date()).value(CityRules.channels)
    across = {
        key: dataclasses.replace(
            channel, across=Across.ONLY_ACROSS_AREAS, also_for=frozenset()
        )
        for key, channel in declared.items()
    }
    afternoons = CounterHours(opens=time(14), closes=time(17))
    bank = dataclasses.replace(declared["bank"], hours=afternoons)
    channels = across | {"bank": bank}
    ruling = ruled(channels, since="2022-07-01", clauses=[TEST])
    return with_values("anqing", {"channels": ruling})


def test_who_waits_comes_to_an_open_counter() -> None:
    """A way that leads from one counter to another waits until the other opens."""
    evening = datetime(2025, 9, 30, 18, 0, tzinfo=SHANGHAI)
    world = Applicants("anqing", now=evening, served=with_afternoons_at_the_bank())
    with pytest.raises(CounterClosed) as refused:
        world.submit(world.application("window"))
    (way,) = refused.value.ways
    assert ["CHANGE_CHANNEL", "WAIT"] == [step.action.name for step in way]
    assert datetime(2025, 10, 9, 14, 0, tzinfo=SHANGHAI) == way[1].not_before


def test_whom_to_ask() -> None:
    """A refusal says whom to ask if the city's document does (C31)."""
    told = {}
    for pinyin in ("chuzhou", "anqing"):
        world = Applicants(pinyin)
        with pytest.raises(NotEligible) as refused:
            world.decide(world.submission(world.application("wanshitong", member="H")))
        told[pinyin] = refused.value.metadata["help"]
    assert "联系当地医保部门咨询。（C31）" in told["chuzhou"]
    assert "" == told["anqing"]
