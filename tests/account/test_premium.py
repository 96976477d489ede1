"""Paying a relative's resident premium: who may, for whom, the whole amount, once a
member and year."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from gongji.account.premium import PaidPremium, PayPremium
from gongji.cities.anhui import uses
from gongji.model import refusals
from gongji.model.account import Account, Entry, Premium, PurseMovement
from gongji.model.binding import Binding
from gongji.model.people import Enrolment
from gongji.rules.benefits import Use
from gongji.rules.binding import EnrolmentTerms
from gongji.rules.codes import (
    SHANGHAI,
    BindingState,
    EnrolmentStatus,
    EntryKind,
    Purpose,
    Scheme,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.binding.applying import cities
from tests.scaffold.people import ANQING, SINCE
from tests.scaffold.world import NewWorld, World

NOW = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)
PREMIUM = frozenset({Purpose.RESIDENT_PREMIUM})
RESIDENT, FEN = "15", 400_00
BALANCES = {"H": 1000_00, "H2": 500_00}
"""What the holders' purses hold at first."""


def pay(
    world: World, holder: str = "H", member: str = "M", year: int = 2026, fen: int = FEN
) -> PaidPremium:
    command = PayPremium(
        request=world.request("PayPremium"),
        holder=holder,
        member=member,
        year=year,
        fen=fen,
        cities=world.cities,
    )
    return world.do(command)


@pytest.fixture
def chuzhou() -> World:
    """Chuzhou as installed: H with 1000 yuan and H2 with 500, both bound to the
    resident M for premiums."""
    return populated(World(cities(), NOW))


def populated(world: World) -> World:
    for holder, fen in BALANCES.items():
        world.person(holder)
        world.add(Account(holder, fen, 1))
        world.bind(holder, "M", NOW - timedelta(days=1), purposes=PREMIUM)
    world.person("M", RESIDENT)
    return world


def test_the_whole_premium_from_the_holders_purse(chuzhou: World) -> None:
    """The purse is charged the amount, and the member's resident scheme receives it."""
    paid = pay(chuzhou)
    assert PurseMovement("H", -FEN, 600_00, 2) == paid.movement
    posted = [
        ("premium:3411:390", FEN, None),
        ("purse:H", -FEN, EntryKind.PREMIUM),
    ]
    assert posted == chuzhou.posted()
    references = {entry.reference for entry in chuzhou.all(Entry)}
    assert {paid.premium.premium_id} == references


def test_a_premium_is_kept_with_its_rules(chuzhou: World) -> None:
    """Who paid what for whom is stored, and which rules allowed it (C68)."""
    premium = pay(chuzhou).premium
    assert [premium] == chuzhou.all(Premium)
    assert ("H", "M", 2026) == (premium.holder, premium.member, premium.year)
    assert (FEN, NOW) == (premium.fen, premium.paid_at)
    assert premium.premium_id.startswith("P")
    assert len(premium.premium_id) <= 30
    cited = {rule.hook: set(rule.clauses) for rule in premium.rules}
    expected = {"uses": {"C68"}, "member_terms": {"C68"}, "holder_terms": {"A8"}}
    assert {**expected, "premiums": {"T60", "T61"}} == cited


def test_a_member_who_is_just_enrolling(chuzhou: World) -> None:
    """Whoever is in no scheme yet is enrolling, and his premium may be paid (X4)."""
    chuzhou.person("M", RESIDENT, enrolments=())
    assert -FEN == pay(chuzhou).movement.fen


def test_the_last_fen_may_be_paid(chuzhou: World) -> None:
    """A purse that holds just the premium is emptied."""
    assert 0 == pay(chuzhou, fen=1000_00).movement.balance_after_fen


Change = Callable[[World], object]


def unbound(world: World) -> None:
    """Take H's binding away."""
    del world.records[Binding, "B-H-M"]


PAUSED = (Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.PAUSED, date(2020, 1, 1)),)

ENROLLED_ANEW = (
    Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, SINCE, date(2025, 9, 28)),
    Enrolment(
        Scheme.EMPLOYEE,
        "11",
        EnrolmentStatus.TERMINATED,
        date(2025, 9, 29),
        date(2025, 9, 29),
    ),
    Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, date(2025, 9, 30)),
)
"""Terminated for the one day before today, while bound."""


def several_things(world: World) -> None:
    """Pause H's insurance, employ M, and take their binding away."""
    world.person("H", enrolments=PAUSED)
    world.person("M")
    unbound(world)


NOT_ELIGIBLE: dict[str, tuple[Change, list[str]]] = {
    "nobody bound them": (unbound, ["relations"]),
    "bound for visits only": (
        lambda w: w.bind("H", "M", NOW, purposes=frozenset({Purpose.VISIT})),
        ["relations"],
    ),
    "the binding has ended": (
        lambda w: w.bind("H", "M", NOW, purposes=PREMIUM, state=BindingState.ENDED),
        ["relations"],
    ),
    "the binding waits for review": (
        lambda w: w.bind(
            "H", "M", NOW, purposes=PREMIUM, state=BindingState.UNDER_REVIEW
        ),
        ["relations"],
    ),
    "the holder's insurance is paused": (
        lambda w: w.person("H", enrolments=PAUSED),
        ["holder_terms"],
    ),
    "the holder has died": (
        lambda w: w.person("H", died_on=date(2025, 9, 29)),
        ["holder_terms"],
    ),
    "the member has died": (
        lambda w: w.person("M", RESIDENT, died_on=date(2025, 9, 29)),
        ["member_terms"],
    ),
    "a fact that has passed ended the binding": (
        lambda w: w.person("H", enrolments=ENROLLED_ANEW),
        ["holder_terms"],
    ),
    "the member has moved out of scope": (
        lambda w: w.person("M", RESIDENT, place="310100"),
        ["scope"],
    ),
    "the member is an employee": (lambda w: w.person("M"), ["member_terms"]),
    "several things at once": (
        several_things,
        ["holder_terms", "member_terms", "relations"],
    ),
    "the holder's city offers no such use": (
        lambda w: w.person("H", place=ANQING),
        ["member_terms", "uses"],
    ),
}


@pytest.mark.parametrize(("change", "hooks"), NOT_ELIGIBLE.values(), ids=NOT_ELIGIBLE)
def test_who_may_not(chuzhou: World, change: Change, hooks: list[str]) -> None:
    """Every condition that is not met is listed with its clauses, in the order the core
    asks; nothing is written."""
    change(chuzhou)
    before = dict(chuzhou.records)
    with pytest.raises(refusals.NotEligible) as refused:
        pay(chuzhou)
    assert hooks == [c.hook for c in refused.value.conditions]
    assert all(c.clauses for c in refused.value.conditions)
    assert before == chuzhou.records


def test_nobody_pays_his_own(chuzhou: World) -> None:
    """A holder is an employee and bound to nobody as himself: his own premium is refused."""
    with pytest.raises(refusals.NotEligible, match="同一人") as refused:
        pay(chuzhou, member="H")
    assert ["member_terms", "relations"] == [c.hook for c in refused.value.conditions]


def test_the_holders_city_of_today_decides(new_world: NewWorld) -> None:
    """What may be paid follows the rules of the day of paying, of the holder's city alone (X15)."""
    provincial = uses()[0]
    wider = replace(
        provincial.value, aid_at=provincial.value.aid_at | {Use.RESIDENT_PREMIUM}
    )
    later = replace(provincial, value=wider, since=date(2025, 9, 30))
    residents = EnrolmentTerms(schemes=frozenset({Scheme.RESIDENT}), or_enrolling=True)
    world = populated(
        new_world(
            now=NOW - timedelta(days=1),
            uses=(provincial, later),
            member_terms={Purpose.RESIDENT_PREMIUM: residents},
        )
    )
    world.person("M", RESIDENT, ANQING)
    with pytest.raises(refusals.NotEligible) as refused:
        pay(world)
    assert ["uses"] == [c.hook for c in refused.value.conditions]
    world.now = NOW
    assert -FEN == pay(world).movement.fen
    assert "premium:3408:390" in {e.ledger_account for e in world.all(Entry)}


def test_one_premium_a_member_and_year(chuzhou: World) -> None:
    """Whoever pays, a year is paid once; the refusal names the premium there is.
    Another year is another premium."""
    first = pay(chuzhou)
    for holder in ("H", "H2"):
        with pytest.raises(
            refusals.AlreadyPaid, match=first.premium.premium_id
        ) as refused:
            pay(chuzhou, holder)
        assert first.premium.premium_id == refused.value.metadata["premium_id"]
    assert -FEN == pay(chuzhou, "H2", year=2025).movement.fen
    assert [2026, 2025] == [p.year for p in chuzhou.all(Premium)]


OUT_OF_BOUNDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a fen less than plausible": ({"fen": 9_99}, "fen", "T60"),
    "a fen more": ({"fen": 5000_01}, "fen", "T60"),
    "the year before": ({"year": 2024}, "year", "T61"),
    "the year after next": ({"year": 2027}, "year", "T61"),
}


@pytest.mark.parametrize(
    ("changes", "field", "clause"), OUT_OF_BOUNDS.values(), ids=OUT_OF_BOUNDS
)
def test_amount_and_year_lie_within_the_rule(
    chuzhou: World, changes: dict[str, Any], field: str, clause: str
) -> None:
    """An amount or a year that is a slip is refused with field, rule and clause."""
    chuzhou.add(Account("H", 9000_00, 2))
    with pytest.raises(refusals.NotEligible) as refused:
        pay(chuzhou, **changes)
    (condition,) = refused.value.conditions
    assert ("premiums", (clause,)) == (condition.hook, condition.clauses)
    assert field in condition.message
    within: dict[str, Any] = {"fen": 10_00} if field == "fen" else {"year": 2025}
    assert pay(chuzhou, **within).movement.fen


def test_no_part_of_a_premium(chuzhou: World) -> None:
    """A purse that does not hold the whole amount pays nothing; the refusal says what
    is missing and why (A15)."""
    before = dict(chuzhou.records)
    with pytest.raises(refusals.BalanceShort) as refused:
        pay(chuzhou, fen=1000_01)
    figures = {"balance_fen": "100000", "short_fen": "1"}
    assert figures == refused.value.metadata
    assert ["A15"] == [c.id for c in refused.value.clauses]
    assert before == chuzhou.records


REFUSED: dict[str, tuple[type[refusals.Refusal], dict[str, Any], str]] = {
    "nothing": (refusals.MalformedField, {"fen": 0}, "fen"),
    "less than nothing": (refusals.MalformedField, {"fen": -1}, "fen"),
    "a year of another century": (refusals.MalformedField, {"year": 1999}, "year"),
    "an unknown holder": (refusals.PersonNotFound, {"holder": "P404"}, "holder"),
    "an unknown member": (refusals.PersonNotFound, {"member": "P404"}, "member"),
}


@pytest.mark.parametrize(("refusal", "changes", "field"), REFUSED.values(), ids=REFUSED)
def test_refusals(
    chuzhou: World, refusal: type[refusals.Refusal], changes: dict[str, Any], field: str
) -> None:
    """What cannot be paid at all is refused by its name and field."""
    with pytest.raises(refusal) as refused:
        pay(chuzhou, **changes)
    assert (refusal, field) == (type(refused.value), refused.value.field)


def test_a_city_without_a_plugin(chuzhou: World) -> None:
    """Where nobody speaks for the holder's city, nothing is decided."""
    chuzhou.person("H", place="349901")
    with pytest.raises(refusals.CityNotServed):
        pay(chuzhou)


PAYMENTS = st.lists(
    st.tuples(
        st.sampled_from(["H", "H2"]),
        st.integers(2025, 2026),
        st.integers(10_00, 1200_00),
    ),
    max_size=12,
)


@given(payments=PAYMENTS)
def test_purses_never_below_nothing(payments: list[tuple[str, int, int]]) -> None:
    """Whatever is requested: each year is paid once, whole, and no purse falls below 0."""
    world = populated(World(cities(), NOW))
    balances = dict(BALANCES)
    paid: set[int] = set()
    for holder, year, fen in payments:
        if year in paid or fen > balances[holder]:
            with pytest.raises((refusals.AlreadyPaid, refusals.BalanceShort)):
                pay(world, holder, year=year, fen=fen)
            continue
        balances[holder] -= fen
        paid.add(year)
        movement = pay(world, holder, year=year, fen=fen).movement
        assert balances[holder] == movement.balance_after_fen
    assert balances == world.balances()
    assert paid == {premium.year for premium in world.all(Premium)}
    assert 0 == sum(fen for _, fen, _ in world.posted())
