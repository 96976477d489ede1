"""What a reversal would leave standing: later settlements of the year that were split
by what it had used up."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Unpack

import pytest
from gongji.model import refusals
from gongji.model.people import Institution
from gongji.model.settlement import Accumulator, Settlement
from gongji.rules.benefits import Reversal
from gongji.rules.codes import Scheme
from gongji.settlement.preview import Previewed, PreviewReversal
from gongji.settlement.reverse import Reverse

from tests.scaffold.people import BillChanges
from tests.scaffold.world import NewWorld, World

Row = tuple[str, int, int, int, int]


@pytest.fixture
def fresh(family: NewWorld) -> World:
    """The family at the beginning of a year."""
    world = family()
    world.add(Accumulator("P1", Scheme.EMPLOYEE, "3411", 2025))
    return world


def settle(world: World, fen: int, **changes: Unpack[BillChanges]) -> Settlement:
    """P1's bill at the hospital of level 3, a minute after the one before."""
    world.now += timedelta(minutes=1)
    return world.settle(world.visit("P1", fen, **changes))


def preview(world: World, settlement_id: str = "", request_id: str = "") -> Previewed:
    command = Reverse(
        world.request("Reverse"), settlement_id, request_id, "", world.cities
    )
    decision = world.decide(PreviewReversal(command))
    assert () == decision.writes
    return decision.answer


def rows(previewed: Previewed) -> list[Row]:
    """Settlement, fund as it is and would be, deductible as it is and would be."""
    return [
        (
            a.settlement.settlement_id,
            a.settlement.fund_fen,
            a.would_be.fund_fen,
            a.settlement.deductible_fen,
            a.would_be.deductible_fen,
        )
        for a in previewed.affected
    ]


def test_the_deductible_moves_to_the_next(fresh: World) -> None:
    """Without the bill that bore the deductible the next bears it, and the one after
    stands as it is."""
    first, second, _ = (
        settle(fresh, 800_00),
        settle(fresh, 1000_00),
        settle(fresh, 300_00),
    )
    assert [(second.settlement_id, 500_00, 100_00, 0, 800_00)] == rows(
        preview(fresh, first.settlement_id)
    )


def test_what_changes_one_changes_those_behind_it(fresh: World) -> None:
    """What a later bill would have borne or been paid is carried on to those after it."""
    first, second, third = (
        settle(fresh, 600_00),
        settle(fresh, 400_00),
        settle(fresh, 500_00),
    )
    expected = [
        (second.settlement_id, 100_00, 0, 200_00, 400_00),
        (third.settlement_id, 250_00, 50_00, 0, 400_00),
    ]
    assert expected == rows(preview(fresh, first.settlement_id))


def test_the_cap_would_have_held_longer(fresh: World) -> None:
    """Where the yearly cap cut later bills, they would have got what is left of it."""
    settle(fresh, 800_00)
    big, cut, none = (
        settle(fresh, 3000_00),
        settle(fresh, 1200_00),
        settle(fresh, 100_00),
    )
    assert [1500_00, 500_00, 0] == [s.fund_fen for s in (big, cut, none)]
    expected = [
        (cut.settlement_id, 500_00, 600_00, 0, 0),
        (none.settlement_id, 0, 50_00, 0, 0),
    ]
    assert expected == rows(preview(fresh, big.settlement_id))


def test_what_has_been_reversed_is_not_listed_but_was_there(fresh: World) -> None:
    """A bill reversed meanwhile is not listed; while it stood it would have borne the
    deductible itself."""
    first, second = settle(fresh, 800_00), settle(fresh, 800_00)
    third = settle(fresh, 100_00)
    fresh.now += timedelta(minutes=1)
    fresh.reverse(second.settlement_id)
    fourth = settle(fresh, 100_00)
    assert [50_00, 50_00] == [third.fund_fen, fourth.fund_fen]
    assert [(fourth.settlement_id, 50_00, 0, 0, 100_00)] == rows(
        preview(fresh, first.settlement_id)
    )


def test_bills_of_one_instant_stand_in_their_order(fresh: World) -> None:
    """Bills settled in one commit share their instant; their accumulators tell who came first."""
    hospital = fresh.all(Institution)[0]
    first, second, third = [
        fresh.settle(fresh.bill("P1", hospital, fen))
        for fen in (500_00, 400_00, 300_00)
    ]
    assert [third.settlement_id] == [
        row[0] for row in rows(preview(fresh, second.settlement_id))
    ]
    assert [second.settlement_id, third.settlement_id] == [
        row[0] for row in rows(preview(fresh, first.settlement_id))
    ]
    assert [] == rows(preview(fresh, third.settlement_id))


UNTOUCHED: dict[str, BillChanges] = {
    "of another year": {"service_day": date(2024, 12, 31)},
    "the fund does not pay": {"inpatient_that_day": True},
}


@pytest.mark.parametrize("changes", UNTOUCHED.values(), ids=UNTOUCHED)
def test_others_are_not_affected(fresh: World, changes: BillChanges) -> None:
    """A bill of another year, or one the fund pays nothing of whatever was used, is not listed."""
    first = settle(fresh, 800_00)
    settle(fresh, 1000_00, **changes)
    assert [] == rows(preview(fresh, first.settlement_id))


def test_it_answers_as_the_reversal_and_moves_nothing(family: NewWorld) -> None:
    """Settlement and refunds are those of the reversal that follows; the world stays as it was."""
    world = family()
    done = settle(world, 200_00)
    before = dict(world.records)
    previewed = preview(world, "", done.request_key.partition("/")[0])
    assert before == world.records
    assert world.reverse(done.settlement_id) == previewed.reversed


def test_it_is_refused_as_the_reversal(family: NewWorld) -> None:
    """An unknown original, one reversed already and one that is not the last are
    refused by the same names."""
    world = family(reversal=Reversal.LAST_FIRST)
    first, second = settle(world, 100_00), settle(world, 100_00)
    with pytest.raises(refusals.NotLastSettlement):
        preview(world, first.settlement_id)
    world.reverse(second.settlement_id)
    with pytest.raises(refusals.AlreadyReversed):
        preview(world, second.settlement_id)
    with pytest.raises(refusals.SettlementNotFound):
        preview(world, "", "00000000-0000-4000-8000-000000000001")
