"""The registry: every problem of a row is found and named."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from gongji.model.people import (
    BaseSince,
    Certificate,
    Designation,
    Enrolment,
    GradeSince,
    InstitutionGrade,
    Kin,
    Mark,
    PlaceSince,
)
from gongji.model.registry import (
    InstitutionRow,
    PersonRow,
)
from gongji.registry.rows import (
    RELATIONS,
    problems_of,
    problems_of_institution,
)
from gongji.rules.binding import CLOSE
from gongji.rules.codes import EnrolmentStatus, InstitutionKind, Scheme
from msgspec.structs import replace

from tests.scaffold.people import NOW

NUMBER = "341199198001010028"
"""An identity number of an area that does not exist, with a right check digit."""

FIRST = Enrolment(
    Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, date(2020, 1, 1), date(2020, 12, 31)
)
SECOND = replace(FIRST, since=date(2021, 1, 1), until=None)
RESIDENT = Enrolment(Scheme.RESIDENT, "15", EnrolmentStatus.NORMAL, date(2019, 1, 1))
PERSON = PersonRow(
    person_no="P1",
    certificate=Certificate("01", NUMBER),
    name="某某",
    insured_place="341122",
    enrolments=(SECOND, FIRST, RESIDENT),
    base_fen=1,
)
DAY = NOW.date()
"""The day of every import here."""

GRADE = InstitutionGrade(InstitutionKind.HOSPITAL, 2)
HOSPITAL = InstitutionRow(
    code="H34110000001",
    name="某医院",
    grade=GRADE,
    designations=(Designation(date(2020, 1, 1)),),
)
PHARMACY = InstitutionRow(
    code="P34110000001",
    name="某药店",
    grade=InstitutionGrade(InstitutionKind.PHARMACY, 0),
    designations=(Designation(date(2020, 1, 1), date(2020, 1, 1)),),
)


def hospital(hosp_lv: int) -> dict[str, Any]:
    return {"grade": InstitutionGrade(InstitutionKind.HOSPITAL, hosp_lv)}


def certificate(number: str, type_: str = "01") -> dict[str, Any]:
    return {"certificate": Certificate(type_, number)}


GOOD: dict[str, dict[str, Any]] = {
    "a full row": {},
    "died today": {"died_on": DAY},
    "died on the day of birth": {"died_on": date(1980, 1, 1)},
    "a card that may be of 1923 or 2023": {
        **certificate("USA110023010112", "07"),
        "died_on": date(2020, 1, 1),
    },
    "check digit X": certificate("34119919800101001X"),
    "a residence permit of Hong Kong: its place is in no table": certificate(
        "810000198001010014"
    ),
    "a passport is not judged": certificate("E12345678", "08"),
    "no enrolments": {"enrolments": ()},
    "every relation of the close set": {
        "kin": tuple(Kin("P2", code, "公安户籍") for code in sorted(CLOSE.codes))
    },
}
MALFORMED, CHECKSUM = "MALFORMED_FIELD", "CERTIFICATE_CHECKSUM"
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no number": ({"person_no": ""}, "person_no", MALFORMED),
    "no name": ({"name": " "}, "name", MALFORMED),
    "a place of five digits": ({"insured_place": "34110"}, "insured_place", MALFORMED),
    "a place in other digits": (
        {"insured_place": "34110\u0660"},
        "insured_place",
        MALFORMED,
    ),
    "a negative base": (
        {"base_fen": -1},
        "contribution_base_fen",
        MALFORMED,
    ),
    "a death that lies ahead": (
        {"died_on": DAY + timedelta(days=1)},
        "died_on",
        MALFORMED,
    ),
    "a death before the birth": (
        {"died_on": date(1979, 12, 31)},
        "died_on",
        MALFORMED,
    ),
    "a death before the birth day said": (
        {**certificate("E12345678", "08"), "born_on": DAY, "died_on": date(2025, 1, 1)},
        "died_on",
        MALFORMED,
    ),
    "no certificate": (certificate(""), "certificate.number", MALFORMED),
    "no passport number": (certificate("", "08"), "certificate.number", MALFORMED),
    "seventeen digits": (certificate(NUMBER[:17]), "certificate.number", MALFORMED),
    "a letter inside": (
        certificate("34119919800101O028"),
        "certificate.number",
        MALFORMED,
    ),
    "a small x": (certificate("34119919800101001x"), "certificate.number", MALFORMED),
    "a wrong check digit": (
        certificate(NUMBER[:17] + "5"),
        "certificate.number",
        CHECKSUM,
    ),
    "30 February": (certificate("341199198002300019"), "certificate.number", CHECKSUM),
    "an end before its beginning": (
        {"enrolments": (replace(FIRST, until=date(2019, 12, 31)),)},
        "enrolments[0].to",
        MALFORMED,
    ),
    "an overlap of one day": (
        {"enrolments": (replace(SECOND, since=date(2020, 12, 31)), FIRST)},
        "enrolments[0].from",
        MALFORMED,
    ),
    "an overlap with one that lasts": (
        {"enrolments": (SECOND, SECOND)},
        "enrolments[1].from",
        MALFORMED,
    ),
    "a resident's category in the employee scheme": (
        {"enrolments": (replace(SECOND, psn_type="15"),)},
        "enrolments[0].psn_type",
        MALFORMED,
    ),
    "himself as a relation": (
        {"kin": (Kin("P2", "01", "x"),)},
        "kin[0].relation",
        MALFORMED,
    ),
    "head of household as a relation": (
        {"kin": (Kin("P2", "02", "x"),)},
        "kin[0].relation",
        MALFORMED,
    ),
    "a code that is none": (
        {"kin": (Kin("P2", "13", "x"),)},
        "kin[0].relation",
        MALFORMED,
    ),
    "a relation that ends before it begins": (
        {"kin": (Kin("P2", "10", "x", DAY, date(2020, 1, 1)),)},
        "kin[0].to",
        MALFORMED,
    ),
    "a mark that ends before it begins": (
        {"marks": (Mark("tier", "", DAY, date(2020, 1, 1)),)},
        "marks[0].to",
        MALFORMED,
    ),
    "a place of an enrolment that is none": (
        {"enrolments": (replace(SECOND, insured_place="3411"),)},
        "enrolments[0].insured_place",
        MALFORMED,
    ),
    "places with days, none of them today's": (
        {"insured_places": (PlaceSince("340822", date(2020, 1, 1)),)},
        "insured_place",
        MALFORMED,
    ),
    "no place at all": ({"insured_place": ""}, "insured_place", MALFORMED),
    "a place with its day that is none": (
        {"insured_place": "", "insured_places": (PlaceSince("041102", DAY),)},
        "insured_places[0].insured_place",
        MALFORMED,
    ),
    "bases that do not ascend": (
        {
            "base_fen": 0,
            "bases": (BaseSince(1, DAY), BaseSince(2, date(2020, 1, 1))),
        },
        "contribution_bases[1].from",
        MALFORMED,
    ),
    "his own relative": (
        {"kin": (Kin("P1", "10", "x"),)},
        "kin[0].person_no",
        MALFORMED,
    ),
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_good_persons(changes: dict[str, Any]) -> None:
    """What is right passes, schemes side by side and enrolments in any order."""
    assert [] == problems_of(replace(PERSON, **changes), DAY)


@pytest.mark.parametrize(("changes", "field", "reason"), BAD.values(), ids=BAD)
def test_bad_persons(changes: dict[str, Any], field: str, reason: str) -> None:
    """Each fault is found once, at its field, by its reason; no message repeats the number."""
    person = replace(PERSON, **changes)
    found = problems_of(person, DAY)
    assert [(field, reason)] == [(p.field, p.reason) for p in found]
    assert (
        not person.certificate.number
        or person.certificate.number not in found[0].message
    )


def test_all_problems_at_once() -> None:
    """A row tells everything that is wrong with it."""
    person = replace(PERSON, name="", insured_place="", **certificate("1"))
    assert ["name", "insured_place", "certificate.number"] == [
        p.field for p in problems_of(person, DAY)
    ]


def test_no_other_relations() -> None:
    """The codes are those of GB/T 4761 without 01 and 02."""
    assert {"10", "11", "12", "99"} | {str(code) for code in range(20, 98)} == RELATIONS


def test_a_place_said_with_its_day_only() -> None:
    """Of places with days none need be today's by the clock of who wrote the row."""
    places = (PlaceSince("341122", date(2020, 1, 1)), PlaceSince("340822", date.max))
    row = replace(PERSON, insured_place="", insured_places=places)
    assert [] == problems_of(row, DAY)


INSTITUTIONS: dict[str, tuple[InstitutionRow, dict[str, Any], list[str]]] = {
    "a hospital": (HOSPITAL, {}, []),
    "an unranked hospital": (HOSPITAL, hospital(11), []),
    "a pharmacy for one day": (PHARMACY, {}, []),
    "a code of another length": (HOSPITAL, {"code": "H3411000001"}, ["code"]),
    "a code without an area": (HOSPITAL, {"code": "H04110000001"}, ["code"]),
    "a hospital under a pharmacy's letter": (
        HOSPITAL,
        {"code": "P34110000001"},
        ["code"],
    ),
    "a hospital without a grade": (HOSPITAL, hospital(0), ["hosp_lv"]),
    "a grade that is none": (HOSPITAL, hospital(15), ["hosp_lv"]),
    "a pharmacy with a grade": (
        PHARMACY,
        {"grade": InstitutionGrade(InstitutionKind.PHARMACY, 1)},
        ["hosp_lv"],
    ),
    "no name": (HOSPITAL, {"name": ""}, ["name"]),
    "an end before its beginning": (
        HOSPITAL,
        {"designations": (Designation(date(2020, 1, 1), date(2019, 12, 31)),)},
        ["designated_to"],
    ),
    "a second time of designation": (
        PHARMACY,
        {"designations": (*PHARMACY.designations, Designation(date(2020, 1, 2)))},
        [],
    ),
    "times of designation that overlap": (
        HOSPITAL,
        {"designations": (*HOSPITAL.designations, Designation(date(2024, 1, 1)))},
        ["further_designations"],
    ),
    "grades out of order": (
        HOSPITAL,
        {"grades": (GradeSince(GRADE, DAY), GradeSince(GRADE, DAY))},
        ["grades[1].from"],
    ),
    "a grade that is not the one of the day": (
        HOSPITAL,
        {"grades": (GradeSince(InstitutionGrade(InstitutionKind.HOSPITAL, 5), DAY),)},
        ["hosp_lv"],
    ),
    "a grade said with its day only": (
        HOSPITAL,
        {"grade": None, "grades": (GradeSince(GRADE, DAY),)},
        [],
    ),
}


@pytest.mark.parametrize(
    ("institution", "changes", "fields"), INSTITUTIONS.values(), ids=INSTITUTIONS
)
def test_institutions(
    institution: InstitutionRow, changes: dict[str, Any], fields: list[str]
) -> None:
    """Code, grade and days of an institution fit each other."""
    assert fields == [
        p.field for p in problems_of_institution(replace(institution, **changes), DAY)
    ]
