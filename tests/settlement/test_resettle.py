"""Settled again on what is known now, a year is what it would have been in time."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import pytest
from gongji.account import ledger
from gongji.cities.city import Cities
from gongji.model import refusals
from gongji.model.account import Account, Entry
from gongji.model.people import (
    Enrolment,
    GradeSince,
    Institution,
    InstitutionGrade,
    Person,
)
from gongji.model.settlement import Accumulator, Bill, Settlement
from gongji.rules.codes import (
    AccountUse,
    EnrolmentStatus,
    EntryKind,
    InstitutionKind,
    Scheme,
)
from gongji.settlement.preview import place_in_year
from gongji.settlement.resettle import Resettle, Resettled, Returned
from gongji.settlement.year import redecide, under_review
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.scaffold.people import NOW, SINCE
from tests.scaffold.world import NewWorld, World

CITY_ORDER = AccountUse.CITY_ORDER
DAY = timedelta(days=1)
MAY = date(2025, 5, 1)

RETIRED = (
    Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, SINCE, MAY - DAY),
    Enrolment(Scheme.EMPLOYEE, "12", EnrolmentStatus.NORMAL, MAY),
)
"""Retired since May, told whenever it is."""


def tell(world: World, person_no: str, **facts: Any) -> None:
    """Have the registry know something of a person from now on."""
    person = world.record(Person, person_no)
    world.add(replace(person, revision=person.revision + 1, **facts))


def regrade(world: World, hosp_lv: int, since: date = SINCE) -> None:
    """Have the registry know another grade of the world's first hospital."""
    hospital = world.all(Institution)[0]
    grade = InstitutionGrade(InstitutionKind.HOSPITAL, hosp_lv)
    changed = replace(
        hospital, grades=(GradeSince(grade, since),), revision=hospital.revision + 1
    )
    world.add(changed)


def again(
    world: World,
    settlement: Settlement,
    *,
    later: bool = False,
    returned: Returned | None = None,
) -> Resettled:
    """Settle one settlement again, or it and all later ones of its year."""
    request = world.request("Resettle")
    done = world.do(
        Resettle(request, settlement.settlement_id, later, returned, "", world.cities)
    )
    check_books(world)
    return done


def check_books(world: World) -> None:
    """Purses are what was entered, accumulators what stands; a transaction sums to 0."""
    sums: dict[str, int] = {}
    for entry in world.all(Entry):
        sums[entry.transaction_id] = sums.get(entry.transaction_id, 0) + entry.fen
    assert {0} >= set(sums.values())
    for account in world.all(Account):
        name = f"purse:{account.person_no}"
        own = [e for e in world.all(Entry) if e.ledger_account == name]
        if own:
            last = max(own, key=lambda entry: entry.version_after)
            assert (last.balance_after_fen, last.version_after) == (
                account.balance_fen,
                account.version,
            )


def standing(settlements: list[Settlement]) -> list[Settlement]:
    """Return the settlements that were not taken back, in their order."""
    return sorted([s for s in settlements if not s.reversed_at], key=place_in_year)


def differing(world: World) -> list[str]:
    """Return the standing settlements that are otherwise on what is known now."""
    stand = under_review(world.all(Settlement))
    if not stand:
        return []
    needs = Resettle(
        world.request(),
        stand[0].settlement_id,
        later=True,
        returned=None,
        why="",
        cities=world.cities,
    )
    facts = world.facts(())
    while missing := [n for n in needs.needs(facts) if not facts.has(n)]:
        facts = world.facts([*missing, *needs.needs(facts)])
    return [r.before.settlement_id for r in redecide(stand, facts, world.cities)]


def paid(settlement: Settlement | None) -> tuple[int, int, int, int]:
    """Return what fund, own purse, givers and cash pay."""
    assert settlement is not None
    return (
        settlement.fund_fen,
        settlement.own_fen,
        settlement.aid_fen,
        settlement.cash_fen,
    )


def paused_until(day: date) -> tuple[Enrolment, Enrolment]:
    """Return enrolments paused up to a day, and normal from the next on."""
    paused = replace(RETIRED[0], status=EnrolmentStatus.PAUSED, until=day)
    return paused, replace(RETIRED[0], since=day + DAY, until=None)


def test_those_after_it_follow(family: NewWorld) -> None:
    """One settled again alone leaves those after it otherwise, also the next time."""
    world = family()
    today = NOW.date()
    first = world.settle(world.visit("P1", 3000_00, service_day=today - DAY))
    second = world.settle(world.visit("P1", 3000_00, service_day=today))
    assert (1500_00, 500_00) == (first.fund_fen, second.fund_fen)
    world.now += DAY
    tell(world, "P1", enrolments=paused_until(today - DAY))
    assert [first.settlement_id, second.settlement_id] == differing(world)
    again(world, first)
    assert [second.settlement_id] == differing(world)
    (one,) = again(world, second, later=True).settlements
    assert (1500_00, 0, 0, 1500_00) == paid(one.after)
    assert [] == differing(world)


def test_retirement_told_late(family: NewWorld) -> None:
    """Three months late the fund pays its five points more; the last giver gets them back."""
    world = family()
    done = world.settle(world.visit("P1", 1000_00, account_use=CITY_ORDER))
    assert (500_00, 50_00, 320_00, 130_00) == paid(done)
    world.now += timedelta(days=92)
    tell(world, "P1", enrolments=RETIRED)
    (one,) = again(world, done).settlements
    assert (550_00, 50_00, 320_00, 80_00) == paid(one.after)
    assert [] == differing(world)


def test_both_say_what_became_of_them(family: NewWorld) -> None:
    """What is taken back names what stands in its place, and the other way round; that
    stands on the day it was made and is decided as of the day of the first."""
    world = family()
    done = world.settle(world.visit("P1", 1000_00))
    world.now += DAY
    tell(world, "P1", enrolments=RETIRED)
    (one,) = again(world, done).settlements
    before, after = one.before, one.after
    assert after is not None
    assert (done.settlement_id, NOW, world.now) == (
        after.replaces,
        after.decided_as_of,
        after.settled_at,
    )
    assert (world.now, after.settlement_id, True) == (
        before.reversed_at,
        before.replaced_by,
        before.superseded,
    )
    with pytest.raises(refusals.NothingToResettle):
        again(world, after)
    with pytest.raises(refusals.AlreadyReversed):
        again(world, done)


def test_givers_are_asked_for_no_more_than_they_paid(family: NewWorld) -> None:
    """If the fund pays less, the patient's purse and cash take its place, not a giver,
    who may have ended the binding long ago."""
    world = family()
    regrade(world, 8)
    done = world.settle(world.visit("P1", 100_00, account_use=CITY_ORDER))
    assert {"P1": 10_00, "P2": 20_00, "P3": 300_00} == world.balances()
    assert (60_00, 40_00, 0) == (done.fund_fen, done.own_fen, done.cash_fen)
    world.now += DAY
    regrade(world, 2)
    (one,) = again(world, done).settlements
    assert (50_00, 50_00, 0, 0) == paid(one.after)
    assert {"P1": 0, "P2": 20_00, "P3": 300_00} == world.balances()


def test_money_that_came_later_pays_nothing_of_it(family: NewWorld) -> None:
    """A purse pays no more than it held when the visit was first settled, however often
    that is settled again and whatever came into it since."""
    world = family()
    regrade(world, 8)
    done = world.settle(world.visit("P1", 1000_00, account_use=AccountUse.OWN))
    assert (600_00, 50_00, 0, 350_00) == paid(done)
    world.now += DAY
    put_in(world, "P1", 1000_00)
    regrade(world, 2)
    (one,) = again(world, done).settlements
    assert (500_00, 50_00, 0, 450_00) == paid(one.after)
    assert [] == differing(world)


def test_a_giver_who_was_not_dead_gives_again(family: NewWorld) -> None:
    """Told that a giver was dead and then that he was not, he gives what he gave first."""
    world = family()
    done = world.settle(world.visit("P1", 1000_00, account_use=CITY_ORDER))
    world.now += DAY
    tell(world, "P3", died_on=NOW.date() - DAY)
    (one,) = again(world, done).settlements
    assert (500_00, 50_00, 20_00, 430_00) == paid(one.after)
    assert one.after is not None
    world.now += DAY
    tell(world, "P3", died_on=None)
    (two,) = again(world, one.after).settlements
    assert paid(done) == paid(two.after)
    assert {"P1": 0, "P2": 0, "P3": 0} == world.balances()
    assert [] == differing(world)


def put_in(world: World, person_no: str, fen: int) -> None:
    """Put so much into a purse."""
    account = world.record(Account, person_no)
    account, movement = ledger.moved(account, fen)
    entries = ledger.purse_entries(
        f"C-{person_no}-{account.version}",
        movement,
        other="x",
        kind=EntryKind.BROUGHT_FORWARD,
        at=world.now,
        reference="",
    )
    world.add(account, *entries)


def test_whoever_was_dead_is_taken_back(family: NewWorld) -> None:
    """A bill that would be refused on what is known now is taken back, and says why."""
    world = family()
    done = world.settle(world.visit("P1", 100_00, account_use=CITY_ORDER))
    world.now += DAY
    tell(world, "P1", died_on=NOW.date() - DAY)
    (one,) = again(world, done).settlements
    assert (None, "NOT_ENROLLED") == (one.after, one.reason)
    assert {"P1": 50_00, "P2": 20_00, "P3": 300_00} == world.balances()
    assert [] == standing(world.all(Settlement))


def test_a_city_that_is_not_served_takes_nothing_back(family: NewWorld) -> None:
    """Without the plugin that settled it a bill is not decided again, nor taken back."""
    world = family()
    done = world.settle(world.visit("P1", 1000_00, account_use=CITY_ORDER))
    before = dict(world.records)
    world.now += DAY
    without = [c for c in world.cities.all if c.area_code != done.area_code]
    world.cities = Cities(tuple(without))
    with pytest.raises(refusals.CityNotServed):
        again(world, done, later=True)
    assert before == world.records


def test_a_part_is_returned(family: NewWorld) -> None:
    """Of a bill of 1,000 yuan 600 are returned: what is left is settled with the same
    purses, the day's own refund and charge are entries of today."""
    world = family()
    done = world.settle(world.visit("P1", 1000_00, account_use=CITY_ORDER))
    world.now += DAY
    (one,) = again(world, done, returned=Returned(in_scope_fen=600_00)).settlements
    assert one.after is not None
    assert (400_00, 200_00, 50_00, 150_00, 0, 600_00) == (
        one.after.bill.total_fen,
        one.after.fund_fen,
        one.after.own_fen,
        one.after.aid_fen,
        one.after.cash_fen,
        one.after.returned_fen,
    )
    assert {"P1": 0, "P2": 0, "P3": 170_00} == world.balances()
    assert [] == differing(world)


RETURNED: dict[str, Returned] = {
    "all of it": Returned(in_scope_fen=1000_00),
    "more than there was": Returned(in_scope_fen=1000_01),
    "a part there was none of": Returned(above_limit_fen=1),
    "less than nothing": Returned(in_scope_fen=-1),
}


@pytest.mark.parametrize("returned", RETURNED.values(), ids=RETURNED)
def test_what_cannot_be_returned(family: NewWorld, returned: Returned) -> None:
    """More than the bill, or the whole of it, is no partial refund."""
    world = family()
    done = world.settle(world.visit("P1", 1000_00))
    with pytest.raises(refusals.MalformedField):
        again(world, done, returned=returned)


# --- the law --------------------------------------------------------------------------

bills = st.lists(
    st.tuples(st.integers(1, 3000_00), st.integers(0, 200)), min_size=1, max_size=6
)
"""What is in scope, and how many days before now."""

PAUSED = (
    Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, SINCE, MAY - DAY),
    Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.PAUSED, MAY),
)

FACTS: dict[str, Any] = {
    "retired": lambda world: tell(world, "P", enrolments=RETIRED),
    "paused": lambda world: tell(world, "P", enrolments=PAUSED),
    "first level": lambda world: regrade(world, 8),
    "second level since May": lambda world: regrade(world, 5, MAY),
}


@given(bills, st.sampled_from(sorted(FACTS)), st.none() | st.integers(0, 4))
@settings(deadline=None)
def test_late_is_as_in_time(
    new_world: NewWorld,
    visits: list[tuple[int, int]],
    fact: str,
    taken_back: int | None,
) -> None:
    """Whatever is told late: after all of the year was settled again, who pays what is
    as in a world that knew it from the start, whatever was taken back in between, and
    nothing is left to settle again."""
    late, in_time = hospital_and_patient(new_world), hospital_and_patient(new_world)
    FACTS[fact](in_time)
    for world in (late, in_time):
        live(world, visits, taken_back)
    FACTS[fact](late)
    stand = standing(late.all(Settlement))
    with suppress(refusals.NothingToResettle):
        again(late, stand[0], later=True)
    assert [] == differing(late)
    assert decided(in_time) == decided(late)
    assert used(in_time) == used(late)


def hospital_and_patient(new_world: NewWorld) -> World:
    world = new_world()
    world.person("P")
    world.hospital(2)
    return world


def live(world: World, visits: list[tuple[int, int]], taken_back: int | None) -> None:
    """Settle a visit a day, and take one of them back at once, never the last."""
    for number, (fen, days) in enumerate(visits):
        world.now += DAY
        day = NOW.date() - timedelta(days=days)
        done = world.settle(world.visit("P", fen, service_day=day))
        if number == taken_back and number + 1 < len(visits):
            world.reverse(done.settlement_id)


def decided(world: World) -> list[tuple[Bill, int, tuple[int, int, int, int]]]:
    """Return what stands in a world, in the order of the visits."""
    return [
        (s.bill, s.deductible_fen, paid(s)) for s in standing(world.all(Settlement))
    ]


def used(world: World) -> dict[str, tuple[int, int]]:
    """Return what of the years' deductible and limit is used."""
    return {
        a.key: (a.deductible_used_fen, a.fund_paid_fen)
        for a in world.all(Accumulator)
        if a.deductible_used_fen or a.fund_paid_fen
    }
