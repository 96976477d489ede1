"""Laws of money that compare two courses of things: a fen more, a fen moved, one bill
less, a day later, at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from gongji.model.account import Account
from gongji.model.commands import Decision
from gongji.model.facts import Facts
from gongji.model.refusals import Refusal
from gongji.model.settlement import Accumulator, Settlement
from gongji.rules.codes import SHANGHAI, Payer
from gongji.settlement.preview import PreviewReversal
from gongji.settlement.reverse import Reverse
from gongji.settlement.settle import Settle
from gongji.store import open_store
from hypothesis import given
from hypothesis import strategies as st

from tests.prove import plain, stories

if TYPE_CHECKING:
    from tests.prove.conftest import Effort
    from tests.prove.plain import Town
    from tests.scaffold.world import NewWorld, World

KINDS = pytest.mark.parametrize("kind", stories.KINDS_OF_TOWN)
Drawn = tuple[int, "Town"]


def lived(
    drawn: Drawn, kind: str, told: list[dict[str, Any]], new_world: NewWorld
) -> World:
    """A world in which those of some bills that may be settled have been."""
    number, town = drawn
    world = stories.world_of(town, kind, number, new_world)
    for bill in told:
        if not plain.whys(town, bill):
            world.now += timedelta(minutes=1)
            world.settle(stories.bill_of(bill))
    return world


@KINDS
def test_a_fen_more(kind: str, new_world: NewWorld, effort: Effort) -> None:
    """Adding d fen of in-scope cost raises the fund's part by 0 to d."""

    @effort(short=25, long=1200)
    @given(
        stories.towns(kind),
        st.lists(stories.bills, max_size=3),
        stories.bills,
        st.integers(0, 3) | st.integers(0, 90_000),
    )
    def holds(
        drawn: Drawn, before: list[dict[str, Any]], told: dict[str, Any], d: int
    ) -> None:
        if plain.whys(drawn[1], told):
            return
        world = lived(drawn, kind, before, new_world)
        more = world.quote(stories.bill_of(told | {"in_scope": told["in_scope"] + d}))
        assert 0 <= more.fund_fen - world.quote(stories.bill_of(told)).fund_fen <= d

    holds()


@KINDS
def test_a_fen_moved_into_scope(kind: str, new_world: NewWorld, effort: Effort) -> None:
    """Moving d from any other part into scope never raises what the patient pays: his
    part of the bill, or his cash.

    Nor his purse and cash together, unless his city lets givers pay parts that his own
    purse may not: there, what a giver paid before is asked of the own purse first.
    """

    @effort(short=25, long=1200)
    @given(
        stories.towns(kind),
        st.lists(stories.bills, max_size=3),
        stories.bills,
        st.sampled_from(["out_of_catalogue", "above_limit", "first_selfpay"]),
        st.integers(0, 10_000),
    )
    def holds(
        drawn: Drawn,
        before: list[dict[str, Any]],
        told: dict[str, Any],
        part: str,
        share: int,
    ) -> None:
        if plain.whys(drawn[1], told):
            return
        world = lived(drawn, kind, before, new_world)
        d = told[part] * share // 10_000
        moved = world.quote(
            stories.bill_of(
                told | {part: told[part] - d, "in_scope": told["in_scope"] + d}
            )
        )
        was = world.quote(stories.bill_of(told))
        assert moved.patient_part_fen <= was.patient_part_fen
        assert moved.cash_fen <= was.cash_fen
        if aid_pays_no_more_than_own(drawn[1], told["patient"]):
            assert moved.cash_fen + moved.own_fen <= was.cash_fen + was.own_fen

    holds()


def aid_pays_no_more_than_own(town: Town, patient: str) -> bool:
    """Whether the patient's own purse may pay all that any giver's may."""
    own = set(town["cities"][town["people"][patient]["area"]]["own_pays"])
    return all(set(city["aid_pays"]) <= own for city in town["cities"].values())


@KINDS
def test_a_preview_is_the_year_without_it(
    kind: str, new_world: NewWorld, effort: Effort
) -> None:
    """What `validate_only` says of later settlements is what they get in a world where
    the reversed one never was."""

    @effort(short=25, long=1200)
    @given(
        stories.towns(kind),
        st.lists(stories.bills, min_size=4, max_size=12),
        st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=6),
        st.integers(0, 3),
    )
    def holds(
        drawn: Drawn,
        told: list[dict[str, Any]],
        reversals: list[tuple[int, int]],
        pick: int,
    ) -> None:
        usual = {"patient": "A1", "day": stories.TODAY, "kind": 11, "givers": []}
        mine = [
            bill | (usual if place % 3 else {"patient": "A1"})
            for place, bill in enumerate(told)
        ]
        mine = [bill for bill in mine if not plain.whys(drawn[1], bill)]
        if not mine:
            return
        gone = pick % len(mine)
        world, other_world = (
            stories.world_of(drawn[1], kind, drawn[0], new_world) for _ in range(2)
        )
        settled = year(world, mine, reversals, kept=gone)
        otherwise = year(
            other_world, [*mine[:gone], None, *mine[gone + 1 :]], reversals, kept=gone
        )
        command = Reverse(
            world.request("Reverse"), settled[gone].settlement_id, "", "", world.cities
        )
        found = world.decide(PreviewReversal(command)).answer.affected
        affected = {a.settlement.settlement_id: a.would_be for a in found}
        for place, settlement in settled.items():
            now = world.record(Settlement, settlement.settlement_id)
            if place == gone or now.reversed_at is not None:
                assert settlement.settlement_id not in affected
                continue
            other = otherwise[place]
            would_be = affected.get(settlement.settlement_id)
            told_as = (
                (would_be.deductible_fen, would_be.fund_fen)
                if would_be
                else (now.deductible_fen, now.fund_fen)
            )
            assert told_as == (other.deductible_fen, other.fund_fen)
            assert would_be is None or told_as != (now.deductible_fen, now.fund_fen)

    holds()


def year(
    world: World,
    told: Sequence[dict[str, Any] | None],
    reversals: list[tuple[int, int]],
    *,
    kept: int,
) -> dict[int, Settlement]:
    """Bills settled a minute apart, some reversed between, one never; None is a bill
    that never was."""
    done: dict[int, Settlement] = {}
    taken_back = {kept}
    for place, bill in enumerate(told):
        world.now += timedelta(minutes=1)
        if bill is not None:
            done[place] = world.settle(stories.bill_of(bill))
        for after, which in reversals:
            if after == place and which <= place and which not in taken_back:
                world.now += timedelta(minutes=1)
                world.reverse(done[which].settlement_id)
                taken_back.add(which)
    return done


LAST_MINUTE = datetime(2025, 12, 31, 23, 59, tzinfo=SHANGHAI)
NEW_YEAR = datetime(2026, 1, 1, 0, 0, tzinfo=SHANGHAI)


def test_a_bill_of_last_year(new_world: NewWorld, effort: Effort) -> None:
    """A bill quoted on 31 December and settled on 1 January has the same fund part,
    counted in the old year."""

    @effort(short=40, long=1500)
    @given(
        stories.towns("new year"), st.lists(stories.bills, max_size=3), stories.bills
    )
    def holds(drawn: Drawn, before: list[dict[str, Any]], told: dict[str, Any]) -> None:
        town = drawn[1] | {
            "places": {
                code: place | {"to": None} for code, place in drawn[1]["places"].items()
            }
        }
        told = told | {"day": "2025-12-31"}
        if plain.whys(town | {"today": "2025-12-31"}, told):
            return
        world = lived((drawn[0], town), "new year", before, new_world)
        world.now = LAST_MINUTE
        quoted = world.quote(stories.bill_of(told))
        used = {(a.person_no, a.year): a.fund_paid_fen for a in world.all(Accumulator)}
        world.now = NEW_YEAR
        settled = world.settle(stories.bill_of(told))
        assert quoted.lines[0] == settled.lines[0]
        assert (quoted.deductible_fen, quoted.fund_fen) == (
            settled.deductible_fen,
            settled.fund_fen,
        )
        after = {(a.person_no, a.year): a.fund_paid_fen for a in world.all(Accumulator)}
        was = used.get((told["patient"], 2025), 0)
        assert was + settled.fund_fen == after.get((told["patient"], 2025), 0)

    holds()


@dataclass(frozen=True)
class Everything:
    """Puts a world's records into a store."""

    records: tuple[Any, ...]

    def needs(self, _: Facts) -> tuple[()]:
        return ()

    def decide(self, _: Facts) -> Decision[None]:
        return Decision(None, self.records)


async def at_once(
    world: World, told: list[dict[str, Any]]
) -> tuple[list[Settlement], dict[str, int]]:
    """Settles bills all at once in a real store; answers them and what each purse holds then."""
    store = open_store(":memory:", lambda: world.now)
    try:
        await store.apply(Everything(tuple(world.records.values())))
        commands = [
            Settle(world.request(), stories.bill_of(bill), world.cities)
            for bill in told
        ]
        answers = await asyncio.gather(
            *(store.commit(command) for command in commands), return_exceptions=True
        )
        for answer in answers:
            assert not isinstance(answer, BaseException) or isinstance(answer, Refusal)
        settled = [a.value for a in answers if not isinstance(a, BaseException)]
        left = {}
        for who in stories.PEOPLE:
            account = await store.get(Account, who)
            left[who] = account.balance_fen if account else 0
        return settled, left
    finally:
        await store.close()


def test_visits_at_once(new_world: NewWorld, effort: Effort) -> None:
    """Visits at the same moment drain a purse once: what they took is what it lost, and
    none falls below nothing."""

    @effort(short=6, long=200)
    @given(
        stories.towns("provincial"), st.lists(stories.bills, min_size=2, max_size=12)
    )
    def holds(drawn: Drawn, told: list[dict[str, Any]]) -> None:
        town = drawn[1] | {
            "bound": [("A1", "R1"), ("A1", "A2"), ("A2", "R1")],
            "purse": {"A1": 50_00, "A2": 9_99},
        }
        world = stories.world_of(town, "provincial", 0, new_world)
        settled, left = asyncio.run(
            at_once(world, [bill | {"givers": []} for bill in told])
        )
        for who, fen in left.items():
            taken = -sum(m.fen for s in settled for m in s.movements if m.purse == who)
            assert (town["purse"].get(who, 0) - taken, True) == (fen, fen >= 0)
        assert all(
            s.bill.total_fen == sum(line.fen for line in s.lines) for s in settled
        )

    holds()


def test_two_visits_at_once_drain_one_purse_once(new_world: NewWorld) -> None:
    """Of two visits for 100 yuan each at the same moment, on a purse of 100, one is
    paid from it and one is not."""
    world = new_world()
    for who in ("P1", "P2", "P3"):
        world.person(who)
    hospital = world.hospital(2)
    world.add(Account("P1", 100_00, 1))
    for member in ("P2", "P3"):
        world.bind("P1", member, world.now - timedelta(days=1))
    bills = [
        world.bill(p, hospital, 100_00, account_use=stories.PURSES["all"])
        for p in ("P2", "P3")
    ]

    async def both() -> list[Settlement]:
        store = open_store(":memory:", lambda: world.now)
        await store.apply(Everything(tuple(world.records.values())))
        answers = await asyncio.gather(
            *(store.commit(Settle(world.request(), b, world.cities)) for b in bills)
        )
        await store.close()
        return [a.value for a in answers]

    settled = asyncio.run(both())
    assert [0, 100_00] == sorted(s.aid_fen for s in settled)
    paid = [
        line.fen for s in settled for line in s.lines if line.payer is Payer.GIVER_PURSE
    ]
    assert [0, 100_00] == sorted(paid)
