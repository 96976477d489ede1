"""Each call says what a person's data are asked for."""

from __future__ import annotations

from typing import Any

import pytest
from gongji.access.identity import SUBJECT_KEY
from gongji.serve.national.calls import GrpcService
from gongji.v1 import access_pb2
from gongji.v1 import settlement_pb2 as pb

CARE = access_pb2.ACCESS_PURPOSE_CARE
RECONCILIATION = access_pb2.ACCESS_PURPOSE_RECONCILIATION


class NotingChannel:
    """Answers nothing and notes the purpose of each call."""

    def __init__(self) -> None:
        self.purposes: list[int] = []

    def unary_unary(self, *_: Any, **__: Any) -> Any:
        def call(_: object, *, metadata: Any, **__: Any) -> None:
            subject = access_pb2.Subject.FromString(dict(metadata)[SUBJECT_KEY])
            self.purposes.append(subject.purpose)

        return call

    def stream_stream(self, *_: Any, **__: Any) -> Any:
        call = self.unary_unary()

        def calls(requests: object, **how: Any) -> list[object]:
            call(requests, **how)
            return []

        return calls

    unary_stream = stream_unary = unary_unary


@pytest.mark.parametrize(
    ("method", "purpose"),
    [
        *[(name, CARE) for name in ("Quote", "Settle", "Reverse", "GetSettlement")],
        ("ReconcileTotals", RECONCILIATION),
    ],
)
def test_a_call_says_what_for(method: str, purpose: int) -> None:
    """What settles is care; what compares totals or rows is reconciliation."""
    channel: Any = NotingChannel()
    service = GrpcService(channel, 1.0)
    service.settlements(method, object())
    assert [] == list(service.compare([pb.ReconcileDetailsRequest()]))
    service.registry("GetPerson", object())
    service.accounts("GetAccount", object())
    assert [purpose, RECONCILIATION, CARE, CARE] == channel.purposes
