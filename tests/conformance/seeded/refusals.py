"""Refusals that lead astray: a way that forgets a step, an explanation that forgets why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gongji.v1 import binding_pb2
from seeded.meddler import meddle


def _forgetful(
    request: binding_pb2.SubmitBindingRequest, honest: Callable[[Any], Any]
) -> Any:
    """Leaves out the last step of every way."""
    reply = honest(request)
    for way in reply.unmet.ways:
        del way.steps[-1:]
    return reply


def _vague(
    request: binding_pb2.ExplainRefusalRequest, honest: Callable[[Any], Any]
) -> Any:
    """Tells the first condition only."""
    reply = honest(request)
    del reply.explanation.conditions[1:]
    return reply


_SUBMIT: Final = (binding_pb2.SubmitBindingRequest, binding_pb2.SubmitBindingResponse)

_EXPLAIN: Final = (
    binding_pb2.ExplainRefusalRequest,
    binding_pb2.ExplainRefusalResponse,
)

REFUSALS: Final = {
    "a way that forgets a step": (
        {"SubmitBinding": meddle(*_SUBMIT, _forgetful)},
        "CORE-REFUSAL-001",
    ),
    "a refusal explained in part": (
        {"ExplainRefusal": meddle(*_EXPLAIN, _vague)},
        "CORE-REFUSAL-002",
    ),
}
