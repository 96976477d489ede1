"""`gongji consequences` and `gongji resettle`: told, made good, and what cannot be."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from gongji.client.connection import connect
from gongji.v1 import settlement_pb2, settlement_pb2_grpc, types_pb2

from tests.cli.command import StartSandbox, gongji, tables

HEADER = (
    "person_no,cert_type,cert_no,name,phone,insured_place,contribution_base_yuan,"
    "enrolments,kin,died_on"
)

PERSON = (
    "CZ001,01,341199196304120110,陈示一,10000000001,341102,8000.00,"
    "{enrolments},CZ002:10:民政婚姻登记,"
)

RETIRED = "310/11/1/2015-01-01/2025-08-31;310/12/1/2025-09-01/"


def settled(address: str) -> settlement_pb2.Settlement:
    """Settle a bill of the sample's CZ001 of 1,000 yuan."""
    bill = settlement_pb2.Bill(
        patient=types_pb2.PersonRef(person_no="CZ001"),
        institution_code="H34110000001",
        service_day="2025-09-30",
        visit_kind=settlement_pb2.VISIT_KIND_OUTPATIENT,
        total_fen=100_000,
        in_scope_fen=100_000,
        account_use=settlement_pb2.ACCOUNT_USE_OWN,
    )
    request = settlement_pb2.SettleRequest(request_id=str(uuid.uuid4()), bill=bill)
    with connect(address) as channel:
        stub = settlement_pb2_grpc.SettlementServiceStub(channel)
        return stub.Settle(request).settlement


@pytest.fixture
def late(serving: StartSandbox, tmp_path: Path) -> tuple[str, str, str]:
    """A sandbox's address, a settlement, and the import that tells a retirement late."""
    address = serving()
    done = settled(address)
    path = tmp_path / "persons.csv"
    row = PERSON.format(enrolments=RETIRED)
    path.write_text(f"{HEADER}\n{row}\n", encoding="utf-8")
    result = gongji("--json", "import", path, "--target", address)
    (told,) = tables(result)["persons"]
    return address, done.settlement_id, told["import_id"]


def test_told_and_made_good(late: tuple[str, str, str]) -> None:
    """Who pays otherwise is told with the fact behind it; settled again, nothing is left."""
    address, settlement_id, import_id = late
    command = ("consequences", "--import", import_id, "--target", address)
    first = gongji(*command)
    assert 0 == first.exit_code
    head, fact, count = first.stdout.splitlines()
    assert head.startswith(f"结算 {settlement_id}（患者 CZ001")
    assert "统筹基金 100.00 → 110.00 元（+10.00）" in head
    assert fact.endswith(
        "职工医保参保：2025-09-01起 正常参保、退休（原正常参保、在职）"
    )
    assert "共 1 条" == count
    assert "1/1 条登记" in first.stderr
    made_good = gongji(*command, "--resettle")
    assert "  已重新结算 1 笔" in made_good.stdout.splitlines()
    assert "没有受影响" in gongji(*command).stdout


def test_for_programs(late: tuple[str, str, str]) -> None:
    """As JSON each consequence is a line, its fields named as in the protos."""
    address, settlement_id, _ = late
    since = "2025-01-01T00:00:00"
    result = gongji("--json", "consequences", "--since", since, "--target", address)
    (line,) = result.stdout.splitlines()
    told: dict[str, Any] = json.loads(line)["settlement"]
    assert settlement_id == told["stored"]["settlement_id"]
    assert "CZ001" == told["facts"][0]["record"]


def test_a_part_returned(late: tuple[str, str, str]) -> None:
    """A part of a bill is returned; --validate-only shows it and writes nothing."""
    address, settlement_id, _ = late
    command = (
        "resettle",
        settlement_id,
        "--return-in-scope",
        "400",
        "--target",
        address,
    )
    shown = gongji(*command, "--validate-only")
    assert shown.stdout.startswith("只看结果，没有写入：")
    done = gongji(*command)
    assert (0, 1) == (done.exit_code, len(done.stdout.splitlines()))
    again = gongji("resettle", settlement_id, "--target", address)
    assert 1 == again.exit_code


REFUSED: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no scope": (("consequences",), 2, "--import 与 --since"),
    "no instant": (("consequences", "--since", "昨天"), 2, "不是时刻"),
    "no import": (("consequences", "--import", str(uuid.UUID(int=1))), 1, "导入"),
    "no amount": (("resettle", "S1", "--return-in-scope", "-1"), 2, "大于 0"),
    "no settlement": (("resettle", "S1"), 1, "没有编号为 S1 的结算"),
}


@pytest.mark.parametrize(("command", "code", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be(
    serving: StartSandbox, command: tuple[str, ...], code: int, said: str
) -> None:
    """What names nothing is said so, with an exit code of its own."""
    result = gongji(*command, "--target", serving())
    assert (code, True) == (result.exit_code, said in result.stderr)
