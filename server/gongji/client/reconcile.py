"""A CSV file of an institution's rows, compared with a running service row by row (对明细账)."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import grpc

from gongji.client.imports import FileFaultError, Progress, Row
from gongji.rules import money
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
"""The header of the file; a refund is two rows, the reverse one with refund 1 and
negative amounts."""

KINDS: Final = {
    pb.DIFFERENCE_KIND_MISSING_HERE: "missing_here",
    pb.DIFFERENCE_KIND_MISSING_THERE: "missing_there",
    pb.DIFFERENCE_KIND_AMOUNT: "amount",
    pb.DIFFERENCE_KIND_DUPLICATE: "duplicate",
    pb.DIFFERENCE_KIND_REVERSED_ONLY_HERE: "reversed_only_here",
    pb.DIFFERENCE_KIND_REVERSED_ONLY_THERE: "reversed_only_there",
}
"""The kinds of difference as a program calls them; people read their labels."""

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
class Compared:
    """The rows sent and where they differ."""

    rows: list[pb.ReconcileRow]
    differences: list[pb.ReconcileDetailsResponse]


def read(path: Path) -> list[pb.ReconcileRow]:
    """All rows of a file. FileFaultError names the first that cannot be read."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if (header := list(reader.fieldnames or [])) != COLUMNS:
            raise FileFaultError(
                f"{path.name}: 表头应为 {','.join(COLUMNS)}, 得到 {','.join(header) or '(空)'}"
            )
        return [_read_row(number, row) for number, row in enumerate(reader, start=1)]


def _read_row(number: int, row: Row) -> pb.ReconcileRow:
    try:
        return _row(row)
    except ValueError as fault:
        raise FileFaultError(f"第 {number} 行: {fault}") from fault


def _row(row: Row) -> pb.ReconcileRow:
    if None in row or None in row.values():
        raise ValueError(f"应有 {len(COLUMNS)} 列")
    if row["refund"] not in {"0", "1"}:
        raise ValueError(f"refund 应为 0 或 1, 得到 {row['refund']!r}")
    return pb.ReconcileRow(
        settlement_id=row["settlement_id"],
        patient=row["patient"],
        total_fen=money.fen(row["total_yuan"]),
        fund_fen=money.fen(row["fund_yuan"]),
        account_fen=money.fen(row["account_yuan"]),
        refund=row["refund"] == "1",
    )


def compare(
    channel: grpc.Channel,
    period: ReconciledPeriod,
    rows: list[pb.ReconcileRow],
    progress: Progress,
) -> Compared:
    """Sends all rows and gathers what differs. grpc.RpcError where the service refuses."""
    replies = SettlementServiceStub(channel).ReconcileDetails(
        _messages(period, rows, progress)
    )
    return Compared(rows, list(replies))


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


TOTAL_COLUMNS: Final = ("kind", "rows", "ours_total", "theirs_total")


def totals(compared: Compared, in_words: InWords = str) -> Iterator[Line]:
    """Rows and sums by kind of difference, those that agree first: together the whole
    of either side's books."""
    agreeing = len(compared.rows) - sum(
        found.HasField("theirs") for found in compared.differences
    )
    differing = sum(found.theirs.total_fen for found in compared.differences)
    same = sum(row.total_fen for row in compared.rows) - differing
    yield _total(in_words(AGREEING), agreeing, same, same)
    for kind, name in KINDS.items():
        if found := [f for f in compared.differences if f.kind == kind]:
            # A duplicate's row of ours was compared with the first copy already.
            ours = (
                0
                if kind == pb.DIFFERENCE_KIND_DUPLICATE
                else sum(f.ours.total_fen for f in found)
            )
            yield _total(
                in_words(name), len(found), ours, sum(f.theirs.total_fen for f in found)
            )


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
        f"{side}_{what}"
        for what in ("patient", *_AMOUNTS)
        for side in ("ours", "theirs")
    ),
    "settle_request_id",
)


def lines(compared: Compared, in_words: InWords = str) -> Iterator[Line]:
    """One line a difference, amounts in yuan; a side that has no row is empty."""
    for found in compared.differences:
        refund = found.ours.refund or found.theirs.refund
        yield {
            "kind": in_words(KINDS[found.kind]),
            "settlement_id": found.settlement_id,
            "refund": int(refund),
            **_side("ours", found.ours if found.HasField("ours") else None),
            **_side("theirs", found.theirs if found.HasField("theirs") else None),
            "settle_request_id": found.settle_request_id,
        }


def _side(name: str, row: pb.ReconcileRow | None) -> Line:
    amounts = {
        what: money.yuan(getattr(row, f"{what}_fen")) if row else ""
        for what in _AMOUNTS
    }
    return {
        f"{name}_patient": row.patient if row else "",
        **{f"{name}_{what}": a for what, a in amounts.items()},
    }
