"""What is known after a row: values hold from their days, lists are corrections."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from gongji.model.people import (
    BaseSince,
    Designation,
    Enrolment,
    GradeSince,
    Institution,
    InstitutionGrade,
    Kin,
    Mark,
    Person,
    PlaceSince,
)
from gongji.model.registry import (
    InstitutionRow,
    PersonRow,
    institution_after,
    person_after,
)
from gongji.rules.codes import SHANGHAI, EnrolmentStatus, InstitutionKind, Scheme
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.scaffold import people
from tests.scaffold.people import row_of

FIRST = date(2025, 1, 1)
MOST_STEPS, LONGEST_STEP = 6, 2
"""How many imports follow each other, at most so many days apart."""

DAYS = [FIRST + timedelta(days=n) for n in range(-1, MOST_STEPS * LONGEST_STEP + 2)]
"""The days that are looked at: imports come from the second one on, and none after the
last but one."""

ROW = row_of(people.person("P1", 1))


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), SHANGHAI)


offsets = st.integers(0, 9)
values = st.integers(1, 3)
steps = st.dictionaries(offsets, values, min_size=1, max_size=3)
statements = st.lists(
    st.tuples(st.integers(0, LONGEST_STEP), values | steps), max_size=MOST_STEPS
)
"""Imports: how many days after the one before, and an undated value or dated ones."""


@given(statements)
def test_single_values_hold_from_their_days(said: list[tuple[int, Any]]) -> None:
    """Day by day the base is what was said last of it: a value without a day speaks of
    the import's day and those up to the next day already spoken of, the first of all of
    every day; a value with a day of that day and all after it."""
    model: dict[date, int] = {}
    starts: set[date] = set()
    person: Person | None = None
    today = FIRST
    for days_later, value in said:
        today += timedelta(days=days_later)
        if isinstance(value, int):
            row = replace(ROW, base_fen=value)
            say_undated(model, starts, today, value)
        else:
            bases = dated(value)
            row = replace(ROW, bases=tuple(BaseSince(v, day) for day, v in bases))
            say_dated(model, starts, bases)
        person = person_after(person, row, noon(today), "")
    if person is not None:
        assert model == {day: person.base_on(day) for day in DAYS}


def dated(offsets_: dict[int, int]) -> list[tuple[date, int]]:
    return sorted((FIRST + timedelta(days=n), v) for n, v in offsets_.items())


def say_undated(
    model: dict[date, int], starts: set[date], today: date, value: int
) -> None:
    if not model:
        model.update(dict.fromkeys(DAYS, value))
    if model[today] == value:
        return
    nearest = min((day for day in starts if day > today), default=date.max)
    model.update({day: value for day in DAYS if today <= day < nearest})
    starts.add(today)
    forget_repeated(model, starts)


def say_dated(
    model: dict[date, int], starts: set[date], bases: list[tuple[date, int]]
) -> None:
    if not model:
        model.update(dict.fromkeys(DAYS, bases[0][1]))
    for first, value in bases:
        model.update({day: value for day in DAYS if first <= day})
        starts.difference_update({day for day in starts if day >= first})
        starts.add(first)
    forget_repeated(model, starts)


def forget_repeated(model: dict[date, int], starts: set[date]) -> None:
    """A day on which the value stays what it was begins nothing."""
    for day in list(starts):
        if day > DAYS[0] and model[day] == model[day - timedelta(days=1)]:
            starts.discard(day)


def test_a_move_is_kept() -> None:
    """A place without a day holds from its import on, and says when it became known."""
    person = person_after(None, ROW, noon(FIRST), "a")
    moved = replace(ROW, insured_place="340802")
    person = person_after(person, moved, noon(DAYS[5]), "b")
    places = [person.place_on(day) for day in (DAYS[0], DAYS[4], DAYS[5])]
    assert ["341100", "341100", "340802"] == places
    assert (2, noon(DAYS[5]), "b") == (
        person.revision,
        person.known_from,
        person.import_id,
    )


def test_a_grade_is_corrected_from_its_day() -> None:
    """A grade said with a day holds from that day, whenever it is said."""
    hospital = institution_after(None, HOSPITAL, noon(FIRST), "a")
    second = InstitutionGrade(InstitutionKind.HOSPITAL, 5)
    corrected = replace(HOSPITAL, grade=second, grades=(GradeSince(second, DAYS[2]),))
    hospital = institution_after(hospital, corrected, noon(DAYS[9]), "b")
    assert [3, 2] == [hospital.grade_on(day).level for day in (DAYS[1], DAYS[2])]


HOSPITAL = InstitutionRow(
    code="H34110000001",
    name="某医院",
    grade=InstitutionGrade(InstitutionKind.HOSPITAL, 2),
    designations=(Designation(FIRST, DAYS[3]), Designation(DAYS[6])),
)


def test_a_file_that_says_no_class_takes_none_away() -> None:
    """A class once said stays until another is said."""
    community = InstitutionGrade(InstitutionKind.HOSPITAL, 2, "community")
    classed = replace(HOSPITAL, grade=community)
    known = institution_after(None, classed, noon(FIRST), "a")
    silent = institution_after(
        known, replace(HOSPITAL, name="新名"), noon(DAYS[9]), "b"
    )

    assert "community" == silent.grade_on(DAYS[9]).care_class


def test_an_institution_is_designated_in_several_times() -> None:
    """Between two times of designation it is not designated."""
    hospital: Institution = institution_after(None, HOSPITAL, noon(FIRST), "")
    designated = [hospital.designated_on(DAYS[n]) for n in (0, 1, 3, 4, 5, 6, 12)]
    assert [False, True, True, False, False, True, True] == designated


LISTS: dict[str, dict[str, Any]] = {
    "enrolments": {
        "enrolments": (Enrolment(Scheme.RESIDENT, "15", EnrolmentStatus.NORMAL, FIRST),)
    },
    "kin": {"kin": (Kin("P2", "10", "户籍", FIRST, DAYS[5]),)},
    "marks": {"marks": (Mark("family_doctor", "", FIRST),)},
    "a death": {"died_on": FIRST},
    "a birth day": {"born_on": FIRST},
    "a place": {"insured_place": "340802"},
    "places with days": {
        "insured_place": "340802",
        "insured_places": (PlaceSince("340802", DAYS[2]),),
    },
}


@pytest.mark.parametrize("said", LISTS.values(), ids=LISTS)
def test_corrected_back_nothing_differs_but_history(said: dict[str, Any]) -> None:
    """A statement taken back on its own day leaves the record as before, two revisions
    on; saying the same again is no revision."""
    before = person_after(None, ROW, noon(FIRST), "a")
    told: PersonRow = replace(ROW, **said)
    after = person_after(before, told, noon(DAYS[2]), "b")
    assert after != before
    assert after is person_after(after, told, noon(DAYS[3]), "c")
    back = person_after(after, ROW, noon(DAYS[2]), "d")
    assert before == replace(
        back, revision=1, known_from=before.known_from, import_id="a"
    )
    assert 3 == back.revision


def test_an_enrolment_may_have_a_place_of_its_own() -> None:
    """The place of a scheme is its enrolment's, else the person's."""
    resident = Enrolment(
        Scheme.RESIDENT, "15", EnrolmentStatus.NORMAL, FIRST, None, "340802"
    )
    row = replace(ROW, enrolments=(*ROW.enrolments, resident))
    person = person_after(None, row, noon(FIRST), "")
    assert ["341100", "340802", "340802"] == [
        person.place_on(FIRST, Scheme.EMPLOYEE),
        person.place_on(FIRST, Scheme.RESIDENT),
        person.place_on(FIRST),
    ]
    assert "341100" == person.place_on(DAYS[0])
