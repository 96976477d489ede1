"""What is settled before a fact is told is, once made good, as if told in time."""

from __future__ import annotations

from gongji.model.account import Entry
from gongji.model.causes import ChangedIn
from gongji.model.settlement import Settlement
from gongji.rules.codes import AccountUse
from gongji.settlement.year import under_review
from hypothesis import given
from hypothesis import strategies as st

from tests.prove.conftest import Effort
from tests.prove.test_late_facts import (
    FIRST,
    LATER,
    PATIENT,
    SPAN,
    Truth,
    day_of,
    noon,
    ready,
    tell,
    truths,
)
from tests.scaffold.late import make_good, told
from tests.scaffold.world import NewWorld, World

Visits = list[tuple[int, int]]
"""Days after the first, and what is in scope of the bill of that day."""

visits = st.lists(
    st.tuples(st.integers(0, SPAN), st.integers(1, 3000_00)), min_size=1, max_size=5
)


def lived(new_world: NewWorld, truth: Truth, course: Visits, *, in_time: bool) -> World:
    """Return a world that settled its bills day by day; told in time, or at the end.

    What is told in time is told before the bill of its day.
    """
    world = ready(new_world(noon(FIRST)))
    tell(world, truth[:1], dated=False)
    untold = list(range(2, len(truth) + 1))
    for offset, fen in sorted(course):
        while in_time and untold and truth[untold[0] - 1][0] <= offset:
            count = untold.pop(0)
            world.now = noon(day_of(truth[count - 1][0]))
            tell(world, truth[:count], dated=False)
        world.now = noon(day_of(offset))
        settle(world, offset, fen)
    world.now = noon(LATER)
    tell(world, truth, dated=True)
    return world


def settle(world: World, offset: int, fen: int) -> Settlement:
    day = day_of(offset)
    use = AccountUse.CITY_ORDER
    return world.settle(
        world.visit(
            PATIENT,
            fen,
            service_day=day,
            account_use=use,
            filing_no=world.filed(PATIENT),
        )
    )


def test_made_good_is_as_in_time(new_world: NewWorld, effort: Effort) -> None:
    """Settled again, every bill has the fund and deductible it would have had,
    nothing is left to tell, and purses have changed by exactly the entries."""

    @effort(short=40, long=150)
    @given(truths(), visits)
    def law(truth: Truth, course: Visits) -> None:
        by_day = list(dict(course).items())
        in_time = lived(new_world, truth, by_day, in_time=True)
        late = lived(new_world, truth, by_day, in_time=False)
        changed = ChangedIn(noon(LATER))
        before, entries = late.balances(), len(late.all(Entry))
        make_good(late, changed)
        assert [] == told(late, changed)
        assert fund_of(in_time) == fund_of(late)
        assert changes(late, before) == entered(late, entries)

    law()


def fund_of(world: World) -> list[tuple[str, int, int]]:
    """Return what the fund pays of each bill that stands, in order.

    Where the amounts are the same, nothing is settled again for a level alone.
    """
    stand = [s for s in under_review(world.all(Settlement)) if not s.withdrawn]
    return [(s.area_code, s.deductible_fen, s.fund_fen) for s in stand]


def changes(world: World, before: dict[str, int]) -> dict[str, int]:
    """Return by how much each purse has changed, if it has."""
    moved = {who: fen - before[who] for who, fen in world.balances().items()}
    return {who: fen for who, fen in moved.items() if fen}


def entered(world: World, first: int) -> dict[str, int]:
    """Return what the entries from the first on add to each purse, if anything."""
    sums: dict[str, int] = {}
    for entry in world.all(Entry)[first:]:
        account, _, owner = entry.ledger_account.partition(":")
        if account == "purse":
            sums[owner] = sums.get(owner, 0) + entry.fen
    return {who: fen for who, fen in sums.items() if fen}
