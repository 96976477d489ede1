"""What happens to a family of the plain model, at random: visits, and steps of a story."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from tests.prove.families import PEOPLE, SEEDS, TODAY, pair, places
from tests.prove.records import Visit

Step = tuple[str, Any]
"""What happens, and what it takes: a visit, a pair, an amount or a number to pick by."""

USUAL_PATIENTS = ["A1", "A2"]
OTHER_DAYS = ["2025-01-01", "2024-12-31", "2025-10-01", "2022-06-30"]
OTHER_KINDS = [41, 12, 13, 14, 2101, 9901]
PURSES = ["all", "all", "all", "all", "own", "none"]
RESIDUES = [None, None, "inpatient", "chronic"]
NAMED_GIVERS = [["A1"], ["A2"], ["A3"], ["A3", "A2"]]


def amount(chance: random.Random) -> int:
    """Return an amount in fen; often nothing."""
    small, usual = chance.randint(0, 99), chance.randint(0, 300_00)
    return chance.choice([0, 0, small, usual, chance.randint(0, 3000_00)])


def amounts_in_scope(chance: random.Random) -> list[int]:
    """Return amounts to choose from: near the deductible, small, usual and large."""
    small, usual = chance.randint(1, 300_00), chance.randint(1, 1500_00)
    return [0, 33_33, 799_99, 800_01, small, usual, chance.randint(1, 6000_00)]


def visit_from(seed: int) -> Visit:
    """Return the visit that follows from a seed; one in five is refused."""
    chance = random.Random(seed)  # noqa: S311 - invents bills

    def rarely(odd: list[Any], usual: Any, share: float = 0.1) -> Any:
        return chance.choice(odd) if chance.random() < share else usual

    visit = Visit(
        patient=rarely(sorted(PEOPLE), chance.choice(USUAL_PATIENTS), 0.4),
        place=chance.choice(sorted(places())),
        day=rarely(OTHER_DAYS, TODAY),
        kind=rarely(OTHER_KINDS, 11),
        scheme=rarely([310, 390], None),
        in_scope=chance.choice(amounts_in_scope(chance)),
        first_selfpay=amount(chance),
        above_limit=amount(chance),
        out_of_catalogue=amount(chance),
        purses=chance.choice(PURSES),
        givers=rarely(NAMED_GIVERS, []),
        inpatient=rarely([True], usual=False, share=0.05),
        residue=rarely([True], usual=False, share=0.08),
        spent_on=rarely(["fitness"], "medical"),
        filed=rarely([False], usual=True),
    )
    return with_source(visit, chance)


def with_source(visit: Visit, chance: random.Random) -> Visit:
    """Return a visit that says of which care it is the remainder, rarely if it is none."""
    if visit.residue:
        return replace(visit, residue_of=chance.choice(RESIDUES))
    return replace(visit, residue_of="chronic") if chance.random() < 0.01 else visit


def step_from(kind: str, seed: int) -> Step:
    """Return the step of that kind that follows from a seed."""
    chance = random.Random(seed)  # noqa: S311 - invents what happens
    match kind:
        case "visit":
            return kind, visit_from(seed)
        case "bind":
            return kind, pair(chance)
        case "credit":
            return kind, (chance.choice(["A1", "A2", "A3"]), amount(chance))
    return kind, chance.randrange(100)


visits = SEEDS.map(visit_from)
steps = st.builds(
    step_from,
    st.sampled_from(
        ["visit"] * 14 + ["reverse", "reverse", "bind", "unbind", "credit"]
    ),
    SEEDS,
)
