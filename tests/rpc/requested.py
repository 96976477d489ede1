"""Every message and text that a request of the service is or holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gongji.v1 import (
    access_pb2,
    account_pb2,
    binding_pb2,
    city_pb2,
    consequence_pb2,
    event_pb2,
    log_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
)
from google.protobuf.descriptor import FieldDescriptor


def requested() -> Iterator[Any]:
    """Yield every message that a request is or holds."""
    seen: set[str] = set()
    left = [
        method.input_type
        for module in (
            access_pb2,
            account_pb2,
            binding_pb2,
            city_pb2,
            consequence_pb2,
            event_pb2,
            log_pb2,
            registry_pb2,
            sandbox_pb2,
            settlement_pb2,
        )
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]
    left.append(access_pb2.Subject.DESCRIPTOR)
    while left:
        message = left.pop()
        if message.full_name not in seen:
            seen.add(message.full_name)
            yield message
            left += [
                field.message_type for field in message.fields if field.message_type
            ]


def texts() -> list[Any]:
    return [
        field
        for message in requested()
        for field in message.fields
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING
    ]
