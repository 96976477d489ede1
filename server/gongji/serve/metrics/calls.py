"""Calls as the port sees them: those of each method, and what each caller has under way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import Final, TypeAlias

import grpc

from gongji.access.callers import LOCAL, Caller
from gongji.rpc.method import Method
from gongji.serve.metrics.cells import (
    OTHER,
    CounterCell,
    HistogramCell,
    LabelValues,
    metrics,
)
from gongji.serve.metrics.families import (
    CALLER_CALLS,
    CALLER_IN_FLIGHT,
    CALLER_OVER_LIMIT,
    DURATION,
    RCVD,
    SENT,
    STARTED,
)

UNKNOWN_METHOD: Final = OTHER
"""What stands for a method nobody has (gRFC A66)."""

_Cells: TypeAlias = tuple[HistogramCell, HistogramCell, HistogramCell]


class CallMeter:
    """One call at the port; `received` and `sent` are bytes of messages.

    `status` names the gRPC status with which it ends: if nobody sets it, the caller went.
    """

    __slots__ = ("_began", "_method", "received", "sent", "status")

    def __init__(self, method: MethodMetrics) -> None:
        # hot path: once a call.
        self._method = method
        self.received = self.sent = 0
        self.status = "CANCELLED"
        method.started.value += 1
        self._began = perf_counter()

    def ended(self) -> None:
        """Count how it ended."""
        # hot path: once a call.
        seconds, sent, received = self._method.cells(self.status)
        seconds.observe(perf_counter() - self._began)
        sent.observe(self.sent)
        received.observe(self.received)


class MethodMetrics:
    """The cells of one method, those of each status bound when it first comes."""

    def __init__(self, path: str) -> None:
        self._method = path.removeprefix("/")
        self.started: CounterCell = metrics.counter(STARTED, self._method)
        self._by_status: dict[str, _Cells] = {}

    def cells(self, status: str) -> _Cells:
        """Return the histograms of seconds, bytes sent and bytes received."""
        cells = self._by_status.get(status)
        if cells is None:
            labels = self._method, status
            cells = self._by_status[status] = (
                metrics.histogram(DURATION, *labels),
                metrics.histogram(SENT, *labels),
                metrics.histogram(RCVD, *labels),
            )
        return cells


class UnknownMethods(grpc.GenericRpcHandler):
    """Counts the calls of methods that nobody has; asked last, it has none either."""

    def __init__(self) -> None:
        self._counted = MethodMetrics(UNKNOWN_METHOD)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> None:
        """Count a call, which gRPC itself ends as UNIMPLEMENTED."""
        meter = CallMeter(self._counted)
        meter.status = grpc.StatusCode.UNIMPLEMENTED.name
        meter.ended()


def watch_methods(methods: Iterable[Method]) -> None:
    """Let the methods of a port be counted by name."""
    names = {method.path.removeprefix("/") for method in methods}
    metrics.allow("grpc_method", names)
    metrics.allow("grpc_status", {code.name for code in grpc.StatusCode})


class CallerMetrics:
    """What is counted of one caller; added to directly."""

    __slots__ = ("calls", "over_limit")

    def __init__(self, caller: str) -> None:
        self.calls = metrics.counter(CALLER_CALLS, caller)
        self.over_limit = metrics.counter(CALLER_OVER_LIMIT, caller)


def watch_callers(
    policy_of: Callable[[str], Caller | None],
    in_flight: Callable[[], Mapping[str, int]],
) -> None:
    """Count by name the callers of a policy, and the local one; all others as one."""
    metrics.allow_if("caller", lambda name: name == LOCAL or bool(policy_of(name)))

    def read() -> Mapping[LabelValues, float]:
        return {(caller,): count for caller, count in in_flight().items()}

    metrics.read(CALLER_IN_FLIGHT, read)


# A service without a gateway of its own is called by itself, to load its sample.
metrics.allow("caller", (LOCAL,))
