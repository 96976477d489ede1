"""An institution's CSV file compared with a service row by row (对明细账), and its totals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import grpc

from gongji.client.imports import Progress
from gongji.client.rows import RefusedRows, Row, sound
from gongji.rules import money
from gongji.rules.codes import Scheme, VisitKind
from gongji.rules.terms import TERMS
from gongji.text.characters import shown
from gongji.text.files import FileFaultError, TextFile
from gongji.text.tables import CsvFile, CsvRow
from gongji.v1 import settlement_pb2 as pb
from gongji.v1.settlement_pb2_grpc import SettlementServiceStub

COLUMNS: Final = [
    "settlement_id",
    "patient",
    "total_yuan",
    "fund_yuan",
    "account_yuan",
    "refund",
]
"""The header of the file.

A refund is two rows, the second with refund 1 and negative amounts.
"""

KINDS: Final = {
    pb.DIFFERENCE_KIND_MISSING_HERE: "missing_here",
    pb.DIFFERENCE_KIND_MISSING_THERE: "missing_there",
    pb.DIFFERENCE_KIND_AMOUNT: "amount",
    pb.DIFFERENCE_KIND_DUPLICATE: "duplicate",
    pb.DIFFERENCE_KIND_REVERSED_ONLY_HERE: "reversed_only_here",
    pb.DIFFERENCE_KIND_REVERSED_ONLY_THERE: "reversed_only_there",
}
"""The kinds of difference as programs read them; people read their labels."""

AGREEING: Final = "agreeing"

Line = dict[str, str | int]

InWords = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class ReconciledPeriod:
    """Whose rows of which days of settlement, both ends included."""

    institution_code: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class ComparedRows:
    """The rows sent and where they differ."""

    rows: list[pb.ReconcileRow]
    differences: list[pb.ReconcileDetailsResponse]


def read(file: TextFile) -> CsvFile:
    """Return the rows of a file. FileFaultError if its header is another."""
    table = CsvFile(file)
    if table.missing(COLUMNS) or table.unknown(COLUMNS):
        raise FileFaultError(
            f"{table.name}：表头应为 {','.join(COLUMNS)}，"
            f"得到 {','.join(map(shown, table.header))}"
        )
    return table


def sound_rows(table: Iterable[CsvRow], refused: RefusedRows) -> list[pb.ReconcileRow]:
    """Return the rows that the service takes; the others go to `refused`."""
    return [row for _, row in sound(table, COLUMNS, _row, refused)]


def _row(cells: Row) -> pb.ReconcileRow:
    # The service refuses the whole stream for one row without a name.
    for column in ("settlement_id", "patient"):
        if not cells[column]:
            raise ValueError(f"{column} 必填")
    if cells["refund"] not in {"0", "1"}:
        raise ValueError("refund 应为 0 或 1")
    return pb.ReconcileRow(
        settlement_id=cells["settlement_id"],
        patient=cells["patient"],
        total_fen=_fen(cells, "total_yuan"),
        fund_fen=_fen(cells, "fund_yuan"),
        account_fen=_fen(cells, "account_yuan"),
        refund=cells["refund"] == "1",
    )


def _fen(cells: Row, column: str) -> int:
    try:
        amount = money.fen(cells[column])
    except ValueError as fault:
        raise ValueError(f"{column} {fault}") from fault
    if abs(amount) > money.MAX_FEN:
        raise ValueError(f"{column} 至多 {money.yuan(money.MAX_FEN)} 元")
    return amount


def compare(
    channel: grpc.Channel,
    period: ReconciledPeriod,
    rows: list[pb.ReconcileRow],
    progress: Progress,
) -> ComparedRows:
    """Send all rows, return the differences. grpc.RpcError if the service refuses."""
    stub = SettlementServiceStub(channel)
    differences = stub.ReconcileDetails(_messages(period, rows, progress))
    return ComparedRows(rows, list(differences))


def _messages(
    period: ReconciledPeriod, rows: Iterable[pb.ReconcileRow], progress: Progress
) -> Iterator[pb.ReconcileDetailsRequest]:
    header = pb.ReconcileHeader(
        institution_code=period.institution_code,
        from_day=str(period.first),
        to_day=str(period.last),
    )
    yield pb.ReconcileDetailsRequest(header=header)
    for row in rows:
        progress()
        yield pb.ReconcileDetailsRequest(row=row)


BOOKED_COLUMNS: Final = (
    "day",
    "scheme",
    "visit_kind",
    "count",
    "ours_total",
    "ours_fund",
    "ours_account",
)


def booked(
    channel: grpc.Channel, period: ReconciledPeriod, *, standing_only: bool = False
) -> list[pb.Total]:
    """Return the service's totals of a period by day, scheme and kind of visit.

    Settlements less reversals, each on its own day; with `standing_only` what stands
    now (refd_setl_flag 0). grpc.RpcError if the service refuses.
    """
    request = pb.ReconcileTotalsRequest(
        institution_code=period.institution_code,
        from_day=str(period.first),
        to_day=str(period.last),
        standing_only=standing_only,
    )
    # Without any totals of theirs, each of ours that is not 0 differs.
    reply = SettlementServiceStub(channel).ReconcileTotals(request)
    return [difference.ours for difference in reply.differences]


def booked_lines(totals: Iterable[pb.Total], *, coded: bool = False) -> Iterator[Line]:
    """Return one line a total, amounts in yuan; scheme and kind as words, or as codes."""
    for total in totals:
        scheme, kind = Scheme(total.scheme), VisitKind(total.visit_kind)
        yield {
            "day": total.day,
            "scheme": int(scheme) if coded else TERMS[Scheme][scheme],
            "visit_kind": int(kind) if coded else TERMS[VisitKind][kind],
            "count": total.count,
            "ours_total": money.yuan(total.total_fen),
            "ours_fund": money.yuan(total.fund_fen),
            "ours_account": money.yuan(total.account_fen),
        }


TOTAL_COLUMNS: Final = ("kind", "rows", "ours_total", "theirs_total")


def totals(compared: ComparedRows, in_words: InWords = str) -> Iterator[Line]:
    """Return rows and sums by kind of difference, those that agree first.

    Together they are the whole of either side's books.
    """
    differences = compared.differences
    differing = [d.theirs for d in differences if d.HasField("theirs")]
    agreed = len(compared.rows) - len(differing)
    agreed_fen = _sum_fen(compared.rows) - _sum_fen(differing)
    yield _total(in_words(AGREEING), agreed, agreed_fen, agreed_fen)
    for kind, name in KINDS.items():
        same_kind = [
            difference for difference in differences if difference.kind == kind
        ]
        if not same_kind:
            continue
        # A side without a row has an empty one, of 0 fen.
        ours_fen = _sum_fen(difference.ours for difference in same_kind)
        theirs_fen = _sum_fen(difference.theirs for difference in same_kind)
        # A duplicate's row of ours was compared with the first copy already.
        if kind == pb.DIFFERENCE_KIND_DUPLICATE:
            ours_fen = 0
        yield _total(in_words(name), len(same_kind), ours_fen, theirs_fen)


def _sum_fen(rows: Iterable[pb.ReconcileRow]) -> int:
    return sum(row.total_fen for row in rows)


def refused_total(in_words: InWords, rows: int) -> Line:
    """Return the line of the rows that could not be read, and so were not compared."""
    return {
        "kind": in_words("refused"),
        "rows": rows,
        "ours_total": "",
        "theirs_total": "",
    }


def _total(name: str, rows: int, ours_fen: int, theirs_fen: int) -> Line:
    return {
        "kind": name,
        "rows": rows,
        "ours_total": money.yuan(ours_fen),
        "theirs_total": money.yuan(theirs_fen),
    }


_AMOUNTS: Final = ("total", "fund", "account")

DIFFERENCE_COLUMNS: Final = (
    "kind",
    "settlement_id",
    "refund",
    *(
        f"{side}_{name}"
        for name in ("patient", *_AMOUNTS)
        for side in ("ours", "theirs")
    ),
    "settle_request_id",
)


def lines(compared: ComparedRows, in_words: InWords = str) -> Iterator[Line]:
    """Return one line a difference, amounts in yuan; a side without a row is empty."""
    for difference in compared.differences:
        ours = difference.ours if difference.HasField("ours") else None
        theirs = difference.theirs if difference.HasField("theirs") else None
        refund = difference.ours.refund or difference.theirs.refund
        yield {
            "kind": in_words(KINDS[difference.kind]),
            "settlement_id": difference.settlement_id,
            "refund": int(refund),
            **_side("ours", ours),
            **_side("theirs", theirs),
            "settle_request_id": difference.settle_request_id,
        }


def _side(side: str, row: pb.ReconcileRow | None) -> Line:
    cells: Line = {f"{side}_patient": row.patient if row else ""}
    for name in _AMOUNTS:
        amount = money.yuan(getattr(row, f"{name}_fen")) if row else ""
        cells[f"{side}_{name}"] = amount
    return cells
