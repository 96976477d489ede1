"""Forms that lead astray: one that forgets questions, one for whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gongji.v1 import binding_pb2
from seeded.meddler import meddle


def _forgetful(
    request: binding_pb2.DescribeFormRequest, honest: Callable[[Any], Any]
) -> Any:
    """Leaves out the last question of every step."""
    form = honest(request)
    for step in form.steps:
        del step.fields[-1:]
    return form


def _for_anybody(
    request: binding_pb2.DescribeFormRequest, honest: Callable[[Any], Any]
) -> Any:
    """Describes the form of spouses for everybody."""
    request.relation = "10"
    return honest(request)


_FORM: Final = (binding_pb2.DescribeFormRequest, binding_pb2.DescribeFormResponse)

FORMS: Final = {
    "a form that forgets a question": (
        {"DescribeForm": meddle(*_FORM, _forgetful)},
        "CORE-FORM-001",
    ),
    "a form for strangers": (
        {"DescribeForm": meddle(*_FORM, _for_anybody)},
        "CORE-FORM-002",
    ),
}
