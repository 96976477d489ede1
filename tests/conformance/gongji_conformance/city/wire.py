"""The wire: one channel with a hand for each service of gongji.v1, and refusals as the service explains them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import grpc
from gongji.v1 import (
    account_pb2_grpc,
    binding_pb2_grpc,
    city_pb2_grpc,
    registry_pb2_grpc,
    sandbox_pb2,
    sandbox_pb2_grpc,
    settlement_pb2_grpc,
    types_pb2,
)
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

from gongji_conformance.city.access import Access
from gongji_conformance.city.chance import CHANCE
from gongji_conformance.city.record import Recorder

DETAILS_KEY: Final = "grpc-status-details-bin"
PATIENCE_S: Final = 10.0
"""How long a server may take until it answers at all, in seconds."""

M = TypeVar("M", bound=Message)


class Wire:
    """All services of one server; plain gRPC, as any channel would call it."""

    def __init__(self, access: Access | str) -> None:
        access = Access(target=access) if isinstance(access, str) else access
        self.target = access.target
        self.recorder = Recorder()
        self._line = access.channel()
        self._channel = grpc.intercept_channel(self._line, self.recorder)
        self.cities = city_pb2_grpc.CityServiceStub(self._channel)
        self.bindings = binding_pb2_grpc.BindingServiceStub(self._channel)
        self.settlements = settlement_pb2_grpc.SettlementServiceStub(self._channel)
        self.accounts = account_pb2_grpc.AccountServiceStub(self._channel)
        self.registry = registry_pb2_grpc.RegistryServiceStub(self._channel)
        self._sandbox = sandbox_pb2_grpc.SandboxServiceStub(self._channel)

    def reach(self) -> None:
        """Waits until the server can be reached. TimeoutError."""
        try:
            grpc.channel_ready_future(self._line).result(timeout=PATIENCE_S)
        except grpc.FutureTimeoutError:
            raise TimeoutError(f"{self.target} 在 {PATIENCE_S:.0f} 秒内没有应答") from None

    def close(self) -> None:
        """Hangs up."""
        self._line.close()

    def set_clock(self, now: datetime) -> None:
        """Sets the sandbox's clock; grpc.RpcError where the server is no sandbox."""
        self._sandbox.SetClock(sandbox_pb2.SetClockRequest(request_id=new_id(), now=stamp(now)))


@dataclass(frozen=True, slots=True)
class Condition:
    """One unmet condition: the hook that asked, its clauses, what is wrong."""

    hook: str
    clauses: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A call that was refused; `reason` is empty where the service gave none."""

    code: str
    reason: str
    message: str
    field: str = ""
    clauses: frozenset[str] = frozenset()
    conditions: tuple[Condition, ...] = ()
    metadata: Mapping[str, str]


def ask(call: Callable[[Any], M], request: Message) -> M | Refused:
    """The answer of a call, or its refusal."""
    try:
        return call(request)
    except grpc.RpcError as error:
        return refusal(error)


def refusal(error: grpc.RpcError) -> Refused:
    """What an error says: its ErrorInfo, sentence and unmet conditions. The error itself where it is none of a call."""
    if not isinstance(error, grpc.Call):
        raise error
    info, localized, unmet = details.ErrorInfo(), details.LocalizedMessage(), details.PreconditionFailure()
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            for packed in status_pb2.Status.FromString(value).details:
                for part in (info, localized, unmet):
                    packed.Unpack(part)
    told = dict(info.metadata)
    field, clauses = told.pop("field", ""), told.pop("clauses", "")
    return Refused(
        code=error.code().name,
        reason=info.reason,
        message=localized.message or error.details() or "",
        field=field,
        clauses=frozenset(filter(None, clauses.split(","))),
        conditions=tuple(
            Condition(v.type, tuple(filter(None, v.subject.split(","))), v.description) for v in unmet.violations
        ),
        metadata=told,
    )


def new_id() -> str:
    """A fresh request id."""
    return CHANCE.new_id()


def stamp(at: datetime) -> Timestamp:
    """An aware instant on the wire."""
    message = Timestamp()
    message.FromDatetime(at)
    return message


def person(person_no: str) -> types_pb2.PersonRef:
    """A reference to a person."""
    return types_pb2.PersonRef(person_no=person_no)
