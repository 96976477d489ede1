"""`gongji reconcile`: an institution's file against a running service."""

from __future__ import annotations

import uuid
from datetime import datetime
from operator import itemgetter
from pathlib import Path

import grpc
import pytest
from click.testing import Result
from gongji.client import reconcile
from gongji.client.connection import connect
from gongji.rules import money
from gongji.rules.codes import SHANGHAI
from gongji.v1 import (
    sandbox_pb2,
    sandbox_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
    types_pb2,
)
from google.protobuf.timestamp_pb2 import Timestamp

from tests.cli.command import StartSandbox, gongji, tables

HEADER = ",".join(reconcile.COLUMNS)
HOSPITAL, DAY = "H34110000001", "2025-09-30"


Books = tuple[str, list[settlement_pb2.Settlement]]
"""A service's address, and two settlements it holds."""


def _file(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "rows.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def _run(path: Path, target: str, *options: str) -> Result:
    days = ["--from", DAY, "--to", DAY]
    whose = ["--institution", HOSPITAL, *days, "--target", target]
    return gongji(*options, "reconcile", path, *whose)


def _yuan(fen: int) -> str:
    return money.yuan(fen).replace(",", "")


def _row(settled: settlement_pb2.Settlement, total_fen: int | None = None) -> str:
    """Return the institution's row of a settlement, true unless given another total."""
    total = settled.bill.total_fen if total_fen is None else total_fen
    amounts = [_yuan(fen) for fen in (total, settled.fund_fen, settled.account_fen)]
    return ",".join([settled.settlement_id, "CZ001", *amounts, "0"])


def _refund(settled: settlement_pb2.Settlement) -> str:
    """Return the institution's row of a refund the service does not know of."""
    bill = settled.bill
    amounts = [
        _yuan(-fen) for fen in (bill.total_fen, settled.fund_fen, settled.account_fen)
    ]
    return ",".join([settled.settlement_id, "CZ001", *amounts, "1"])


@pytest.fixture
def settled(serving: StartSandbox) -> Books:
    """A sandbox that holds two settlements of the sample's CZ001, of 1,000 yuan each."""
    address = serving()
    with connect(address) as channel:
        now = Timestamp()
        now.FromDatetime(datetime(2025, 9, 30, 10, tzinfo=SHANGHAI))
        clock = sandbox_pb2.SetClockRequest(request_id=str(uuid.uuid4()), now=now)
        sandbox_pb2_grpc.SandboxServiceStub(channel).SetClock(clock)
        return address, [_settle(channel) for _ in range(2)]


def _settle(channel: grpc.Channel) -> settlement_pb2.Settlement:
    bill = settlement_pb2.Bill(
        patient=types_pb2.PersonRef(person_no="CZ001"),
        institution_code=HOSPITAL,
        service_day=DAY,
        visit_kind=settlement_pb2.VISIT_KIND_OUTPATIENT,
        total_fen=100_000,
        in_scope_fen=100_000,
        account_use=settlement_pb2.ACCOUNT_USE_OWN,
    )
    request = settlement_pb2.SettleRequest(request_id=str(uuid.uuid4()), bill=bill)
    stub = settlement_pb2_grpc.SettlementServiceStub(channel)
    return stub.Settle(request).settlement


def test_books_that_agree(settled: Books, tmp_path: Path) -> None:
    """A true file ends with exit code 0 and one total, the same on both sides."""
    address, (first, second) = settled
    result = _run(_file(tmp_path, _row(second), _row(first)), address, "--json")

    agreeing = {
        "kind": "agreeing",
        "rows": 2,
        "ours_total": "2,000.00",
        "theirs_total": "2,000.00",
    }
    assert {"totals": [agreeing], "differences": []} == tables(result)
    assert 0 == result.exit_code
    people = _run(_file(tmp_path, _row(second), _row(first)), address)
    assert "差异：没有" in people.output


DIFFERING_TOTALS = [
    ("agreeing", 1, "1,000.00", "1,000.00"),
    ("missing_here", 1, "0.00", "25.00"),
    ("amount", 1, "1,000.00", "900.00"),
    ("duplicate", 1, "0.00", "1,000.00"),
    ("reversed_only_there", 1, "0.00", "-1,000.00"),
]
"""Kind, rows, our total and theirs."""

_DIFFERENCE = itemgetter(
    "settlement_id", "refund", "ours_total", "theirs_total", "settle_request_id"
)


def test_books_that_differ(settled: Books, tmp_path: Path) -> None:
    """Differences are listed with both amounts, totalled by kind, and end with exit code 1."""
    address, (first, second) = settled
    path = _file(
        tmp_path,
        _row(first, 90_000),
        _row(first),
        _row(second),
        "S404,CZ001,25,0,0,0",
        _refund(second),
    )
    result = _run(path, address, "--json")

    printed = tables(result)
    assert DIFFERING_TOTALS == [tuple(row.values()) for row in printed["totals"]]
    assert [
        (first.settlement_id, 0, "1,000.00", "900.00", first.request_id),
        (first.settlement_id, 0, "1,000.00", "1,000.00", first.request_id),
        ("S404", 0, "", "25.00", ""),
        (second.settlement_id, 1, "", "-1,000.00", second.request_id),
    ] == [_DIFFERENCE(row) for row in printed["differences"]]
    assert 1 == result.exit_code


BOOKED = {"day": DAY, "scheme": 310, "visit_kind": 11}


def _totals(target: str, *options: str) -> Result:
    whose = ["--institution", HOSPITAL, "--from", DAY, "--to", DAY, "--target", target]
    return gongji("--json", "reconcile", *whose, *options)


def _figures(settled: settlement_pb2.Settlement) -> dict[str, str]:
    return {
        "ours_total": money.yuan(settled.bill.total_fen),
        "ours_fund": money.yuan(settled.fund_fen),
        "ours_account": money.yuan(settled.account_fen),
    }


def test_the_services_totals(settled: Books) -> None:
    """Without a file the service's totals are listed: refunds of those days subtracted
    and counted, or with `--standing-only` what stands alone."""
    address, (first, second) = settled
    with connect(address) as channel:
        reversal = settlement_pb2.ReverseRequest(
            request_id=str(uuid.uuid4()), settlement_id=second.settlement_id
        )
        settlement_pb2_grpc.SettlementServiceStub(channel).Reverse(reversal)

    (every,) = tables(_totals(address))["totals"]
    (standing,) = tables(_totals(address, "--standing-only"))["totals"]

    assert {**BOOKED, "count": 3, **_figures(first)} == every
    assert {**BOOKED, "count": 1, **_figures(first)} == standing


def test_rows_have_no_standing_only(settled: Books, tmp_path: Path) -> None:
    """`--standing-only` beside a file is a mistake: rows tell of refunds by themselves."""
    address, (first, _) = settled
    path = _file(tmp_path, _row(first))
    result = _totals(address, "--standing-only", str(path))

    assert 2 == result.exit_code
    assert "--standing-only 只用于合计" in result.output


def test_people_read_words(settled: Books, tmp_path: Path) -> None:
    """Without --json the kinds are words, in the chosen language."""
    address, (first, _) = settled
    path = _file(tmp_path, _row(first))
    english = _run(path, address, "--lang", "en")

    assert "对方缺\t1\t1,000.00\t0.00" in _run(path, address).output
    assert "missing there\t1\t1,000.00\t0.00" in english.output


AT_FAULT = {
    "an amount in thirds of a fen": ("S2,P1,1.005,0,0,0", "total_yuan"),
    "an amount that is missing": ("S2,P1,1,,0,0", ""),
    "an amount beyond any bill": ("S2,P1,9999999999,0,0,0", ""),
    "a refund that is neither": ("S2,P1,1,0,0,是", ""),
    "a column too few": ("S2,P1,1,0,0", "refund"),
    "a column too many": ("S2,P1,1,0,0,0,0", "refund"),
    "thousands without quotes": ("S2,P1,1,234.50,0,0,0", "refund"),
    "a settlement without a number": (",P1,1,0,0,0", ""),
    "a number with a blank after it": ("S2 ,P1,1,0,0,0", "settlement_id"),
    "a patient with a blank before": ("S2, P1,1,0,0,0", "patient"),
    "a number too long": (f"{'S' * 31},P1,1,0,0,0", "settlement_id"),
    "a control character": ("S\x002,P1,1,0,0,0", "settlement_id"),
}


_PLACE = itemgetter("row", "field")
_TOTAL = itemgetter("kind", "rows")


def test_a_row_at_fault_stops_nothing(settled: Books, tmp_path: Path) -> None:
    """Rows that cannot be read are listed by row and column and counted; the others are
    compared all the same, and the exit code is 1."""
    address, (first, second) = settled
    rows = [row for row, _ in AT_FAULT.values()]
    path = _file(tmp_path, _row(first), *rows, _row(second))
    result = _run(path, address, "--json")

    printed = tables(result)
    expected = [(n, field) for n, (_, field) in enumerate(AT_FAULT.values(), start=3)]
    assert expected == [_PLACE(row) for row in printed["refused"]]
    totals = [_TOTAL(total) for total in printed["totals"]]
    assert [("agreeing", 2), ("refused", len(rows))] == totals
    assert (printed["differences"], result.exit_code) == ([], 1)


def test_another_header(tmp_path: Path) -> None:
    """A file with other columns is refused before anything is sent."""
    path = _file(tmp_path, "S1,P1,1,0,0,0", header="a,b")
    result = _run(path, "127.0.0.1:1")

    assert 1 == result.exit_code
    assert "rows.csv：表头应为 settlement_id,patient" in result.output
