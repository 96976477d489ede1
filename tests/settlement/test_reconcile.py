"""Laws of reconciliation: settled less reversed by day, every row judged once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime

import pytest
from gongji.model.decided import DecidedBy
from gongji.model.settlement import Bill, Settlement
from gongji.rules.codes import SHANGHAI, AccountUse, Scheme, VisitKind
from gongji.settlement.reconcile import (
    UNKNOWN,
    Booked,
    Comparison,
    DetailRow,
    Difference,
    DifferenceKind,
    Heading,
    Origin,
    Sums,
    TotalDifference,
    Totals,
    forward,
    reverse,
    settled_before,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

MONDAY, TUESDAY = date(2025, 9, 29), date(2025, 9, 30)
HEADING = Heading(MONDAY, Scheme.EMPLOYEE, VisitKind.OUTPATIENT)
K = DifferenceKind
R1 = Origin("r1", "m1")


def settled(
    number: int = 1,
    at: datetime = datetime(2025, 9, 29, 10, tzinfo=SHANGHAI),
    **changes: object,
) -> Settlement:
    """A bill of 100.00: 50.00 from the fund, 30.00 and 15.00 from purses."""
    bill = Bill(
        patient=f"P{number}",
        institution_code="H34119900001",
        service_day=MONDAY,
        visit_kind=VisitKind.OUTPATIENT,
        total_fen=100_00,
        in_scope_fen=100_00,
        account_use=AccountUse.CITY_ORDER,
        msgid=f"m{number}",
    )
    plain = Settlement(
        settlement_id=f"S{number}",
        settled_at=at,
        request_id=f"r{number}",
        bill=bill,
        scheme=Scheme.EMPLOYEE,
        area_code="341199",
        level=1,
        deductible_fen=0,
        ratio_bp=5000,
        fund_fen=50_00,
        own_fen=30_00,
        aid_fen=15_00,
        cash_fen=5_00,
        lines=(),
        movements=(),
        deductible_used_after_fen=0,
        fund_paid_after_fen=0,
        decided_by=DecidedBy("341199", "gongji-x", "1", "1"),
    )
    return replace(plain, **changes)


def row(number: int = 1, **changes: object) -> DetailRow:
    """The forward row of `settled(number)`."""
    plain = DetailRow(f"S{number}", f"P{number}", 100_00, 50_00, 45_00, refund=False)
    return replace(plain, **changes)


def back(number: int = 1, **changes: object) -> DetailRow:
    """Its reverse row."""
    plain = DetailRow(f"S{number}", f"P{number}", -100_00, -50_00, -45_00, refund=True)
    return replace(plain, **changes)


def booked(mine: DetailRow) -> Booked:
    number = mine.settlement_id.removeprefix("S")
    return Booked(mine, HEADING, Origin(f"r{number}", f"m{number}"))


def compare(ours: Iterable[DetailRow], theirs: Iterable[DetailRow]) -> list[Difference]:
    comparison = Comparison()
    for mine in ours:
        comparison.expect(booked(mine))
    judged = [comparison.judge(reported) for reported in theirs]
    differences = [difference for difference in judged if difference is not None]
    return [*differences, *comparison.unreported()]


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


def totals(rows: Iterable[Booked]) -> Totals:
    ours = Totals()
    for booked in rows:
        ours.add(booked)
    return ours


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


ALTERED: list[dict[str, object]] = [
    {"total_fen": 7},
    {"fund_fen": 7},
    {"account_fen": 7},
    {"patient": "P0"},
]


class Edited:
    """A true file being edited: our books, theirs, and what must be found."""

    def __init__(self) -> None:
        self.ours: list[DetailRow] = []
        self.theirs: list[DetailRow] = []
        self.expected: Counter[tuple[K, str, bool]] = Counter()

    def keep(self, row: DetailRow) -> None:
        self.ours.append(row)
        self.theirs.append(row)

    def lose_there(self, row: DetailRow) -> None:
        forward_lost = (K.MISSING_THERE, row.settlement_id, False) in self.expected
        self.ours.append(row)
        alone = row.refund and not forward_lost
        self._expect(K.REVERSED_ONLY_HERE if alone else K.MISSING_THERE, row)

    def lose_here(self, row: DetailRow) -> None:
        settled_here = row.settlement_id in {mine.settlement_id for mine in self.ours}
        self.theirs.append(row)
        alone = row.refund and settled_here
        self._expect(K.REVERSED_ONLY_THERE if alone else K.MISSING_HERE, row)

    def double(self, row: DetailRow) -> None:
        self.keep(row)
        self.theirs.append(row)
        self._expect(K.DUPLICATE, row)

    def alter(self, row: DetailRow) -> None:
        """Alter one field, each in its turn."""
        changes = ALTERED[len(self.theirs) % len(ALTERED)]
        self.ours.append(row)
        self.theirs.append(replace(row, **changes))
        self._expect(K.AMOUNT, row)

    def _expect(self, kind: K, row: DetailRow) -> None:
        self.expected[kind, row.settlement_id, row.refund] += 1


EDITS = (
    Edited.keep,
    Edited.lose_there,
    Edited.lose_here,
    Edited.double,
    Edited.alter,
)


@st.composite
def edited(draw: st.DrawFn) -> Edited:
    """Up to eight settlements, some taken back, each of their rows edited or not."""
    case = Edited()
    for number in range(1, draw(st.integers(0, 8)) + 1):
        rows = [row(number), back(number)]
        for one in rows[: draw(st.integers(1, 2))]:
            edit = draw(st.sampled_from(EDITS))
            edit(case, one)
    case.ours = draw(st.permutations(case.ours))
    case.theirs = draw(st.permutations(case.theirs))
    return case


@settings(deadline=None)
@given(edited())
def test_edits_of_a_true_file_are_found_exactly(case: Edited) -> None:
    """What is lost, altered or doubled, on either side, is found, and nothing else."""
    found: Counter[tuple[K, str, bool]] = Counter()
    for difference in compare(case.ours, case.theirs):
        differing = difference.theirs or difference.ours
        assert differing is not None
        found[difference.kind, differing.settlement_id, differing.refund] += 1
    assert case.expected == found


def balanced(ours: Iterable[DetailRow], theirs: Iterable[DetailRow]) -> bool:
    sums = Sums()
    for reported in theirs:
        sums = sums.plus(reported)
    books = totals(Booked(mine, HEADING, UNKNOWN) for mine in ours)
    return not books.differences({HEADING: sums} if sums.count else {})


@settings(deadline=None)
@given(edited(), st.data())
def test_totals_balance_if_amounts_do(case: Edited, data: st.DataObject) -> None:
    """Totals agree if rows do; one row lost, doubled or altered unbalances them."""
    ours = case.ours
    assert balanced(ours, data.draw(st.permutations(ours)))
    if not ours:
        return
    one = data.draw(st.sampled_from(ours))
    others = [mine for mine in ours if mine != one]
    assert not balanced(ours, others)
    assert not balanced(ours, [*ours, one])
    *amounts, patient = ALTERED
    for changes in amounts:
        assert not balanced(ours, [*others, replace(one, **changes)])
    assert balanced(ours, [*others, replace(one, **patient)])


@settings(deadline=None)
@given(edited())
def test_differences_explain_the_totals(case: Edited) -> None:
    """The sum of what differs is the difference of the sums."""
    explained = 0
    for difference in compare(case.ours, case.theirs):
        if difference.theirs:
            explained += difference.theirs.total_fen
        # Ours was matched by the first of two already.
        if difference.ours and difference.kind is not K.DUPLICATE:
            explained -= difference.ours.total_fen
    ours = sum(mine.total_fen for mine in case.ours)
    theirs = sum(reported.total_fen for reported in case.theirs)
    assert theirs - ours == explained
