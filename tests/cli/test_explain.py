"""`gongji explain`: who pays what under which clause, and the packet as file and sheet."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pypdfium2 as pdfium
from gongji.client.connection import connect
from gongji.v1 import settlement_pb2, settlement_pb2_grpc

from tests.cli.command import StartSandbox, gongji
from tests.cli.test_recompute import Settled, settled

__all__ = ["settled"]


def test_lines_with_their_clauses(settled: Settled) -> None:
    """Each payer has a row with its amount, its clauses and a sentence."""
    address, done = settled
    result = gongji("explain", done.settlement_id, "--target", address)
    assert 0 == result.exit_code
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert ["付款方", "账户"] == rows[1][:2]
    fund = next(row for row in rows if row[0] == "统筹基金")
    assert f"{done.fund_fen / 100:.2f}" == fund[2]
    assert fund[3]


def test_file_and_sheet(settled: Settled, tmp_path: Path) -> None:
    """The file is JSON that names its format; the sheet names the file by its hash."""
    address, done = settled
    file, sheet = tmp_path / "packet.json", tmp_path / "packet.pdf"
    result = gongji(
        *("explain", done.settlement_id, "--target", address),
        *("--packet", str(file), "--pdf", str(sheet)),
    )
    assert 0 == result.exit_code
    content = json.loads(file.read_text("utf-8"))
    assert "gongji-packet/1" == content["format"]
    flat = text_of(sheet)
    assert done.settlement_id in flat
    assert content["rules"][0]["digest"] in flat


def test_a_reversal_is_on_the_sheet(settled: Settled, tmp_path: Path) -> None:
    """Of a reversed settlement the sheet tells both rows of the log, when and why."""
    address, done = settled
    with connect(address) as channel:
        request = settlement_pb2.ReverseRequest(
            request_id=str(uuid.uuid4()),
            settlement_id=done.settlement_id,
            why="重复收费",
        )
        settlement_pb2_grpc.SettlementServiceStub(channel).Reverse(request)
    sheet = tmp_path / "packet.pdf"
    gongji("explain", done.settlement_id, "--target", address, "--pdf", str(sheet))
    flat = text_of(sheet)
    assert "重复收费" in flat
    for state in ("作出", "撤销"):
        assert f"{done.settlement_id}{state}" in flat


def text_of(sheet: Path) -> str:
    """What is printed, without spaces and breaks."""
    pages = pdfium.PdfDocument(sheet)
    text = "".join(page.get_textpage().get_text_range() for page in pages)
    return "".join(text.split())


def test_nothing_is_written_of_what_is_not_there(
    serving: StartSandbox, tmp_path: Path
) -> None:
    """Of a settlement nobody made there is a sentence and no file."""
    file = tmp_path / "packet.json"
    result = gongji("explain", "S1", "--packet", str(file), "--target", serving())
    assert (1, False) == (result.exit_code, file.exists())
    assert "没有编号为 S1 的结算" in result.stderr
