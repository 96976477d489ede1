"""What a row of an import says, and what is known of its person or institution after it.

A single value without a day holds from the import's day, the first one ever since; with
a day it takes the place of what was said of that day and those after it. A list and a
death take the place of the former statement as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from gongji.model.people import (
    BaseSince,
    Certificate,
    Designation,
    Discreet,
    Enrolment,
    Grade,
    GradeSince,
    Institution,
    Kin,
    Mark,
    Person,
    PlaceSince,
)
from gongji.rules.codes import SHANGHAI

T = TypeVar("T")


class PersonRow(Discreet, frozen=True, kw_only=True):
    """A person as a row of an import says.

    `insured_places` and `bases`, ascending by day, are what is said with days; if they
    are given, `insured_place` and `base_fen` add nothing to them.
    """

    hidden = frozenset({"certificate", "name", "phone"})

    person_no: str
    certificate: Certificate
    name: str
    phone: str = ""
    insured_place: str
    insured_places: tuple[PlaceSince, ...] = ()
    base_fen: int = 0
    bases: tuple[BaseSince, ...] = ()
    enrolments: tuple[Enrolment, ...] = ()
    kin: tuple[Kin, ...] = ()
    marks: tuple[Mark, ...] = ()
    died_on: date | None = None
    born_on: date | None = None


class InstitutionRow(Struct, frozen=True, kw_only=True):
    """An institution as a row of an import says; `grades` are what is said with days."""

    code: str
    name: str
    grade: Grade
    grades: tuple[GradeSince, ...] = ()
    designations: tuple[Designation, ...]


def person_after(
    known: Person | None, row: PersonRow, at: datetime, import_id: str
) -> Person:
    """Return the person as known after a row, in its next revision.

    If the row says nothing new, `known` itself is returned. `at` is the instant the
    import becomes visible; its civil day in Shanghai is the import's day.
    """
    day = at.astimezone(SHANGHAI).date()
    places: list[tuple[str, date]] = []
    bases: list[tuple[int, date]] = []
    if known is not None:
        moves = [(move.area_code, move.since) for move in known.moves]
        places = [(known.first_place, date.min), *moves]
        changes = [(base.fen, base.since) for base in known.bases]
        bases = [(known.first_base_fen, date.min), *changes]
    stated_places = [(place.area_code, place.since) for place in row.insured_places]
    stated_bases = [(base.fen, base.since) for base in row.bases]
    places = _told(places, stated_places, row.insured_place, day)
    bases = _told(bases, stated_bases, row.base_fen, day)
    after = Person(
        person_no=row.person_no,
        certificate=row.certificate,
        name=row.name,
        phone=row.phone,
        first_place=places[0][0],
        enrolments=row.enrolments,
        first_base_fen=bases[0][0],
        kin=row.kin,
        died_on=row.died_on,
        moves=tuple(PlaceSince(*place) for place in places[1:]),
        bases=tuple(BaseSince(*base) for base in bases[1:]),
        marks=row.marks,
        born_on=row.born_on,
        revision=known.revision if known else 0,
        known_from=known.known_from if known else None,
        import_id=known.import_id if known else "",
    )
    if after == known:
        return known
    return replace(
        after, revision=after.revision + 1, known_from=at, import_id=import_id
    )


def institution_after(
    known: Institution | None, row: InstitutionRow, at: datetime, import_id: str
) -> Institution:
    """Return the institution as known after a row; see `person_after`."""
    day = at.astimezone(SHANGHAI).date()
    grades: list[tuple[Grade, date]] = []
    if known is not None:
        first_grade = Grade(known.first_kind, known.first_hosp_lv)
        later = [(change.grade, change.since) for change in known.grades]
        grades = [(first_grade, date.min), *later]
    stated = [(change.grade, change.since) for change in row.grades]
    grades = _told(grades, stated, row.grade, day)
    first, *further = row.designations
    after = Institution(
        code=row.code,
        name=row.name,
        first_kind=grades[0][0].kind,
        first_hosp_lv=grades[0][0].hosp_lv,
        designated_from=first.since,
        designated_to=first.until,
        further_designations=tuple(further),
        grades=tuple(GradeSince(*grade) for grade in grades[1:]),
        revision=known.revision if known else 0,
        known_from=known.known_from if known else None,
        import_id=known.import_id if known else "",
    )
    if after == known:
        return known
    return replace(
        after, revision=after.revision + 1, known_from=at, import_id=import_id
    )


def _told(
    known: Sequence[tuple[T, date]],
    stated: Sequence[tuple[T, date]],
    undated: T,
    day: date,
) -> list[tuple[T, date]]:
    """Return the values with their first days after a statement, the first ever since."""
    if stated:
        first = stated[0][1]
        before = [entry for entry in known if entry[1] < first]
        return _merged([*before, *stated])
    if not known:
        return [(undated, date.min)]
    current = [value for value, since in known if since <= day][-1]
    if current == undated:
        return list(known)
    # What was said with days that still lie ahead goes on standing.
    before = [entry for entry in known if entry[1] < day]
    ahead = [entry for entry in known if entry[1] > day]
    return _merged([*before, (undated, day), *ahead])


def _merged(entries: Iterable[tuple[T, date]]) -> list[tuple[T, date]]:
    """Return the entries without those that only repeat the value before them."""
    # Corrected back is as before: two equal values in a row are one.
    merged: list[tuple[T, date]] = []
    for value, since in entries:
        if not merged or merged[-1][0] != value:
            merged.append((value, since))
    return merged
