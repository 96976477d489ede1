"""One stub for each service of gongji.v1, and refusals as the service explains them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import grpc
from gongji.v1 import (
    account_pb2_grpc,
    binding_pb2_grpc,
    city_pb2_grpc,
    claim_pb2_grpc,
    consequence_pb2_grpc,
    event_pb2_grpc,
    filing_pb2_grpc,
    log_pb2_grpc,
    registry_pb2_grpc,
    sandbox_pb2,
    sandbox_pb2_grpc,
    settlement_pb2_grpc,
    statement_pb2_grpc,
    types_pb2,
    wallet_pb2_grpc,
)
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2

from gongji_conformance.city.access import Access
from gongji_conformance.city.chance import CHANCE
from gongji_conformance.city.recorder import Recorder

DETAILS_KEY: Final = "grpc-status-details-bin"
CONNECT_S: Final = 10.0
"""How long a server may take until it answers at all, in seconds."""

M = TypeVar("M", bound=Message)


class Stubs:
    """All services of one server; plain gRPC, as any channel would call it."""

    def __init__(self, access: Access | str, recorder: Recorder | None = None) -> None:
        """Call a server; what is called is recorded by `recorder`, or one of its own."""
        access = Access(target=access) if isinstance(access, str) else access
        self.target = access.target
        self.recorder = recorder or Recorder()
        self._unrecorded = access.channel()
        channel = grpc.intercept_channel(self._unrecorded, self.recorder)
        self._add_stubs(channel)

    def _add_stubs(self, channel: grpc.Channel) -> None:
        self.cities = city_pb2_grpc.CityServiceStub(channel)
        self.bindings = binding_pb2_grpc.BindingServiceStub(channel)
        self.settlements = settlement_pb2_grpc.SettlementServiceStub(channel)
        self.statements = statement_pb2_grpc.StatementServiceStub(channel)
        self.claims = claim_pb2_grpc.ClaimServiceStub(channel)
        self.filings = filing_pb2_grpc.FilingServiceStub(channel)
        self.accounts = account_pb2_grpc.AccountServiceStub(channel)
        self.wallets = wallet_pb2_grpc.WalletServiceStub(channel)
        self.consequences = consequence_pb2_grpc.ConsequenceServiceStub(channel)
        self.events = event_pb2_grpc.EventServiceStub(channel)
        self.log = log_pb2_grpc.LogServiceStub(channel)
        self.registry = registry_pb2_grpc.RegistryServiceStub(channel)
        self.sandbox = sandbox_pb2_grpc.SandboxServiceStub(channel)

    def reach(self) -> None:
        """Wait until the server can be reached. TimeoutError."""
        # Only the plain channel can be asked whether it is ready.
        ready = grpc.channel_ready_future(self._unrecorded)
        try:
            ready.result(timeout=CONNECT_S)
        except grpc.FutureTimeoutError:
            raise TimeoutError(
                f"{self.target} 在 {CONNECT_S:.0f} 秒内没有应答；请核对地址，服务用 TLS 的须以 "
                "--gongji-ca 给出其根证书，要求证书的须给出 --gongji-cert 与 --gongji-key"
            ) from None

    def close(self) -> None:
        """Close the channel."""
        self._unrecorded.close()

    def why_no_sandbox(self) -> str:
        """Say why the server cannot be tried as a sandbox; "" if it can."""
        # Only a clock that is told proves it: any other answer may come from a server
        # with real data.
        try:
            self.sandbox.GetClock(sandbox_pb2.GetClockRequest())
        except grpc.RpcError as error:
            refused = refusal(error)
            if refused.code == "UNIMPLEMENTED":
                return "不是沙盒"
            return f"没有说明自己是沙盒（{refused.code}：{refused.message}）"
        return ""

    def ask_anything(
        self,
        path: str,
        messages: Iterable[bytes] = (b"",),
        metadata: Sequence[tuple[str, str | bytes]] = (),
    ) -> CallRefused | None:
        """Return how a method refuses some bytes; None if it answers."""
        # Unary or streaming, on the wire they are the same.
        call: Any = self._unrecorded.stream_stream(path)
        try:
            # To the end: how a call ends stands behind its last message.
            for _ in call(iter(messages), timeout=CONNECT_S, metadata=metadata):
                pass
        except grpc.RpcError as error:
            return refusal(error)
        return None

    def set_clock(self, now: datetime) -> None:
        """Set the sandbox's clock. grpc.RpcError if the server is no sandbox."""
        request = sandbox_pb2.SetClockRequest(
            request_id=new_id(),
            now=stamp(now),
        )
        self.sandbox.SetClock(request)


@dataclass(
    frozen=True,
    slots=True,
)
class UnmetCondition:
    """One unmet condition: the hook that asked, its clauses, what is wrong."""

    hook: str
    clauses: tuple[str, ...]
    message: str


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
)
class CallRefused:
    """A call that was refused; `reason` is empty if the service gave none."""

    code: str
    reason: str
    message: str
    field: str = ""
    clauses: frozenset[str] = frozenset()
    conditions: tuple[UnmetCondition, ...] = ()
    metadata: Mapping[str, str]


def ask(call: Callable[[Any], M], request: Message) -> M | CallRefused:
    """Return the answer of a call, or its refusal."""
    try:
        return call(request)
    except grpc.RpcError as error:
        return refusal(error)


class _Details:
    """The details of google.rpc.Status that an error bears; empty if it has none."""

    def __init__(self, error: grpc.Call) -> None:
        self.info = error_details_pb2.ErrorInfo()
        self.localized = error_details_pb2.LocalizedMessage()
        self.unmet = error_details_pb2.PreconditionFailure()
        for packed in _packed(error):
            for message in (self.info, self.localized, self.unmet):
                packed.Unpack(message)

    @property
    def conditions(self) -> tuple[UnmetCondition, ...]:
        """Each violated precondition with its hook and clauses."""
        return tuple(
            UnmetCondition(unmet.type, _numbers(unmet.subject), unmet.description)
            for unmet in self.unmet.violations
        )


def _packed(error: grpc.Call) -> list[Any]:
    """Return the packed details of an error."""
    # Binary metadata comes as bytes, all other as text.
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            return list(status_pb2.Status.FromString(value).details)
    return []


def _numbers(text: str) -> tuple[str, ...]:
    """Split a list of clauses such as `C26,C27`."""
    return tuple(filter(None, text.split(",")))


def refusal(error: grpc.RpcError) -> CallRefused:
    """Return what an error says: its ErrorInfo, sentence and unmet conditions.

    Raise the error itself if it is not of a call.
    """
    if not isinstance(error, grpc.Call):
        raise error
    details = _Details(error)
    metadata = dict(details.info.metadata)
    return CallRefused(
        code=error.code().name,
        reason=details.info.reason,
        message=details.localized.message or error.details() or "",
        field=metadata.pop("field", ""),
        clauses=frozenset(_numbers(metadata.pop("clauses", ""))),
        conditions=details.conditions,
        metadata=metadata,
    )


def new_id() -> str:
    """Return a fresh request id."""
    return CHANCE.new_id()


def stamp(at: datetime) -> Timestamp:
    """Return an aware instant as a message."""
    message = Timestamp()
    message.FromDatetime(at)
    return message


def person(person_no: str) -> types_pb2.PersonRef:
    """Return a reference to a person."""
    return types_pb2.PersonRef(person_no=person_no)
