"""Laws of reconciliation over files drawn by hypothesis: rows, totals, and both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from gongji.settlement.reconcile import UNKNOWN, Booked, DetailRow, Sums
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.settlement.books import HEADING, K, back, compare, row, totals

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
