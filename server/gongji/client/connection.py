"""Channels with deadlines and retries for Python callers, and refusals read from errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import grpc
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

from gongji.client.credentials import NO_CREDENTIALS, Credentials, Token
from gongji.v1.binding_pb2 import Condition, ConditionCode, Explanation

CALLER_KEY: Final = "x-gongji-caller"

TOKEN_KEY: Final = "authorization"  # noqa: S105 - the name of the metadata

DETAILS_KEY: Final = "grpc-status-details-bin"

DEADLINE_S: Final = 30.0
"""Seconds a unary call may take unless the caller sets a timeout; streams have no limit."""

SERVICE_CONFIG: Final = {
    "methodConfig": [
        {
            # Streams of any length: no timeout, and no retry, since gRPC can repeat only
            # what it has kept.
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
                {
                    "service": "gongji.v1.ConsequenceService",
                    "method": "Consequences",
                },
                {"service": "gongji.v1.AccessService", "method": "ExportPerson"},
                {"service": "gongji.v1.LogService", "method": "ListLeaves"},
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
"""The service config of our channels; protos/README.md has a copy for other languages."""

_OPTIONS: Final = (
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    # Dead servers are noticed within 80 s; the server allows a ping every 20 s.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


@dataclass(frozen=True, slots=True)
class ReportedCondition:
    """One unmet condition; `message` says what is wrong and, if anything, what would help.

    `code` and `paths` tell programs which condition it is and which fields it looks at;
    they are empty of a service that tells none.
    """

    hook: str
    clauses: tuple[str, ...]
    message: str
    code: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalInfo:
    """A refusal as the service explains it; `reason` is empty if it explains nothing."""

    code: grpc.StatusCode
    reason: str
    message: str
    field: str = ""
    clauses: tuple[str, ...] = ()
    conditions: tuple[ReportedCondition, ...] = ()
    metadata: Mapping[str, str]
    retry_after_s: float | None = None


def connect(
    address: str,
    caller: str = "gongji-python",
    credentials: Credentials = NO_CREDENTIALS,
) -> grpc.Channel:
    """Return a channel to `host:port`, for the stubs of gongji.v1; close it after use.

    Calls carry the caller's name and token, end after DEADLINE_S unless given a
    timeout, and are retried on UNAVAILABLE only. CredentialFaultError.
    """
    token = credentials.token()
    channel = credentials.channel(address, _OPTIONS)
    return grpc.intercept_channel(channel, _CallerInterceptor(caller, token))


def refusal_of(error: grpc.RpcError) -> RefusalInfo:
    """Return what an error says: reason, Chinese sentence, field, clauses, conditions."""
    # An error that gRPC raises itself, such as on a closed channel, is no call.
    if not isinstance(error, grpc.Call):
        return RefusalInfo(
            code=grpc.StatusCode.UNKNOWN, reason="", message=str(error), metadata={}
        )
    parts = _ErrorDetails.of(error)
    metadata = dict(parts.info.metadata)
    field = metadata.pop("field", "")
    clauses = metadata.pop("clauses", "")
    return RefusalInfo(
        code=error.code(),
        reason=parts.info.reason,
        message=parts.localized.message or error.details() or error.code().name,
        field=field,
        clauses=_clause_ids(clauses),
        conditions=tuple(_conditions(parts)),
        metadata=metadata,
        retry_after_s=_seconds(parts.retry),
    )


def _conditions(parts: _ErrorDetails) -> Iterator[ReportedCondition]:
    """Yield the conditions, each with its code and paths if they are told one by one."""
    told: Sequence[Condition] = parts.explanation.conditions
    if len(told) != len(parts.failure.violations):
        told = [Condition() for _ in parts.failure.violations]
    for violation, condition in zip(parts.failure.violations, told, strict=True):
        yield ReportedCondition(
            violation.type,
            _clause_ids(violation.subject),
            violation.description,
            _code(condition),
            tuple([field.path for field in condition.fields]),
        )


def _code(condition: Condition) -> str:
    """Return the name of a condition's code; "" if it has none, or one of a later version."""
    known = ConditionCode.DESCRIPTOR.values_by_number
    told = condition.code and condition.code in known
    return known[condition.code].name if told else ""


def _clause_ids(joined: str) -> tuple[str, ...]:
    return tuple(filter(None, joined.split(",")))


def _seconds(retry: details.RetryInfo) -> float | None:
    # Empty: the error has no RetryInfo.
    if not retry.ByteSize():
        return None
    return retry.retry_delay.ToTimedelta().total_seconds()


class _ErrorDetails(NamedTuple):
    """The details of an error; those it does not have are empty messages."""

    info: details.ErrorInfo
    localized: details.LocalizedMessage
    failure: details.PreconditionFailure
    retry: details.RetryInfo
    explanation: Explanation

    @classmethod
    def of(cls, error: grpc.Call) -> _ErrorDetails:
        parts = cls(
            details.ErrorInfo(),
            details.LocalizedMessage(),
            details.PreconditionFailure(),
            details.RetryInfo(),
            Explanation(),
        )
        for key, value in error.trailing_metadata() or ():
            if key == DETAILS_KEY and isinstance(value, bytes):
                for packed in status_pb2.Status.FromString(value).details:
                    # Unpack leaves a message of another type as it is.
                    for part in parts:
                        packed.Unpack(part)
        return parts


class _CallDetails(NamedTuple):
    """The details of a call, as an interceptor passes them on."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any


class _CallerInterceptor(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Adds the caller's name and token to every call, and a deadline to unary calls."""

    def __init__(self, name: str, token: Token | None) -> None:
        self._entry = (CALLER_KEY, name)
        self._token = token

    def _entries(self) -> Iterator[tuple[str, str]]:
        yield self._entry
        if self._token is not None:
            yield TOKEN_KEY, f"Bearer {self._token.text()}"

    def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: Any, request: Any
    ) -> Any:
        """Send one request."""
        call = self._with_caller(client_call_details)
        # Sent with the call, so that the service knows when nobody waits any more.
        timeout = DEADLINE_S if call.timeout is None else call.timeout
        return continuation(call._replace(timeout=timeout), request)

    def intercept_unary_stream(
        self, continuation: Callable[..., Any], client_call_details: Any, request: Any
    ) -> Any:
        """Send one request, receive a stream of replies."""
        return continuation(self._with_caller(client_call_details), request)

    def intercept_stream_unary(
        self,
        continuation: Callable[..., Any],
        client_call_details: Any,
        request_iterator: Any,
    ) -> Any:
        """Send a stream of requests."""
        return continuation(self._with_caller(client_call_details), request_iterator)

    def intercept_stream_stream(
        self,
        continuation: Callable[..., Any],
        client_call_details: Any,
        request_iterator: Any,
    ) -> Any:
        """Send a stream of requests, receive one of replies."""
        return continuation(self._with_caller(client_call_details), request_iterator)

    def _with_caller(self, call: Any) -> _CallDetails:
        return _CallDetails(
            call.method,
            call.timeout,
            [*(call.metadata or ()), *self._entries()],
            call.credentials,
            # Optional: a caller of ours or an earlier interceptor may leave them out.
            getattr(call, "wait_for_ready", None),
            getattr(call, "compression", None),
        )
