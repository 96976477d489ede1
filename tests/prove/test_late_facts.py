"""Facts have days: when something was told, or a bill decided, changes no decision.

The truth is drawn first, as a plain list of what happened on which day. Worlds hear of
it in different ways; the bills of a day are held against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from gongji.model.account import Account
from gongji.model.people import (
    Designation,
    Enrolment,
    GradeSince,
    InstitutionGrade,
    PlaceSince,
)
from gongji.model.registry import InstitutionRow, PersonRow
from gongji.model.settlement import Settlement
from gongji.registry.kinds import INSTITUTIONS, PERSONS
from gongji.rules.codes import (
    SHANGHAI,
    AccountUse,
    EnrolmentStatus,
    InstitutionKind,
    Scheme,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.prove.conftest import Effort
from tests.scaffold import people
from tests.scaffold.people import ANQING, CHUZHOU, SINCE, row_of
from tests.scaffold.world import NewWorld, World

FIRST = date(2025, 3, 1)
"""The day from which worlds are told anything."""

SPAN = 60
"""Days in which something may happen."""

LATER = FIRST + timedelta(days=2 * SPAN)
"""When nothing happens any more."""

PATIENT, GIVER, HOSPITAL = "P", "G", "H34110000001"

ROWS = {who: row_of(people.person(who, n)) for n, who in enumerate((PATIENT, GIVER))}


class State(NamedTuple):
    """What is true on a day: of the patient, the giver's status, the hospital's grade."""

    place: str = CHUZHOU
    standing: str = "11"
    status: EnrolmentStatus = EnrolmentStatus.NORMAL
    giver: EnrolmentStatus = EnrolmentStatus.NORMAL
    hosp_lv: int = 2


Truth = list[tuple[int, State]]
"""What is true from so many days after the first on; the first entry is of day 0."""

states = st.builds(
    State,
    place=st.sampled_from([CHUZHOU, ANQING]),
    standing=st.sampled_from(["11", "12"]),
    status=st.sampled_from([EnrolmentStatus.NORMAL, EnrolmentStatus.PAUSED]),
    giver=st.sampled_from([EnrolmentStatus.NORMAL, EnrolmentStatus.PAUSED]),
    hosp_lv=st.sampled_from([2, 5, 8, 11]),
)


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    days = draw(st.sets(st.integers(1, SPAN), max_size=4))
    return [(day, draw(states)) for day in sorted({0, *days})]


def day_of(offset: int) -> date:
    return FIRST + timedelta(days=offset)


def until(truth: Truth, place: int) -> date | None:
    """Return the last day of one entry of the truth, None of its last."""
    if place + 1 == len(truth):
        return None
    return day_of(truth[place + 1][0]) - timedelta(days=1)


def enrolments(
    truth: Truth, statuses: Sequence[EnrolmentStatus], standings: Sequence[str]
) -> tuple[Enrolment, ...]:
    return tuple(
        Enrolment(
            Scheme.EMPLOYEE,
            standings[n],
            statuses[n],
            day_of(offset) if n else SINCE,
            until(truth, n),
        )
        for n, (offset, _) in enumerate(truth)
    )


def persons_of(truth: Truth, *, dated: bool) -> tuple[PersonRow, PersonRow]:
    """Return the rows that say the truth so far, single values with or without days."""
    told = [state for _, state in truth]
    standings = [state.standing for state in told]
    places = tuple(PlaceSince(s.place, day_of(offset)) for offset, s in truth)
    patient = replace(
        ROWS[PATIENT],
        insured_place=told[-1].place,
        insured_places=places if dated else (),
        enrolments=enrolments(truth, [state.status for state in told], standings),
    )
    given_by = enrolments(truth, [state.giver for state in told], ["11"] * len(told))
    return patient, replace(ROWS[GIVER], enrolments=given_by)


def hospital_of(truth: Truth, *, dated: bool) -> InstitutionRow:
    """Return the row of the hospital, likewise."""
    grades = tuple(GradeSince(grade(s), day_of(offset)) for offset, s in truth)
    return InstitutionRow(
        code=HOSPITAL,
        name="某医院",
        grade=grade(truth[-1][1]),
        grades=grades if dated else (),
        designations=(Designation(SINCE),),
    )


def grade(state: State) -> InstitutionGrade:
    return InstitutionGrade(InstitutionKind.HOSPITAL, state.hosp_lv)


def tell(world: World, truth: Truth, *, dated: bool) -> None:
    world.imports(PERSONS, *persons_of(truth, dated=dated))
    world.imports(INSTITUTIONS, hospital_of(truth, dated=dated))


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), SHANGHAI)


def told_in_time(new_world: NewWorld, truth: Truth, day: date) -> World:
    """Return a world on a day that was told each change when it happened, without days."""
    world = new_world(noon(FIRST))
    for n, (offset, _) in enumerate(truth):
        if day_of(offset) <= day:
            world.now = noon(day_of(offset))
            tell(world, truth[: n + 1], dated=False)
    world.now = noon(day)
    return ready(world)


def told_at_once(new_world: NewWorld, truth: Truth) -> World:
    """Return a world long after that was told everything together, with its days."""
    world = new_world(noon(LATER))
    tell(world, truth, dated=True)
    return ready(world)


def ready(world: World) -> World:
    world.add(Account(PATIENT, 30_00, 1), Account(GIVER, 500_00, 1))
    world.bind(GIVER, PATIENT, noon(FIRST))
    return world


def decided(world: World, day: date, use: AccountUse) -> Settlement:
    return world.quote(
        world.visit(
            PATIENT,
            1000_00,
            service_day=day,
            account_use=use,
            filing_no=world.filed(PATIENT),
        )
    )


def of_the_fund(settlement: Settlement) -> tuple[object, ...]:
    """Return what the service day decides."""
    line = settlement.lines[0]
    return (
        settlement.area_code,
        settlement.level,
        settlement.deductible_fen,
        settlement.ratio_bp,
        line.fen,
        line.rule,
        line.inputs,
    )


def of_the_purses(settlement: Settlement) -> list[tuple[str, int, object]]:
    """Return what the day of settlement decides."""
    return [(line.purse, line.fen, line.rule) for line in settlement.lines[1:]]


def test_a_late_bill_is_as_in_time(new_world: NewWorld, effort: Effort) -> None:
    """A bill of a day has the same fund, deductible and clauses on that day and long
    after, told day by day or everything at once; the same purses if nothing began or
    ended in between."""

    @effort(short=40, long=250)
    @given(truths(), st.integers(0, SPAN))
    def law(truth: Truth, offset: int) -> None:
        day = day_of(offset)
        use = AccountUse.CITY_ORDER
        on_the_day = decided(told_in_time(new_world, truth, day), day, use)
        afterwards = told_in_time(new_world, truth, LATER)
        at_once = told_at_once(new_world, truth)
        assert of_the_fund(on_the_day) == of_the_fund(decided(afterwards, day, use))
        assert of_the_fund(on_the_day) == of_the_fund(decided(at_once, day, use))
        if truth[-1][0] <= offset:
            late = decided(afterwards, day, use)
            assert figures(on_the_day) == figures(late)

    law()


def figures(settlement: Settlement) -> list[tuple[str, int]]:
    return [(purse, fen) for purse, fen, _ in of_the_purses(settlement)]


def test_a_couple_of_days_are_told_alike(new_world: NewWorld, effort: Effort) -> None:
    """Told in time and told at once, a world answers every day's bill alike."""

    @effort(short=20, long=80)
    @given(truths())
    def law(truth: Truth) -> None:
        in_time = told_in_time(new_world, truth, LATER)
        at_once = told_at_once(new_world, truth)
        for offset, _ in truth:
            for day in (day_of(offset), day_of(offset) + timedelta(days=1)):
                bills = [
                    decided(world, day, AccountUse.NONE) for world in (in_time, at_once)
                ]
                assert of_the_fund(bills[0]) == of_the_fund(bills[1])

    law()
