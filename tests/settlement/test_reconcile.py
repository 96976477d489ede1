"""Laws of reconciliation: settled minus reversed by day, and every row judged once, in
whatever order it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

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


def compare(ours: Iterable[DetailRow], theirs: Iterable[DetailRow]) -> list[Difference]:
    comparison = Comparison()
    for mine in ours:
        comparison.expect(
            Booked(
                mine,
                HEADING,
                Origin(f"r{mine.settlement_id[1:]}", f"m{mine.settlement_id[1:]}"),
            )
        )
    judged = [
        found for other in theirs if (found := comparison.judge(other)) is not None
    ]
    return [*judged, *comparison.unreported()]


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
    "booked", [lambda: reverse(settled()), lambda: forward(settled(settled_at=None))]
)
def test_what_has_no_instant_has_no_row(booked: object) -> None:
    """A settlement that stands has no reverse row, a quote none at all."""
    with pytest.raises(ValueError, match="no such row"):
        booked()  # type: ignore[operator]  # one of the two above


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
    told = {d.heading.day: d.ours for d in ours.differences({})}
    assert {
        MONDAY: Sums(3, 100_00, 50_00, 45_00),
        TUESDAY: Sums(1, -100_00, -50_00, -45_00),
    } == told


def test_totals_differ_by_heading() -> None:
    """Day, scheme and kind each make a total of their own; those that agree are not
    told, nothing equals left out."""
    resident = replace(HEADING, scheme=Scheme.RESIDENT)
    emergency = replace(HEADING, visit_kind=VisitKind.EMERGENCY)
    ours = totals(
        [
            Booked(row(n), h, UNKNOWN)
            for n, h in enumerate((HEADING, resident, emergency))
        ]
    )
    one = Sums(1, 100_00, 50_00, 45_00)
    less = replace(one, account_fen=0)
    tuesday = replace(HEADING, day=TUESDAY)
    told = ours.differences(
        {
            HEADING: one,
            resident: less,
            tuesday: one,
            replace(tuesday, scheme=390): Sums(),
        }
    )
    expected = [
        TotalDifference(emergency, one, Sums()),
        TotalDifference(resident, one, less),
        TotalDifference(tuesday, Sums(), one),
    ]
    assert expected == told


@dataclass(frozen=True)
class Edited:
    """A true file with edits: our books, theirs, and what must be found."""

    ours: list[DetailRow]
    theirs: list[DetailRow]
    expected: Counter[tuple[K, str, bool]]


ALTERED = {"total_fen": 7, "fund_fen": 7, "account_fen": 7, "patient": "P0"}


@st.composite
def edited(draw: st.DrawFn) -> Edited:
    """Up to eight settlements, some taken back; each of their rows kept, lost, altered
    or doubled, or unknown here."""
    ours: list[DetailRow] = []
    theirs: list[DetailRow] = []
    expected: Counter[tuple[K, str, bool]] = Counter()
    for number in range(1, draw(st.integers(0, 8)) + 1):
        there = {False: True, True: True}
        for mine in [row(number), back(number)][: draw(st.integers(1, 2))]:
            key, settled_id = mine.refund, mine.settlement_id
            match edit := draw(
                st.sampled_from(
                    ["none", "lost there", "lost here", "altered", "doubled"]
                )
            ):
                case "lost there":
                    there[key] = False
                    kind = (
                        K.REVERSED_ONLY_HERE
                        if key and (there[False] or row(number) not in ours)
                        else K.MISSING_THERE
                    )
                    expected[kind, settled_id, key] += 1
                case "lost here":
                    kind = (
                        K.REVERSED_ONLY_THERE
                        if key and row(number) in ours
                        else K.MISSING_HERE
                    )
                    expected[kind, settled_id, key] += 1
                case "altered":
                    expected[K.AMOUNT, settled_id, key] += 1
                case "doubled":
                    expected[K.DUPLICATE, settled_id, key] += 1
            if edit != "lost here":
                ours.append(mine)
            field = draw(st.sampled_from(list(ALTERED)))
            alteration: dict[str, Any] = {field: ALTERED[field]}
            other = replace(mine, **alteration) if edit == "altered" else mine
            theirs += {"lost there": [], "doubled": [other, other]}.get(edit, [other])
    return Edited(draw(st.permutations(ours)), draw(st.permutations(theirs)), expected)


@settings(deadline=None)
@given(edited())
def test_edits_of_a_true_file_are_found_exactly(case: Edited) -> None:
    """Whatever is lost, altered or doubled, on either side and in any order, is told,
    and nothing else."""
    found = compare(case.ours, case.theirs)
    told = [(f.kind, f.theirs or f.ours) for f in found]
    assert case.expected == Counter(
        (kind, r.settlement_id, r.refund) for kind, r in told if r
    )


def balanced(ours: Iterable[DetailRow], theirs: Iterable[DetailRow]) -> bool:
    sums = Sums()
    for other in theirs:
        sums = sums.plus(other)
    return not totals(Booked(mine, HEADING, UNKNOWN) for mine in ours).differences(
        {HEADING: sums} if sums.count else {}
    )


@settings(deadline=None)
@given(edited(), st.data())
def test_totals_balance_where_amounts_do(case: Edited, data: st.DataObject) -> None:
    """Rows that agree make totals that agree; one row lost, doubled or with another
    amount unbalances them."""
    ours = case.ours
    assert balanced(ours, data.draw(st.permutations(ours)))
    if not ours:
        return
    one = data.draw(st.sampled_from(ours))
    others = [mine for mine in ours if mine != one]
    field = data.draw(st.sampled_from(["total_fen", "fund_fen", "account_fen"]))
    assert not balanced(ours, others)
    assert not balanced(ours, [*ours, one])
    altered: dict[str, Any] = {field: 7}
    assert not balanced(ours, [*others, replace(one, **altered)])
    assert balanced(ours, [*others, replace(one, patient="P0")])


@settings(deadline=None)
@given(edited())
def test_differences_explain_the_totals(case: Edited) -> None:
    """The sum of what differs is the difference of the sums, so nothing that differs
    goes untold."""
    found = compare(case.ours, case.theirs)
    explained = sum((f.theirs.total_fen if f.theirs else 0) for f in found) - sum(
        (f.ours.total_fen if f.ours and f.kind is not K.DUPLICATE else 0) for f in found
    )
    books = sum(r.total_fen for r in case.theirs) - sum(r.total_fen for r in case.ours)
    assert books == explained
