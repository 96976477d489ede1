"""Compare an institution's books with ours (对账): totals by day, scheme and kind, or rows.

A settlement is a forward row on its day of settlement, by setl_time; taken back, on
whatever day, it is a reverse row of negative amounts on the day of reversal besides (a
refund is two rows). So a total is what was settled less what was reversed (I9), and
rows, once there, never change. Totals of what stands (refd_setl_flag 0) count forward
rows alone, of settlements not taken back by the time they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import IntEnum
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from gongji.model.settlement import Settlement
from gongji.rules.codes import SHANGHAI, Scheme, VisitKind

RowKey: TypeAlias = tuple[str, bool]
"""Settlement, and whether the row is its refund."""


class DetailRow(Struct, frozen=True):
    """One row of either side's books (3202).

    Amounts are fen, negative in a reverse row (refd_setl_flag).
    """

    settlement_id: str
    patient: str
    total_fen: int
    fund_fen: int
    account_fen: int
    refund: bool

    @property
    def key(self) -> RowKey:
        """Return what tells it from the other rows of its side."""
        return self.settlement_id, self.refund


class Heading(Struct, frozen=True, order=True):
    """What a total is of: Shanghai day, scheme (insutype), kind of visit (med_type)."""

    day: date
    scheme: Scheme
    visit_kind: VisitKind


class Origin(NamedTuple):
    """What made a settlement of ours: the request, by key, the sender's message (msgid), and
    whose bill it was.
    """

    request_key: str = ""
    msgid: str = ""
    patient: str = ""


UNKNOWN = Origin()
"""The origin of a row that is no settlement of ours."""


class Booked(Struct, frozen=True):
    """One row of our books: the heading it counts under, and what made its settlement."""

    row: DetailRow
    heading: Heading
    origin: Origin

    def differs(self, kind: DifferenceKind, theirs: DetailRow | None) -> Difference:
        """Return how the row differs from theirs, None if they have none."""
        return Difference(kind, self.row, theirs, self.origin)


class Sums(Struct, frozen=True):
    """A total (3201): rows of both directions counted, amounts in fen."""

    count: int = 0
    total_fen: int = 0
    fund_fen: int = 0
    account_fen: int = 0

    def plus(self, row: DetailRow) -> Sums:
        """Return the total with one more row."""
        return Sums(
            self.count + 1,
            self.total_fen + row.total_fen,
            self.fund_fen + row.fund_fen,
            self.account_fen + row.account_fen,
        )


NOTHING = Sums()


class TotalDifference(Struct, frozen=True):
    """A heading under which the totals differ."""

    heading: Heading
    ours: Sums
    theirs: Sums


class DifferenceKind(IntEnum):
    """How a row differs, within the period compared; numbers as on the wire."""

    MISSING_HERE = 1
    MISSING_THERE = 2
    AMOUNT = 3
    DUPLICATE = 4
    REVERSED_ONLY_HERE = 5
    REVERSED_ONLY_THERE = 6


class Difference(Struct, frozen=True):
    """One row that differs, and what made our settlement."""

    kind: DifferenceKind
    ours: DetailRow | None
    theirs: DetailRow | None
    origin: Origin = UNKNOWN


def forward(settlement: Settlement) -> Booked:
    """Return the row on the day of settlement. ValueError for a quote."""
    return _booked(settlement, settlement.settled_at, 1)


def reverse(settlement: Settlement) -> Booked:
    """Return the row on the day of reversal. ValueError if the settlement stands."""
    return _booked(settlement, settlement.reversed_at, -1)


def _booked(settlement: Settlement, at: datetime | None, sign: int) -> Booked:
    if at is None:
        raise ValueError(f"settlement {settlement.settlement_id!r} has no such row")
    bill = settlement.bill
    row = DetailRow(
        settlement_id=settlement.settlement_id,
        patient=bill.patient,
        total_fen=sign * bill.total_fen,
        fund_fen=sign * settlement.funds_fen,
        account_fen=sign * settlement.account_fen,
        refund=sign < 0,
    )
    day = at.astimezone(SHANGHAI).date()
    heading = Heading(day, settlement.scheme, bill.visit_kind)
    return Booked(row, heading, _origin(settlement))


def _origin(settlement: Settlement) -> Origin:
    bill = settlement.bill
    return Origin(settlement.request_key, bill.msgid, bill.patient)


class Totals:
    """Our totals, built from rows in any order; memory holds one sum a heading."""

    def __init__(self) -> None:
        self._sums: dict[Heading, Sums] = {}

    def add(self, booked: Booked) -> None:
        """Count one row."""
        heading = booked.heading
        before = self._sums.get(heading, NOTHING)
        self._sums[heading] = before.plus(booked.row)

    def differences(self, reported: Mapping[Heading, Sums]) -> list[TotalDifference]:
        """Return the headings that differ from the institution's totals, in order.

        A heading that either side leaves out counts as nothing.
        """
        headings = sorted(self._sums.keys() | reported.keys())
        compared = [
            TotalDifference(
                heading,
                ours=self._sums.get(heading, NOTHING),
                theirs=reported.get(heading, NOTHING),
            )
            for heading in headings
        ]
        return [c for c in compared if c.ours != c.theirs]


class Comparison:
    """Compares rows in one pass: `expect` ours, `judge` theirs, then the `unreported`.

    Memory holds our rows of the period and nothing of theirs: a row that we lack is
    missing here each time it is sent.
    """

    def __init__(self) -> None:
        self._booked: dict[RowKey, Booked] = {}
        self._reported: set[RowKey] = set()

    def expect(self, booked: Booked) -> None:
        """Take one of our rows."""
        self._booked[booked.row.key] = booked

    def judge(self, row: DetailRow) -> Difference | None:
        """Return how a row of theirs differs, None if it agrees.

        A reverse row of a settlement that we know, and have not taken back in the
        period, is reversed only there.
        """
        key = row.key
        booked = self._booked.get(key)
        if booked is None:
            return self._unbooked(row)
        # The second row of one key is a duplicate, whatever it says.
        if key in self._reported:
            return booked.differs(DifferenceKind.DUPLICATE, row)
        self._reported.add(key)
        if booked.row == row:
            return None
        return booked.differs(DifferenceKind.AMOUNT, row)

    def unreported(self) -> Iterator[Difference]:
        """Return our rows they did not send: missing there, or reversed only here."""
        for key, booked in self._booked.items():
            if key not in self._reported:
                yield booked.differs(self._kind_of_unreported(booked.row), None)

    def _unbooked(self, row: DetailRow) -> Difference:
        settled = self._booked.get((row.settlement_id, False))
        if row.refund and settled is not None:
            return _reversed_only_there(row, settled.origin)
        return Difference(DifferenceKind.MISSING_HERE, None, row)

    def _kind_of_unreported(self, row: DetailRow) -> DifferenceKind:
        # A reversal is missing like its forward row if they lack that too. One whose
        # settlement lies before the period is reversed only here.
        settled = (row.settlement_id, False)
        both_missing = settled in self._booked and settled not in self._reported
        if row.refund and not both_missing:
            return DifferenceKind.REVERSED_ONLY_HERE
        return DifferenceKind.MISSING_THERE


def settled_before(missing: Difference, settlement: Settlement) -> Difference:
    """Return the difference anew for a settlement of ours from outside the period.

    `missing` is a reverse row of theirs that we lack.
    """
    return _reversed_only_there(missing.theirs, _origin(settlement))


def _reversed_only_there(row: DetailRow | None, origin: Origin) -> Difference:
    return Difference(
        kind=DifferenceKind.REVERSED_ONLY_THERE,
        ours=None,
        theirs=row,
        origin=origin,
    )
