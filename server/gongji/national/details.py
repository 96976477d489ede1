"""3202 对明细账 and ReconcileDetails: the file of rows, and the file of differences.

Cells are separated by TAB, an empty one is `null`. One row in, one row out: files of
any length pass through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from gongji.national.envelope import Shape
from gongji.national.fields import NOTHING, UnmappedNode, read, write
from gongji.national.forms import NationalFault, amount
from gongji.national.heads import envelope
from gongji.national.tables import DETAILS_INPUT, DIFFERENCE_COLUMNS, ROW
from gongji.v1 import settlement_pb2 as pb

NULL: Final = "null"

COLUMNS: Final = tuple(entry.name for entry in ROW)

DETAILS: Final = Shape(
    infno="3202",
    proto=pb.ReconcileDetailsRequest,
    envelope=envelope(fixmedins_code="header.institution_code"),
    fields=DETAILS_INPUT,
)
"""The message; its rows travel as a file."""

MEMOS: Final = {
    pb.DIFFERENCE_KIND_MISSING_HERE: "中心无此结算",
    pb.DIFFERENCE_KIND_MISSING_THERE: "机构未上传此结算",
    pb.DIFFERENCE_KIND_AMOUNT: "双方金额或人员不一致",
    pb.DIFFERENCE_KIND_DUPLICATE: "机构重复上传",
    pb.DIFFERENCE_KIND_REVERSED_ONLY_HERE: "仅中心已撤销",
    pb.DIFFERENCE_KIND_REVERSED_ONLY_THERE: "仅机构已撤销",
}


def rows_from(lines: Iterable[str]) -> Iterator[tuple[pb.ReconcileRow, UnmappedNode]]:
    """Yield the rows of the file, each with what ours does not say (mdtrt_id).

    NationalFault names row and column.
    """
    for number, line in enumerate(lines, start=1):
        # Only the line's end goes: a blank or TAB before it is a cell's.
        cells = line.rstrip("\r\n").split("\t")
        if len(cells) != len(COLUMNS):
            names = "、".join(COLUMNS)
            raise NationalFault(
                f"第 {number} 行有 {len(cells)} 列，应为 {len(COLUMNS)} 列：{names}"
            )
        row = pb.ReconcileRow()
        node = {
            name: None if cell == NULL else cell
            for name, cell in zip(COLUMNS, cells, strict=True)
        }
        yield row, read(node, ROW, row, f"第 {number} 行 ")


def line_of(row: pb.ReconcileRow, unmapped: UnmappedNode = NOTHING) -> str:
    """Return a row as a line of the file, without its end."""
    unknown = UnmappedNode(
        {"mdtrt_id": None, **unmapped.fields}, unmapped.spellings, unmapped.absent
    )
    return _line(write(row, ROW, unknown)[name] for name in COLUMNS)


def difference_line(
    difference: pb.ReconcileDetailsResponse, *, mdtrt_id: str = ""
) -> str:
    """Return a difference as a line of the answering file.

    It shows the centre's row if it has one, else the institution's. mdtrt_id comes from the
    institution's own rows; msgid, for use as omsgid, is that of our settlement.
    """
    row = difference.ours if difference.HasField("ours") else difference.theirs
    cells = {
        "psn_no": row.patient,
        "mdtrt_id": mdtrt_id,
        "setl_id": difference.settlement_id,
        "msgid": difference.msgid,
        "stmt_rslt": "1",
        "refd_setl_flag": "1" if row.refund else "0",
        "memo": MEMOS[difference.kind],
        "medfee_sumamt": amount(row.total_fen),
        "fund_pay_sumamt": amount(row.fund_fen),
        "acct_pay": amount(row.account_fen),
    }
    return _line(cells[name] or None for name in DIFFERENCE_COLUMNS)


def _line(cells: Iterable[Any]) -> str:
    texts = [NULL if cell is None else str(cell) for cell in cells]
    # The file has no way to quote them: the row would become another.
    if any("\t" in text or "\n" in text for text in texts):
        raise NationalFault("明细的取值不得含有制表符或换行")
    return "\t".join(texts)
