"""The one table from a refusal's category to its gRPC code, and the rich status a caller
gets (AIP-193)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

from gongji.model import refusals
from gongji.model.refusals import Refusal

DOMAIN: Final = "gongji.v1"

LOCALE: Final = "zh-CN"

DETAILS_KEY: Final = "grpc-status-details-bin"

PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"

MAX_DETAILS: Final = 4095

MAX_MESSAGE: Final = 160
"""Bytes of details and characters of the sentence.

Both travel as headers, the details in base64, the sentence in percent-encoded UTF-8
(nine bytes a Chinese character) and once more inside the details: together they stay
below the 8 KiB at which Java and proxies cut a connection off.
"""

RETRYABLE: Final = (refusals.Overloaded, refusals.StoreUnavailable)
"""Refusals that pass by themselves: they say when to come again."""

_LENGTHS: Final = (400, 160, 100, 60, 40, 24, 12, 4)

CODES: Final[dict[type[Refusal], grpc.StatusCode]] = {
    refusals.Malformed: grpc.StatusCode.INVALID_ARGUMENT,
    refusals.NotFound: grpc.StatusCode.NOT_FOUND,
    refusals.NotNow: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.Refused: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.Conflict: grpc.StatusCode.ALREADY_EXISTS,
    refusals.StoreUnavailable: grpc.StatusCode.UNAVAILABLE,
    refusals.Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
"""A category of refusals and its code; every refusal is of exactly one."""

DEADLINE_REASON: Final = "DEADLINE_EXCEEDED"

FAULT_REASON: Final = "INTERNAL"
"""Reasons no refusal has: time ran out; a fault of ours."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a call ends that is not OK: code, reason and sentence, with the trailing
    metadata that carry the details."""

    code: grpc.StatusCode
    reason: str
    message: str
    trailing: tuple[tuple[str, str | bytes], ...]


def of_refusal(refusal: Refusal, again_ms: int = 1000) -> Status:
    """The status of a refusal: ErrorInfo, LocalizedMessage and, where they apply,
    fields, conditions, when to retry."""
    code = code_of(type(refusal))
    message = _shorten(refusal.message, MAX_MESSAGE)
    for length in _LENGTHS:
        packed = _pack(code, message, _parts(refusal, message, length, again_ms))
        if len(packed) <= MAX_DETAILS:
            break
    else:
        packed = _pack(
            code, message, [_error_info(refusal.reason(), {}), _localized(message)]
        )
    trailing: list[tuple[str, str | bytes]] = [(DETAILS_KEY, packed)]
    if isinstance(refusal, RETRYABLE):
        trailing.append((PUSHBACK_KEY, str(again_ms)))
    return Status(code, refusal.reason(), message, tuple(trailing))


def code_of(kind: type[Refusal]) -> grpc.StatusCode:
    """Return the gRPC code of a class of refusals: that of its category."""
    return next(CODES[category] for category in kind.__mro__ if category in CODES)


def of_deadline() -> Status:
    """The status where time ran out: nothing is known of the outcome; the same request
    id finds it."""
    message = "未能在时限内完成; 结果未知, 请用同一 request_id 重试"
    return _bare(grpc.StatusCode.DEADLINE_EXCEEDED, DEADLINE_REASON, message, {})


def of_fault(error_id: str) -> Status:
    """The status of a fault of ours: no word about the cause, an id under which
    the log tells it."""
    message = f"服务内部错误, 编号 {error_id}"
    return _bare(
        grpc.StatusCode.INTERNAL, FAULT_REASON, message, {"error_id": error_id}
    )


def _bare(
    code: grpc.StatusCode, reason: str, message: str, metadata: dict[str, str]
) -> Status:
    packed = _pack(code, message, [_error_info(reason, metadata), _localized(message)])
    return Status(code, reason, message, ((DETAILS_KEY, packed),))


def _parts(refusal: Refusal, message: str, length: int, again_ms: int) -> list[Message]:
    """The details, no text of them longer than `length` characters; no entry is left out."""
    metadata = {
        key: _shorten(str(value), length) for key, value in refusal.metadata.items()
    }
    if refusal.field:
        metadata["field"] = refusal.field
    if refusal.clauses:
        metadata["clauses"] = ",".join(dict.fromkeys(c.id for c in refusal.clauses))
    parts: list[Message] = [
        _error_info(refusal.reason(), metadata),
        _localized(message),
    ]
    if isinstance(refusal, refusals.Malformed) and refusal.field:
        text = _shorten(refusal.message, length)
        violation = details.BadRequest.FieldViolation(
            field=refusal.field, description=text
        )
        parts.append(details.BadRequest(field_violations=[violation]))
    if refusal.conditions:
        parts.append(
            details.PreconditionFailure(
                violations=[_violation(c, length) for c in refusal.conditions]
            )
        )
    if isinstance(refusal, RETRYABLE):
        retry = details.RetryInfo()
        retry.retry_delay.FromMilliseconds(again_ms)
        parts.append(retry)
    return parts


def _violation(
    condition: refusals.Condition, length: int
) -> details.PreconditionFailure.Violation:
    """One unmet condition: which question, under which clauses, what is wrong and what
    would help."""
    told = "; 办法: ".join(filter(None, (condition.message, condition.remedy)))
    subject = ",".join(condition.clauses)
    return details.PreconditionFailure.Violation(
        type=condition.hook, subject=subject, description=_shorten(told, length)
    )


def _error_info(reason: str, metadata: dict[str, str]) -> details.ErrorInfo:
    return details.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)


def _localized(message: str) -> details.LocalizedMessage:
    return details.LocalizedMessage(locale=LOCALE, message=message)


def _pack(code: grpc.StatusCode, message: str, parts: list[Message]) -> bytes:
    packed = []
    for part in parts:
        box = any_pb2.Any()
        box.Pack(part)
        packed.append(box)
    number: int = code.value[0]
    return status_pb2.Status(
        code=number, message=message, details=packed
    ).SerializeToString()


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
