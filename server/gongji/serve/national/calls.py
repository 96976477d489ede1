"""The gRPC service as messages ask it, and how its refusals come back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

import grpc

from gongji.access.identity import SUBJECT_KEY
from gongji.client.connection import RefusalInfo, refusal_of
from gongji.v1 import (
    access_pb2,
    account_pb2_grpc,
    registry_pb2_grpc,
    settlement_pb2_grpc,
)
from gongji.v1 import settlement_pb2 as pb

_UNDECIDED: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""Codes after which a call may have been executed or not."""


class ServiceFault(Exception):  # noqa: N818 - the service's answer, not an error of ours
    """The service refused, or did not answer."""

    def __init__(self, refusal: RefusalInfo) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal

    @property
    def reason(self) -> str:
        """Why, as a code; that of gRPC if the service did not say."""
        return self.refusal.reason or self.refusal.code.name

    @property
    def undecided(self) -> bool:
        """Whether nobody knows if the call was executed."""
        return self.refusal.code in _UNDECIDED


class ServiceCalls(Protocol):
    """The service, as far as messages ask it; each call may raise ServiceFault."""

    def settlements(self, method: str, request: Any) -> Any:
        """Call SettlementService."""

    def registry(self, method: str, request: Any) -> Any:
        """Call RegistryService."""

    def accounts(self, method: str, request: Any) -> Any:
        """Call AccountService."""

    def compare(
        self, requests: Iterable[pb.ReconcileDetailsRequest]
    ) -> Iterator[pb.ReconcileDetailsResponse]:
        """Call ReconcileDetails."""


class GrpcService:
    """The service over a channel; each call ends within so many seconds."""

    def __init__(self, channel: grpc.Channel, timeout_s: float) -> None:
        self._settlements = settlement_pb2_grpc.SettlementServiceStub(channel)
        self._registry = registry_pb2_grpc.RegistryServiceStub(channel)
        self._accounts = account_pb2_grpc.AccountServiceStub(channel)
        self._timeout_s = timeout_s

    def settlements(self, method: str, request: Any) -> Any:
        """Call SettlementService. ServiceFault."""
        return self._call(self._settlements, method, request)

    def registry(self, method: str, request: Any) -> Any:
        """Call RegistryService. ServiceFault."""
        return self._call(self._registry, method, request)

    def accounts(self, method: str, request: Any) -> Any:
        """Call AccountService. ServiceFault."""
        return self._call(self._accounts, method, request)

    def compare(
        self, requests: Iterable[pb.ReconcileDetailsRequest]
    ) -> Iterator[pb.ReconcileDetailsResponse]:
        """Call ReconcileDetails. ServiceFault."""
        try:
            yield from self._settlements.ReconcileDetails(
                iter(requests), metadata=_RECONCILIATION, timeout=_COMPARING_S
            )
        except grpc.RpcError as error:
            raise ServiceFault(refusal_of(error)) from error

    def _call(self, stub: Any, method: str, request: Any) -> Any:
        purpose = _PURPOSES.get(method, _CARE)
        try:
            return getattr(stub, method)(
                request, metadata=purpose, timeout=self._timeout_s
            )
        except grpc.RpcError as error:
            raise ServiceFault(refusal_of(error)) from error


def _metadata(purpose: access_pb2.AccessPurpose.ValueType) -> Any:
    subject = access_pb2.Subject(purpose=purpose)
    return ((SUBJECT_KEY, subject.SerializeToString()),)


_CARE: Final = _metadata(access_pb2.ACCESS_PURPOSE_CARE)
"""What a person's data are asked for: the treatment, and its settlement."""

_RECONCILIATION: Final = _metadata(access_pb2.ACCESS_PURPOSE_RECONCILIATION)

_PURPOSES: Final = {"ReconcileTotals": _RECONCILIATION}
"""What a call is made for, if it is not the treatment."""

_COMPARING_S: Final = 300.0
"""Seconds a comparison of rows may take."""
