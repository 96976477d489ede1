"""Certificates that carry a birth date, and the birth day said, are held to each other."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from gongji.registry.rows import problems_of
from msgspec.structs import replace

from tests.registry.test_rows import CHECKSUM, MALFORMED, NUMBER, PERSON, certificate
from tests.scaffold.people import NOW, identity_number

GOOD: dict[str, dict[str, Any]] = {
    "a birth day, the identity card's": {"born_on": date(1980, 1, 1)},
    "a birth day, a passport": {
        **certificate("E12345678", "08"),
        "born_on": NOW.date(),
    },
    "a birth day a hundred years before what the older card would say": {
        **certificate("KAZ110020123105", "07"),
        "born_on": date(1920, 12, 31),
    },
    "a permit of Taiwan": certificate(identity_number(1, "830000"), "17"),
    "a foreigner's card": certificate(identity_number(1, "911840"), "07"),
    "a foreigner's older card": certificate("KAZ110090123105", "07"),
}

BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "a birth day other than the identity card's": (
        {"born_on": date(1980, 1, 2)},
        "born_on",
        MALFORMED,
    ),
    "a birth day that lies ahead": (
        {**certificate("E12345678", "08"), "born_on": NOW.date() + timedelta(days=1)},
        "born_on",
        MALFORMED,
    ),
    "a permit with a mainland place": (
        certificate(NUMBER, "17"),
        "certificate.number",
        MALFORMED,
    ),
    "a permit with a wrong check digit": (
        certificate("83000019800101002X", "17"),
        "certificate.number",
        CHECKSUM,
    ),
    "a permit of 30 February": (
        certificate(identity_number(1, "830000", "19800230"), "17"),
        "certificate.number",
        CHECKSUM,
    ),
    "a foreigner's card in another form": (
        certificate("KA1100901231051", "07"),
        "certificate.number",
        MALFORMED,
    ),
    "a foreigner's card with a wrong check digit": (
        certificate("91184019800101002X", "07"),
        "certificate.number",
        CHECKSUM,
    ),
    "a foreigner's older card of 31 November": (
        certificate("KAZ110090113105", "07"),
        "certificate.number",
        CHECKSUM,
    ),
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_good_numbers(changes: dict[str, Any]) -> None:
    """A number in the form of its certificate passes, and a birth day that agrees."""
    assert [] == problems_of(replace(PERSON, **changes), NOW.date())


@pytest.mark.parametrize(("changes", "field", "reason"), BAD.values(), ids=BAD)
def test_bad_numbers(changes: dict[str, Any], field: str, reason: str) -> None:
    """Each fault is found once, at its field, by its reason; no message repeats the number."""
    row = replace(PERSON, **changes)
    (problem,) = problems_of(row, NOW.date())
    assert (field, reason) == (problem.field, problem.reason)
    assert row.certificate.number not in problem.message
