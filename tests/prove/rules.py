"""Rules of the plain model's cities: the province's, the revised, and invented ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from tests.prove.records import PARTS, Policy, Table

T = TypeVar("T")

INVENTED = 40
"""How many cities of a kind there are."""

V1 = Table(
    deductible={1: 800_00, 2: 800_00, 3: 800_00},
    active={1: 60_00, 2: 55_00, 3: 50_00},
    retired={1: 65_00, 2: 60_00, 3: 55_00},
    bonus=5_00,
    cap_active=2000_00,
    cap_retired=2000_00,
    a_visit={1: None, 2: None, 3: None},
    unranked=1,
    covers=[11, 12, 41],
)
V2 = replace(
    V1,
    deductible={1: 200_00, 2: 400_00, 3: 400_00},
    deductible_a_year=400_00,
    active={1: 60_00, 2: 50_00, 3: 50_00},
    retired={1: 70_00, 2: 60_00, 3: 60_00},
    bonus=None,
    cap_retired=3000_00,
    pharmacy=1,
)
PROVINCE = Policy(
    tables=[("2022-07-01", V1)],
    order=["own", "givers"],
    aid_at=["hospital", "pharmacy"],
    aid_pays=["in_scope", "first_selfpay"],
    own_pays=PARTS,
)

DEDUCTIBLES = [0, 20_00, 33_33, 400_00, 800_00]
DEDUCTIBLES_A_YEAR = [None, 0, 30_00, 500_00]
CAPS_ACTIVE = [None, 100_00, 777_77, 2000_00]
CAPS_RETIRED = [None, 0, 150_00, 3000_00]
CAPS_A_VISIT = [None, None, 10_00, 99_99]
COVERED_KINDS = [[11, 12, 41], [11], [11, 12, 13, 41, 51, 9901]]
ORDERS = [["own", "givers"], ["givers", "own"], ["givers"], ["own"]]
AID_RESIDUES = [["chronic"], ["chronic"], ["inpatient", "chronic"], []]
AID_PLACES: list[list[str]] = [["hospital"], ["pharmacy"], ["hospital", "pharmacy"], []]


def by_level(choose: Callable[[], T]) -> dict[int, T]:
    """Return a figure for each level of institution."""
    return {level: choose() for level in (1, 2, 3)}


class Ratios(NamedTuple):
    """Shares of the fund in basis points, those of the retired by a bonus or their own."""

    active: dict[int, int]
    bonus: int | None
    retired: dict[int, int]


def invented_ratios(chance: random.Random) -> Ratios:
    """Return ratios within what a table can say."""

    def ratio() -> int:
        usual = [0, chance.randint(0, 90_00), 33_33, 66_67, 10_000 - 10_00]
        return chance.choice(usual)

    active = by_level(ratio)
    bonus = chance.choice([None, 0, 10_00, chance.randint(0, 10_00)])
    if bonus is None:
        return Ratios(active, bonus, by_level(lambda: chance.randint(0, 10_000)))
    return Ratios(active, bonus, {level: active[level] + bonus for level in active})


def invented_table(chance: random.Random) -> Table:
    """Return a table no city has, within what a table can say."""
    ratios = invented_ratios(chance)
    return Table(
        deductible=by_level(lambda: chance.choice(DEDUCTIBLES)),
        deductible_a_year=chance.choice(DEDUCTIBLES_A_YEAR),
        active=ratios.active,
        retired=ratios.retired,
        bonus=ratios.bonus,
        cap_active=chance.choice(CAPS_ACTIVE),
        cap_retired=chance.choice(CAPS_RETIRED),
        a_visit=by_level(lambda: chance.choice(CAPS_A_VISIT)),
        unranked=chance.randint(1, 3),
        pharmacy=chance.choice([None, 1, 2, 3]),
        covers=chance.choice(COVERED_KINDS),
        rounds_down=chance.choice([True, False]),
    )


def invented_tables(chance: random.Random, days: Sequence[str]) -> Policy:
    """Return provincial rules with an invented table from each of some days on."""
    return replace(PROVINCE, tables=[(day, invented_table(chance)) for day in days])


def provincial(_: int) -> Policy:
    """Return what the province rules."""
    return PROVINCE


def revised(_: int) -> Policy:
    """Return rules revised this year: the day of the visit decides on the table."""
    return replace(PROVINCE, tables=[("2022-07-01", V1), ("2025-01-01", V2)])


def invented(number: int) -> Policy:
    """Return rules with two invented tables, one after the other."""
    chance = random.Random(number)  # noqa: S311 - invents tables
    return invented_tables(chance, ["2022-07-01", "2025-01-01"])


def new_year(number: int) -> Policy:
    """Return rules with another invented table from next New Year's Day on."""
    chance = random.Random(number)  # noqa: S311 - invents tables
    return invented_tables(chance, ["2022-07-01", "2026-01-01"])


def odd_purses(number: int) -> Policy:
    """Return rules with invented tables, orders and uses of purses."""
    chance = random.Random(number)  # noqa: S311 - invents rules
    return replace(
        invented(number),
        order=chance.choice(ORDERS),
        aid_at=chance.choice(AID_PLACES),
        aid_pays=PARTS[: chance.randint(0, 4)],
        own_pays=PARTS[: chance.randint(0, 4)],
        aid_residue_of=chance.choice(AID_RESIDUES),
    )


KINDS_OF_TOWN = {
    "provincial": provincial,
    "revised": revised,
    "invented": invented,
    "odd purses": odd_purses,
}
RULES = KINDS_OF_TOWN | {"new year": new_year}
