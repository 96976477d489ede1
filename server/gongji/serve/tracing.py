"""OpenTelemetry spans of calls (extra `otel`): the call, and what its jobs waited for.

    call ─┬─ queue    until a batch takes the job
          ├─ decide   until the whole batch is decided and written
          └─ commit   until it is durable

Made once a call has ended, of those that are sampled; nothing personal is in them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any, Final

from gongji import __version__
from gongji.rpc.origin import CallOrigin
from gongji.rpc.outcome import Call
from gongji.rpc.spans import NoSpans, span_seam
from gongji.store.timing import JobTiming

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

ATTRIBUTES: Final = (
    "rpc.system",
    "rpc.service",
    "rpc.method",
    "rpc.grpc.status",
    "gongji.reason",
    "gongji.caller",
    "gongji.city",
)
"""All that a span says; the trace's number is also in the call's log line."""

_NS: Final = 1_000_000_000

_WHOLE: Final = 1 << 64


class OtelSpans:
    """Makes spans of sampled calls; see `CallSpans`."""

    def __init__(self, processor: SpanProcessor, ratio: float) -> None:
        """Sample of the calls without a span of their caller this ratio, by their trace."""
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace import TracerProvider, sampling  # noqa: PLC0415

        self._bound = int(ratio * _WHOLE)
        resource = Resource.create(
            {"service.name": "gongji", "service.version": __version__}
        )
        self._ids = _Ids()
        self._provider = TracerProvider(
            # Sampled already, by `samples`.
            sampler=sampling.ALWAYS_ON,
            resource=resource,
            id_generator=self._ids,  # type: ignore[arg-type] # it is one by its methods
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("gongji", __version__)

    def samples(self, origin: CallOrigin) -> bool:
        """Return whether a call is to be told of: as its caller says, if it has a span."""
        if origin.span:
            return origin.sampled
        # As OpenTelemetry's own sampler: by the lower half of the trace's number.
        return int(origin.trace[16:] or "f" * 16, 16) < self._bound

    def tell(self, call: Call, code: str, reason: str) -> None:
        """Make the spans of a call that has ended."""
        from opentelemetry import trace  # noqa: PLC0415 - an extra

        ended = time_ns()
        began = ended - int((perf_counter() - call.started) * _NS)
        self._ids.trace = int(call.origin.trace, 16)
        span = self._tracer.start_span(
            call.method,
            context=_parent(call.origin),
            kind=trace.SpanKind.SERVER,
            start_time=began,
            attributes=_attributes(call, code, reason),
        )
        inside = trace.set_span_in_context(span)
        for timing in call.timings or ():
            for name, start, end in _phases(timing):
                part = self._tracer.start_span(name, context=inside, start_time=start)
                part.end(end)
        if code not in {"OK", "CANCELLED"} and call.error_id:
            span.set_status(trace.StatusCode.ERROR)
        span.end(ended)

    def close(self) -> None:
        """Send what waits."""
        self._provider.shutdown()


class _Ids:
    """Numbers of spans, and of the trace that is told of now."""

    def __init__(self) -> None:
        self.trace = 0

    def generate_span_id(self) -> int:
        """Return the number of a span, not 0."""
        return secrets.randbits(64) or 1

    def generate_trace_id(self) -> int:
        """Return the number of the call's own trace."""
        return self.trace

    def is_trace_id_random(self) -> bool:
        """Return that nothing is promised of numbers that callers state."""
        return False


def _parent(origin: CallOrigin) -> Any:
    """Return the context of the caller's span; an empty one if it stated none."""
    from opentelemetry import trace  # noqa: PLC0415 - an extra
    from opentelemetry.context import Context  # noqa: PLC0415

    if not origin.span:
        return Context()
    caller = trace.SpanContext(
        int(origin.trace, 16),
        int(origin.span, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(caller), Context())


def _attributes(call: Call, code: str, reason: str) -> dict[str, str]:
    service, _, method = call.method.rpartition("/")
    values = ("grpc", service, method, code, reason, call.caller, call.about)
    return dict(zip(ATTRIBUTES, values, strict=True))


def _phases(timing: JobTiming) -> Iterator[tuple[str, int, int]]:
    """Yield each phase that a job came to the end of, with its instants."""
    instants = (timing.submitted, timing.began, timing.decided, timing.committed)
    for name, start, end in zip(
        ("queue", "decide", "commit"), instants, instants[1:], strict=False
    ):
        if start and end:
            yield name, start, end


@contextmanager
def traced(ratio: float) -> Iterator[None]:
    """Send for the block spans of calls to where OTEL_EXPORTER_OTLP_… says.

    Of none if the ratio is 0. ValueError if the extra is not installed.
    """
    if not ratio:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as fault:
        msg = "--trace-ratio 须另装：pip install 'gongji[otel]'"
        raise ValueError(msg) from fault
    with telling(OtelSpans(BatchSpanProcessor(OTLPSpanExporter()), ratio)):
        yield


@contextmanager
def telling(spans: OtelSpans) -> Iterator[None]:
    """Have spans made of the calls of this process for the block."""
    span_seam.spans = spans
    try:
        yield
    finally:
        span_seam.spans = NoSpans()
        spans.close()
