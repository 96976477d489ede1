"""Who may bind whom: one row a condition, all failing conditions together, every limit
at its edges."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from gongji.binding.eligibility import CONDITIONS
from gongji.model.binding import Application
from gongji.model.conditions import Condition
from gongji.model.people import Certificate, Enrolment
from gongji.model.refusals import NotEligible
from gongji.rules.binding import FamilyLimit, GiverLimit, LapsedPlaces
from gongji.rules.clauses import Clause, ruled
from gongji.rules.codes import ConsentMethod, EnrolmentStatus, Purpose, Scheme
from gongji.rules.hookspecs import DATED_HOOKS
from msgspec.structs import replace

from tests.binding.applying import (
    ELSEWHERE,
    PLACES,
    TUESDAY,
    Applicants,
    enrolled,
    with_values,
)
from tests.binding.failing import (
    FAILING,
    FITS,
    PREMIUM,
    RESIDENT,
    YESTERDAY,
    Row,
)

TEST = Clause("W1", "测试的条款。", "测试")


def refusals(world: Applicants, application: Application) -> list[Condition]:
    """Return the conditions of the refusal, none if the application passes."""
    try:
        world.decide(world.submission(application))
    except NotEligible as refused:
        return list(refused.conditions)
    return []


@pytest.mark.parametrize("row", FAILING.values(), ids=FAILING)
def test_condition(row: Row) -> None:
    """Each condition that fails alone is named alone: by its hook, its clauses and its figure."""
    world = Applicants(row.city, holder=row.holder, member=row.member)
    hook, clauses, message = row.expected
    (condition,) = refusals(world, world.application(row.channel, **row.changes))

    assert hook == condition.hook
    assert clauses <= set(condition.clauses)
    assert re.search(message, condition.message), condition.message


def test_another_version_of_the_agreement() -> None:
    """An agreement counts in the city's id and version only."""
    world = Applicants()
    good = world.application("wanshitong").agreement
    assert good is not None
    older = replace(good, version="2024")
    of_anqing = replace(good, agreement_id="anqing-family-aid")
    for agreement in (older, of_anqing):
        application = world.application("wanshitong", agreement=agreement)
        (condition,) = refusals(world, application)
        assert "agreement" == condition.hook


def test_minor() -> None:
    """For a child a guardian consents if the city asks for consent: the day before the
    birthday, not on it."""
    member = {"certificate": _born("20070930"), "psn_type": "15"}
    world = Applicants("huangshan", member=member)
    assert [] == refusals(world, world.application("wanshitong", relation="20"))

    world.now -= timedelta(days=1)
    child = world.application("wanshitong", relation="20")
    by_guardian = replace(child, consent=world.consent(ConsentMethod.GUARDIAN))
    (condition,) = refusals(world, child)
    assert "consent" == condition.hook
    assert "未满18周岁" in condition.message
    assert [] == refusals(world, by_guardian)


def test_guardian_of_an_adult() -> None:
    """A guardian consents for nobody who is an adult, in any city."""
    for pinyin, clause in (
        ("anqing", "T-AQ8"),
        ("chuzhou", "L17"),
        ("huangshan", "T19"),
    ):
        world = Applicants(pinyin)
        application = world.application(
            "wanshitong", consent=world.consent(ConsentMethod.GUARDIAN)
        )
        (condition,) = refusals(world, application)
        assert "consent" == condition.hook
        assert clause in condition.clauses
        assert "已满18周岁" in condition.message


def test_the_member_is_identified_too() -> None:
    """What is reported of the member's identity must be what the city asks (A14); where
    nothing is reported, or the city asks nothing, nobody is refused."""
    refused = {
        (pinyin, check)
        for pinyin in PLACES
        for check in ("", "real_name", "id_card_seen", "face", "e_voucher")
        if _hooks_reporting(pinyin, check) == ["consent"]
    }
    expected = {(p, c) for p in ("anqing", "huangshan") for c in ("face", "e_voucher")}
    assert expected == refused


def _hooks_reporting(pinyin: str, check: str) -> list[str]:
    world = Applicants(pinyin)
    world.member_checks = frozenset({check} if check else ())
    conditions = refusals(world, world.application("wanshitong"))
    assert all("A14" in condition.clauses for condition in conditions)
    return [condition.hook for condition in conditions]


def test_unknown_age_is_asked() -> None:
    """Who consents himself, and whose age nothing tells, must be said to be of age."""
    passport = Certificate("08", "E12345678")
    member = {
        "certificate": passport,
        "enrolments": enrolled(Scheme.RESIDENT, psn_type="99"),
    }
    world = Applicants("anqing", member=member)
    own, guardian = world.consent(), world.consent(ConsentMethod.GUARDIAN)
    asked = world.application("wanshitong", consent=own)
    (condition,) = refusals(world, asked)
    assert "consent" == condition.hook
    assert "member_of_age" in condition.message
    for consent in (guardian, replace(own, member_of_age=True)):
        assert [] == refusals(world, replace(asked, consent=consent))


def _born(day: str) -> Any:
    return replace(
        Applicants().get("M").certificate,
        number=Applicants.identity_number(1, born=day),
    )


@pytest.mark.parametrize("row", FITS.values(), ids=FITS)
def test_fits(row: Row) -> None:
    """What the rules allow is not refused."""
    world = Applicants(row.city, holder=row.holder, member=row.member)

    assert [] == refusals(world, world.application(row.channel, **row.changes))


@pytest.mark.parametrize("pinyin", PLACES)
def test_every_channel(pinyin: str) -> None:
    """Through every channel of every city a faultless application passes."""
    world = Applicants(pinyin)
    world.person("far", place=ELSEWHERE[pinyin], phone="10000000000")
    channels = world.city.timelines["channels"][-1].value
    for number, channel in channels.items():
        member = "far" if channel.across.value == "only_across_areas" else "M"
        assert [] == refusals(world, world.application(number, member=member)), number


ALL_HOOKS = [
    "member_terms",
    "holder_terms",
    "member_terms",
    "relations",
    "scope",
    "family_limit",
    "identity_checks",
    "identity_checks",
    "fields_asked",
    "fields_asked",
    "materials",
    "agreement",
]
ALL_CLAUSES = {"A8", "C21", "C26", "C27", "C22", "C2", "C4", "C24", "C12"}


def test_all_at_once() -> None:
    """Whatever fails is told at once, in the order of the conditions, and the message
    carries each with its clauses."""
    member = {**RESIDENT, "place": "320100", "died_on": YESTERDAY}
    world = Applicants(holder=RESIDENT, member=member)
    for n in range(7):
        world.bind("H", f"M{n}", TUESDAY)
    faulty = Application(
        holder="H",
        member="M",
        relation="71",
        purposes=PREMIUM | {Purpose.VISIT},
        channel="minip_wechat",
    )
    with pytest.raises(NotEligible) as refused:
        world.decide(world.submission(faulty))
    refusal = refused.value
    clauses = {clause.id for clause in refusal.clauses}

    assert [condition.hook for condition in refusal.conditions] == ALL_HOOKS
    assert clauses >= ALL_CLAUSES
    for condition in refusal.conditions:
        assert condition.message in refusal.message
        assert clauses >= set(condition.clauses)


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
    """不超过 n includes n: n people fit, n + 1 do not, the holder counted if the rule
    counts the holder."""
    timeline = ruled(limit, since="2022-07-01", clauses=[TEST])
    served = with_values("chuzhou", {"family_limit": timeline})
    world = Applicants(served=served)
    for n in range(bound):
        world.bind("H", f"M{n}", TUESDAY)
    conditions = refusals(world, world.application("wanshitong"))
    counting = "含" if limit.counting_holder else "不含"
    full = f"最多{limit.people}人（{counting}授权人本人），已满"

    assert ([] if fits else ["family_limit"]) == [c.hook for c in conditions]
    assert all(full in condition.message for condition in conditions)


@pytest.mark.parametrize(
    ("places", "state", "fits"),
    [
        (LapsedPlaces.KEPT, EnrolmentStatus.PAUSED, False),
        (LapsedPlaces.FREED, EnrolmentStatus.PAUSED, True),
        (LapsedPlaces.KEPT, EnrolmentStatus.TERMINATED, True),
    ],
)
def test_places_of_lapsed_members(
    places: LapsedPlaces, state: EnrolmentStatus, *, fits: bool
) -> None:
    """A suspended member keeps the place if the city says so; an ended one never does."""
    served = with_values(
        "chuzhou",
        {
            "family_limit": ruled(
                FamilyLimit(people=2, counting_holder=True),
                since="2022-07-01",
                clauses=[TEST],
            ),
            "lapsed_places": ruled(places, since="2022-07-01", clauses=[TEST]),
        },
    )
    world = Applicants(served=served)
    lapsed = Enrolment(Scheme.EMPLOYEE, "11", state, TUESDAY.date())
    world.person("M0", enrolments=(lapsed,))
    world.bind("H", "M0", TUESDAY)
    conditions = refusals(world, world.application("wanshitong"))
    assert ([] if fits else ["family_limit"]) == [c.hook for c in conditions]


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
    conditions = refusals(world, world.application("wanshitong"))
    full = f"最多由{givers}名授权人共济"

    assert ([] if fits else ["giver_limit"]) == [c.hook for c in conditions]
    assert all(full in condition.message for condition in conditions)
