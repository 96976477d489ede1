"""Laws of reconciliation: settled less reversed by day, every row judged once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from gongji.model.settlement import Settlement
from gongji.rules.codes import SHANGHAI, Scheme, VisitKind
from gongji.settlement.reconcile import (
    UNKNOWN,
    Booked,
    DetailRow,
    Difference,
    Sums,
    TotalDifference,
    forward,
    reverse,
    settled_before,
)
from msgspec.structs import replace

from tests.settlement.books import (
    HEADING,
    MONDAY,
    R1,
    TUESDAY,
    K,
    back,
    compare,
    row,
    settled,
    totals,
)

CASES: dict[str, tuple[list[DetailRow], list[DetailRow], list[Difference]]] = {
    "nothing on either side": ([], [], []),
    "the same rows in another order": (
        [row(1), row(2), back(1)],
        [back(1), row(2), row(1)],
        [],
    ),
    "a row we lack": (
        [row(1)],
        [row(2), row(1)],
        [Difference(K.MISSING_HERE, None, row(2))],
    ),
    "a row they lack": (
        [row(1), row(2)],
        [row(2)],
        [Difference(K.MISSING_THERE, row(1), None, R1)],
    ),
    "another total": (
        [row()],
        [row(total_fen=1)],
        [Difference(K.AMOUNT, row(), row(total_fen=1), R1)],
    ),
    "another fund": (
        [row()],
        [row(fund_fen=1)],
        [Difference(K.AMOUNT, row(), row(fund_fen=1), R1)],
    ),
    "other purses": (
        [row()],
        [row(account_fen=1)],
        [Difference(K.AMOUNT, row(), row(account_fen=1), R1)],
    ),
    "another patient": (
        [row()],
        [row(patient="P9")],
        [Difference(K.AMOUNT, row(), row(patient="P9"), R1)],
    ),
    "a reverse row that is not negative": (
        [row(), back()],
        [row(), row(refund=True)],
        [Difference(K.AMOUNT, back(), row(refund=True), R1)],
    ),
    "a row sent twice": (
        [row()],
        [row(), row()],
        [Difference(K.DUPLICATE, row(), row(), R1)],
    ),
    "a row sent again with another amount": (
        [row()],
        [row(), row(fund_fen=1)],
        [Difference(K.DUPLICATE, row(), row(fund_fen=1), R1)],
    ),
    "a row we lack, sent twice": (
        [],
        [row(), row()],
        [Difference(K.MISSING_HERE, None, row())] * 2,
    ),
    "taken back with us only": (
        [row(), back()],
        [row()],
        [Difference(K.REVERSED_ONLY_HERE, back(), None, R1)],
    ),
    "taken back with them only": (
        [row()],
        [row(), back()],
        [Difference(K.REVERSED_ONLY_THERE, None, back(), R1)],
    ),
    "taken back with them only, told first": (
        [row()],
        [back(), row()],
        [Difference(K.REVERSED_ONLY_THERE, None, back(), R1)],
    ),
    "taken back with us only, other amounts settled": (
        [row(), back()],
        [row(fund_fen=1)],
        [
            Difference(K.AMOUNT, row(), row(fund_fen=1), R1),
            Difference(K.REVERSED_ONLY_HERE, back(), None, R1),
        ],
    ),
    "settled and taken back here, unknown there": (
        [row(), back()],
        [],
        [
            Difference(K.MISSING_THERE, row(), None, R1),
            Difference(K.MISSING_THERE, back(), None, R1),
        ],
    ),
    "settled and taken back there, unknown here": (
        [],
        [row(), back()],
        [
            Difference(K.MISSING_HERE, None, row()),
            Difference(K.MISSING_HERE, None, back()),
        ],
    ),
    "settled before the period, taken back with us only": (
        [back()],
        [],
        [Difference(K.REVERSED_ONLY_HERE, back(), None, R1)],
    ),
    "settled before the period, taken back with both": ([back()], [back()], []),
}


@pytest.mark.parametrize(("ours", "theirs", "expected"), CASES.values(), ids=CASES)
def test_a_row_differs_in_one_way(
    ours: list[DetailRow], theirs: list[DetailRow], expected: list[Difference]
) -> None:
    """Each kind of difference is told by its own name, with both rows and our request."""
    assert expected == compare(ours, theirs)


def test_a_reversal_of_a_settlement_before_the_period() -> None:
    """Their reverse row of a settlement of ours from before the period is reversed only there."""
    (missing,) = compare([], [back()])
    assert Difference(K.REVERSED_ONLY_THERE, None, back(), R1) == settled_before(
        missing, settled()
    )


def test_a_settlement_is_a_row_and_its_reversal_another() -> None:
    """Forward on its Shanghai day of settlement, reverse with negative amounts on that
    of the reversal."""
    late = datetime(2025, 9, 29, 15, 59, 59, 999_999, tzinfo=UTC)
    taken_back = settled(at=late, reversed_at=datetime(2025, 9, 29, 16, tzinfo=UTC))
    assert Booked(row(), HEADING, R1) == forward(taken_back)
    assert Booked(back(), replace(HEADING, day=TUESDAY), R1) == reverse(taken_back)


@pytest.mark.parametrize(
    ("row_of", "settlement"),
    [(reverse, settled()), (forward, settled(settled_at=None))],
    ids=["a settlement that stands", "a quote"],
)
def test_without_an_instant_there_is_no_row(
    row_of: Callable[[Settlement], Booked], settlement: Settlement
) -> None:
    """A settlement that stands has no reverse row, a quote none at all."""
    with pytest.raises(ValueError, match="no such row"):
        row_of(settlement)


def test_totals_are_settled_less_reversed() -> None:
    """I9: by day of setl_time; both rows of a refund are counted, their amounts cancel
    where they share a day."""
    same_day = settled(1, reversed_at=datetime(2025, 9, 29, 18, tzinfo=SHANGHAI))
    next_day = settled(2, reversed_at=datetime(2025, 9, 30, 9, tzinfo=SHANGHAI))
    ours = totals(
        [forward(same_day), forward(next_day), reverse(same_day), reverse(next_day)]
    )
    by_day = {d.heading.day: d.ours for d in ours.differences({})}
    expected = {
        MONDAY: Sums(3, 100_00, 50_00, 45_00),
        TUESDAY: Sums(1, -100_00, -50_00, -45_00),
    }
    assert expected == by_day


def test_totals_differ_by_heading() -> None:
    """Day, scheme and kind each make a total of their own; those that agree are not
    told, nothing equals left out."""
    resident = replace(HEADING, scheme=Scheme.RESIDENT)
    emergency = replace(HEADING, visit_kind=VisitKind.EMERGENCY)
    headings = (HEADING, resident, emergency)
    ours = totals([Booked(row(n), h, UNKNOWN) for n, h in enumerate(headings)])
    one = Sums(1, 100_00, 50_00, 45_00)
    less = replace(one, account_fen=0)
    tuesday = replace(HEADING, day=TUESDAY)
    theirs = {
        HEADING: one,
        resident: less,
        tuesday: one,
        replace(tuesday, scheme=390): Sums(),
    }
    expected = [
        TotalDifference(emergency, one, Sums()),
        TotalDifference(resident, one, less),
        TotalDifference(tuesday, Sums(), one),
    ]
    assert expected == ours.differences(theirs)
