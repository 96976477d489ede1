"""`gongji recompute`: what is stored beside what is decided once more."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from gongji.client.connection import connect
from gongji.v1 import settlement_pb2, settlement_pb2_grpc, types_pb2

from tests.cli.command import StartSandbox, gongji, tables

Settled = tuple[str, settlement_pb2.Settlement]
"""A sandbox's address and a settlement it holds."""


@pytest.fixture
def settled(serving: StartSandbox) -> Settled:
    """A sandbox that holds a settlement of the sample's CZ001 of 1,000 yuan."""
    address = serving()
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
        return address, stub.Settle(request).settlement


def test_both_as_stored(settled: Settled) -> None:
    """Every payer has a row with three amounts, and a sentence says that they agree."""
    address, done = settled
    result = gongji("recompute", done.settlement_id, "--target", address)
    assert 0 == result.exit_code
    assert "付款方\t账户\t所存\t按当时\t按现在" in result.stdout
    assert ["按当时：与所存一致", "按现在：与所存一致"] == result.stdout.splitlines()[
        -2:
    ]
    row = next(r for r in result.stdout.splitlines() if r.startswith("统筹基金"))
    assert f"{done.fund_fen / 100:.2f}" == row.split("\t")[-1]


@pytest.mark.parametrize("time", ["then", "now"])
def test_one_of_both(settled: Settled, time: str) -> None:
    """Of the two only the one asked for is told; programs read it as JSON."""
    address, done = settled
    result = gongji(
        "--json", "recompute", done.settlement_id, "--as", time, "--target", address
    )
    told: dict[str, Any] = dict(tables(result))
    expected = {"equal": True, "different": [], "refused": "", "impossible": ""}
    assert {"recomputed", time} == set(told)
    assert expected == told[time]
    assert all({"payer", "purse", "stored", time} == set(r) for r in told["recomputed"])


def test_no_such_settlement(settled: Settled) -> None:
    """One that is not there is said to be missing."""
    address, _ = settled
    result = gongji("recompute", "S1", "--target", address)
    assert (1, True) == (result.exit_code, "没有编号为 S1 的结算" in result.stderr)
