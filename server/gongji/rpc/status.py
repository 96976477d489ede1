"""The one table from a refusal's reason to its gRPC code, and the rich status a caller
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
    refusals.MalformedField: grpc.StatusCode.INVALID_ARGUMENT,
    refusals.PartsDoNotSum: grpc.StatusCode.INVALID_ARGUMENT,
    refusals.CertificateChecksum: grpc.StatusCode.INVALID_ARGUMENT,
    refusals.UnknownChannel: grpc.StatusCode.INVALID_ARGUMENT,
    refusals.UnsupportedVisitKind: grpc.StatusCode.INVALID_ARGUMENT,
    refusals.PageTokenInvalid: grpc.StatusCode.INVALID_ARGUMENT,
    refusals.CityNotServed: grpc.StatusCode.NOT_FOUND,
    refusals.PersonNotFound: grpc.StatusCode.NOT_FOUND,
    refusals.InstitutionNotFound: grpc.StatusCode.NOT_FOUND,
    refusals.BindingNotFound: grpc.StatusCode.NOT_FOUND,
    refusals.SettlementNotFound: grpc.StatusCode.NOT_FOUND,
    refusals.CreditNotFound: grpc.StatusCode.NOT_FOUND,
    refusals.NotInForce: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.CounterClosed: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.FutureServiceDay: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.FutureMonth: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.ParameterNotSet: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.NoContributionBase: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.NotEligible: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.IllegalTransition: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.NotEnrolled: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.InstitutionNotDesignated: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.FilingRequired: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.GiverNotBound: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.NoAccount: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.AlreadyReversed: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.NotLastSettlement: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.AlreadyCredited: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.OriginalReversed: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.BalanceSpent: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.BalanceShort: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.AlreadyPaid: grpc.StatusCode.FAILED_PRECONDITION,
    refusals.RequestIdReused: grpc.StatusCode.ALREADY_EXISTS,
    refusals.StoreUnavailable: grpc.StatusCode.UNAVAILABLE,
    refusals.Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
}

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
    # A refusal remembered under a class that is gone comes back as its category.
    code = CODES.get(type(refusal), grpc.StatusCode.FAILED_PRECONDITION)
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
