"""`gongji benefits`: what a person's year stands at, for people and for programs."""

from __future__ import annotations

import json

import pytest
from gongji.client.connection import connect
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import settlement_pb2_grpc

from tests.cli.command import StartSandbox, gongji
from tests.cli.started import PERSON


@pytest.fixture
def address(serving: StartSandbox) -> str:
    """Return the address of a sandbox with sample people."""
    return serving()


def year_of(address: str) -> pb.GetBenefitYearResponse:
    """What the service says of CZ001's year."""
    request = pb.GetBenefitYearRequest(person=PERSON)
    with connect(address) as channel:
        stub = settlement_pb2_grpc.SettlementServiceStub(channel)
        reply: pb.GetBenefitYearResponse = stub.GetBenefitYear(request)
    return reply


def test_in_chinese(address: str) -> None:
    """A row for each level with its clauses, one for each purse, and what is left."""
    result = gongji("benefits", "CZ001", "--target", address)
    assert 0 == result.exit_code, result.output
    rows = [row.split("\t") for row in result.stdout.splitlines() if "\t" in row]
    assert ["一级", "二级", "三级", "未定级", "药店"] == [row[0] for row in rows[1:6]]
    assert ["药店", "—", "不予支付", "—", "—"] == rows[5][:5]
    assert ["CZ001", "可用", "可用"] == [rows[7][0], *rows[7][2:]]
    [year] = year_of(address).benefits
    first = year.levels[0]
    assert "、".join(clause.id for clause in first.rule.clauses) == rows[1][5]
    assert "职工医保（341100）" in result.stdout.splitlines()


def test_as_json(address: str) -> None:
    """Programs get the reply as the service tells it."""
    result = gongji("--json", "benefits", "CZ001", "--target", address)
    said = json.loads(result.stdout)
    assert ("CZ001", "SCHEME_EMPLOYEE") == (
        said["person_no"],
        said["benefits"][0]["scheme"],
    )
    assert 5 == len(said["benefits"][0]["levels"])


def test_a_day_to_come_and_an_unknown_person(address: str) -> None:
    """Both are refused in one sentence."""
    late = gongji("benefits", "CZ001", "--day", "2099-01-01", "--target", address)
    assert (1, True) == (late.exit_code, "2099-01-01 晚于今日" in late.stderr)
    unknown = gongji("benefits", "NOBODY", "--target", address)
    assert (1, True) == (unknown.exit_code, "NOBODY" in unknown.stderr)
