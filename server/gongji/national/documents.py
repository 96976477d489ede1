"""Our own messages as JSON, read strictly: what is wrong is told by path, in Chinese.

protobuf's reader takes "100.00" for an integer: yuan would become as many fen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gongji.national.forms import NationalFault
from gongji.rules import money
from gongji.text.forms import as_sent

M = TypeVar("M", bound=Message)

_WHOLE: Final = re.compile(r"-?[0-9]+")

_INTEGERS: Final = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)


def message_of(value: object, message: M, path: str) -> M:
    """Return a message filled with a JSON object. NationalFault with the path at fault."""
    # upb's descriptors have the same interface.
    descriptor: Descriptor = message.DESCRIPTOR  # type: ignore[assignment]
    fault = next(_faults_of(value, descriptor, path), None)
    if fault is not None:
        raise NationalFault(fault)
    content: Any = value
    try:
        return json_format.ParseDict(content, message)
    # protobuf raises all of these for one mistake: another shape of JSON.
    except (json_format.ParseError, TypeError, ValueError, AttributeError) as error:
        raise NationalFault(f"{path} 的写法不合 {descriptor.full_name}") from error


def _faults_of(value: object, kind: Descriptor, path: str) -> Iterator[str]:
    """Yield what is wrong with an object, field by field."""
    if not isinstance(value, Mapping):
        yield f"{path} 应为 JSON 对象"
        return
    fields = {field.name: field for field in kind.fields}
    spelled = {field.json_name: field for field in kind.fields} | fields
    for name, part in value.items():
        field = spelled.get(name)
        if field is None:
            yield f"{path} 没有字段{as_sent(str(name))}；可用 {'、'.join(fields)}"
        elif part is not None:
            yield from _faults_of_field(part, field, f"{path}.{name}")


def _faults_of_field(value: object, field: FieldDescriptor, path: str) -> Iterator[str]:
    if not field.is_repeated:
        yield from _faults_of_value(value, field, path)
    elif field.message_type is not None and field.message_type.GetOptions().map_entry:
        return
    elif not isinstance(value, list):
        yield f"{path} 应为列表"
    else:
        for place, one in enumerate(value):
            yield from _faults_of_value(one, field, f"{path}[{place}]")


def _faults_of_value(value: object, field: FieldDescriptor, path: str) -> Iterator[str]:
    if field.message_type is not None:
        # What Google defines has a form of its own in JSON.
        if not field.message_type.full_name.startswith("google."):
            yield from _faults_of(value, field.message_type, path)
    elif field.enum_type is not None:
        names = field.enum_type.values_by_name
        known_name = isinstance(value, str) and value in names
        if not known_name and not isinstance(value, int):
            known = "、".join(names)
            yield f"{path} 没有取值{as_sent(str(value))}；可用 {known}"
    elif field.cpp_type in _INTEGERS:
        yield from _faults_of_number(value, path)
    elif field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        if not isinstance(value, bool):
            yield f"{path} 应为 true 或 false，不加引号"
    elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING and not isinstance(
        value, str
    ):
        yield f"{path} 应为加引号的文本"


def _faults_of_number(value: object, path: str) -> Iterator[str]:
    if isinstance(value, int) and not isinstance(value, bool):
        return
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return
    if not isinstance(value, str | float | Decimal):
        yield f"{path} 应为整数"
        return
    sent = as_sent(str(value))
    if not path.lower().endswith("fen"):
        yield f"{path} 应为整数，收到{sent}"
        return
    try:
        meant = money.fen(str(value))
    except ValueError:
        yield f"{path} 应为整数，金额以分为单位；收到{sent}"
    else:
        yield (
            f"{path} 应为整数，金额以分为单位；收到{sent}，像是写成了元，应写作 {meant}"
        )
