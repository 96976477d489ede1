"""A fixed list of bills settled in the installed cities; prints one digest of every
figure and every word."""

from __future__ import annotations

import hashlib
import random
import sys
from datetime import UTC, datetime, timedelta

import msgspec
from gongji.cities.loading import load_cities
from gongji.model.account import Account
from gongji.model.refusals import Refusal
from gongji.model.settlement import Accumulator

from tests.prove import stories
from tests.scaffold.world import World

START = datetime(2025, 12, 31, 15, 30, tzinfo=UTC)
"""Half past eleven at night in Shanghai on the last day of a year; told in another zone
on purpose."""

BILLS = 200


def digest() -> str:
    """Settles, quotes and reverses; what was answered, refused and kept, hashed."""
    chance = random.Random(20251231)  # noqa: S311 - invents bills
    world = World(load_cities(), START)
    town = {
        "people": stories.PEOPLE,
        "places": stories.places(),
        "bound": [("A1", "A2"), ("A3", "A1"), ("A5", "A1"), ("A1", "R1")],
        "purse": {"A1": 100_01, "A2": 55_55, "A3": 2000_00, "A5": 333_33},
        "used": {},
    }
    stories.people_of(world, town)
    told: list[object] = []
    for _ in range(BILLS):
        world.now += timedelta(minutes=17)
        try:
            settled = world.settle(stories.bill_of(_bill(chance)))
        except Refusal as refused:
            told.append(
                (
                    type(refused).__name__,
                    refused.message,
                    [c.id for c in refused.clauses],
                )
            )
            continue
        told.append(settled)
        if chance.random() < 0.2:
            told.append(world.reverse(settled.settlement_id))
    told += [*world.all(Account), *world.all(Accumulator)]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()


def _bill(chance: random.Random) -> dict[str, object]:
    def fen() -> int:
        return chance.choice([0, chance.randint(0, 99), chance.randint(0, 900_00)])

    return {
        "patient": chance.choice(["A1", "A1", "A2", "B1", "R1", "A3"]),
        "place": chance.choice(sorted(stories.places())),
        "day": chance.choice(["2025-12-31", "2026-01-01", "2025-07-01"]),
        "kind": chance.choice([11, 11, 11, 41]),
        "scheme": chance.choice([None, None, None, 390]),
        "in_scope": fen(),
        "first_selfpay": fen(),
        "above_limit": fen(),
        "out_of_catalogue": fen(),
        "purses": chance.choice(["all", "all", "own"]),
        "givers": [],
        "inpatient": False,
        "residue": chance.random() < 0.1,
        "spent_on": chance.choice(["medical", "medical", "fitness"]),
        "filed": True,
    }


if __name__ == "__main__":
    sys.stdout.write(digest())
