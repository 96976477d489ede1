"""Print one digest of a fixed list of bills settled in the installed cities.

Every figure and every word is in it.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
from gongji.model.account import Account
from gongji.model.refusals import Refusal
from gongji.model.settlement import Accumulator

from tests.prove.families import PEOPLE, places
from tests.prove.records import Town, Visit
from tests.prove.worlds import add_town, bill_of
from tests.scaffold.cities import shipped
from tests.scaffold.world import World

START = datetime(2025, 12, 31, 15, 30, tzinfo=UTC)
"""Half past eleven at night in Shanghai on the last day of a year; in another zone on
purpose."""

BILLS = 200

TOWN = Town(
    today="2025-12-31",
    cities={},
    people=PEOPLE,
    places=places(),
    bound=[("A1", "A2"), ("A3", "A1"), ("A5", "A1"), ("A1", "R1")],
    purse=Counter({"A1": 100_01, "A2": 55_55, "A3": 2000_00, "A5": 333_33}),
    used={},
)


def digest() -> str:
    """Settle and reverse. Return the hash of what was answered, refused and stored."""
    world = World(shipped(), START)
    add_town(world, TOWN)
    outcomes = [*outcomes_in(world), *world.all(Account), *world.all(Accumulator)]
    return hashlib.sha256(msgspec.json.encode(outcomes)).hexdigest()


def outcomes_in(world: World) -> Iterator[object]:
    """Settle the bills and reverse one in five. Yield each answer and each refusal."""
    chance = random.Random(20251231)  # noqa: S311 - invents bills
    for _ in range(BILLS):
        world.now += timedelta(minutes=17)
        try:
            settled = world.settle(bill_of(_visit(chance)))
        except Refusal as refused:
            clauses = [clause.id for clause in refused.clauses]
            yield type(refused).__name__, refused.message, clauses
            continue
        yield settled
        if chance.random() < 0.2:
            yield world.reverse(settled.settlement_id)


def _visit(chance: random.Random) -> Visit:
    def fen() -> int:
        return chance.choice([0, chance.randint(0, 99), chance.randint(0, 900_00)])

    return Visit(
        patient=chance.choice(["A1", "A1", "A2", "B1", "R1", "A3"]),
        place=chance.choice(sorted(places())),
        day=chance.choice(["2025-12-31", "2026-01-01", "2025-07-01"]),
        kind=chance.choice([11, 11, 11, 41]),
        scheme=chance.choice([None, None, None, 390]),
        in_scope=fen(),
        first_selfpay=fen(),
        above_limit=fen(),
        out_of_catalogue=fen(),
        purses=chance.choice(["all", "all", "own"]),
        givers=[],
        inpatient=False,
        residue=chance.random() < 0.1,
        spent_on=chance.choice(["medical", "medical", "fitness"]),
        filed=True,
    )


if __name__ == "__main__":
    sys.stdout.write(digest())
