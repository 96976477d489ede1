"""Filings: which are taken, from when to when, and how they end."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from gongji.filing.make import EndFiling, File
from gongji.model.filing import Filing
from gongji.model.filing_refusals import (
    FilingEnded,
    FilingNotFound,
    FilingNotNeeded,
    FilingNotOffered,
    FilingOfAnother,
    FilingTooLate,
    FilingTooShort,
)
from gongji.model.people import Enrolment
from gongji.model.refusals import (
    CityNotServed,
    MalformedField,
    NotEnrolled,
    PersonNotFound,
    Refusal,
)
from gongji.rules.channels import Procedure
from gongji.rules.codes import EnrolmentStatus, FilingKind, Scheme
from gongji.rules.days import months_later
from gongji.rules.elsewhere import FilingTerms, OutOfArea
from msgspec.structs import replace

from tests.scaffold.people import ANQING, CHUZHOU, NOW, SINCE
from tests.scaffold.world import NewWorld, World

TODAY = NOW.date()

SHANGHAI = "310000"


def filed(world: World, **changes: Any) -> Filing:
    """File as P1, long-term in Shanghai from today on unless said otherwise."""
    said: dict[str, Any] = {
        "person_no": "P1",
        "kind": FilingKind.LONG_TERM,
        "areas": (SHANGHAI,),
        "since": TODAY,
        "until": None,
    }
    request = world.request("File")
    return world.do(File(request, **{**said, **changes}, cities=world.cities))


def ended(world: World, filing_no: str, from_day: date) -> Filing:
    """End a filing."""
    request = world.request("EndFiling")
    return world.do(EndFiling(request, filing_no=filing_no, from_day=from_day))


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """P1 of Chuzhou, under the province's rule."""
    world = new_world()
    world.person("P1")
    return world


def test_a_filing_is_of_the_insured_city(world: World) -> None:
    """It belongs to the person and the city insured in, and cites the clauses on its kind."""
    filing = filed(world)
    assert ("P1", CHUZHOU, NOW) == (
        filing.person_no,
        filing.area_code,
        filing.filed_at,
    )
    assert ("out_of_area", ("H7", "T81")) == (filing.rule.hook, filing.rule.clauses)
    assert None is filing.last_day


@pytest.mark.parametrize("kind", [FilingKind.REFERRAL, FilingKind.TEMPORARY])
def test_six_months_at_least(world: World, kind: FilingKind) -> None:
    """A temporary filing lasts six months if nobody says until when, and never less (S25)."""
    assert date(2026, 3, 29) == filed(world, kind=kind).last_day
    assert date(2026, 3, 29) == filed(world, kind=kind, until=date(2026, 3, 29)).until
    with pytest.raises(FilingTooShort) as refused:
        filed(world, kind=kind, until=date(2026, 3, 28))
    assert "2026-03-29" == refused.value.metadata["least"]


@pytest.mark.parametrize(
    ("since", "last"),
    [
        (date(2025, 9, 1), date(2026, 2, 28)),
        (date(2025, 8, 31), date(2026, 2, 28)),
        (date(2023, 8, 31), date(2024, 2, 29)),
        (date(2025, 1, 15), date(2025, 7, 14)),
        (date(9999, 12, 1), date.max),
    ],
)
def test_six_months_from_any_day(since: date, last: date) -> None:
    """Months end the day before, or on the last day of a month that is too short."""
    assert last == months_later(since, 6)


def test_in_advance_but_for_emergencies(world: World) -> None:
    """A filing begins today or later (H7); an emergency up to seven days before (T83)."""
    yesterday = TODAY - timedelta(days=1)
    for kind in (FilingKind.LONG_TERM, FilingKind.REFERRAL, FilingKind.TEMPORARY):
        with pytest.raises(FilingTooLate):
            filed(world, kind=kind, since=yesterday)
    week = TODAY - timedelta(days=7)
    assert week == filed(world, kind=FilingKind.EMERGENCY, since=week).since
    with pytest.raises(FilingTooLate) as refused:
        filed(world, kind=FilingKind.EMERGENCY, since=week - timedelta(days=1))
    assert str(week) == refused.value.metadata["earliest"]


REFUSED: dict[str, tuple[dict[str, Any], type[Refusal]]] = {
    "nobody": ({"person_no": "P404"}, PersonNotFound),
    "of a city not served": ({"person_no": "P9"}, CityNotServed),
    "not insured that day": ({"since": date(2031, 1, 1)}, NotEnrolled),
    "at home": ({"areas": ("341122",)}, FilingNotNeeded),
    "at home, among others": ({"areas": (SHANGHAI, CHUZHOU)}, FilingNotNeeded),
    "an area twice": ({"areas": (SHANGHAI, SHANGHAI)}, MalformedField),
    "ending before it begins": (
        {"until": TODAY - timedelta(days=1)},
        MalformedField,
    ),
}


@pytest.mark.parametrize("named", REFUSED)
def test_what_is_not_filed(world: World, named: str) -> None:
    """Who is not insured, at home, in no days: each is refused by name, nothing is kept."""
    world.person("P9", place="990000")
    enrolled = world.person("P1").enrolments[0]
    until = type(enrolled)(
        enrolled.scheme, "11", enrolled.status, enrolled.since, date(2030, 12, 31)
    )
    world.person("P1", enrolments=(until,))
    changes, kind = REFUSED[named]
    with pytest.raises(kind):
        filed(world, **changes)
    assert [] == world.all(Filing)


def test_a_kind_the_city_does_not_file(new_world: NewWorld) -> None:
    """Of a city's kinds alone; the refusal names them."""
    rule = OutOfArea(
        filing_before_direct_settlement=True,
        procedure=Procedure(title="异地就医", steps=()),
        kinds={FilingKind.REFERRAL: FilingTerms()},
    )
    world = new_world(out_of_area=rule)
    world.person("P1")
    assert FilingKind.REFERRAL is filed(world, kind=FilingKind.REFERRAL).kind
    with pytest.raises(FilingNotOffered, match="异地转诊"):
        filed(world)


def test_a_filing_is_ended_from_a_day_on(world: World) -> None:
    """From that day on it covers nothing; earlier than today it cannot be, nor twice."""
    filing = filed(world)
    until = TODAY + timedelta(days=3)
    with pytest.raises(MalformedField):
        ended(world, filing.filing_no, TODAY - timedelta(days=1))
    shorter = ended(world, filing.filing_no, until)
    assert shorter.covers_day(until - timedelta(days=1))
    assert not shorter.covers_day(until)
    with pytest.raises(FilingEnded):
        ended(world, filing.filing_no, until)
    assert not ended(world, filing.filing_no, TODAY).covers_day(TODAY)
    with pytest.raises(FilingNotFound):
        ended(world, "Y404", TODAY)


def test_who_moved_files_in_the_new_city(world: World) -> None:
    """The insured place of the first day decides whose filing it is."""
    world.person("P1", place=ANQING)
    assert ANQING == filed(world).area_code


IN_TWO_CITIES = {Scheme.EMPLOYEE: CHUZHOU, Scheme.RESIDENT: ANQING}
"""Where one person is insured in each scheme."""


@pytest.fixture
def in_two_cities(world: World) -> World:
    """P1 is an employee in one city and a resident in another."""
    enrolments = [
        Enrolment(scheme, "11", EnrolmentStatus.NORMAL, SINCE, insured_place=place)
        for scheme, place in IN_TWO_CITIES.items()
    ]
    world.person("P1", enrolments=tuple(enrolments))
    return world


def test_in_the_city_of_a_scheme(in_two_cities: World) -> None:
    """It is filed where the person is insured in the scheme, in the employee scheme's
    city if none is said."""
    filings = {scheme: filed(in_two_cities, scheme=scheme) for scheme in IN_TWO_CITIES}
    assert IN_TWO_CITIES == {scheme: one.area_code for scheme, one in filings.items()}
    assert CHUZHOU == filed(in_two_cities).area_code


@pytest.mark.parametrize("scheme", IN_TWO_CITIES)
def test_covers_bills_of_its_scheme(in_two_cities: World, scheme: Scheme) -> None:
    """A bill is covered by the filing of its own scheme's city, and by no other."""
    numbers = {one: filed(in_two_cities, scheme=one).filing_no for one in IN_TWO_CITIES}
    away = in_two_cities.hospital(10, SHANGHAI)
    bill = in_two_cities.visit("P1", 100_00, institution_code=away.code, scheme=scheme)
    own = numbers.pop(scheme)
    settled = in_two_cities.settle(replace(bill, filing_no=own))
    assert IN_TWO_CITIES[scheme] == settled.decided_by.area_code
    (wrong,) = numbers.values()
    with pytest.raises(FilingOfAnother):
        in_two_cities.settle(replace(bill, filing_no=wrong))
