"""Comparing an institution's books with ours (对账): totals by day, scheme and kind,
then rows in one pass.

A settlement is a forward row on its day of settlement, by setl_time; taken back, on
whatever day, it is a reverse row of negative amounts on the day of reversal besides (a
refund is two rows). So a total is what was settled less what was reversed (I9), and
rows, once there, never change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from typing import NamedTuple

from gongji.model.settlement import Settlement
from gongji.rules.codes import SHANGHAI, Scheme, VisitKind


@dataclass(frozen=True, slots=True)
class DetailRow:
    """One row of either side's books (3202); amounts in fen, negative in a reverse row
    (refd_setl_flag)."""

    settlement_id: str
    patient: str
    total_fen: int
    fund_fen: int
    account_fen: int
    refund: bool


@dataclass(frozen=True, slots=True, order=True)
class Heading:
    """What a total is of: Shanghai day, scheme (insutype), kind of visit (med_type)."""

    day: date
    scheme: Scheme
    visit_kind: VisitKind


class Origin(NamedTuple):
    """What made a settlement of ours: the request, and the sender's message (msgid);
    empty where we know of none."""

    request_id: str = ""
    msgid: str = ""


UNKNOWN = Origin()
"""Where we know of no settlement."""


@dataclass(frozen=True, slots=True)
class Booked:
    """One row of our books: under which heading it counts, and what made its settlement."""

    row: DetailRow
    heading: Heading
    origin: Origin


@dataclass(frozen=True, slots=True)
class Sums:
    """A total (3201): rows of both directions counted, amounts in fen."""

    count: int = 0
    total_fen: int = 0
    fund_fen: int = 0
    account_fen: int = 0

    def plus(self, row: DetailRow) -> Sums:
        """With one more row."""
        return Sums(
            self.count + 1,
            self.total_fen + row.total_fen,
            self.fund_fen + row.fund_fen,
            self.account_fen + row.account_fen,
        )


NOTHING = Sums()


@dataclass(frozen=True, slots=True)
class TotalDifference:
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


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that differs, and what made our settlement."""

    kind: DifferenceKind
    ours: DetailRow | None
    theirs: DetailRow | None
    origin: Origin = UNKNOWN


def forward(settlement: Settlement) -> Booked:
    """The row of a settlement on its day of settlement. ValueError for a quote."""
    return _booked(settlement, settlement.settled_at, 1)


def reverse(settlement: Settlement) -> Booked:
    """The row of a reversal on the day of reversal. ValueError for a settlement that stands."""
    return _booked(settlement, settlement.reversed_at, -1)


def _origin(settlement: Settlement) -> Origin:
    return Origin(settlement.request_id, settlement.bill.msgid)


def _booked(settlement: Settlement, at: datetime | None, sign: int) -> Booked:
    if at is None:
        raise ValueError(f"settlement {settlement.settlement_id!r} has no such row")
    bill = settlement.bill
    row = DetailRow(
        settlement_id=settlement.settlement_id,
        patient=bill.patient,
        total_fen=sign * bill.total_fen,
        fund_fen=sign * settlement.fund_fen,
        account_fen=sign * settlement.account_fen,
        refund=sign < 0,
    )
    heading = Heading(
        at.astimezone(SHANGHAI).date(), settlement.scheme, bill.visit_kind
    )
    return Booked(row, heading, _origin(settlement))


class Totals:
    """Our totals, built from rows in any order; memory holds one sum a heading."""

    def __init__(self) -> None:
        self._sums: dict[Heading, Sums] = {}

    def add(self, booked: Booked) -> None:
        """Counts one row."""
        self._sums[booked.heading] = self._sums.get(booked.heading, NOTHING).plus(
            booked.row
        )

    def differences(self, theirs: Mapping[Heading, Sums]) -> list[TotalDifference]:
        """The headings that differ, in order; one that a side leaves out counts as nothing."""
        return [
            TotalDifference(heading, mine, other)
            for heading in sorted(self._sums.keys() | theirs.keys())
            if (mine := self._sums.get(heading, NOTHING))
            != (other := theirs.get(heading, NOTHING))
        ]


class Comparison:
    """Rows compared in one pass: ours first (`expect`), theirs in any order (`judge`),
    what remains last (`rest`).

    Memory holds our rows of the period and nothing of theirs: a row we lack is missing
    here each time it is sent.
    """

    def __init__(self) -> None:
        self._ours: dict[tuple[str, bool], tuple[DetailRow, Origin]] = {}
        self._seen: set[tuple[str, bool]] = set()

    def expect(self, booked: Booked) -> None:
        """Takes one of our rows."""
        self._ours[booked.row.settlement_id, booked.row.refund] = (
            booked.row,
            booked.origin,
        )

    def judge(self, theirs: DetailRow) -> Difference | None:
        """How one of their rows differs; None where it agrees. The second of one key is
        a duplicate, whatever it says.

        Their reverse row of a settlement we know, and have not taken back in the
        period, is reversed only there.
        """
        key = (theirs.settlement_id, theirs.refund)
        if key not in self._ours:
            return self._unknown(theirs)
        ours, origin = self._ours[key]
        if key in self._seen:
            return Difference(DifferenceKind.DUPLICATE, ours, theirs, origin)
        self._seen.add(key)
        return (
            None
            if ours == theirs
            else Difference(DifferenceKind.AMOUNT, ours, theirs, origin)
        )

    def _unknown(self, theirs: DetailRow) -> Difference:
        settled = (theirs.settlement_id, False)
        if theirs.refund and settled in self._ours:
            _, origin = self._ours[settled]
            return Difference(DifferenceKind.REVERSED_ONLY_THERE, None, theirs, origin)
        return Difference(DifferenceKind.MISSING_HERE, None, theirs)

    def rest(self) -> Iterator[Difference]:
        """Our rows they did not send: missing there, or a reversal they do not know.

        A reversal whose forward row they lack too is missing like it; one whose
        settlement lies before the period is reversed only here.
        """
        for key, (ours, origin) in self._ours.items():
            if key not in self._seen:
                yield Difference(self._lacking(ours), ours, None, origin)

    def _lacking(self, row: DetailRow) -> DifferenceKind:
        settled = (row.settlement_id, False)
        if row.refund and (settled in self._seen or settled not in self._ours):
            return DifferenceKind.REVERSED_ONLY_HERE
        return DifferenceKind.MISSING_THERE


def settled_before(missing: Difference, settlement: Settlement) -> Difference:
    """Their reverse row that we lack, judged again: its settlement is ours, outside the
    period compared."""
    return Difference(
        DifferenceKind.REVERSED_ONLY_THERE, None, missing.theirs, _origin(settlement)
    )
