"""Money against the plain model, and its laws along the way, over random families and
their years."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from gongji.model.account import Account, Entry
from gongji.model.binding import Binding
from gongji.model.refusals import AlreadyReversed, Refusal
from gongji.model.settlement import Accumulator, Bill, Settlement
from gongji.rules.codes import BindingState, Payer
from gongji.settlement.settle import Quote
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.evaluator import faults
from tests.prove import plain
from tests.prove.conftest import LONG
from tests.prove.families import Drawn, towns
from tests.prove.rules import KINDS_OF_TOWN
from tests.prove.steps import Step, steps
from tests.prove.worlds import bill_of, world_of

if TYPE_CHECKING:
    from tests.prove.conftest import Effort
    from tests.prove.records import Payment, Town, Visit
    from tests.scaffold.world import NewWorld, World

ENOUGH = 5_000
"""Bills settled for each of the four kinds of town in a long run: 20,000 together."""

QUOTED: dict[str, Any] = {
    "settlement_id": "",
    "settled_at": None,
    "request_key": "",
    "movements": (),
}


class Story:
    """A town and its world, taken through the same steps; after each they agree."""

    def __init__(self, town: Town, world: World) -> None:
        self.town = town
        self.world = world
        self.purses = Counter(town.purse)
        self.used = dict(town.used)
        self.names: list[str] = []

    def take(self, step: Step) -> None:
        """Take one step, a minute later."""
        method, argument = step
        self.world.now += timedelta(minutes=1)
        getattr(self, method)(argument)
        self.agree()

    # --- the steps --------------------------------------------------------------------

    def visit(self, visit: Visit) -> None:
        """Quote and settle a visit, or refuse it in both for a reason there is."""
        reasons = plain.reasons(self.town, visit)
        if reasons:
            self.is_refused(bill_of(visit), reasons)
            return
        quoted = self.quote(bill_of(visit))
        settled = self.world.settle(bill_of(visit))
        assert replace(settled, **QUOTED) == quoted
        cap = self.left_of_cap(visit)
        name = settled.settlement_id
        expected = plain.settle(self.town, visit, name)
        self.names.append(name)
        assert_as_the_model(settled, expected)
        assert_laws(settled, cap)

    def is_refused(self, bill: Bill, reasons: set[str]) -> None:
        """Assert that a bill is refused for one of some reasons and nothing changes."""
        before = dict(self.world.records)
        with pytest.raises(Refusal) as refused:
            self.world.settle(bill)
        assert type(refused.value).__name__ in reasons
        assert before == self.world.records

    def quote(self, bill: Bill) -> Settlement:
        """Return the quote of a bill; it writes nothing."""
        before = dict(self.world.records)
        quoted = self.world.decide(Quote(bill, self.world.cities))
        assert quoted.records == ()
        assert before == self.world.records
        return quoted.answer

    def left_of_cap(self, visit: Visit) -> int | None:
        """Return what the fund may still pay this patient before the bill."""
        insurance = plain.insured(self.town, visit)
        assert insurance
        table = plain.table_of(self.town, visit)
        year = plain.year_of(self.town, visit)
        _, paid = self.town.used.get(year, (0, 0))
        return plain.left_of_cap(table, paid, insurance)

    def reverse(self, pick: int) -> None:
        """Take some settlement back; a second time it is refused."""
        if not self.names:
            return
        name = self.names[pick % len(self.names)]
        if not self.town.payments[name].stands:
            with pytest.raises(AlreadyReversed):
                self.world.reverse(name)
            return
        reversed_ = self.world.reverse(name)
        refunds = {m.purse: m.fen for m in reversed_.refunds}
        assert plain.reverse(self.town, name) == refunds

    def bind(self, pair: tuple[str, str]) -> None:
        """Let somebody use another's account, after those who did before."""
        if pair not in self.town.bound:
            self.town.bound.append(pair)
            self.world.bind(*pair, self.world.now)

    def unbind(self, pick: int) -> None:
        """End a binding; what was paid stays paid."""
        bound = self.town.bound
        if not bound:
            return
        holder, member = bound.pop(pick % len(bound))
        binding = self.world.record(Binding, f"B-{holder}-{member}")
        self.world.add(replace(binding, state=BindingState.ENDED))

    def credit(self, credit: tuple[str, int]) -> None:
        """Credit a purse."""
        person, fen = credit
        self.town.purse[person] += fen
        self.purses[person] += fen
        accounts = {account.person_no: account for account in self.world.all(Account)}
        account = accounts.get(person, Account(person))
        balance = account.balance_fen + fen
        self.world.add(Account(person, balance, account.version + 1))

    # --- what they agree on -----------------------------------------------------------

    def agree(self) -> None:
        """Assert that every purse and every accumulator stands where the model says."""
        balances = self.world.balances()
        assert without_zeros(self.town.purse) == without_zeros(balances)
        assert all(fen >= 0 for fen in balances.values())
        used = used_in(self.world)
        assert without_zeros(self.town.used) == without_zeros(used)

    def undo(self, chance: Random) -> None:
        """Reverse whatever still stands, in random order: all is back where it began."""
        standing = [name for name in self.names if self.town.payments[name].stands]
        chance.shuffle(standing)
        for name in standing:
            self.reverse(self.names.index(name))
        self.agree()
        assert without_zeros(self.purses) == without_zeros(self.town.purse)
        assert without_zeros(self.used) == without_zeros(self.town.used)
        assert set(totals_of_transactions(self.world).values()) <= {0}


def assert_as_the_model(settled: Settlement, expected: Payment) -> None:
    """Assert that a settlement has the figures and movements of the model's."""
    assert expected.deductible == settled.deductible_fen
    assert expected.fund == settled.fund_fen
    assert expected.own == settled.own_fen
    assert expected.aid == settled.aid_fen
    assert expected.cash == settled.cash_fen
    assert expected.drawn == {m.purse: -m.fen for m in settled.movements}


def assert_laws(settled: Settlement, left_of_cap: int | None) -> None:
    """Assert what holds of every settlement, whatever the model says."""
    bill = settled.bill
    assert [] == list(faults(settled.lines, bill.total_fen))
    assert 0 <= settled.fund_fen <= bill.in_scope_fen
    if left_of_cap is not None:
        assert settled.fund_fen <= left_of_cap
    givers = [line for line in settled.lines if line.payer is Payer.GIVER_PURSE]
    assert settled.aid_fen == sum(line.fen for line in givers)
    owners = {line.purse for line in givers}
    assert len(owners) == len(givers)


def used_in(world: World) -> dict[str, tuple[int, int]]:
    """Return deductible and fund used, by the model's key of person and year."""
    used = {}
    for a in world.all(Accumulator):
        year_key = f"{a.person_no}/{int(a.scheme)}/{a.pooling_area}00/{a.year}"
        used[year_key] = a.deductible_used_fen, a.fund_paid_fen
    return used


def totals_of_transactions(world: World) -> Counter[str]:
    """Return the sum of each transaction's entries."""
    totals: Counter[str] = Counter()
    for entry in world.all(Entry):
        totals[entry.transaction_id] += entry.fen
    return totals


def without_zeros(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures that are not nothing."""
    nothing = {0, (0, 0)}
    return {key: value for key, value in figures.items() if value not in nothing}


@pytest.mark.parametrize("kind", KINDS_OF_TOWN)
def test_money_moves_as_the_model_says(
    kind: str, new_world: NewWorld, effort: Effort
) -> None:
    """Fund, purses, cash, balances and accumulators are the model's after each step;
    all reversed, all is back."""
    settled = 0

    @effort(short=25, long=650)
    @given(
        towns(kind),
        st.lists(steps, min_size=14, max_size=30),
        st.randoms(use_true_random=False),
    )
    def holds(drawn: Drawn, taken_steps: list[Step], chance: Random) -> None:
        nonlocal settled
        number, town = deepcopy(drawn)
        story = Story(town, world_of((number, town), kind, new_world))
        for step in taken_steps:
            story.take(step)
        settled += len(story.names)
        story.undo(chance)

    holds()
    assert not LONG or settled >= ENOUGH
