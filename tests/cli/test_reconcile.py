"""`gongji reconcile`: an institution's file against a running service."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from gongji.cli import main
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

HEADER = ",".join(reconcile.COLUMNS)
HOSPITAL, DAY = "H34110000001", "2025-09-30"


def _file(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "rows.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def _run(path: Path, target: str, *options: str) -> Result:
    of = ["--institution", HOSPITAL, "--from", DAY, "--to", DAY, "--target", target]
    return CliRunner().invoke(
        main, [*options, "reconcile", str(path), *of], catch_exceptions=False
    )


def _printed(result: Result) -> dict[str, Any]:
    """The tables of a result by title."""
    lines = (
        json.loads(line) for line in result.output.splitlines() if line.startswith("{")
    )
    return {title: rows for line in lines for title, rows in line.items()}


def _row(of: settlement_pb2.Settlement, total_fen: int | None = None) -> str:
    total = money.yuan(of.bill.total_fen if total_fen is None else total_fen).replace(
        ",", ""
    )
    return f"{of.settlement_id},CZ001,{total},{of.fund_fen / 100:.2f},{of.account_fen / 100:.2f},0"


@pytest.fixture
def settled(serving: Callable[..., str]) -> tuple[str, list[settlement_pb2.Settlement]]:
    """A sandbox that holds two settlements of the sample's CZ001, of 1,000 yuan each;
    its address."""
    address = serving()
    made = []
    with connect(address) as channel:
        now = Timestamp()
        now.FromDatetime(datetime(2025, 9, 30, 10, tzinfo=SHANGHAI))
        clock = sandbox_pb2.SetClockRequest(request_id=str(uuid.uuid4()), now=now)
        sandbox_pb2_grpc.SandboxServiceStub(channel).SetClock(clock)
        for _ in range(2):
            bill = settlement_pb2.Bill(
                patient=types_pb2.PersonRef(person_no="CZ001"),
                institution_code=HOSPITAL,
                service_day=DAY,
                visit_kind=settlement_pb2.VISIT_KIND_OUTPATIENT,
                total_fen=100_000,
                in_scope_fen=100_000,
                account_use=settlement_pb2.ACCOUNT_USE_OWN,
            )
            request = settlement_pb2.SettleRequest(
                request_id=str(uuid.uuid4()), bill=bill
            )
            made.append(
                settlement_pb2_grpc.SettlementServiceStub(channel)
                .Settle(request)
                .settlement
            )
    return address, made


def test_books_that_agree(
    settled: tuple[str, list[settlement_pb2.Settlement]], tmp_path: Path
) -> None:
    """A true file ends with exit code 0 and one total, the same on both sides."""
    address, (a, b) = settled
    result = _run(_file(tmp_path, _row(b), _row(a)), address, "--json")

    agreeing = {
        "kind": "agreeing",
        "rows": 2,
        "ours_total": "2,000.00",
        "theirs_total": "2,000.00",
    }
    assert {"totals": [agreeing]} == _printed(result)
    assert 0 == result.exit_code


def test_books_that_differ(
    settled: tuple[str, list[settlement_pb2.Settlement]], tmp_path: Path
) -> None:
    """Differences are listed with both amounts, totalled by kind, and end with exit code 1."""
    address, (a, b) = settled
    refund = (
        f"{b.settlement_id},CZ001,-1000.00,-{b.fund_fen / 100:.2f},"
        f"-{b.account_fen / 100:.2f},1"
    )
    path = _file(
        tmp_path, _row(a, 90_000), _row(a), _row(b), "S404,CZ001,25,0,0,0", refund
    )
    printed = _printed(result := _run(path, address, "--json"))

    assert [
        ("agreeing", 1, "1,000.00", "1,000.00"),
        ("missing_here", 1, "0.00", "25.00"),
        ("amount", 1, "1,000.00", "900.00"),
        ("duplicate", 1, "0.00", "1,000.00"),
        ("reversed_only_there", 1, "0.00", "-1,000.00"),
    ] == [tuple(line.values()) for line in printed["totals"]]
    assert [
        (a.settlement_id, 0, "1,000.00", "900.00", a.request_id),
        (a.settlement_id, 0, "1,000.00", "1,000.00", a.request_id),
        ("S404", 0, "", "25.00", ""),
        (b.settlement_id, 1, "", "-1,000.00", b.request_id),
    ] == [
        tuple(
            line[c]
            for c in (
                "settlement_id",
                "refund",
                "ours_total",
                "theirs_total",
                "settle_request_id",
            )
        )
        for line in printed["differences"]
    ]
    assert 1 == result.exit_code


def test_people_read_words(
    settled: tuple[str, list[settlement_pb2.Settlement]], tmp_path: Path
) -> None:
    """Without --json the kinds are words, in the language asked for."""
    address, (a, _) = settled
    path = _file(tmp_path, _row(a))

    assert "对方缺\t1\t1,000.00\t0.00" in _run(path, address).output
    assert (
        "missing there\t1\t1,000.00\t0.00" in _run(path, address, "--lang", "en").output
    )


def test_a_refusal_is_one_sentence(
    settled: tuple[str, list[settlement_pb2.Settlement]], tmp_path: Path
) -> None:
    """What the service does not accept is told by its row."""
    address, (a, _) = settled
    result = _run(_file(tmp_path, _row(a), ",CZ001,1,0,0,0"), address)

    assert 1 == result.exit_code
    assert "第 2 行: row.settlement_id: 必填" in result.output


FAULTS: dict[str, tuple[Iterable[str], str, str]] = {
    "another header": (["S1,P1,1,0,0,0"], "a,b", "表头应为 settlement_id,patient"),
    "an amount in thirds of a fen": (
        ["S1,P1,1,0,0,0", "S2,P1,1.005,0,0,0"],
        HEADER,
        "第 2 行: 不是以元为单位",
    ),
    "a refund that is neither": (
        ["S1,P1,1,0,0,是"],
        HEADER,
        "第 1 行: refund 应为 0 或 1",
    ),
    "a column too few": (["S1,P1,1,0,0"], HEADER, "第 1 行: 应有 6 列"),
    "a column too many": (["S1,P1,1,0,0,0,0"], HEADER, "第 1 行: 应有 6 列"),
}


@pytest.mark.parametrize(("rows", "header", "told"), FAULTS.values(), ids=FAULTS)
def test_an_unreadable_file(
    rows: Iterable[str], header: str, told: str, tmp_path: Path
) -> None:
    """A file that cannot be read is refused before anything is sent."""
    result = _run(_file(tmp_path, *rows, header=header), "127.0.0.1:1")

    assert 1 == result.exit_code
    assert told in result.output
