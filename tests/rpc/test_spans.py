"""Spans tell of sampled calls what they waited for, and nothing personal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from gongji.rpc.origin import CallOrigin
from gongji.rpc.spans import NoSpans, span_seam
from gongji.serve.tracing import ATTRIBUTES, OtelSpans, telling, traced
from gongji.v1 import settlement_pb2
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.scaffold.service import Service

TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN: Final = "00f067aa0ba902b7"


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    """Make spans of half of the calls whose callers say nothing."""
    exporter = InMemorySpanExporter()
    with telling(OtelSpans(SimpleSpanProcessor(exporter), 0.5)):
        yield exporter


async def settle(service: Service, flags: str, **changes: Any) -> None:
    """Settle a bill within the caller's own span."""
    bill = service.bill(**changes)
    request = settlement_pb2.SettleRequest(request_id=service.new_id(), bill=bill)
    parent = (("traceparent", f"00-{TRACE}-{SPAN}-{flags}"),)
    if changes:
        await service.refused(
            lambda r: service.settlements.Settle(r, metadata=parent), request
        )
        return
    await service.settlements.Settle(request, metadata=parent)


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


async def test_a_sampled_call_is_a_child_of_its_caller_s_span(
    service: Service, exported: InMemorySpanExporter
) -> None:
    """The call is a span under its caller's; queue, decision and commit follow each other
    within it, and say nothing but what the list has."""
    await settle(service, "01")
    spans = by_name(exported)
    call = spans.pop("gongji.v1.SettlementService/Settle")
    assert call.parent is not None
    assert (SPAN, TRACE) == (
        f"{call.parent.span_id:016x}",
        f"{call.context.trace_id:032x}",
    )
    assert set(ATTRIBUTES) == set(call.attributes or ())
    assert ["commit", "decide", "queue"] == sorted(spans)
    instants = [call.start_time]
    for name in ("queue", "decide", "commit"):
        span = spans[name]
        assert span.parent is not None
        assert call.context.span_id == span.parent.span_id
        assert not span.attributes
        instants += [span.start_time, span.end_time]
    instants.append(call.end_time)
    assert instants == sorted(instants, key=lambda at: at or 0)


async def test_a_refusal_is_told_by_its_reason(
    service: Service, exported: InMemorySpanExporter
) -> None:
    """What is refused has its code and reason, and no name or number of anybody."""
    await settle(service, "01", institution_code="H34110099999")
    call = by_name(exported)["gongji.v1.SettlementService/Settle"]
    told = dict(call.attributes or {})
    assert "INSTITUTION_NOT_FOUND" == told["gongji.reason"]
    assert "NOT_FOUND" == told["rpc.grpc.status"]


async def test_who_is_not_sampled_is_not_told_of(
    service: Service, exported: InMemorySpanExporter
) -> None:
    """A caller that does not sample decides so for us too."""
    await settle(service, "00")
    assert () == exported.get_finished_spans()


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (CallOrigin("", "0" * 31 + "1"), True),
        (CallOrigin("", "f" * 32), False),
        (CallOrigin("", "f" * 32, SPAN, sampled=True), True),
        (CallOrigin("", "0" * 31 + "1", SPAN), False),
        (CallOrigin(), False),
    ],
)
def test_a_ratio_is_of_traces(origin: CallOrigin, *, expected: bool) -> None:
    """Calls of no span are sampled by the number of their trace, others as they say."""
    spans = OtelSpans(SimpleSpanProcessor(InMemorySpanExporter()), 0.5)
    assert expected == spans.samples(origin)
    assert not NoSpans().samples(origin)


def test_nothing_is_sent_unless_it_is_asked_for() -> None:
    """Without a ratio there are no spans, and after the block there are none again."""
    with traced(0.0):
        assert isinstance(span_seam.spans, NoSpans)
    with telling(OtelSpans(SimpleSpanProcessor(InMemorySpanExporter()), 1.0)):
        assert isinstance(span_seam.spans, OtelSpans)
    assert isinstance(span_seam.spans, NoSpans)
