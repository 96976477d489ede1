"""Enforce the options `rule` and `message_rule` of constraints.proto.

A message type is compiled once into closures; a message that keeps its rules costs a
few microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message

from gongji.model.refusals import PartsDoNotSum
from gongji.rpc.values import (
    ALLOWED,
    Check,
    FieldFault,
    Violation,
    absence_of,
    check_instant,
    scalar_check,
)
from gongji.rules.money import yuan
from gongji.v1 import constraints_pb2 as options

_TIMESTAMP: Final = "google.protobuf.Timestamp"

# Without presence an empty string and an unspecified enum are absent; a number is always
# there.
_EMPTY_IS_ABSENT: Final = frozenset(
    {FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_ENUM}
)


def enforce(message: Message, under: str = "") -> None:
    """Refuse a message that breaks a rule of its protos.

    MalformedField or PartsDoNotSum with the field's path, e.g. `bill.enrolments[2].from`:
    the first in the order of declaration, the message's own rules last. Paths begin
    with `under` if the message is no request of its own.
    """
    check = _compiled.get(type(message))
    if check is None:
        # upb's descriptors have the same interface.
        check = message_check(message.DESCRIPTOR)  # type: ignore[arg-type]
        _compiled[type(message)] = check
    try:
        check(message)
    except Violation as broken:
        # No name here may hold it: its traceback holds this frame.
        raise (broken.under(under) if under else broken).refusal() from None


# Compiling a type costs as much as checking a thousand messages of it.
_compiled: dict[type[Message], Check] = {}


class _Field(NamedTuple):
    """How one field of a message is checked."""

    name: str
    has_presence: bool
    empty_is_absent: bool
    """Whether an empty value counts as none; of fields without presence."""
    if_absent: FieldFault | None
    """What is wrong if it is absent; None if it may be."""
    check: Check | None


def message_check(descriptor: Descriptor) -> Check:
    """Return the check of a message type: fields in order, then oneofs and sums."""
    if descriptor.full_name == _TIMESTAMP:
        return check_instant
    compiled = [_compile_field(field) for field in descriptor.fields]
    fields = tuple(field for field in compiled if field is not None)
    rule = descriptor.GetOptions().Extensions[options.message_rule]
    oneofs = [_oneof_check(descriptor.oneofs_by_name[n]) for n in rule.required_oneofs]
    sums = [_sum_check(s.total, tuple(s.parts)) for s in rule.sums]
    return partial(_check_message, fields, (*oneofs, *sums))


def _check_message(
    fields: tuple[_Field, ...], own: tuple[Check, ...], message: Message
) -> None:
    # hot path: one loop over the fields, no call for one that is absent.
    for name, has_presence, empty_is_absent, if_absent, check_value in fields:
        absent = has_presence and not message.HasField(name)
        value = None if absent else getattr(message, name)
        if value is None or (empty_is_absent and not value):
            if if_absent is not None:
                raise Violation.of(if_absent, name)
        elif check_value is not None:
            try:
                check_value(value)
            except Violation as broken:
                raise broken.under(name) from None
    for check_own in own:
        check_own(message)


def _compile_field(field: FieldDescriptor) -> _Field | None:
    """Return the check of one field; None if nothing can be wrong with it."""
    rule = field.GetOptions().Extensions[options.rule]
    if_absent = absence_of(field, rule) if rule.required else None
    if field.is_repeated:
        if _is_map(field):
            return None
        return _Field(
            field.name,
            has_presence=False,
            empty_is_absent=True,
            if_absent=if_absent,
            check=_repeated_check(field, rule),
        )
    check = _value_check(field, rule)
    if check is None and not rule.required:
        return None
    nothing_if_empty = field.cpp_type in _EMPTY_IS_ABSENT
    return _Field(
        field.name,
        has_presence=field.has_presence,
        empty_is_absent=nothing_if_empty and not field.has_presence,
        if_absent=if_absent,
        check=check,
    )


def _is_map(field: FieldDescriptor) -> bool:
    message = field.message_type
    return message is not None and bool(message.GetOptions().map_entry)


def _repeated_check(field: FieldDescriptor, rule: options.FieldRule) -> Check:
    """Return the check of a list that is not empty."""
    max_items = rule.max_items
    scalar = field.message_type is None
    check_element = _value_check(field, rule)
    # Each element must say something: neither empty text nor an unspecified enum.
    needs_content = field.cpp_type in _EMPTY_IS_ABSENT
    empty = absence_of(field, rule, "不能为空")

    def check(values: Any) -> None:
        if max_items and len(values) > max_items:
            raise Violation(f"最多 {max_items} 项，收到 {len(values)} 项")
        if scalar and len(set(values)) != len(values):
            raise Violation(f"有重复的项：{_repeated(values)}")
        for i, value in enumerate(values):
            if needs_content and not value:
                raise Violation.of(empty, f"[{i}]")
            if check_element is None:
                continue
            try:
                check_element(value)
            except Violation as broken:
                raise broken.under(f"[{i}]") from None

    return check


def _repeated(values: Sequence[Any]) -> str:
    """Return which element of a list is the same as one before it."""
    first: dict[Any, int] = {}
    for place, value in enumerate(values, start=1):
        before = first.setdefault(value, place)
        if before != place:
            return f"第 {place} 项与第 {before} 项相同"
    return ""


def _value_check(field: FieldDescriptor, rule: options.FieldRule) -> Check | None:
    """Return the check of one value of a field's type; None if all are right."""
    if field.message_type is not None:
        return message_check(field.message_type)
    return scalar_check(field, rule)


def _oneof_check(oneof: OneofDescriptor) -> Check:
    name = oneof.name
    members = "、".join(f.name for f in oneof.fields)
    allowed = {ALLOWED: ",".join(f.name for f in oneof.fields)}

    def check(message: Message) -> None:
        if message.WhichOneof(name) is None:
            raise Violation(f"须给出其中之一：{members}", name, data=allowed)

    return check


def _sum_check(total: str, parts: tuple[str, ...]) -> Check:
    listed = "、".join(parts)

    def check(message: Any) -> None:
        whole = getattr(message, total)
        added = sum([getattr(message, part) for part in parts])
        if whole != added:
            raise Violation(
                f"总额 {whole} 分（{yuan(whole)} 元）不等于各部分之和 {added} 分"
                f"（{yuan(added)} 元）{_yuan_for_fen(message, total, parts)}；"
                f"各部分：{listed}",
                total,
                PartsDoNotSum,
            )

    return check


def _yuan_for_fen(message: Any, total: str, parts: tuple[str, ...]) -> str:
    """Return what is said if the parts would add up, were some amounts yuan."""
    whole = getattr(message, total)
    amounts = [getattr(message, part) for part in parts]
    added = sum(amounts)
    one_in_yuan = [added + fen * 99 for fen in amounts if fen]
    if added != whole * 100 and whole not in (added * 100, *one_in_yuan):
        return ""
    return "，像是有的金额写成了元：一律以分为单位，100.00 元写作 10000"
