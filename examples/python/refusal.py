"""What an error of the service says, for programs and for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import grpc
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

# grpcio 1.49 says CANCELLED of a call on a connection just being closed; we cancel none.
UNKNOWN: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    }
)
"""Whether the request was executed is unknown; the same request with the same id finds out."""


class Refusal(NamedTuple):
    """An error as the service explains it."""

    code: grpc.StatusCode
    reason: str
    message: str
    metadata: Mapping[str, str]
    pushback_s: float


def refusal_of(error: grpc.RpcError) -> Refusal:
    """Return what an error says: reason, sentence, when to try again."""
    if not isinstance(error, grpc.Call):
        raise error
    info, localized = details.ErrorInfo(), details.LocalizedMessage()
    retry = details.RetryInfo()
    trailers = dict(error.trailing_metadata() or ())
    packed = status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b""))
    for detail in packed.details:
        for part in (info, localized, retry):
            detail.Unpack(part)
    pushback_s = int(trailers.get("grpc-retry-pushback-ms", 0)) / 1000
    return Refusal(
        code=error.code(),
        reason=info.reason,
        message=localized.message or error.details() or "",
        metadata=info.metadata,
        pushback_s=max(pushback_s, retry.retry_delay.ToTimedelta().total_seconds()),
    )
