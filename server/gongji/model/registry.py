"""What a row of an import says, and what is known of its person or institution after it.

A single value without a day holds from the import's day, the first one ever since; with
a day it takes the place of what was said of that day and those after it. A list and a
death take the place of the former statement as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from gongji.model.people import (
    BaseSince,
    Certificate,
    Designation,
    Discreet,
    Enrolment,
    GradeSince,
    Institution,
    InstitutionGrade,
    Kin,
    Mark,
    Person,
    PlaceSince,
)
from gongji.rules.codes import SHANGHAI

R = TypeVar("R", Person, Institution)

PHONE: Final = "phone"

WHOLE_FILE: Final = "whole_file"
"""In `Person.erased`: everything but the number, so that nobody is given it again."""

E = TypeVar("E", bound=PlaceSince | BaseSince | GradeSince)


class PersonRow(Discreet, frozen=True, kw_only=True):
    """A person as a row of an import says.

    `insured_places` and `bases`, ascending by day, are what is said with days; if they
    are given, `insured_place` ("" if not said) and `base_fen` add nothing to them.
    """

    hidden = frozenset({"certificate", "name", "phone", "born_on"})

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


_BLANK: Final[dict[str, Any]] = {
    "certificate": Certificate("", ""),
    "name": "",
    "phone": "",
    "born_on": None,
    "died_on": None,
    "enrolments": (),
    "kin": (),
    "marks": (),
}
"""The fields of a whole file, for a record and for a row of an import."""

_BLANK_OF: Final[dict[type, dict[str, Any]]] = {
    Person: {
        **_BLANK,
        "first_place": "",
        "first_base_fen": 0,
        "moves": (),
        "bases": (),
    },
    PersonRow: {
        **_BLANK,
        "insured_place": "",
        "base_fen": 0,
        "insured_places": (),
        "bases": (),
    },
}


P = TypeVar("P", Person, PersonRow)


def without(record: P, erased: Collection[str]) -> P:
    """Return a person, or a row that speaks of one, without what was erased."""
    if WHOLE_FILE in erased:
        return replace(record, **_BLANK_OF[type(record)])
    return replace(record, phone="") if PHONE in erased else record


class InstitutionRow(Struct, frozen=True, kw_only=True):
    """An institution as a row of an import says.

    `grades` are what is said with days; if they are given, `grade` adds nothing to them,
    and may be None.
    """

    code: str
    name: str
    grade: InstitutionGrade | None
    grades: tuple[GradeSince, ...] = ()
    designations: tuple[Designation, ...]


def person_after(
    known: Person | None, row: PersonRow, at: datetime, import_id: str
) -> Person:
    """Return the person as known after a row, in its next revision.

    If the row says nothing new, `known` itself is returned. What was erased of the person
    is not taken from the row. `at` is the instant the
    import becomes visible; its civil day in Shanghai is the import's day.
    """
    if known is not None and known.erased:
        return _after_erasure(known, row, at, import_id)
    return _person_after(known, row, at, import_id)


def _after_erasure(
    known: Person, row: PersonRow, at: datetime, import_id: str
) -> Person:
    """Return as `person_after` for a person of whom something was erased."""
    if WHOLE_FILE in known.erased:
        return known
    return _person_after(known, without(row, known.erased), at, import_id)


def _person_after(
    known: Person | None, row: PersonRow, at: datetime, import_id: str
) -> Person:
    day = at.astimezone(SHANGHAI).date()
    places = _told(
        known.place_history if known else (),
        row.insured_places,
        PlaceSince(row.insured_place, day),
    )
    bases = _told(
        known.base_history if known else (), row.bases, BaseSince(row.base_fen, day)
    )
    after = Person(
        person_no=row.person_no,
        certificate=row.certificate,
        name=row.name,
        phone=row.phone,
        first_place=places[0].area_code,
        enrolments=row.enrolments,
        first_base_fen=bases[0].fen,
        kin=row.kin,
        died_on=row.died_on,
        moves=tuple(places[1:]),
        bases=tuple(bases[1:]),
        marks=row.marks,
        born_on=row.born_on,
        revision=0,
        erased=known.erased if known else (),
    )
    return _revised(known, after, at, import_id)


def institution_after(
    known: Institution | None, row: InstitutionRow, at: datetime, import_id: str
) -> Institution:
    """Return the institution as known after a row; see `person_after`."""
    day = at.astimezone(SHANGHAI).date()
    before = known.grade_history if known else ()
    if row.grade is None:
        grades = _told_with_days(before, row.grades)
    else:
        grade = _with_class(row.grade, known, day)
        grades = _told(before, row.grades, GradeSince(grade, day))
    first, *further = row.designations
    after = Institution(
        code=row.code,
        name=row.name,
        first_kind=grades[0].grade.kind,
        first_hosp_lv=grades[0].grade.hosp_lv,
        first_care_class=grades[0].grade.care_class,
        designated_from=first.since,
        designated_to=first.until,
        further_designations=tuple(further),
        grades=tuple(grades[1:]),
        revision=0,
    )
    return _revised(known, after, at, import_id)


def _with_class(
    grade: InstitutionGrade, known: Institution | None, day: date
) -> InstitutionGrade:
    """Return a grade with the class known on a day if it does not say one.

    A file of before classes were says nothing of them: it takes none away.
    """
    if grade.care_class or known is None:
        return grade
    return replace(grade, care_class=known.grade_on(day).care_class)


def _revised(known: R | None, after: R, at: datetime, import_id: str) -> R:
    """Return the record in its next revision, `known` if it says the same."""
    revision = 0
    if known is not None:
        revision = known.revision
        unnumbered = replace(known, revision=0, known_from=None, import_id="")
        if unnumbered == after:
            return known
    return replace(after, revision=revision + 1, known_from=at, import_id=import_id)


def _told(known: Sequence[E], stated: Sequence[E], undated: E) -> list[E]:
    """Return the values with their first days after a statement, the first ever since.

    `undated` is the value without a day, as of the import's day.
    """
    if stated:
        return _told_with_days(known, stated)
    if not known:
        return [undated]
    day = undated.since
    current = [entry for entry in known if entry.since <= day][-1]
    if _same_value(current, undated):
        return list(known)
    # What was said with days that still lie ahead goes on standing.
    before: list[E] = [entry for entry in known if entry.since < day]
    ahead: list[E] = [entry for entry in known if entry.since > day]
    return _merged([*before, undated, *ahead])


def _told_with_days(known: Sequence[E], stated: Sequence[E]) -> list[E]:
    """Return the values after some with days: they replace what was said of them."""
    before: list[E] = [entry for entry in known if entry.since < stated[0].since]
    return _merged([*before, *stated])


def _merged(entries: Sequence[E]) -> list[E]:
    """Return the entries without those that only repeat the value before them."""
    # Corrected back is as before: two equal values in a row are one.
    merged: list[E] = []
    for entry in entries:
        if not merged or not _same_value(merged[-1], entry):
            merged.append(entry)
    return merged


def _same_value(one: E, other: E) -> bool:
    return replace(one, since=other.since) == other
