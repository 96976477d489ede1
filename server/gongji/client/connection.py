"""A typed hand for Python callers: a channel with deadlines and careful retries, and
refusals read from an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import grpc
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

CALLER_KEY: Final = "x-gongji-caller"

DETAILS_KEY: Final = "grpc-status-details-bin"

DEADLINE_S: Final = 30.0
"""How long a call may take where the caller sets no deadline; imports have none."""

SERVICE_CONFIG: Final = {
    "methodConfig": [
        {
            # Streams of any length.
            "name": [
                {"service": "gongji.v1.RegistryService", "method": "ImportPersons"},
                {
                    "service": "gongji.v1.RegistryService",
                    "method": "ImportInstitutions",
                },
                {
                    "service": "gongji.v1.SettlementService",
                    "method": "ReconcileDetails",
                },
            ]
        },
        {
            "name": [{}],
            "timeout": f"{DEADLINE_S:.0f}s",
            # Safe for every call: those that change something carry a request_id and
            # are executed once.
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.2s",
                "maxBackoff": "3s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        },
    ]
}
"""The service config of our channels; a copy stands in protos/README.md for other languages."""

_OPTIONS: Final = (
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


@dataclass(frozen=True, slots=True)
class UnmetCondition:
    """One unmet condition: the hook that asks, its clauses, what is wrong and what would help."""

    hook: str
    clauses: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalInfo:
    """A refusal as the service explains it; `reason` is empty where the error did not
    come from the service."""

    code: grpc.StatusCode
    reason: str
    message: str
    field: str = ""
    clauses: tuple[str, ...] = ()
    conditions: tuple[UnmetCondition, ...] = ()
    metadata: Mapping[str, str]
    retry_after_s: float | None = None


def connect(address: str, caller: str = "gongji-python") -> grpc.Channel:
    """A channel to `host:port`, to be closed or used with `with`; the stubs of gongji.v1 take it.

    Calls carry the caller's name, end after DEADLINE_S unless given a timeout, and are
    retried on UNAVAILABLE only.
    """
    channel = grpc.insecure_channel(address, options=_OPTIONS)
    return grpc.intercept_channel(channel, _Caller(caller))


def refusal_of(error: grpc.RpcError) -> RefusalInfo:
    """What an error says: reason, Chinese sentence, field, clauses and conditions."""
    if not isinstance(error, grpc.Call):
        return RefusalInfo(
            code=grpc.StatusCode.UNKNOWN, reason="", message=str(error), metadata={}
        )
    told = _Told.of(error)
    metadata = dict(told.info.metadata)
    shown, clauses = metadata.pop("field", ""), metadata.pop("clauses", "")
    return RefusalInfo(
        code=error.code(),
        reason=told.info.reason,
        message=told.localized.message or error.details() or error.code().name,
        field=shown,
        clauses=_numbers(clauses),
        conditions=tuple(
            UnmetCondition(v.type, _numbers(v.subject), v.description)
            for v in told.failure.violations
        ),
        metadata=metadata,
        retry_after_s=told.retry.retry_delay.ToTimedelta().total_seconds()
        if told.retry.ByteSize()
        else None,
    )


def _numbers(joined: str) -> tuple[str, ...]:
    return tuple(filter(None, joined.split(",")))


class _Told(NamedTuple):
    """The details of an error; empty messages where there are none."""

    info: details.ErrorInfo
    localized: details.LocalizedMessage
    failure: details.PreconditionFailure
    retry: details.RetryInfo

    @classmethod
    def of(cls, error: grpc.Call) -> _Told:
        told = cls(
            details.ErrorInfo(),
            details.LocalizedMessage(),
            details.PreconditionFailure(),
            details.RetryInfo(),
        )
        for key, value in error.trailing_metadata() or ():
            if key == DETAILS_KEY and isinstance(value, bytes):
                for packed in status_pb2.Status.FromString(value).details:
                    for part in told:
                        packed.Unpack(part)
        return told


class _Details(NamedTuple):
    """The details of a call, as an interceptor hands them on."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any


class _Caller(
    grpc.UnaryUnaryClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Adds the caller's name to every call, and a deadline to those that have none."""

    def __init__(self, name: str) -> None:
        self._entry = (CALLER_KEY, name)

    def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: Any, request: Any
    ) -> Any:
        """One request; its deadline goes with it, so that the service knows when nobody
        waits any more."""
        call = self._named(client_call_details)
        return continuation(
            call._replace(timeout=DEADLINE_S if call.timeout is None else call.timeout),
            request,
        )

    def intercept_stream_unary(
        self,
        continuation: Callable[..., Any],
        client_call_details: Any,
        request_iterator: Any,
    ) -> Any:
        """A stream of requests."""
        return continuation(self._named(client_call_details), request_iterator)

    def intercept_stream_stream(
        self,
        continuation: Callable[..., Any],
        client_call_details: Any,
        request_iterator: Any,
    ) -> Any:
        """Streams both ways."""
        return continuation(self._named(client_call_details), request_iterator)

    def _named(self, call: Any) -> _Details:
        metadata = [*(call.metadata or ()), self._entry]
        return _Details(
            call.method,
            call.timeout,
            metadata,
            call.credentials,
            getattr(call, "wait_for_ready", None),
            getattr(call, "compression", None),
        )
