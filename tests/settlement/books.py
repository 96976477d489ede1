"""Books of one institution, ours and theirs, for the tests of reconciliation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from gongji.model.decided import DecidedBy
from gongji.model.settlement import Bill, Settlement
from gongji.rules.codes import SHANGHAI, AccountUse, Scheme, VisitKind
from gongji.settlement.reconcile import (
    Booked,
    Comparison,
    DetailRow,
    Difference,
    DifferenceKind,
    Heading,
    Origin,
    Totals,
)
from msgspec.structs import replace

MONDAY, TUESDAY = date(2025, 9, 29), date(2025, 9, 30)
HEADING = Heading(MONDAY, Scheme.EMPLOYEE, VisitKind.OUTPATIENT)
K = DifferenceKind
R1 = Origin("r1", "m1", "P1")


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
        request_key=f"r{number}",
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
    return Booked(mine, HEADING, Origin(f"r{number}", f"m{number}", mine.patient))


def compare(ours: Iterable[DetailRow], theirs: Iterable[DetailRow]) -> list[Difference]:
    comparison = Comparison()
    for mine in ours:
        comparison.expect(booked(mine))
    judged = [comparison.judge(reported) for reported in theirs]
    differences = [difference for difference in judged if difference is not None]
    return [*differences, *comparison.unreported()]


def totals(rows: Iterable[Booked]) -> Totals:
    ours = Totals()
    for booked in rows:
        ours.add(booked)
    return ours
