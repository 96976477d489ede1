"""Every contradiction of the sources is settled by one rule value: change the value and
a named outcome changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import pytest
from gongji import (
    ALL_PARTS,
    ALWAYS,
    CLOSE,
    NO_LIMIT,
    Across,
    AtOnce,
    Clause,
    ConsentTerms,
    IdentityCheck,
    MemberField,
    Purpose,
    ReviewLatency,
    Ruled,
    Scheme,
    Scope,
    Standing,
    Use,
    guide,
)
from gongji.cities.city import Cities, City
from gongji.model.account import Account
from gongji.model.binding import Application
from gongji.model.people import Kin
from gongji.model.refusals import NotEligible, Refusal
from gongji.model.settlement import Bill
from gongji.rules.codes import SHANGHAI, AccountUse
from gongji.rules.money import yuan
from gongji.settlement.settle import Quote

from tests.binding.applying import (
    PLACES,
    TUESDAY,
    Applicants,
    cities,
    enrolled,
    with_values,
)

Scenario = Callable[[Cities], str]
W1 = Clause("W1", "测试的条款。", "测试")
ALL_X = {f"X{n}" for n in range(1, 22)}


# --- what happens to somebody ---------------------------------------------------------


def applying(
    pinyin: str,
    channel: str,
    *,
    member: dict[str, Any] | None = None,
    holder: dict[str, Any] | None = None,
    now: datetime = TUESDAY,
    bound: int = 0,
    **changes: Any,
) -> Scenario:
    """What becomes of an application that is faultless but for these changes."""

    def scenario(served: Cities) -> str:
        shipped = Applicants(pinyin, now=now, member=member, holder=holder)
        application = shipped.application(channel, **changes)
        world = Applicants(pinyin, now=now, member=member, holder=holder, served=served)
        for n in range(bound):
            world.bind("H", f"M{n}", now)
        return _answer(world, application)

    return scenario


def offered(pinyin: str, channel: str) -> Scenario:
    """How a channel is offered to who asks for one there is not."""

    def scenario(served: Cities) -> str:
        told = applying(pinyin, "teahouse")(served).partition("可用: ")[2]
        return next(name for name in told.split("、") if name.startswith(f"{channel}("))

    return scenario


def _answer(world: Applicants, application: Application) -> str:
    try:
        binding = world.decide(world.submission(application)).answer
    except NotEligible as refused:
        return "refused: " + ", ".join(c.hook for c in refused.conditions)
    except Refusal as refused:
        return f"{refused.reason()}: {refused.message}"
    due = (
        f", due {binding.review_due_at:%Y-%m-%d %H:%M}" if binding.review_due_at else ""
    )
    return binding.state.name.lower() + due


def paying(
    pinyin: str,
    hosp_lv: int,
    in_scope_fen: int,
    *,
    patient: dict[str, Any] | None = None,
    place: str = "",
    **changes: Any,
) -> Scenario:
    """Who pays a bill of M, whom H with 500 yuan in his purse helps."""

    def scenario(served: Cities) -> str:
        world = Applicants(pinyin, member=patient, served=served)
        world.bind("H", "M", TUESDAY)
        world.add(Account("H", 500_00, 1))
        hospital = world.hospital(hosp_lv, place or PLACES[pinyin])
        bill = world.bill("M", hospital, in_scope_fen, **changes)
        return _shares(world, bill)

    return scenario


def _shares(world: Applicants, bill: Bill) -> str:
    try:
        told = world.decide(Quote(bill, world.cities)).answer
    except Refusal as refused:
        return refused.reason()
    shares = {"fund": told.fund_fen, "aid": told.aid_fen, "cash": told.cash_fen}
    return ", ".join(f"{who} {yuan(fen)}" for who, fen in shares.items() if fen)


def reading(pinyin: str, sentence: str) -> Scenario:
    """Whether the city's guide says so."""
    return lambda served: (
        sentence
        if sentence in guide.markdown(served.named(pinyin), TUESDAY.date())
        else "not said"
    )


def first_day(pinyin: str) -> Scenario:
    """The first day on which the rule holds that the province's does not."""
    return lambda served: str(served.named(pinyin).timelines["holder_terms"][-1].since)


# --- the contradictions ---------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A contradiction: where it is settled, what comes of it, and what would come of
    another value."""

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
    """The rule's mapping with another value for one key."""
    return lambda shipped: {**shipped, key: value}


def in_entry(key: object, **changes: object) -> Callable[[Any], Any]:
    """The rule's mapping with one value changed in part."""
    return lambda shipped: {**shipped, key: replace(shipped[key], **changes)}


BINDING = {
    "X1": Row(
        "anqing",
        "review_latency",
        applying("anqing", "wanshitong", holder=SPOUSES),
        "active",
        entry("wanshitong", REVIEWED),
        "under_review, due 2025-10-11 17:00",
    ),
    "X2": Row(
        "chuzhou",
        "review_latency",
        applying("chuzhou", "minip_wechat"),
        "active",
        entry("minip_wechat", REVIEWED),
        "under_review, due 2025-10-11 17:00",
    ),
    "X3": Row(
        "chuzhou",
        "scope",
        applying("chuzhou", "wanshitong", member={"place": "340800"}),
        "refused: scope",
        lambda _: Scope.PROVINCE,
        "active",
    ),
    "X4": Row(
        "chuzhou",
        "member_terms",
        applying("chuzhou", "wanshitong", member=RESIDENT),
        "refused: member_terms",
        in_entry(Purpose.VISIT, schemes=frozenset(Scheme)),
        "active",
    ),
    "X5": Row(
        "chuzhou",
        "relations",
        applying("chuzhou", "wanshitong", relation="71"),
        "refused: relations",
        lambda _: CLOSE,
        "active",
    ),
    "X6": Row(
        "chuzhou",
        "family_limit",
        applying("chuzhou", "wanshitong", bound=6),
        "refused: family_limit",
        lambda _: NO_LIMIT,
        "active",
    ),
    "X7": Row(
        "chuzhou",
        "materials",
        applying("chuzhou", "minip_wechat", materials=()),
        "refused: materials",
        entry("minip_wechat", ()),
        "active",
    ),
    "X8": Row(
        "huangshan",
        "channels",
        offered("huangshan", "wanshitong"),
        "wanshitong(皖事通APP)",
        in_entry("wanshitong", name="皖事通APP“家庭共济”"),
        "wanshitong(皖事通APP“家庭共济”)",
    ),
    "X9": Row(
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
    "X10": Row(
        "anqing",
        "consent",
        applying("anqing", "wanshitong", holder=SPOUSES, consent=None),
        "awaiting_consent",
        lambda _: ConsentTerms(required=False, in_place_of_it="联系电话"),
        "active",
    ),
    "X11": Row(
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
    "X12": Row(
        "chuzhou",
        "holder_terms",
        first_day("chuzhou"),
        "2022-07-01",
        lambda shipped: shipped,
        "2025-01-01",
        since="2025-01-01",
    ),
    "X17": Row(
        "anqing",
        "channels",
        applying("anqing", "national_app"),
        "refused: channels",
        in_entry("national_app", across=Across.BOTH),
        "under_review, due 2025-10-11 17:00",
    ),
    "X18": Row(
        "anqing",
        "channels",
        applying("anqing", "window", now=EVENING),
        (
            "COUNTER_CLOSED: 安庆市各级医保经办服务窗口现在不办理: 工作日9:00–17:00; "
            "下次开放 2025-10-09 09:00"
        ),
        in_entry("window", hours=ALWAYS),
        "active",
    ),
}
SETTLEMENT = {
    "X13": Row(
        "huangshan",
        "out_of_area",
        paying("huangshan", 2, 1000_00, place="340100"),
        "FILING_REQUIRED",
        lambda shipped: replace(shipped, filing_before_direct_settlement=False),
        "fund 100.00, cash 900.00",
    ),
    "X14": Row(
        "huangshan",
        "wallet",
        reading("huangshan", "开通医保钱包不绑定任何人"),
        "开通医保钱包不绑定任何人",
        lambda shipped: replace(shipped, binds=True),
        "not said",
    ),
    "X15": Row(
        "chuzhou",
        "uses",
        paying("chuzhou", 0, 100_00, **AID),
        "aid 100.00",
        lambda shipped: replace(shipped, aid_at=frozenset({Use.OUTPATIENT})),
        "cash 100.00",
    ),
    "X16": Row(
        "chuzhou",
        "uses",
        paying("chuzhou", 2, 0, out_of_catalogue_fen=100_00, **AID),
        "cash 100.00",
        lambda shipped: replace(shipped, aid_pays=ALL_PARTS),
        "aid 100.00",
    ),
    "X19": Row(
        "chuzhou",
        "reimbursement",
        paying("chuzhou", 8, 1000_00, patient=RETIRED),
        "fund 130.00, cash 870.00",
        in_entry(Scheme.EMPLOYEE, retired={1: 70_00, 2: 60_00, 3: 60_00}),
        "fund 140.00, cash 860.00",
    ),
    "X20": Row(
        "chuzhou",
        "reimbursement",
        paying("chuzhou", 2, 1000_00),
        "fund 100.00, cash 900.00",
        in_entry(Scheme.EMPLOYEE, deductible_fen={1: 200_00, 2: 400_00, 3: 400_00}),
        "fund 300.00, cash 700.00",
    ),
    "X21": Row(
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


def settling(city: City, contradiction: str) -> list[tuple[str, Ruled[Any]]]:
    """The values of a city that settle a contradiction, with their hooks."""
    return [
        (hook, value)
        for hook, timeline in city.timelines.items()
        for value in timeline
        if contradiction in {x.id for x in value.settles}
    ]


def test_every_contradiction() -> None:
    """X1 to X21 are settled, each by some city's rule, and each has its row here."""
    assert ALL_X == {
        x.id
        for c in cities().all
        for t in c.timelines.values()
        for v in t
        for x in v.settles
    }
    assert ALL_X == set(ROWS)


@pytest.mark.parametrize("contradiction", ROWS)
def test_settled_by_its_hook(contradiction: str) -> None:
    """In every city one hook at most settles it, the row's; it cites for and against
    and says why by number."""
    row = ROWS[contradiction]
    found = {city.pinyin: settling(city, contradiction) for city in cities().all}

    assert [row.hook] == [hook for hook, _ in found[row.city]]
    for hook, value in (pair for pairs in found.values() for pair in pairs):
        assert row.hook == hook
        assert value.clauses
        assert value.against
        assert f"{contradiction}:" in value.why or f"{contradiction}、" in value.why


@pytest.mark.parametrize("contradiction", ROWS)
def test_the_value_decides(contradiction: str) -> None:
    """As shipped one thing happens; with another value of that hook, and of no other,
    the other thing does."""
    row = ROWS[contradiction]
    (_, shipped), *_ = settling(cities().named(row.city), contradiction)
    changed = Ruled(
        row.other_value(shipped.value), date.fromisoformat(row.since), (W1,)
    )

    assert row.outcome == row.scenario(cities())
    assert row.other_outcome == row.scenario(
        with_values(row.city, {row.hook: (changed,)})
    )


def test_standings_are_told_apart() -> None:
    """The bonus of X19 is for retired people only: active ones are paid as before."""
    row = ROWS["X19"]
    active = paying("chuzhou", 8, 1000_00)
    (_, shipped), *_ = settling(cities().named("chuzhou"), "X19")
    changed = Ruled(row.other_value(shipped.value), shipped.since, (W1,))

    assert "fund 120.00, cash 880.00" == active(cities())
    assert active(cities()) == active(
        with_values("chuzhou", {"reimbursement": (changed,)})
    )
    assert {Standing.ACTIVE, Standing.RETIRED} == set(
        shipped.value[Scheme.EMPLOYEE].cap_fen
    )
