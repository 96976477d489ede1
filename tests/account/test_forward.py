"""Balances brought forward: a batch's total, corrections by the difference, never below
what was brought or what is left."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest
from gongji.account.credit import Credited
from gongji.account.forward import BringForward
from gongji.model import refusals
from gongji.model.account import Account, BroughtForward, Entry
from gongji.rules.codes import SHANGHAI, EntryKind
from hypothesis import given
from hypothesis import strategies as st

from tests.binding.applying import cities
from tests.scaffold.world import World

NOW = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)
NEW_YEAR = datetime(2026, 1, 2, 10, 0, tzinfo=SHANGHAI)
BROUGHT, CORRECTED = EntryKind.BROUGHT_FORWARD, EntryKind.BROUGHT_FORWARD_CORRECTED


def bring(world: World, fen: int, batch: str = "", year: int = 0) -> Credited:
    request = world.request("Credit")
    return world.do(BringForward(request, "P1", fen, batch, year))


@pytest.fixture
def world() -> World:
    """A person of the employee scheme whose purse is empty."""
    return emptied()


def emptied() -> World:
    world = World(cities(), NOW)
    world.person("P1")
    world.person("resident", "15")
    return world


def spend(world: World, fen: int) -> None:
    """Take fen out of the purse in another way."""
    account = world.record(Account, "P1")
    world.add(Account("P1", account.balance_fen - fen, account.version + 1))


def purse(world: World) -> list[tuple[EntryKind | None, int]]:
    return [(kind, fen) for name, fen, kind in world.posted() if name == "purse:P1"]


def test_a_balance_without_a_batch_is_a_movement_of_its_own(world: World) -> None:
    """A balance of another system comes in as told, under no rule; the same again adds."""
    answer = bring(world, 1234_56)
    bring(world, 1)
    assert (1234_56, None) == (answer.fen, answer.rule)
    assert {"P1": 1234_57} == world.balances()
    expected = [
        ("brought_forward", -1234_56, None),
        ("purse:P1", 1234_56, BROUGHT),
        ("brought_forward", -1, None),
        ("purse:P1", 1, BROUGHT),
    ]
    assert expected == world.posted()


def test_a_correction_names_the_balance_it_corrects(world: World) -> None:
    """1,000.00 brought forward instead of 100.00 is corrected by a negative amount,
    whose entry names the balance."""
    bring(world, 1000_00)
    assert (-900_00, 100_00) == (
        bring(world, -900_00).fen,
        world.balances()["P1"],
    )
    assert [(BROUGHT, 1000_00), (CORRECTED, -900_00)] == purse(world)
    first, *_ = entries = world.all(Entry)
    assert {first.transaction_id} == {entry.reference for entry in entries}


TOTALS = {
    "the same file again": ([100_00, 100_00], [100_00]),
    "a corrected file, upwards": ([100_00, 120_00], [100_00, 20_00]),
    "a corrected file, downwards": ([100_00, 80_00], [100_00, -20_00]),
    "corrected and corrected back": (
        [100_00, 120_00, 100_00],
        [100_00, 20_00, -20_00],
    ),
    "all of it taken back": ([100_00, 0], [100_00, -100_00]),
    "nothing at all": ([0], []),
    "taken back and brought again": ([5, 0, 7], [5, -5, 7]),
}


@pytest.mark.parametrize(("totals", "moved"), TOTALS.values(), ids=TOTALS)
def test_a_batch_says_its_total(
    world: World, totals: list[int], moved: list[int]
) -> None:
    """Of a batch the difference is booked, its entries name the first one."""
    for total in totals:
        assert total == bring(world, total, "a").movement.balance_after_fen
    assert moved == [fen for _, fen in purse(world)]
    assert [BROUGHT] * len(moved[:1]) == [kind for kind, _ in purse(world)][:1]
    assert {CORRECTED} >= {kind for kind, _ in purse(world)[1:]}
    assert 2 > len({entry.reference for entry in world.all(Entry)})


def test_an_equal_amount_of_another_year_counts(world: World) -> None:
    """A batch's year is the civil year of the call unless another is given."""
    bring(world, 50_00, "a")
    world.now = NEW_YEAR
    assert 100_00 == bring(world, 50_00, "a").movement.balance_after_fen
    assert 0 == bring(world, 50_00, "a", 2025).fen
    assert 150_00 == bring(world, 50_00, "b").movement.balance_after_fen
    years = {(b.year, b.batch): b.fen for b in world.all(BroughtForward)}
    assert {(2025, "a"): 50_00, (2026, "a"): 50_00, (2026, "b"): 50_00} == years


def test_a_year_lies_not_beyond_the_next(world: World) -> None:
    """A balance may be at hand before its year begins; two years ahead is mistyped."""
    assert 1 == bring(world, 1, "a", NOW.year + 1).fen
    with pytest.raises(refusals.FutureMonth, match="2027"):
        bring(world, 1, "a", NOW.year + 2)


def test_what_is_spent_is_not_taken_back(world: World) -> None:
    """A correction below what is left is refused with its figures; down to it, booked."""
    bring(world, 100_00, "a")
    spend(world, 30_00)
    with pytest.raises(refusals.BalanceSpent) as refused:
        bring(world, 29_99, "a")
    assert {
        "brought_forward_fen": "10000",
        "taken_back_fen": "7001",
        "balance_fen": "7000",
    } == refused.value.metadata
    assert 0 == bring(world, 30_00, "a").movement.balance_after_fen


def test_no_more_is_taken_back_than_was_brought(world: World) -> None:
    """Money that came otherwise is not taken back as a balance brought forward."""
    world.add(Account("P1", 500_00, 1))
    with pytest.raises(refusals.BroughtForwardShort):
        bring(world, -1)
    bring(world, 10_00)
    with pytest.raises(refusals.BroughtForwardShort) as refused:
        bring(world, -10_01)
    figures = {"brought_forward_fen": "1000", "taken_back_fen": "1001"}
    assert figures == refused.value.metadata
    assert 500_00 == bring(world, -10_00).movement.balance_after_fen


MALFORMED = {
    "nothing without a batch": (0, "", 0),
    "a negative total": (-1, "a", 0),
    "a year without a batch": (1, "", 2025),
    "more than a thousand million yuan": (10**11 + 1, "a", 0),
    "less than that": (-(10**11) - 1, "", 0),
}


@pytest.mark.parametrize(("fen", "batch", "year"), MALFORMED.values(), ids=MALFORMED)
def test_malformed(world: World, fen: int, batch: str, year: int) -> None:
    """What is no balance is refused before anything is read."""
    with pytest.raises(refusals.MalformedField):
        bring(world, fen, batch, year)


def test_a_resident_has_no_purse(world: World) -> None:
    """Somebody who never was an employee has no account to bring a balance to."""
    request = world.request("Credit")
    with pytest.raises(refusals.NoAccount):
        world.do(BringForward(request, "resident", 1))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["", "a", "b", "spend"]),
        st.integers(2025, 2026),
        st.integers(-300, 300),
    ),
    max_size=15,
)


class Totals:
    """The model beside the world: a table of totals, a balance, what was spent."""

    def __init__(self) -> None:
        self.world = emptied()
        self.totals = Counter[tuple[str, int]]()
        self.balance = self.spent = 0

    def spend(self, fen: int) -> None:
        """Spend what there is of it."""
        if paid := min(self.balance, fen):
            spend(self.world, paid)
            self.balance -= paid
            self.spent += paid

    def bring(self, batch: str, year: int, fen: int) -> None:
        """Bring a total or a movement, or see the world refuse what cannot be."""
        total = (batch, year if batch else 0)
        moved = fen - self.totals[total] if batch else fen
        if not self._possible(batch, moved):
            with pytest.raises(refusals.Refusal):
                bring(self.world, fen, *total)
            return
        self.totals[total] += moved
        self.balance += moved
        answer = bring(self.world, fen, *total)
        assert (moved, self.balance) == (answer.fen, answer.movement.balance_after_fen)

    def _possible(self, batch: str, moved: int) -> bool:
        left = min(self.totals.total(), self.balance)
        return moved + left >= 0 and bool(batch or moved)


@given(steps=STEPS)
def test_purses_change_by_exactly_the_entries(
    steps: list[tuple[str, int, int]],
) -> None:
    """Whatever is brought, corrected and spent: what is in the books is what a table of
    totals says, transactions add up to 0, and nothing falls below 0."""
    model = Totals()
    for batch, year, fen in steps:
        if batch == "spend":
            model.spend(abs(fen))
        else:
            model.bring(batch, year, abs(fen) if batch else fen)
    world = model.world
    assert model.balance + model.spent == sum(fen for _, fen in purse(world))
    assert 0 == sum(fen for _, fen, _ in world.posted())
    stored = sum(b.fen for b in world.all(BroughtForward))
    assert model.totals.total() == stored
