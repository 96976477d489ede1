"""What a Python caller reads from an error, and how its channel behaves."""

# ruff: noqa: N802 - methods are named by the proto

from __future__ import annotations

import json
import re
from concurrent import futures
from pathlib import Path

import grpc
import pytest
from gongji.client import connection
from gongji.model.conditions import Condition, ConditionCode, FieldRef
from gongji.model.refusals import NotEligible, Overloaded
from gongji.rpc import status
from gongji.rules.clauses import Clause
from gongji.v1 import city_pb2, city_pb2_grpc

README = Path(__file__).parents[2] / "protos" / "README.md"


class FakeCityService(city_pb2_grpc.CityServiceServicer):
    """A service that ends each call with the next of its endings, and records calls."""

    def __init__(self, *endings: status.Status | grpc.StatusCode | None) -> None:
        self.endings = list(endings)
        self.metadata: list[dict[str, str | bytes]] = []
        self.remaining_s: list[float] = []

    def ListCities(
        self, request: city_pb2.ListCitiesRequest, context: grpc.ServicerContext
    ) -> city_pb2.ListCitiesResponse:
        self.metadata.append(dict(context.invocation_metadata()))
        self.remaining_s.append(context.time_remaining())
        ending = self.endings.pop(0)
        if isinstance(ending, status.Status):
            context.set_trailing_metadata(ending.trailing)
            context.abort(ending.code, ending.message)
        elif ending is not None:
            context.abort(ending, "later")
        return city_pb2.ListCitiesResponse()

    def GetCity(
        self, request: city_pb2.GetCityRequest, context: grpc.ServicerContext
    ) -> city_pb2.GetCityResponse:
        raise NotImplementedError

    def GetGuide(
        self, request: city_pb2.GetGuideRequest, context: grpc.ServicerContext
    ) -> city_pb2.GetGuideResponse:
        raise NotImplementedError


def call(service: FakeCityService, caller: str = "test") -> city_pb2.ListCitiesResponse:
    """Call the service once through our channel."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    city_pb2_grpc.add_CityServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with connection.connect(f"127.0.0.1:{port}", caller) as channel:
            stub = city_pb2_grpc.CityServiceStub(channel)
            return stub.ListCities(city_pb2.ListCitiesRequest())
    finally:
        server.stop(None).wait()


def error_of(ending: status.Status | grpc.StatusCode) -> grpc.RpcError:
    """Return the error of a call that ends so."""
    with pytest.raises(grpc.RpcError) as caught:
        call(FakeCityService(ending))
    return caught.value


def test_a_refusal_is_read_from_the_error() -> None:
    """Reason, sentence, field, clauses, conditions and figures come back as they were refused."""
    condition = Condition(
        "scope",
        ("C27",),
        "不在同一统筹区",
        "请到参保地办理",
        ConditionCode.OUT_OF_SCOPE,
        (FieldRef("member"),),
    )
    refusal = NotEligible(
        "不符合绑定条件",
        field="member",
        clauses=[Clause("C22", "x", "y"), Clause("C27", "x", "y")],
        conditions=[condition],
        limit="7",
    )
    unmet = connection.ReportedCondition(
        "scope",
        ("C27",),
        "不在同一统筹区；办法：请到参保地办理",
        "CONDITION_CODE_OUT_OF_SCOPE",
        ("member",),
    )
    expected = connection.RefusalInfo(
        code=grpc.StatusCode.FAILED_PRECONDITION,
        reason="NOT_ELIGIBLE",
        message="不符合绑定条件",
        field="member",
        clauses=("C22", "C27"),
        conditions=(unmet,),
        metadata={"limit": "7"},
    )
    assert expected == connection.refusal_of(error_of(status.of_refusal(refusal)))


def test_overload_says_when_to_try_again() -> None:
    """The pause an overloaded service asks for is given in seconds."""
    overloaded = status.of_refusal(Overloaded("稍后"))
    retry_after_s = connection.refusal_of(error_of(overloaded)).retry_after_s
    assert retry_after_s is not None
    assert retry_after_s > 0


def test_an_error_that_is_no_refusal() -> None:
    """If nobody explains, the error's own words remain."""
    refusal = connection.refusal_of(error_of(grpc.StatusCode.PERMISSION_DENIED))
    assert grpc.StatusCode.PERMISSION_DENIED == refusal.code
    assert "" == refusal.reason
    assert "later" == refusal.message


def test_only_unavailable_is_tried_again() -> None:
    """UNAVAILABLE is retried under the same call; anything else ends it."""
    service = FakeCityService(grpc.StatusCode.UNAVAILABLE, None)
    assert city_pb2.ListCitiesResponse() == call(service)
    service = FakeCityService(grpc.StatusCode.RESOURCE_EXHAUSTED, None)
    with pytest.raises(grpc.RpcError):
        call(service)
    assert [None] == service.endings


def test_calls_carry_caller_and_deadline() -> None:
    """Every call says who calls and ends in time though no timeout was given."""
    service = FakeCityService(None)
    call(service, caller="hospital-1")
    assert "hospital-1" == service.metadata[0]["x-gongji-caller"]
    # Within 5 s: the service measures by its own clock.
    assert abs(service.remaining_s[0] - connection.DEADLINE_S) < 5


def test_the_readme_recommends_our_own_service_config() -> None:
    """The service config in protos/README.md is the one we use ourselves."""
    (block,) = re.findall(
        r"```json\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL
    )
    assert connection.SERVICE_CONFIG == json.loads(block)
