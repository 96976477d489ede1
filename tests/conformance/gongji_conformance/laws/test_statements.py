"""What is handed out on paper can be checked by what stands on it."""

from __future__ import annotations

from typing import Final

import grpc
from gongji.v1 import statement_pb2

from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.stubs import CallRefused, refusal
from gongji_conformance.city.stubs import person as ref
from gongji_conformance.laws.law import law

UNKNOWN: Final = "20000101-00000-00000"


@law("CORE-STATEMENT-001")
def test_number_and_code_show_what_was_issued(gongji_city: CityUnderTest) -> None:
    """Number and code, however typed, show the statement as it was; any other nothing."""
    _, patient = gongji_city.family()
    gongji_city.settle(patient)
    request = statement_pb2.IssueStatementRequest(
        person=ref(patient.person_no), side=statement_pb2.STATEMENT_SIDE_MEMBER
    )
    issued = gongji_city.stubs.statements.IssueStatement(request)
    number, code = issued.statement.statement_no, issued.code
    assert 1 == len(issued.statement.settlements)
    for typed in (code, code.replace("-", " ").lower()):
        assert issued.statement == _verified(gongji_city, number, typed)
    other = code[:-1] + ("1" if code.endswith("0") else "0")
    first = _refused(gongji_city, number, other)
    second = _refused(gongji_city, UNKNOWN, code)
    assert "STATEMENT_NOT_FOUND" == first.reason == second.reason
    assert first.message == second.message


def _verified(city: CityUnderTest, number: str, code: str) -> statement_pb2.Statement:
    request = statement_pb2.VerifyStatementRequest(statement_no=number, code=code)
    return city.stubs.statements.VerifyStatement(request).statement


def _refused(city: CityUnderTest, number: str, code: str) -> CallRefused:
    """Return how a statement is refused that nobody issued."""
    try:
        _verified(city, number, code)
    except grpc.RpcError as error:
        return refusal(error)
    raise AssertionError(number)
