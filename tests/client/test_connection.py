"""What a Python caller reads from an error, and how its channel behaves."""

from __future__ import annotations

import json
import re
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from gongji.client import connection
from gongji.model.refusals import Condition, NotEligible, Overloaded
from gongji.rpc import status
from gongji.rules.clauses import Clause
from gongji.v1 import city_pb2, city_pb2_grpc

README = Path(__file__).parents[2] / "protos" / "README.md"


class Desk(city_pb2_grpc.CityServiceServicer):
    """Answers each call with the next of its endings, and notes what it was sent."""

    def __init__(self, *endings: status.Status | grpc.StatusCode | None) -> None:
        self.endings = list(endings)
        self.metadata: list[dict[str, Any]] = []
        self.remaining: list[float] = []

    def ListCities(self, request: Any, context: Any) -> city_pb2.ListCitiesResponse:  # noqa: N802 - named by the proto
        self.metadata.append(dict(context.invocation_metadata()))
        self.remaining.append(context.time_remaining())
        ending = self.endings.pop(0)
        if isinstance(ending, status.Status):
            context.set_trailing_metadata(ending.trailing)
            context.abort(ending.code, ending.message)
        elif ending is not None:
            context.abort(ending, "later")
        return city_pb2.ListCitiesResponse()

    def GetCity(self, request: Any, context: Any) -> city_pb2.GetCityResponse:  # noqa: N802 - named by the proto
        raise NotImplementedError

    def GetGuide(self, request: Any, context: Any) -> city_pb2.GetGuideResponse:  # noqa: N802 - named by the proto
        raise NotImplementedError


def call(desk: Desk, **options: Any) -> city_pb2.ListCitiesResponse:
    """One call to the desk through our channel."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    city_pb2_grpc.add_CityServiceServicer_to_server(desk, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with connection.connect(f"127.0.0.1:{port}", **options) as channel:
            return city_pb2_grpc.CityServiceStub(channel).ListCities(
                city_pb2.ListCitiesRequest()
            )
    finally:
        server.stop(None).wait()


def test_a_refusal_is_read_from_the_error() -> None:
    """Reason, sentence, field, clauses, conditions and figures come back as they were refused."""
    refusal = NotEligible(
        "不符合绑定条件",
        field="member",
        clauses=[Clause("C22", "x", "y"), Clause("C27", "x", "y")],
        conditions=[Condition("scope", ("C27",), "不在同一统筹区", "请到参保地办理")],
        limit="7",
    )
    with pytest.raises(grpc.RpcError) as caught:
        call(Desk(status.of_refusal(refusal)))
    expected = connection.RefusalInfo(
        code=grpc.StatusCode.FAILED_PRECONDITION,
        reason="NOT_ELIGIBLE",
        message="不符合绑定条件",
        field="member",
        clauses=("C22", "C27"),
        conditions=(
            connection.UnmetCondition(
                "scope", ("C27",), "不在同一统筹区; 办法: 请到参保地办理"
            ),
        ),
        metadata={"limit": "7"},
    )
    assert expected == connection.refusal_of(caught.value)


def test_overload_says_when_to_try_again() -> None:
    """The pause an overloaded service asks for is told in seconds."""
    with pytest.raises(grpc.RpcError) as caught:
        call(Desk(status.of_refusal(Overloaded("稍后"))))
    retry_after_s = connection.refusal_of(caught.value).retry_after_s
    assert retry_after_s is not None
    assert retry_after_s > 0


def test_an_error_that_is_no_refusal() -> None:
    """Where nobody explains, the error's own words remain."""
    with pytest.raises(grpc.RpcError) as caught:
        call(Desk(grpc.StatusCode.PERMISSION_DENIED))
    told = connection.refusal_of(caught.value)
    assert (grpc.StatusCode.PERMISSION_DENIED, "", "later") == (
        told.code,
        told.reason,
        told.message,
    )


def test_only_unavailable_is_tried_again() -> None:
    """UNAVAILABLE is retried under the same call; anything else ends it."""
    desk = Desk(grpc.StatusCode.UNAVAILABLE, None)
    assert city_pb2.ListCitiesResponse() == call(desk)
    desk = Desk(grpc.StatusCode.RESOURCE_EXHAUSTED, None)
    with pytest.raises(grpc.RpcError):
        call(desk)
    assert [None] == desk.endings


def test_calls_carry_caller_and_deadline() -> None:
    """Every call says who calls and ends in time though no timeout was given."""
    desk = Desk(None)
    call(desk, caller="hospital-1")
    assert "hospital-1" == desk.metadata[0]["x-gongji-caller"]
    assert (
        connection.DEADLINE_S - 5 < desk.remaining[0] < connection.DEADLINE_S + 5
    )  # the peer measures by its own clock


def test_the_readme_recommends_our_own_service_config() -> None:
    """The service config in protos/README.md is the one we use ourselves."""
    (block,) = re.findall(
        r"```json\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL
    )
    assert connection.SERVICE_CONFIG == json.loads(block)
