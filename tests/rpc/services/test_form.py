"""DescribeForm over the wire: its fields as the protos have them, its refusals in detail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from gongji.v1 import binding_pb2 as pb
from gongji.v1 import constraints_pb2
from google.protobuf.descriptor import FieldDescriptor

from tests.scaffold.service import Service


def asked(**changes: Any) -> pb.DescribeFormRequest:
    """Return a request for the form of 滁州市 through 皖事通."""
    fields = {
        "holder_city": "341100",
        "member_city": "341100",
        "channel": "wanshitong",
        **changes,
    }
    return pb.DescribeFormRequest(**fields)


def field_at(path: str) -> FieldDescriptor:
    """Return the field of an application at a path."""
    *above, last = path.replace("[]", "").split(".")
    descriptor: Any = pb.SubmitBindingRequest.DESCRIPTOR
    for name in above:
        descriptor = descriptor.fields_by_name[name].message_type
    field: FieldDescriptor = descriptor.fields_by_name[last]
    return field


def fields_of(form: pb.DescribeFormResponse) -> Iterator[pb.FormField]:
    for step in form.steps:
        yield from step.fields


async def test_a_form_is_of_its_day_and_city(service: Service) -> None:
    """The reply says its day, today if none is asked for, and whose rules it is made of;
    asked for again it is the same."""
    form = await service.bindings.DescribeForm(asked())
    later = await service.bindings.DescribeForm(asked(day="2026-03-02"))
    assert "2025-09-30" == form.day
    assert "2026-03-02" == later.day
    assert "341100" == form.decided_by.area_code
    assert form == await service.bindings.DescribeForm(asked(day="2025-09-30"))


async def test_paths_and_constraints_are_those_of_the_protos(service: Service) -> None:
    """Each path leads to a field of SubmitBindingRequest, to a list if it ends in [], and
    comes with that field's own constraints."""
    form = await service.bindings.DescribeForm(asked())
    for one in fields_of(form):
        field = field_at(one.path)
        rule = field.GetOptions().Extensions[constraints_pb2.rule]
        assert field.is_repeated == one.path.endswith("[]")
        assert rule == one.constraints
        if field.enum_type is not None:
            names = {value.name for value in field.enum_type.values}
            assert {choice.value for choice in one.choices} <= names


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"holder_city": ""}, "INVALID_ARGUMENT MALFORMED_FIELD holder_city"),
        ({"member_city": "3411"}, "INVALID_ARGUMENT MALFORMED_FIELD member_city"),
        ({"member_city": "034110"}, "INVALID_ARGUMENT MALFORMED_FIELD member_city"),
        ({"member_city": "340000"}, "INVALID_ARGUMENT MALFORMED_FIELD member_city"),
        ({"member_city": "340099"}, "INVALID_ARGUMENT MALFORMED_FIELD member_city"),
        ({"relation": "1"}, "INVALID_ARGUMENT MALFORMED_FIELD relation"),
        ({"purposes": [0]}, "INVALID_ARGUMENT MALFORMED_FIELD purposes[0]"),
        ({"day": "2025-02-30"}, "INVALID_ARGUMENT MALFORMED_FIELD day"),
        ({"channel": "pigeon"}, "INVALID_ARGUMENT UNKNOWN_CHANNEL channel"),
        ({"holder_city": "310000"}, "NOT_FOUND CITY_NOT_SERVED"),
        ({"day": "2001-01-01"}, "FAILED_PRECONDITION NOT_IN_FORCE"),
        ({"relation": "28"}, "FAILED_PRECONDITION NOT_ELIGIBLE"),
    ],
)
async def test_what_is_wrong_is_named(
    service: Service, changes: dict[str, Any], refusal: str
) -> None:
    """A malformed request and what nobody can do are refused, each by its name."""
    refused = await service.refused(service.bindings.DescribeForm, asked(**changes))
    assert refusal == refused.summary


async def test_a_later_day_has_its_rules(service: Service) -> None:
    """Every day from the first on has a form, also one of a year nobody has published."""
    for day in ("2022-07-01", "2199-12-31", "9999-12-31"):
        form = await service.bindings.DescribeForm(asked(day=day))
        assert form.complete


async def test_a_call_without_anything_is_malformed(service: Service) -> None:
    """An empty request is refused for its first field, not for a city nobody named."""
    refused = await service.refused(
        service.bindings.DescribeForm, pb.DescribeFormRequest()
    )
    assert grpc.StatusCode.INVALID_ARGUMENT is refused.code
    assert "holder_city" == refused.field
