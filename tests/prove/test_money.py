"""Money against a second, plainer telling of it, and its laws along the way, over
random families and their years."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from gongji.model.account import Account, Entry
from gongji.model.binding import Binding
from gongji.model.refusals import AlreadyReversed, Refusal
from gongji.model.settlement import Accumulator, Settlement
from gongji.rules.codes import BindingState, Payer
from gongji.settlement.settle import Quote
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.evaluator import faults
from tests.prove import plain, stories
from tests.prove.conftest import LONG

if TYPE_CHECKING:
    from tests.prove.conftest import Effort
    from tests.prove.plain import Town
    from tests.scaffold.world import NewWorld, World

ENOUGH = 5_000
"""Bills settled for each of the four kinds of town in a long run: 20,000 together."""

QUOTED: dict[str, Any] = {
    "settlement_id": "",
    "settled_at": None,
    "request_id": "",
    "movements": (),
}


class Story:
    """A town and its world, taken through the same steps; after each they agree."""

    def __init__(self, town: Town, world: World) -> None:
        self.town, self.world = town, world
        self.purses, self.used = dict(town["purse"]), dict(town["used"])
        self.names: list[str] = []

    def take(self, step: tuple[str, Any]) -> None:
        """One step, a minute later."""
        what, told = step
        self.world.now += timedelta(minutes=1)
        getattr(self, what)(told)
        self.agree()

    def bill(self, told: dict[str, Any]) -> None:
        """Quotes and settles a bill, or both refuse it for a reason there is."""
        expected, bill = plain.whys(self.town, told), stories.bill_of(told)
        before = dict(self.world.records)
        if expected:
            with pytest.raises(Refusal) as refused:
                self.world.settle(bill)
            assert type(refused.value).__name__ in expected
            assert before == self.world.records
            return
        quoted = self.world.decide(Quote(bill, self.world.cities))
        assert before == self.world.records
        settled = self.world.settle(bill)
        assert ((), replace(settled, **QUOTED)) == (quoted.writes, quoted.answer)
        left = self.left_of_cap(told)
        done = plain.settle(self.town, told, settled.settlement_id)
        self.names.append(settled.settlement_id)
        figures = {
            "deductible": settled.deductible_fen,
            "fund": settled.fund_fen,
            "own": settled.own_fen,
        }
        figures |= {"aid": settled.aid_fen, "cash": settled.cash_fen}
        assert {name: done[name] for name in figures} == figures
        assert done["taken"] == {m.purse: -m.fen for m in settled.movements}
        self.laws(settled, left)

    def laws(self, settled: Settlement, left_of_cap: int | None) -> None:
        """What holds of every settlement, whatever the model says."""
        assert [] == list(faults(settled.lines, settled.bill.total_fen))
        assert 0 <= settled.fund_fen <= settled.bill.in_scope_fen
        assert left_of_cap is None or settled.fund_fen <= left_of_cap
        givers = [line for line in settled.lines if line.payer is Payer.GIVER_PURSE]
        assert settled.aid_fen == sum(line.fen for line in givers)
        assert len({line.purse for line in givers}) == len(givers)

    def left_of_cap(self, told: dict[str, Any]) -> int | None:
        """What the fund may still pay this patient before the bill."""
        insurance = plain.insured(self.town, told)
        assert insurance
        _, paid = self.town["used"].get(plain.year_of(self.town, told), (0, 0))
        return plain.left_of_cap(
            plain.table_of(self.town, told),
            paid,
            retired=insurance["type"].startswith("12"),
        )

    def reverse(self, pick: int) -> None:
        """Takes some settlement back; a second time it is refused."""
        if not self.names:
            return
        name = self.names[pick % len(self.names)]
        if not self.town["bills"][name]["stands"]:
            with pytest.raises(AlreadyReversed):
                self.world.reverse(name)
            return
        back = self.world.reverse(name)
        assert plain.reverse(self.town, name) == {m.purse: m.fen for m in back.refunds}

    def bind(self, pair: tuple[str, str]) -> None:
        """Somebody lets another use his account; behind those who did before."""
        if pair not in self.town["bound"]:
            self.town["bound"].append(pair)
            self.world.bind(*pair, self.world.now)

    def unbind(self, pick: int) -> None:
        """A binding ends; what was paid stays paid."""
        if not self.town["bound"]:
            return
        holder, member = self.town["bound"].pop(pick % len(self.town["bound"]))
        binding = self.world.record(Binding, f"B-{holder}-{member}")
        self.world.add(replace(binding, state=BindingState.ENDED))

    def credit(self, given: tuple[str, int]) -> None:
        """Money comes in."""
        who, fen = given
        for purse in (self.town["purse"], self.purses):
            purse[who] = purse.get(who, 0) + fen
        accounts = {account.person_no: account for account in self.world.all(Account)}
        account = accounts.get(who, Account(who))
        self.world.add(
            replace(
                account,
                balance_fen=account.balance_fen + fen,
                version=account.version + 1,
            )
        )

    def agree(self) -> None:
        """Every purse and every accumulator stands where the model says."""
        balances = {a.person_no: a.balance_fen for a in self.world.all(Account)}
        assert _without_nothing(self.town["purse"]) == _without_nothing(balances)
        assert all(fen >= 0 for fen in balances.values())
        used = {
            f"{a.person_no}/{int(a.scheme)}/{a.pooling_area}00/{a.year}": (
                a.deductible_used_fen,
                a.fund_paid_fen,
            )
            for a in self.world.all(Accumulator)
        }
        assert _without_nothing(self.town["used"]) == _without_nothing(used)

    def undo(self, chance: Any) -> None:
        """Whatever still stands is reversed in random order: every purse and
        accumulator is back where it began."""
        standing = [name for name in self.names if self.town["bills"][name]["stands"]]
        chance.shuffle(standing)
        for name in standing:
            self.reverse(self.names.index(name))
        self.agree()
        assert _without_nothing(self.purses) == _without_nothing(self.town["purse"])
        assert _without_nothing(self.used) == _without_nothing(self.town["used"])
        entries = self.world.all(Entry)
        transactions: dict[str, int] = {}
        for entry in entries:
            transactions[entry.transaction_id] = (
                transactions.get(entry.transaction_id, 0) + entry.fen
            )
        assert set(transactions.values()) <= {0}


def _without_nothing(figures: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in figures.items() if value not in {0, (0, 0)}}


@pytest.mark.parametrize("kind", stories.KINDS_OF_TOWN)
def test_money_moves_as_the_model_says(
    kind: str, new_world: NewWorld, effort: Effort
) -> None:
    """Fund, purses, cash, balances and accumulators are the model's after each step;
    all reversed, all is back."""
    settled = 0

    @effort(short=25, long=650)
    @given(
        stories.towns(kind),
        st.lists(stories.steps, min_size=14, max_size=30),
        st.randoms(use_true_random=False),
    )
    def told(
        drawn: tuple[int, Town], steps: list[tuple[str, Any]], chance: Any
    ) -> None:
        nonlocal settled
        number, town = drawn[0], deepcopy(drawn[1])
        story = Story(town, stories.world_of(town, kind, number, new_world))
        for step in steps:
            story.take(step)
        settled += len(story.names)
        story.undo(chance)

    told()
    assert not LONG or settled >= ENOUGH
