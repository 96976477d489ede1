"""Random families of the plain model: people, places, who is bound and what each has."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from hypothesis import strategies as st

from tests.prove.records import Citizen, Insurance, Place, Town
from tests.prove.rules import INVENTED, PROVINCE, RULES

Drawn = tuple[int, Town]
"""The number of a town's city, and the town."""

TODAY = "2025-09-30"
CHUZHOU, ANQING = "341100", "340800"


def _insured(scheme: int, psn_type: str, **changes: Any) -> Insurance:
    return Insurance(scheme=scheme, psn_type=psn_type, **changes)


def _person(area: str, *insured: Insurance, died: str | None = None) -> Citizen:
    return Citizen(area, insured, died)


PEOPLE = {
    "A1": _person(CHUZHOU, _insured(310, "11")),
    "A2": _person(CHUZHOU, _insured(310, "1201")),
    "A3": _person(ANQING, _insured(310, "1102")),
    "A4": _person(CHUZHOU, _insured(310, "11", status="paused")),
    "A5": _person(ANQING, _insured(310, "12")),
    "B1": _person(CHUZHOU, _insured(390, "15"), _insured(310, "11")),
    "C1": _person(
        CHUZHOU,
        _insured(310, "11", until="2024-12-31"),
        _insured(390, "15", since="2025-01-01"),
    ),
    "D1": _person(CHUZHOU, _insured(310, "12"), died="2025-06-30"),
    "E1": _person(CHUZHOU, _insured(310, "11", status="ended", since="2024-01-01")),
    "R1": _person(CHUZHOU, _insured(390, "1405")),
}
"""Employees and residents of two cities: at work, retired, paused, in both schemes,
moved to the other, dead, ended."""


def places() -> dict[str, Place]:
    """Return hospitals of every level, one unranked, one of the other city, a pharmacy.

    By code: kind, area and a number that ends in the national grade. Two of them are
    not designated every day.
    """
    return {
        "H34110000008": _hospital(CHUZHOU, 1),
        "H34110000005": _hospital(CHUZHOU, 2, until="2025-09-30"),
        "H34110000002": _hospital(CHUZHOU, 3),
        "H34110000011": _hospital(CHUZHOU, None),
        "P34110000000": Place(area=CHUZHOU, level=None, pharmacy=True),
        "H34080000003": _hospital(ANQING, 3, since="2024-12-31"),
    }


def _hospital(area: str, level: int | None, **designated: str) -> Place:
    period: dict[str, Any] = designated
    return Place(area=area, level=level, pharmacy=False, **period)


SEEDS = st.integers(0, 2**32 - 1)
"""Hypothesis draws what happens, how often and in which order; what each thing looks
like follows from one number.

Drawn figure by figure most bills would be too small for the fund to pay.
"""

HOLDERS = ("A1", "A2", "A3", "A3", "A3", "A5", "A5", "A5", "A4", "D1")
MEMBERS = (*["A1", "A2"] * 4, "R1", *sorted(PEOPLE))

BORNE = [0, 400_00, 799_99, 800_00]
PAID = [0, 0, 99_00, 1500_00, 1999_99, 2000_00]


def balance(chance: random.Random) -> int:
    """Return what somebody has in their purse."""
    small, usual = chance.randint(1, 99), chance.randint(1, 200_00)
    return chance.choice([0, small, usual, chance.randint(1, 4000_00)])


def pair(chance: random.Random) -> tuple[str, str]:
    """Return a holder and somebody else."""
    holder = chance.choice(HOLDERS)
    return holder, chance.choice([member for member in MEMBERS if member != holder])


def towns(kind: str) -> st.SearchStrategy[Drawn]:
    """Draw a town of that kind and the number of its city."""
    return st.tuples(st.integers(0, INVENTED - 1), SEEDS).map(
        lambda drawn: (drawn[0], town_of(kind, *drawn))
    )


def town_of(kind: str, number: int, seed: int) -> Town:
    """Return the town that follows from its kind, the number of its city and a seed."""
    chance = random.Random(seed)  # noqa: S311 - invents families
    used = {
        f"{person}/310/{CHUZHOU}/2025": (chance.choice(BORNE), chance.choice(PAID))
        for person in ("A1", "A2", "B1")
        if chance.random() < 0.6
    }
    pairs = [pair(chance) for _ in range(chance.randint(0, 20))]
    owners = [person for person in sorted(PEOPLE) if person != "R1"]
    balances = {owner: balance(chance) for owner in owners if chance.random() < 0.9}
    return Town(
        today=TODAY,
        cities={CHUZHOU: RULES[kind](number), ANQING: PROVINCE},
        people=PEOPLE,
        places=places(),
        bound=list(dict.fromkeys(pairs)),
        purse=Counter(balances),
        used=used,
    )
