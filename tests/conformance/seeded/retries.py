"""Servers that do a retry anew, or did what they said they could not."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

import grpc
from gongji.v1 import account_pb2, settlement_pb2
from seeded.meddler import meddle

_SETTLE: Final = (settlement_pb2.SettleRequest, settlement_pb2.SettleResponse)

_CREDIT: Final = (account_pb2.CreditRequest, account_pb2.CreditResponse)


class _DoesAnew:
    """Forgets what it did under an id if its reply was lost."""

    def __init__(self) -> None:
        self._lost: set[str] = set()

    def __call__(self, request: Any, honest: Callable[[Any], Any]) -> Any:
        stated = request.request_id
        if stated in self._lost:
            request.request_id = str(uuid.uuid4())
        try:
            return honest(request)
        except grpc.RpcError:
            self._lost.add(stated)
            raise


def _always_replayed(request: Any, honest: Callable[[Any], Any]) -> Any:
    answer = honest(request)
    answer.receipt.replayed = True
    return answer


RETRIES: Final = {
    "a lost reply done anew": (
        {"Settle": meddle(*_SETTLE, _DoesAnew())},
        "CORE-FAULT-001",
    ),
    "a lost settlement settled anew": (
        {"Settle": meddle(*_SETTLE, _DoesAnew())},
        "CORE-FAULT-002",
    ),
    "what was unavailable done all the same": (
        {"Credit": meddle(*_CREDIT, _always_replayed)},
        "CORE-FAULT-003",
    ),
}
