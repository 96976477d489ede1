"""The rich status (AIP-193) a refused call ends with, and the gRPC code of each category."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message
from google.rpc import status_pb2
from google.rpc.error_details_pb2 import (
    BadRequest,
    ErrorInfo,
    LocalizedMessage,
    RetryInfo,
)
from grpc import StatusCode

from gongji.model.refusals import (
    Conflict,
    Denied,
    Exhausted,
    Malformed,
    NotFound,
    NotNow,
    Refusal,
    Refused,
    StoreUnavailable,
    Unauthenticated,
)
from gongji.rpc.trailers import (
    FORMS,
    MAX_MESSAGE,
    TrailerForm,
    abridged,
    conditions_in,
)

DOMAIN: Final = "gongji.v1"

LOCALE: Final = "zh-CN"

DETAILS_KEY: Final = "grpc-status-details-bin"

PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"

# Details and message travel as headers, the details in base64, the message in
# percent-encoded UTF-8 (nine bytes a Chinese character) and once more inside the details:
# together they stay below the 8 KiB at which Java and proxies cut a connection off.
MAX_DETAILS: Final = 4095
"""Most bytes of the details."""

RETRYABLE: Final = (Exhausted, StoreUnavailable)
"""Refusals that pass by themselves: their status says when to retry."""

CODES: Final[dict[type[Refusal], StatusCode]] = {
    Malformed: StatusCode.INVALID_ARGUMENT,
    NotFound: StatusCode.NOT_FOUND,
    NotNow: StatusCode.FAILED_PRECONDITION,
    Refused: StatusCode.FAILED_PRECONDITION,
    Conflict: StatusCode.ALREADY_EXISTS,
    Unauthenticated: StatusCode.UNAUTHENTICATED,
    Denied: StatusCode.PERMISSION_DENIED,
    StoreUnavailable: StatusCode.UNAVAILABLE,
    Exhausted: StatusCode.RESOURCE_EXHAUSTED,
}
"""A category of refusals and its code; every refusal is of exactly one."""

# Reasons no refusal has: time ran out; a defect of ours.
DEADLINE_REASON: Final = "DEADLINE_EXCEEDED"

FAULT_REASON: Final = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Status:
    """How a call ends that is not OK; `trailing` is the metadata that holds the details."""

    code: StatusCode
    reason: str
    message: str
    trailing: tuple[tuple[str, str | bytes], ...]


def of_refusal(refusal: Refusal, retry_ms: int = 1000) -> Status:
    """Return the status of a refusal, with ErrorInfo and LocalizedMessage.

    Fields, conditions and the time to retry are added if the refusal has any.
    """
    code = code_of(type(refusal))
    message = abridged(refusal.message, MAX_MESSAGE)
    packed = _packed_details(refusal, code, message, retry_ms)
    trailing: list[tuple[str, str | bytes]] = [(DETAILS_KEY, packed)]
    if isinstance(refusal, RETRYABLE):
        # gRPC's own retries read this header, not the details.
        trailing.append((PUSHBACK_KEY, str(retry_ms)))
    return Status(code, refusal.reason(), message, tuple(trailing))


def code_of(kind: type[Refusal]) -> StatusCode:
    """Return the gRPC code of a class of refusals: that of its category."""
    return next(CODES[category] for category in kind.__mro__ if category in CODES)


def of_deadline() -> Status:
    """Return the status if time ran out: the same request id finds the outcome."""
    message = "未能在时限内完成；结果未知，请用同一 request_id 重试"
    return _bare(StatusCode.DEADLINE_EXCEEDED, DEADLINE_REASON, message, {})


def of_fault(error_id: str) -> Status:
    """Return the status of a defect of ours: no word about the cause, an id for the log."""
    message = f"服务内部错误，编号 {error_id}"
    metadata = {"error_id": error_id}
    return _bare(StatusCode.INTERNAL, FAULT_REASON, message, metadata)


def _bare(
    code: StatusCode, reason: str, message: str, metadata: dict[str, str]
) -> Status:
    packed = _pack(code, message, [_error_info(reason, metadata), _localized(message)])
    return Status(code, reason, message, ((DETAILS_KEY, packed),))


def _packed_details(
    refusal: Refusal, code: StatusCode, message: str, retry_ms: int
) -> bytes:
    """Return the details of a refusal, the first form that fits into `MAX_DETAILS` bytes."""
    for form in FORMS:
        short = abridged(message, form.sentence)
        packed = _pack(code, short, _details(refusal, short, form, retry_ms))
        if len(packed) <= MAX_DETAILS:
            return packed
    # So many clauses or figures that even without a condition they do not fit.
    bare = [_error_info(refusal.reason(), {}), _localized(message)]
    return _pack(code, message, [*bare, *_retry_in(refusal, retry_ms)])


def _details(
    refusal: Refusal, message: str, form: TrailerForm, retry_ms: int
) -> list[Message]:
    """Return the details in one form."""
    parts: list[Message] = [
        _error_info(refusal.reason(), _metadata(refusal, form.text)),
        _localized(message),
    ]
    if isinstance(refusal, Malformed) and refusal.field:
        violation = BadRequest.FieldViolation(
            field=refusal.field, description=abridged(refusal.message, form.text)
        )
        parts.append(BadRequest(field_violations=[violation]))
    if refusal.conditions:
        parts += conditions_in(refusal, form)
    return [*parts, *_retry_in(refusal, retry_ms)]


def _retry_in(refusal: Refusal, retry_ms: int) -> Iterator[RetryInfo]:
    """Yield when to retry a refusal that passes by itself."""
    if isinstance(refusal, RETRYABLE):
        retry = RetryInfo()
        retry.retry_delay.FromMilliseconds(retry_ms)
        yield retry


def _metadata(refusal: Refusal, length: int) -> dict[str, str]:
    """Return the metadata of ErrorInfo: the refusal's own, its field, its clauses."""
    metadata = {
        key: abridged(str(value), length) for key, value in refusal.metadata.items()
    }
    if refusal.field:
        metadata["field"] = refusal.field
    if refusal.clauses:
        metadata["clauses"] = ",".join(dict.fromkeys(c.id for c in refusal.clauses))
    return metadata


def _error_info(reason: str, metadata: dict[str, str]) -> ErrorInfo:
    return ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)


def _localized(message: str) -> LocalizedMessage:
    return LocalizedMessage(locale=LOCALE, message=message)


def _pack(code: StatusCode, message: str, parts: list[Message]) -> bytes:
    # grpc's codes are pairs of number and name.
    number: int = code.value[0]
    status = status_pb2.Status(code=number, message=message)
    for part in parts:
        status.details.add().Pack(part)
    return status.SerializeToString()
