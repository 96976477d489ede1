"""Records of people (参保人) and institutions (定点医药机构), as the registry has them.

Amounts are fen, days are Shanghai civil days, instants are aware datetimes. National
field names stand in brackets.
"""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from msgspec import Struct

from gongji.rules.codes import (
    IDENTITY_CARD,
    EnrolmentStatus,
    InstitutionKind,
    Scheme,
    Standing,
)


def alive_on(person: Person, day: date) -> bool:
    """Return whether the registry knows of no death before that day."""
    # The day of death itself counts: a bill of that day is settled.
    return person.died_on is None or day <= person.died_on


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


class Enrolment(Struct, frozen=True):
    """One dated enrolment; `until` is its last day, None while it lasts."""

    scheme: Scheme
    psn_type: str
    status: EnrolmentStatus
    since: date
    until: date | None = None

    def covers(self, day: date) -> bool:
        """Return whether the enrolment lasts on that day, both ends included."""
        return self.since <= day and (self.until is None or day <= self.until)

    @property
    def standing(self) -> Standing:
        """Return retired for psn_type 12…, else active."""
        return Standing.RETIRED if self.psn_type.startswith("12") else Standing.ACTIVE


class Kin(Struct, frozen=True):
    """A relative in the registry: `relation` is what they are to this person (GB/T 4761)."""

    person_no: str
    relation: str
    source: str


class Certificate(Discreet, frozen=True):
    """An identity document (psn_cert_type, certno); its number never shows in a repr."""

    hidden = frozenset({"number"})

    type: str
    number: str


class Person(Discreet, frozen=True):
    """An insured person (psn_no …); certificate, name and phone are sealed at rest."""

    hidden = frozenset({"certificate", "name", "phone"})

    person_no: str
    certificate: Certificate
    name: str
    phone: str
    insured_place: str
    enrolments: tuple[Enrolment, ...] = ()
    contribution_base_fen: int = 0
    kin: tuple[Kin, ...] = ()
    died_on: date | None = None

    @property
    def born(self) -> date | None:
        """Return the birth date in the identity card's number; None for other certificates."""
        if self.certificate.type != IDENTITY_CARD:
            return None
        return date.fromisoformat(self.certificate.number[6:14])

    def younger_than(self, years: int, day: date) -> bool:
        """Return whether the person is younger on a day; False if the birth date is unknown."""
        born = self.born
        if born is None:
            return False
        # Compared as month and day: a birthday of 29 February completes a year on 1 March.
        before_birthday = (day.month, day.day) < (born.month, born.day)
        return day.year - born.year - before_birthday < years

    def enrolled(self, day: date, scheme: Scheme) -> Enrolment | None:
        """Return the enrolment in that scheme on that day, whatever its status."""
        return next(
            (e for e in self.enrolments if e.scheme is scheme and e.covers(day)), None
        )


class Institution(Struct, frozen=True):
    """A designated institution (fixmedins_code, hosp_lv)."""

    code: str
    name: str
    kind: InstitutionKind
    hosp_lv: int
    designated_from: date
    designated_to: date | None = None

    @property
    def area_code(self) -> str:
        """Return the area it lies in: characters two to seven of its code."""
        return self.code[1:7]

    @property
    def is_pharmacy(self) -> bool:
        """Return whether it is a retail pharmacy (零售药店)."""
        return self.kind is InstitutionKind.PHARMACY

    @property
    def level(self) -> int | None:
        """Return level 1, 2 or 3 from the national grade; None if unranked or a pharmacy."""
        return _LEVEL_OF_GRADE.get(self.hosp_lv)

    def designated_on(self, day: date) -> bool:
        """Return whether it is designated that day, both ends included."""
        if day < self.designated_from:
            return False
        return self.designated_to is None or day <= self.designated_to


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
