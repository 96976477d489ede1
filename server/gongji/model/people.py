"""Records of people (参保人) and institutions (定点医药机构), as the registry has them.

Amounts are fen, days are Shanghai civil days, instants are aware datetimes. National
field names stand in brackets.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar

from msgspec import Struct, field

from gongji.model.certificates import birth_date
from gongji.rules.codes import (
    ADULT_YEARS,
    EnrolmentStatus,
    InstitutionKind,
    Scheme,
    Standing,
)

_NEWBORN = "1401"

_MINOR = "14"

# Employees, retired and on 离休, residents of age (成年) and old (老年). Who works from 16
# on counts as an adult (《民法典》第十八条).
_ADULT = ("11", "12", "13", "15", "16")


def alive_on(person: Person, day: date) -> bool:
    """Return whether the registry knows of no death before that day."""
    # The day of death itself counts: a bill of that day is settled.
    return person.died_on is None or day <= person.died_on


def _within(since: date | None, day: date, until: date | None) -> bool:
    return (since is None or since <= day) and (until is None or day <= until)


class Discreet(Struct, frozen=True):
    """A record some of whose fields are personal and never show in a repr.

    Logs and test failures print reprs, so they show nothing of these.
    """

    hidden: ClassVar[frozenset[str]]

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Return the other fields; rich prints from here, past `__repr__`."""
        return [
            (name, getattr(self, name))
            for name in self.__struct_fields__
            if name not in self.hidden
        ]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"


class Enrolment(Struct, frozen=True, omit_defaults=True):
    """One dated enrolment; `until` is its last day, None while it lasts.

    `insured_place` (insuplc_admdvs) is its own place, "" if it is the person's.
    """

    scheme: Scheme
    psn_type: str
    status: EnrolmentStatus
    since: date
    until: date | None = None
    insured_place: str = ""

    def covers(self, day: date) -> bool:
        """Return whether the enrolment lasts on that day, both ends included."""
        return self.since <= day and (self.until is None or day <= self.until)

    @property
    def standing(self) -> Standing:
        """Return retired for psn_type 12…, else active."""
        return Standing.RETIRED if self.psn_type.startswith("12") else Standing.ACTIVE


class Kin(Struct, frozen=True, omit_defaults=True):
    """A relative in the registry: `relation` is what they are to this person (GB/T 4761).

    `since` and `until` are its first and last day, None if not said.
    """

    person_no: str
    relation: str
    source: str
    since: date | None = None
    until: date | None = None

    def covers(self, day: date) -> bool:
        """Return whether the relation lasts on that day, both ends included."""
        return _within(self.since, day, self.until)


class Mark(Struct, frozen=True):
    """A dated mark of a person, such as 签约 or 选点; what it means is for rules.

    `until` is its last day, None while it lasts.
    """

    kind: str
    value: str
    since: date
    until: date | None = None

    def covers(self, day: date) -> bool:
        """Return whether it lasts on that day, both ends included."""
        return _within(self.since, day, self.until)


class PlaceSince(Struct, frozen=True):
    """The insured place (参保地) from a day on."""

    area_code: str
    since: date


class BaseSince(Struct, frozen=True):
    """The monthly contribution base (缴费基数) in fen, from a day on."""

    fen: int
    since: date


class Certificate(Discreet, frozen=True):
    """An identity document (psn_cert_type, certno); its number never shows in a repr."""

    hidden = frozenset({"number"})

    type: str
    number: str


# hot path: what a record does not say is not written, a third of a person's document.
class Person(Discreet, frozen=True, omit_defaults=True):
    """An insured person (psn_no …); certificate, name and phone are sealed at rest.

    `first_place` and `first_base_fen` hold until the first day of `moves` and `bases`.
    `revision` counts what was said of the person; `known_from` is when this one became
    known, None for one kept before revisions were. `erased` are the fields that were
    erased (`registry.erasure`): no import brings them back.
    """

    hidden = frozenset({"certificate", "name", "phone", "born_on"})

    person_no: str
    certificate: Certificate
    name: str
    phone: str
    first_place: str = field(name="insured_place")
    enrolments: tuple[Enrolment, ...] = ()
    first_base_fen: int = field(default=0, name="contribution_base_fen")
    kin: tuple[Kin, ...] = ()
    died_on: date | None = None
    moves: tuple[PlaceSince, ...] = ()
    bases: tuple[BaseSince, ...] = ()
    marks: tuple[Mark, ...] = ()
    born_on: date | None = None
    revision: int = 1
    known_from: datetime | None = None
    import_id: str = ""
    erased: tuple[str, ...] = ()

    @property
    def born(self) -> date | None:
        """Return the birth date said of the person, else in the certificate; None if neither."""
        return self.born_on or birth_date(
            self.certificate.type, self.certificate.number
        )

    def younger_than(self, years: int, day: date) -> bool | None:
        """Return whether the person is younger on a day; None if nothing tells.

        Without a birth date the psn_type tells minors from adults.
        """
        born = self.born
        if born is None:
            return self._younger_by_category(years, day)
        # Compared as month and day: a birthday of 29 February completes a year on 1 March.
        before_birthday = (day.month, day.day) < (born.month, born.day)
        return day.year - born.year - before_birthday < years

    def _younger_by_category(self, years: int, day: date) -> bool | None:
        current = [e.psn_type for e in self.enrolments if e.covers(day)]
        if any(psn_type.startswith(_NEWBORN) for psn_type in current):
            return True
        if any(psn_type.startswith(_MINOR) for psn_type in current):
            return True if years >= ADULT_YEARS else None
        # Who was an adult once is one for good.
        begun = [e.psn_type for e in self.enrolments if e.since <= day]
        adult = any(psn_type.startswith(_ADULT) for psn_type in begun)
        return False if adult and years <= ADULT_YEARS else None

    def enrolled(self, day: date, scheme: Scheme) -> Enrolment | None:
        """Return the enrolment in that scheme on that day, whatever its status."""
        for enrolment in self.enrolments:
            if enrolment.scheme is scheme and enrolment.covers(day):
                return enrolment
        return None

    def place_on(self, day: date, scheme: Scheme | None = None) -> str:
        """Return the insured place on a day, in a scheme or in the one that names one.

        An enrolment's own place goes before the person's, the employee scheme's first.
        """
        # hot path: of most people no enrolment has a place of its own.
        if [enrolment for enrolment in self.enrolments if enrolment.insured_place]:
            for candidate in Scheme if scheme is None else (scheme,):
                enrolment = self.enrolled(day, candidate)
                if enrolment is not None and enrolment.insured_place:
                    return enrolment.insured_place
        place = self.first_place
        for move in self.moves:
            if move.since <= day:
                place = move.area_code
        return place

    @property
    def place_history(self) -> tuple[PlaceSince, ...]:
        """Return every insured place, the first of them ever since."""
        return (PlaceSince(self.first_place, date.min), *self.moves)

    @property
    def base_history(self) -> tuple[BaseSince, ...]:
        """Return every contribution base, the first of them ever since."""
        return (BaseSince(self.first_base_fen, date.min), *self.bases)

    def base_on(self, day: date) -> int:
        """Return the contribution base (缴费基数) on a day, in fen; 0 if there is none."""
        fen = self.first_base_fen
        for base in self.bases:
            if base.since <= day:
                fen = base.fen
        return fen

    def marks_on(self, day: date, kind: str) -> tuple[Mark, ...]:
        """Return the marks of a kind on a day."""
        return tuple([m for m in self.marks if m.kind == kind and m.covers(day)])


def area_of_institution(code: str) -> str:
    """Return the area an institution lies in: characters two to seven of its code."""
    return code[1:7]


class InstitutionGrade(Struct, frozen=True, omit_defaults=True):
    """An institution's kind and national grade (fixmedins_type, hosp_lv).

    `care_class` is its class as rules name it (社区卫生服务中心、村卫生室 …), "" if not said.
    """

    kind: InstitutionKind
    hosp_lv: int
    care_class: str = ""

    @property
    def is_pharmacy(self) -> bool:
        """Return whether it is a retail pharmacy (零售药店)."""
        return self.kind is InstitutionKind.PHARMACY

    @property
    def level(self) -> int | None:
        """Return level 1, 2 or 3 from the national grade; None if unranked or a pharmacy."""
        return _LEVEL_OF_GRADE.get(self.hosp_lv)


class GradeSince(Struct, frozen=True):
    """A kind and grade from a day on."""

    grade: InstitutionGrade
    since: date


class Designation(Struct, frozen=True):
    """A time in which an institution is designated; `until` None while it lasts."""

    since: date
    until: date | None = None

    def covers(self, day: date) -> bool:
        """Return whether it lasts on that day, both ends included."""
        return _within(self.since, day, self.until)


class Institution(Struct, frozen=True):
    """A designated institution (fixmedins_code …).

    `first_kind` and `first_hosp_lv` hold until the first day of `grades`; `revision` and
    `known_from` are as a person's.
    """

    code: str
    name: str
    first_kind: InstitutionKind = field(name="kind")
    first_hosp_lv: int = field(name="hosp_lv")
    designated_from: date
    designated_to: date | None = None
    further_designations: tuple[Designation, ...] = ()
    grades: tuple[GradeSince, ...] = ()
    revision: int = 1
    known_from: datetime | None = None
    import_id: str = ""
    first_care_class: str = field(default="", name="care_class")

    @property
    def area_code(self) -> str:
        """Return the area it lies in."""
        return area_of_institution(self.code)

    def grade_on(self, day: date) -> InstitutionGrade:
        """Return its kind and grade on a day."""
        grade = self._first_grade
        for later in self.grades:
            if later.since <= day:
                grade = later.grade
        return grade

    @property
    def grade_history(self) -> tuple[GradeSince, ...]:
        """Return every kind and grade, the first of them ever since."""
        return (GradeSince(self._first_grade, date.min), *self.grades)

    @property
    def _first_grade(self) -> InstitutionGrade:
        return InstitutionGrade(
            self.first_kind, self.first_hosp_lv, self.first_care_class
        )

    @property
    def designations(self) -> tuple[Designation, ...]:
        """Return every time in which it is designated."""
        first = Designation(self.designated_from, self.designated_to)
        return (first, *self.further_designations)

    def designated_on(self, day: date) -> bool:
        """Return whether it is designated that day."""
        # hot path: as a rule there is only the first time.
        if _within(self.designated_from, day, self.designated_to):
            return True
        return any(further.covers(day) for further in self.further_designations)


# hosp_lv 1-4 and 12 are grade three (special, A, B, C, ungraded), 5-7 and 13 grade two,
# 8-10 and 14 grade one; 11 is unranked.
_LEVEL_OF_GRADE = {
    1: 3,
    2: 3,
    3: 3,
    4: 3,
    12: 3,
    5: 2,
    6: 2,
    7: 2,
    13: 2,
    8: 1,
    9: 1,
    10: 1,
    14: 1,
}
