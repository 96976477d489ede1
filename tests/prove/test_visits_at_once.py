"""The law of one purse and many visits at once, in a real store."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gongji.model.account import Account
from gongji.model.commands import Decision
from gongji.model.facts import Facts
from gongji.model.refusals import Refusal
from gongji.model.settlement import Bill, Settlement
from gongji.rules.codes import AccountUse, Payer
from gongji.settlement.settle import Settle
from gongji.store import Store, open_store
from hypothesis import given
from hypothesis import strategies as st

from tests.prove.families import PEOPLE, Drawn, towns
from tests.prove.steps import visits
from tests.prove.worlds import bill_of, world_of

if TYPE_CHECKING:
    from tests.prove.conftest import Effort
    from tests.prove.records import Visit
    from tests.scaffold.world import NewWorld, World


BOUND = [("A1", "R1"), ("A1", "A2"), ("A2", "R1")]
BALANCES = Counter({"A1": 50_00, "A2": 9_99})


@dataclass(frozen=True)
class Everything:
    """Puts a world's records into a store."""

    records: tuple[Any, ...]

    def needs(self, _: Facts) -> tuple[()]:
        return ()

    def decide(self, _: Facts) -> Decision[None]:
        return Decision(None, self.records)


@dataclass(frozen=True)
class Outcome:
    """What was settled, and the balance of each person's purse after it, in fen."""

    settled: list[Settlement]
    balances: dict[str, int]

    def drawn_from(self, purse: str) -> int:
        """Return what the settlements took from a purse."""
        drawn = 0
        for settlement in self.settled:
            for movement in settlement.movements:
                if movement.purse == purse:
                    drawn -= movement.fen
        return drawn


async def at_once(world: World, bills: list[Bill]) -> Outcome:
    """Settle bills all at once in a real store; a refusal is no fault."""
    store = open_store(":memory:", lambda: world.now)
    try:
        await store.apply(Everything(tuple(world.records.values())))
        commands = [Settle(world.request(), bill, world.cities) for bill in bills]
        settling = (settled_or_none(store, command) for command in commands)
        settlements = await asyncio.gather(*settling)
        balances = {person: await balance_of(store, person) for person in PEOPLE}
    finally:
        await store.close()
    return Outcome([s for s in settlements if s is not None], balances)


async def settled_or_none(store: Store, command: Settle) -> Settlement | None:
    """Return the settlement; None if it is refused."""
    try:
        reply = await store.commit(command)
    except Refusal:
        return None
    return reply.value


async def balance_of(store: Store, person: str) -> int:
    """Return what is in somebody's purse, in fen."""
    account = await store.get(Account, person)
    return account.balance_fen if account else 0


def test_visits_at_once(new_world: NewWorld, effort: Effort) -> None:
    """Visits at the same moment drain a purse once: what they took is what it lost, and
    none falls below nothing."""

    @effort(short=6, long=200)
    @given(towns("provincial"), st.lists(visits, min_size=2, max_size=12))
    def holds(drawn: Drawn, various: list[Visit]) -> None:
        town = replace(drawn[1], bound=BOUND, purse=Counter(BALANCES))
        world = world_of((0, town), "provincial", new_world)
        bills = [bill_of(replace(visit, givers=[])) for visit in various]
        outcome = asyncio.run(at_once(world, bills))
        for person, balance in outcome.balances.items():
            assert balance >= 0
            assert BALANCES[person] - outcome.drawn_from(person) == balance
        for settled in outcome.settled:
            assert settled.bill.total_fen == sum(line.fen for line in settled.lines)

    holds()


def test_two_visits_at_once_drain_one_purse_once(new_world: NewWorld) -> None:
    """Of two visits for 100 yuan each at the same moment, on a purse of 100, one is
    paid from it and one is not."""
    world = new_world()
    world.person("P1")
    world.hospital(2)
    world.add(Account("P1", 100_00, 1))
    yesterday = world.now - timedelta(days=1)
    bills = []
    for member in ("P2", "P3"):
        world.person(member)
        world.bind("P1", member, yesterday)
        bill = world.visit(member, 100_00, account_use=AccountUse.CITY_ORDER)
        bills.append(bill)
    outcome = asyncio.run(at_once(world, bills))
    assert [0, 100_00] == sorted(s.aid_fen for s in outcome.settled)
    paid = []
    for settled in outcome.settled:
        lines = (line for line in settled.lines if line.payer is Payer.GIVER_PURSE)
        paid += [line.fen for line in lines]
    assert [0, 100_00] == sorted(paid)
