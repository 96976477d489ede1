"""What a year stands at: accumulators, days that are over, who has none, purses."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Final

import pytest
from gongji.account.forward import BringForward
from gongji.model import refusals
from gongji.model.account import Account
from gongji.model.people import Enrolment, InstitutionGrade, PlaceSince
from gongji.model.settlement import Accumulator, Settlement
from gongji.rules.benefits import NotSettled
from gongji.rules.clauses import Ruled
from gongji.rules.codes import (
    SHANGHAI,
    AccountUse,
    EnrolmentStatus,
    Scheme,
    Standing,
)
from gongji.settlement.benefit_year import BenefitYear
from gongji.settlement.next_bill import GRADES, NextBill
from gongji.settlement.resettle import Resettle, Returned
from gongji.settlement.split import StepKind
from msgspec.structs import replace

from tests.scaffold.people import ANQING, CHUZHOU, NOW, SINCE
from tests.scaffold.world import NewWorld, World
from tests.settlement.benefit_years import FAR, confirm, only, told

TODAY: Final = NOW.date()


# --- accumulators ---------------------------------------------------------------------


def test_a_limit_reached_exactly(family: NewWorld) -> None:
    """At the last fen of a limit nothing is left, and the next yuan gets nothing."""
    world = family()
    *_, last = [
        one.step for one in following(world).levels[2].steps if one.step.until_fen
    ]
    assert last.until_fen
    done = world.settle(world.visit("P1", last.until_fen))
    assert last.fund_fen == done.fund_fen
    after = following(world)
    assert after.fund_limit
    assert (done.fund_paid_after_fen, 0) == (
        after.fund_limit.fen,
        after.fund_limit.left_fen,
    )
    assert not any(level.next_yuan_fen for level in after.levels)
    confirm(world, only(told(world)))


def following(world: World) -> NextBill:
    """What P1's next bill would get."""
    found = only(told(world)).next_bill
    assert found
    return found


def test_a_reversal_gives_a_deductible_back(family: NewWorld) -> None:
    """What a reversed bill had used is left again; a later bill stands as it is."""
    world = family()
    world.add(Accumulator("P1", Scheme.EMPLOYEE, "3411", NOW.year))
    before = only(told(world))
    first = world.settle(world.visit("P1", 100_00))
    second = world.settle(world.visit("P1", 300_00))
    world.reverse(first.settlement_id)
    after = only(told(world))
    assert (second.deductible_fen, second.fund_fen) == (
        after.used.deductible_used_fen,
        after.used.fund_paid_fen,
    )
    world.reverse(second.settlement_id)
    assert before == only(told(world))


def test_bills_from_elsewhere_count_at_home(new_world: NewWorld) -> None:
    """A filed bill of another pooling area uses up the patient's own year."""
    world = new_world()
    world.person("P1")
    away = world.hospital(10, ANQING)
    filed = world.filed("P1")
    bill = world.visit("P1", 900_00, institution_code=away.code, filing_no=filed)
    done = world.settle(bill)
    year = only(told(world))
    assert ("3411", done.deductible_fen, done.fund_fen) == (
        year.used.pooling_area,
        year.used.deductible_used_fen,
        year.used.fund_paid_fen,
    )
    assert year.used.fund_paid_fen
    confirm(world, year)


def moved(world: World, since: date) -> None:
    """Have P1 insured in 安庆市 from a day on, in 滁州市 before."""
    person = world.person("P1")
    world.add(replace(person, moves=(PlaceSince(ANQING, since),)))


def test_who_moved_has_two_years(new_world: NewWorld) -> None:
    """The place of before keeps what was used there; the new one begins with nothing."""
    world = new_world()
    world.hospital(10)
    moved(world, TODAY)
    yesterday = TODAY - timedelta(days=1)
    done = world.settle(world.visit("P1", 900_00, service_day=yesterday))
    here, before = told(world).schemes
    assert ("3408", 0, 0) == (
        here.used.pooling_area,
        here.used.deductible_used_fen,
        here.used.fund_paid_fen,
    )
    confirm(world, here)
    assert (None, None, done.fund_fen) == (
        before.next_bill,
        before.refusal,
        before.used.fund_paid_fen,
    )
    # A visit of before the move is settled there still.
    confirm(world, told(world, service_day=yesterday).schemes[0], service_day=yesterday)


def test_several_schemes_of_a_year(new_world: NewWorld) -> None:
    """Who was an employee and is a resident has a year in each; only one goes on."""
    world = new_world()
    world.hospital(10)
    july = date(2025, 7, 1)
    employed = Enrolment(
        Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, SINCE, july - timedelta(days=1)
    )
    resident = Enrolment(Scheme.RESIDENT, "15", EnrolmentStatus.NORMAL, july)
    world.person("P1", enrolments=(employed, resident))
    done = world.settle(world.visit("P1", 900_00, service_day=date(2025, 6, 1)))
    going_on, ended = told(world).schemes
    assert Scheme.RESIDENT is going_on.used.scheme
    assert going_on.next_bill
    assert (Scheme.EMPLOYEE, done.fund_fen) == (
        ended.used.scheme,
        ended.used.fund_paid_fen,
    )
    assert isinstance(ended.refusal, refusals.NotEnrolled)
    # Another year knows nothing of it.
    assert not told(world, service_day=date(2024, 6, 1)).schemes[0].used.fund_paid_fen


def test_both_schemes_at_once(new_world: NewWorld) -> None:
    """Who is in both schemes has a next bill in each, the employees' first."""
    world = new_world()
    schemes = {Scheme.RESIDENT: "15", Scheme.EMPLOYEE: "11"}
    enrolments = [
        Enrolment(scheme, psn_type, EnrolmentStatus.NORMAL, SINCE)
        for scheme, psn_type in schemes.items()
    ]
    world.person("P1", enrolments=tuple(enrolments))
    years = told(world).schemes
    assert [Scheme.EMPLOYEE, Scheme.RESIDENT] == [year.used.scheme for year in years]
    for year in years:
        confirm(world, year)


JULY: Final = date(2025, 7, 1)


def lowered(world: World) -> tuple[Ruled[Any], ...]:
    """The rules of 滁州市, with a yearly limit of one yuan since July."""
    *former, last = world.cities.of(CHUZHOU).timelines["reimbursement"]
    table = dataclasses.replace(
        last.value[Scheme.EMPLOYEE], cap_fen=dict.fromkeys(Standing, 1_00)
    )
    tables = last.value | {Scheme.EMPLOYEE: table}
    return (*former, last, Ruled(tables, JULY, last.clauses))


def test_a_rule_changed_within_the_year(new_world: NewWorld) -> None:
    """A visit of before the change is told the rules of then, on what the year has used
    since; a limit lowered below what was paid leaves nothing."""
    world = new_world(reimbursement=lowered(new_world()))
    world.hospital(10)
    world.person("P1")
    before = JULY - timedelta(days=1)
    world.settle(world.visit("P1", 900_00, service_day=before))
    limit = following(world).fund_limit
    assert limit
    assert (1_00, 0) == (limit.fen, limit.left_fen)
    confirm(world, only(told(world)))
    confirm(world, only(told(world, service_day=before)), service_day=before)


# --- days -----------------------------------------------------------------------------


def test_a_year_just_begun(family: NewWorld) -> None:
    """On the first day of a year nothing is used; of the year before all still is."""
    world = family()
    world.settle(world.visit("P1", 900_00))
    then = only(told(world))
    world.now = datetime(2026, 1, 1, 0, 0, tzinfo=SHANGHAI)
    fresh = only(told(world))
    assert (2026, 0, 0) == (
        fresh.used.year,
        fresh.used.deductible_used_fen,
        fresh.used.fund_paid_fen,
    )
    assert then.used == only(told(world, service_day=date(2025, 12, 31))).used


def test_days_that_have_not_come(family: NewWorld) -> None:
    """Neither a state nor a visit of the future is told."""
    world = family()
    tomorrow = TODAY + timedelta(days=1)
    yesterday = TODAY - timedelta(days=1)
    asked: dict[str, tuple[date, date | None]] = {
        "day": (tomorrow, None),
        "service_day": (yesterday, TODAY),
    }
    for field, days in asked.items():
        with pytest.raises(refusals.FutureServiceDay) as refused:
            told(world, "P1", *days)
        assert field == refused.value.field


@pytest.mark.parametrize("seed", range(6))
def test_a_day_that_is_over_is_told_as_it_was(family: NewWorld, seed: int) -> None:
    """Whatever is settled, reversed, returned and credited later: the end of a day is told
    as it was told then."""
    chance = Random(seed)  # noqa: S311 - the same each time
    world = family()
    # What no entry and no settlement tells is nobody's past.
    world.add(Accumulator("P1", Scheme.EMPLOYEE, "3411", NOW.year))
    world.add(*(Account(person_no) for person_no in ("P1", "P2", "P3")))
    evenings: dict[date, BenefitYear] = {}
    for number in range(12):
        day = TODAY + timedelta(days=number)
        world.now = datetime.combine(day, NOW.timetz())
        for _ in range(chance.randrange(3)):
            _something_happens(world, chance)
        world.now = datetime.combine(day, datetime.max.time(), SHANGHAI)
        evenings[day] = told(world)
    world.now += timedelta(days=30)
    for day, then in evenings.items():
        assert then == told(world, day=day)


def _something_happens(world: World, chance: Random) -> None:
    """Settle, reverse, return a part, or bring forward."""
    happens = chance.choice(["settle", "settle", "reverse", "return", "give"])
    standing = [s for s in world.all(Settlement) if s.reversed_at is None]
    if happens == "settle":
        _settle(world, chance)
    elif happens == "reverse" and standing:
        world.reverse(chance.choice(standing).settlement_id)
    elif happens == "return" and standing:
        one = chance.choice(standing)
        part = Returned(in_scope_fen=one.bill.in_scope_fen // 2)
        world.do(
            Resettle(
                request=world.request("Resettle"),
                settlement_id=one.settlement_id,
                later=False,
                returned=part,
                why="",
                cities=world.cities,
            )
        )
    else:
        purse = chance.choice(["P1", "P2", "P3"])
        request = world.request("Credit")
        world.do(BringForward(request, purse, chance.randrange(1, 90_00)))


def _settle(world: World, chance: Random) -> None:
    back = timedelta(days=chance.randrange(3))
    world.settle(
        world.visit(
            "P1",
            chance.randrange(2_00, 900_00),
            account_use=chance.choice(ORDERS),
            service_day=world.now.date() - back,
        )
    )


ORDERS: Final = (AccountUse.NONE, AccountUse.OWN, AccountUse.CITY_ORDER)


# --- who has no year ------------------------------------------------------------------


def ended(world: World) -> None:
    """Have P1 in no scheme any more since July."""
    enrolment = Enrolment(
        Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, SINCE, date(2025, 6, 30)
    )
    world.person("P1", enrolments=(enrolment,))


def test_who_is_insured_nowhere_is_refused_as_a_bill_would_be(
    new_world: NewWorld,
) -> None:
    """Without anything used the refusal is a bill's; with something, it stands beside it."""
    world = new_world()
    ended(world)
    world.hospital(10)
    with pytest.raises(refusals.NotEnrolled) as refused:
        told(world)
    assert "person" == refused.value.field
    world.settle(world.visit("P1", 900_00, service_day=date(2025, 6, 1)))
    year = only(told(world))
    assert year.used.fund_paid_fen
    assert isinstance(year.refusal, refusals.NotEnrolled)
    with pytest.raises(refusals.PersonNotFound):
        told(world, "P9")


def test_nothing_before_the_first_rule(new_world: NewWorld) -> None:
    """Of a day before the first rule nothing is told."""
    world = new_world()
    world.person("P1")
    first = world.cities.of(CHUZHOU).first_day
    with pytest.raises(refusals.NotInForce):
        told(world, service_day=first - timedelta(days=1))
    assert only(told(world, service_day=first)).next_bill


def test_a_city_that_is_not_served(new_world: NewWorld) -> None:
    """Nobody's rules tell what the next bill would get."""
    world = new_world()
    world.person("P1", place="340100")
    with pytest.raises(refusals.CityNotServed):
        told(world)


def test_a_pause_excludes_the_fund(new_world: NewWorld) -> None:
    """Whose enrolment is paused is told the clause that has the fund pay nothing."""
    world = new_world()
    paused = Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.PAUSED, SINCE)
    world.person("P1", enrolments=(paused,))
    year = only(told(world))
    assert year.next_bill
    [under] = year.next_bill.levels[0].steps
    assert StepKind.NO_FUND is under.step.kind
    confirm(world, year)


def test_a_scheme_whose_bills_are_refused(new_world: NewWorld) -> None:
    """Where the operator has a scheme's bills refused, that is what is told."""
    plain = new_world().cities.of(CHUZHOU)
    [ruled, *_] = plain.timelines["reimbursement"]
    clause = ruled.clauses[0]
    refusing = ruled.value | {Scheme.RESIDENT: NotSettled(clause, clause)}
    world = new_world(reimbursement=refusing)
    world.person("P1", "15")
    with pytest.raises(refusals.SchemeNotSettled):
        told(world)


# --- purses ---------------------------------------------------------------------------


def test_purses_stand_in_the_order_of_charging(family: NewWorld) -> None:
    """Own purse and givers, with what each holds, as a quote would ask them."""
    world = family()
    purses = following(world).purses
    quote = world.quote(world.visit("P1", FAR, account_use=AccountUse.CITY_ORDER))
    asked = [line.purse for line in quote.lines if line.purse]
    assert asked == [purse.account.person_no for purse in purses]
    assert [world.record(Account, owner) for owner in asked] == [
        purse.account for purse in purses
    ]


def test_the_grades_are_one_of_each_level() -> None:
    """Hospitals of level 1, 2 and 3, one without a level, a pharmacy."""
    levels = [(grade.level, grade.is_pharmacy) for grade in GRADES]
    expected = [(1, False), (2, False), (3, False), (None, False), (None, True)]
    assert expected == levels
    assert all(isinstance(grade, InstitutionGrade) for grade in GRADES)
