"""The registry: every problem of a row is found and named, and only what changed is written."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from gongji.model.people import Certificate, Enrolment, Institution, Kin, Person
from gongji.registry.imports import Upserted, UpsertInstitutions, UpsertPersons
from gongji.registry.rows import (
    RELATIONS,
    Problem,
    problems_of,
    problems_of_institution,
)
from gongji.rules.binding import CLOSE
from gongji.rules.codes import EnrolmentStatus, InstitutionKind, Scheme
from msgspec.structs import replace

from tests.scaffold.world import VAULT, NewWorld, World

NUMBER = "341199198001010028"
"""An identity number of an area that does not exist, with a right check digit."""

FIRST = Enrolment(
    Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, date(2020, 1, 1), date(2020, 12, 31)
)
SECOND = replace(FIRST, since=date(2021, 1, 1), until=None)
RESIDENT = Enrolment(Scheme.RESIDENT, "15", EnrolmentStatus.NORMAL, date(2019, 1, 1))
PERSON = Person(
    "P1", Certificate("01", NUMBER), "某某", "", "341122", (SECOND, FIRST, RESIDENT), 1
)
HOSPITAL = Institution(
    "H34110000001", "某医院", InstitutionKind.HOSPITAL, 2, date(2020, 1, 1)
)
PHARMACY = Institution(
    "P34110000001",
    "某药店",
    InstitutionKind.PHARMACY,
    0,
    date(2020, 1, 1),
    date(2020, 1, 1),
)


def certificate(number: str, type_: str = "01") -> dict[str, Any]:
    return {"certificate": Certificate(type_, number)}


GOOD: dict[str, dict[str, Any]] = {
    "a full row": {},
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
        {"contribution_base_fen": -1},
        "contribution_base_fen",
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
    "his own relative": (
        {"kin": (Kin("P1", "10", "x"),)},
        "kin[0].person_no",
        MALFORMED,
    ),
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_good_persons(changes: dict[str, Any]) -> None:
    """What is right passes, schemes side by side and enrolments in any order."""
    assert [] == problems_of(replace(PERSON, **changes))


@pytest.mark.parametrize(("changes", "field", "reason"), BAD.values(), ids=BAD)
def test_bad_persons(changes: dict[str, Any], field: str, reason: str) -> None:
    """Each fault is found once, at its field, by its reason; no message repeats the number."""
    person = replace(PERSON, **changes)
    found = problems_of(person)
    assert [(field, reason)] == [(p.field, p.reason) for p in found]
    assert (
        not person.certificate.number
        or person.certificate.number not in found[0].message
    )


def test_all_problems_at_once() -> None:
    """A row tells everything that is wrong with it."""
    person = replace(PERSON, name="", insured_place="", **certificate("1"))
    assert ["name", "insured_place", "certificate.number"] == [
        p.field for p in problems_of(person)
    ]


def test_no_other_relations() -> None:
    """The codes are those of GB/T 4761 without 01 and 02."""
    assert {"10", "11", "12", "99"} | {str(code) for code in range(20, 98)} == RELATIONS


INSTITUTIONS: dict[str, tuple[Institution, dict[str, Any], list[str]]] = {
    "a hospital": (HOSPITAL, {}, []),
    "an unranked hospital": (HOSPITAL, {"hosp_lv": 11}, []),
    "a pharmacy for one day": (PHARMACY, {}, []),
    "a code of another length": (HOSPITAL, {"code": "H3411000001"}, ["code"]),
    "a code without an area": (HOSPITAL, {"code": "H04110000001"}, ["code"]),
    "a hospital under a pharmacy's letter": (
        HOSPITAL,
        {"code": "P34110000001"},
        ["code"],
    ),
    "a hospital without a grade": (HOSPITAL, {"hosp_lv": 0}, ["hosp_lv"]),
    "a grade that is none": (HOSPITAL, {"hosp_lv": 15}, ["hosp_lv"]),
    "a pharmacy with a grade": (PHARMACY, {"hosp_lv": 1}, ["hosp_lv"]),
    "no name": (HOSPITAL, {"name": ""}, ["name"]),
    "an end before its beginning": (
        HOSPITAL,
        {"designated_to": date(2019, 12, 31)},
        ["designated_to"],
    ),
}


@pytest.mark.parametrize(
    ("institution", "changes", "fields"), INSTITUTIONS.values(), ids=INSTITUTIONS
)
def test_institutions(
    institution: Institution, changes: dict[str, Any], fields: list[str]
) -> None:
    """Code, grade and days of an institution fit each other."""
    assert fields == [
        p.field for p in problems_of_institution(replace(institution, **changes))
    ]


def upsert(world: World, *persons: Person) -> Upserted:
    return world.do(UpsertPersons(persons, VAULT.lookup))


def test_only_changes_are_written(new_world: NewWorld) -> None:
    """New and changed rows are written, the last of a person wins, unchanged ones are
    only counted."""
    world = new_world()
    assert Upserted(1, 0) == upsert(world, PERSON)
    assert Upserted(0, 1) == upsert(world, PERSON)
    moved, back = (
        replace(PERSON, insured_place="340822"),
        replace(PERSON, insured_place="341000"),
    )
    assert Upserted(2, 1) == upsert(world, moved, back, back)
    assert [back] == world.all(Person)
    assert () == world.decide(UpsertPersons((back,), VAULT.lookup)).writes


def test_bad_rows_are_left_out(new_world: NewWorld) -> None:
    """A row with problems is reported by its number and left out; the others are written."""
    world = new_world()
    bad = replace(
        PERSON, person_no="P2", name="", insured_place="", **certificate("E1", "08")
    )
    done = upsert(world, bad, PERSON)
    assert (1, 0, 1, [0, 0]) == (
        done.written,
        done.unchanged,
        done.refused,
        [p.row for p in done.problems],
    )
    assert [PERSON] == world.all(Person)


def test_one_certificate_one_person(new_world: NewWorld) -> None:
    """A certificate belongs to one person, before the import and within it, until its
    owner gives it up."""
    world = new_world()
    twin = replace(PERSON, person_no="P2")
    taken = Problem(
        "certificate", "CERTIFICATE_TAKEN", "该证件已登记在另一人员编号之下"
    )
    done = upsert(world, PERSON, twin)
    assert [(1, taken)] == [(p.row, p.problem) for p in done.problems]
    assert [(0, taken)] == [(p.row, p.problem) for p in upsert(world, twin).problems]
    renewed = replace(PERSON, **certificate("E12345678", "08"))
    assert Upserted(2, 0) == upsert(world, renewed, twin)


def test_institutions_are_upserted(new_world: NewWorld) -> None:
    """Institutions are written like persons."""
    world = new_world()
    assert Upserted(2, 0) == world.do(UpsertInstitutions((HOSPITAL, PHARMACY)))
    graded = replace(HOSPITAL, hosp_lv=5)
    done = world.do(
        UpsertInstitutions((graded, PHARMACY, replace(PHARMACY, hosp_lv=3)))
    )
    assert (1, 1, 1) == (done.written, done.unchanged, done.refused)
