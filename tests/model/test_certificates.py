"""Which certificates tell a birth date, and how old a person is by what is known."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from gongji.model.certificates import birth_date
from gongji.model.people import Certificate, Enrolment, Person
from gongji.rules.codes import EnrolmentStatus, Scheme

from tests.scaffold.people import identity_number, person

DAY = date(2025, 9, 30)

NUMBERS = {
    "an identity card": ("01", identity_number(1, born="20070930"), "2007-09-30"),
    "a permit of Hong Kong": (
        "17",
        identity_number(1, "810000", "20200202"),
        "2020-02-02",
    ),
    "a permit of Macao": ("17", identity_number(1, "820000", "20200202"), "2020-02-02"),
    "a permit of Taiwan": (
        "17",
        identity_number(1, "830000", "20200229"),
        "2020-02-29",
    ),
    "a foreigner's card": (
        "07",
        identity_number(1, "911840", "19991231"),
        "1999-12-31",
    ),
    "an older card": ("07", "KAZ110090123105", "1990-12-31"),
    "an older card of a child": ("07", "KAZ110020123105", "2020-12-31"),
    "the last year of older cards": ("07", "KAZ110023010105", "2023-01-01"),
    "a year before which nobody was born": ("07", "KAZ110024010105", "1924-01-01"),
    "a passport": ("16", identity_number(1), ""),
    "a social security card": ("90", identity_number(1), ""),
    "a birth certificate": ("990201", "U340123456", ""),
    "a permit of another form": ("17", "H12345678", ""),
    "a permit with a mainland place": ("17", identity_number(1), ""),
    "a day that is none": ("17", identity_number(1, "830000", "20230229"), ""),
}


@pytest.mark.parametrize(("type_", "number", "expected"), NUMBERS.values(), ids=NUMBERS)
def test_birth_date(type_: str, number: str, expected: str) -> None:
    """The number of some certificates carries a birth date, and of no other."""
    born = birth_date(type_, number)
    assert expected == ("" if born is None else str(born))


def without_birth_date(*psn_types: str, **changes: Any) -> Person:
    """Return a person with a passport, enrolled in these categories."""
    enrolments = tuple(
        Enrolment(Scheme.RESIDENT, psn_type, EnrolmentStatus.NORMAL, date(2020, 1, 1))
        for psn_type in psn_types
    )
    passport = Certificate("08", "E12345678")
    fields = {"certificate": passport, "enrolments": enrolments, **changes}
    return person("P1", 1, **fields)


CATEGORIES: dict[str, tuple[tuple[str, ...], int, bool | None]] = {
    "a minor": (("14",), 18, True),
    "a minor of a finer category": (("1405",), 18, True),
    "a minor where guardians end earlier": (("14",), 16, None),
    "a newborn where guardians end earlier": (("1401",), 8, True),
    "an employee": (("11",), 18, False),
    "a retired person": (("1201",), 18, False),
    "an adult resident": (("15",), 18, False),
    "an old resident": (("16",), 18, False),
    "an adult where guardians end later": (("15",), 21, None),
    "a minor counted as an adult too": (("15", "14"), 18, True),
    "an unknown category": (("99",), 18, None),
    "nobody's category": ((), 18, None),
}


@pytest.mark.parametrize(
    ("psn_types", "years", "expected"), CATEGORIES.values(), ids=CATEGORIES
)
def test_age_by_category(
    psn_types: tuple[str, ...], years: int, expected: object
) -> None:
    """Without a birth date the category tells minors from adults, if it can."""
    assert expected is without_birth_date(*psn_types).younger_than(years, DAY)


def test_a_category_of_another_day() -> None:
    """Who was a minor once may be an adult now; who was an adult stays one."""
    grown = Enrolment(
        Scheme.RESIDENT,
        "14",
        EnrolmentStatus.NORMAL,
        date(2010, 1, 1),
        date(2024, 12, 31),
    )
    for psn_type, expected in (("14", None), ("15", False)):
        ended = Enrolment(
            grown.scheme, psn_type, grown.status, grown.since, grown.until
        )
        member = without_birth_date(enrolments=(ended,))
        assert expected is member.younger_than(18, DAY)
    later = Enrolment(grown.scheme, "15", grown.status, date(2026, 1, 1))
    assert without_birth_date(enrolments=(later,)).younger_than(18, DAY) is None


def test_a_birth_date_comes_before_the_category() -> None:
    """A certificate with a birth date decides, whatever the category says."""
    card = Certificate("17", identity_number(1, "810000", "20070930"))
    member = without_birth_date("14", certificate=card)
    assert member.younger_than(18, DAY) is False
    assert member.younger_than(18, date(2025, 9, 29)) is True


def test_a_birth_date_said_comes_first() -> None:
    """A birth day of the record decides if there is one."""
    member = without_birth_date("15", born_on=date(2007, 10, 1))
    assert member.younger_than(18, DAY) is True
    assert member.younger_than(18, date(2025, 10, 1)) is False
