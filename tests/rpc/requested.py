"""Every message and text that a request of the service is or holds."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

from gongji import v1
from gongji.v1 import access_pb2
from google.protobuf.descriptor import FieldDescriptor


def requested() -> Iterator[Any]:
    """Yield every message that a request is or holds, of every service there is."""
    seen: set[str] = set()
    names = [
        m.name for m in pkgutil.iter_modules(v1.__path__) if m.name.endswith("_pb2")
    ]
    modules = [importlib.import_module(f"gongji.v1.{name}") for name in sorted(names)]
    left = [
        method.input_type
        for module in modules
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
