"""Which fields of a person each kind of caller sees: what its work needs, no more."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from gongji.access.callers import Caller, Kind


class PersonField(StrEnum):
    """A field of a person, with what belongs to it, by its name on the wire."""

    CERTIFICATE = "certificate"
    NAME = "name"
    PHONE = "phone"
    INSURED_PLACE = "insured_place"
    ENROLMENTS = "enrolments"
    CONTRIBUTION_BASE = "contribution_base"
    KIN = "kin"
    DIED_ON = "died_on"
    MARKS = "marks"


_INSURANCE: Final = frozenset(
    {
        PersonField.NAME,
        PersonField.INSURED_PLACE,
        PersonField.ENROLMENTS,
        PersonField.DIED_ON,
    }
)
"""Whom a hospital treats, and under which insurance."""

_IDENTIFIED: Final = _INSURANCE | {PersonField.CERTIFICATE}

_WHOLE_FILE: Final = _IDENTIFIED | {PersonField.MARKS}

SHOWN: Final[Mapping[Kind, frozenset[PersonField]]] = {
    Kind.APP: _WHOLE_FILE,
    Kind.COUNTER: _WHOLE_FILE,
    Kind.BANK: _IDENTIFIED,
    Kind.HOSPITAL: _INSURANCE,
    Kind.PHARMACY: _INSURANCE,
    Kind.COLLECTOR: _INSURANCE,
    Kind.FEEDER: _IDENTIFIED,
    Kind.REVIEWER: _IDENTIFIED,
    Kind.AUDITOR: _WHOLE_FILE,
    Kind.OPERATOR: _WHOLE_FILE,
    Kind.CITY_TEAM: frozenset(),
    Kind.TESTER: frozenset(PersonField),
}
"""The fields by kind. Contribution base, kin and phone are nobody's, unless the policy
gives them to a caller by name (`fields`); a tester's people are invented."""


def shown_to(caller: Caller) -> frozenset[PersonField]:
    """Return the fields of a person a caller sees: its kind's, and its own by policy."""
    own = frozenset(field for field in PersonField if field.value in caller.fields)
    return SHOWN.get(caller.kind, frozenset()) | own
