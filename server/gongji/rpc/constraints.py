"""Enforces the options `rule` and `message_rule` of constraints.proto: whatever is
malformed ends here, with its path.

A message type is compiled once into closures; a message that keeps its rules costs a
few microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message

from gongji.model.refusals import Malformed, MalformedField, PartsDoNotSum
from gongji.v1 import constraints_pb2 as options

Check = Callable[[Any], None]
"""Checks a message or a value; raises _Violation where it breaks a rule."""

EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)

LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Instants outside these are refused: no rule speaks of them, and arithmetic near the
calendar's ends overflows."""

_UUID = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_INSTANT_SPAN = range(int(EARLIEST.timestamp()), int(LATEST.timestamp()))

_NANOS = range(1_000_000_000)

_TIMESTAMP = "google.protobuf.Timestamp"


class _Violation(Exception):  # noqa: N818 - turned into a refusal before anyone sees it
    """A broken rule, still on its way up to the request; the path grows on the way."""

    def __init__(
        self, what: str, path: str = "", kind: type[Malformed] = MalformedField
    ) -> None:
        super().__init__(what)
        self.what = what
        self.path = path
        self.kind = kind

    def under(self, parent: str) -> _Violation:
        """The same violation seen from the parent field; indexes need no dot."""
        self.path = (
            f"{parent}.{self.path}"
            if self.path and self.path[0] != "["
            else parent + self.path
        )
        return self


def enforce(message: Message) -> None:
    """Refuses a message that breaks a rule of its protos; the first in field order, the
    message's own rules last.

    MalformedField or PartsDoNotSum with the field's path, e.g. `bill.enrolments[2].from`.
    """
    check = _compiled.get(type(message)) or _compile_type(message)
    try:
        check(message)
    except _Violation as broken:
        text = f"{broken.path}: {broken.what}"
        raise broken.kind(text, field=broken.path) from None


_compiled: dict[type[Message], Check] = {}


def _compile_type(message: Message) -> Check:
    check = _compiled[type(message)] = message_check(message.DESCRIPTOR)
    return check


def message_check(descriptor: Any) -> Check:
    """The check of a message type: its fields in order of their declaration, then its
    sums and oneofs."""
    if descriptor.full_name == _TIMESTAMP:
        return _check_instant
    fields = [_field_check(f) for f in descriptor.fields]
    rule = descriptor.GetOptions().Extensions[options.message_rule]
    own = [
        _oneof_check(descriptor.oneofs_by_name[name]) for name in rule.required_oneofs
    ]
    own += [_sum_check(s.total, tuple(s.parts)) for s in rule.sums]
    checks = tuple(c for c in fields if c is not None) + tuple(own)

    def check(message: Any) -> None:
        for one in checks:
            one(message)

    return check


def _field_check(field: FieldDescriptor) -> Check | None:
    """The check of one field inside its message; None where nothing can be wrong with it."""
    rule = field.GetOptions().Extensions[options.rule]
    if _is_map(field):
        return None
    if field.is_repeated:
        return _repeated_check(field, rule)
    value_check = _value_check(field, rule)
    name = field.name
    if field.has_presence:
        return _presence_check(name, value_check, required=rule.required)
    if value_check is None and not rule.required:
        return None
    # An empty string or unspecified enum is absent; a number is always there.
    skippable = field.cpp_type in {
        FieldDescriptor.CPPTYPE_STRING,
        FieldDescriptor.CPPTYPE_ENUM,
    }
    required = rule.required

    def check(message: Any) -> None:
        value = getattr(message, name)
        if skippable and not value:
            if required:
                raise _Violation("必填", name)
            return
        if value_check is not None:
            try:
                value_check(value)
            except _Violation as broken:
                raise broken.under(name) from None

    return check


def _presence_check(name: str, value_check: Check | None, *, required: bool) -> Check:
    def check(message: Any) -> None:
        if not message.HasField(name):
            if required:
                raise _Violation("必填", name)
            return
        if value_check is not None:
            try:
                value_check(getattr(message, name))
            except _Violation as broken:
                raise broken.under(name) from None

    return check


def _repeated_check(field: FieldDescriptor, rule: options.FieldRule) -> Check:
    name, required, most = field.name, rule.required, rule.max_items
    scalar = field.message_type is None
    element = _element_check(field, rule)

    def check(message: Any) -> None:
        values = getattr(message, name)
        if not values:
            if required:
                raise _Violation("至少要有一项", name)
            return
        if most and len(values) > most:
            raise _Violation(f"最多 {most} 项, 收到 {len(values)} 项", name)
        if scalar and len(set(values)) != len(values):
            raise _Violation("有重复的项", name)
        for i, value in enumerate(values):
            try:
                element(value)
            except _Violation as broken:
                raise broken.under(f"{name}[{i}]") from None

    return check


def _value_check(field: FieldDescriptor, rule: options.FieldRule) -> Check | None:
    """The check of one value of a field's type."""
    if field.message_type is not None:
        return message_check(field.message_type)
    if field.enum_type is not None:
        return _enum_check(frozenset(field.enum_type.values_by_number))
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _text_check(rule)
    low = rule.min if rule.HasField("min") else None
    high = rule.max if rule.HasField("max") else None
    return None if low is None and high is None else _number_check(low, high)


def _element_check(field: FieldDescriptor, rule: options.FieldRule) -> Check:
    """The check of one element: it must say something, so no empty text and no unspecified enum."""
    check = _value_check(field, rule)
    says_something = field.cpp_type in {
        FieldDescriptor.CPPTYPE_STRING,
        FieldDescriptor.CPPTYPE_ENUM,
    }

    def element(value: Any) -> None:
        if says_something and not value:
            raise _Violation("不能为空")
        if check is not None:
            check(value)

    return element


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(
        field.message_type.GetOptions().map_entry
    )


def _enum_check(known: frozenset[int]) -> Check:
    def check(value: int) -> None:
        if value not in known:
            raise _Violation(f"没有编号为 {value} 的取值")

    return check


def _number_check(low: int | None, high: int | None) -> Check:
    def check(value: int) -> None:
        if low is not None and value < low:
            raise _Violation(f"不得小于 {low}, 收到 {value}")
        if high is not None and value > high:
            raise _Violation(f"不得大于 {high}, 收到 {value}")

    return check


def _text_check(rule: options.FieldRule) -> Check:
    least, most = rule.min_len, rule.max_len
    pattern = re.compile(rule.pattern) if rule.pattern else None
    form = _FORMS.get(rule.format)

    def check(value: str) -> None:
        size = len(value)
        if size < least:
            raise _Violation(f"至少 {least} 个字符, 收到 {size} 个")
        if most and size > most:
            raise _Violation(f"最多 {most} 个字符, 收到 {size} 个")
        if pattern is not None and pattern.fullmatch(value) is None:
            raise _Violation(f"格式须为 {pattern.pattern}")
        if form is not None:
            form(value)
        elif pattern is None and _CONTROL.search(value) is not None:
            raise _Violation("含有控制字符")

    return check


def _check_uuid(value: str) -> None:
    if _UUID.fullmatch(value) is None:
        raise _Violation("须为 UUID(36 个字符)")


def _check_day(value: str) -> None:
    if _DAY.fullmatch(value) is None:
        raise _Violation("日期须写作 YYYY-MM-DD")
    _check_calendar(value)


def _check_month(value: str) -> None:
    if _MONTH.fullmatch(value) is None:
        raise _Violation("月份须写作 YYYY-MM")
    _check_calendar(value + "-01")


def _check_calendar(day: str) -> None:
    try:
        date.fromisoformat(day)
    except ValueError:
        raise _Violation("日历上没有这一天") from None


_FORMS: Final = {
    options.FORMAT_UUID: _check_uuid,
    options.FORMAT_DAY: _check_day,
    options.FORMAT_MONTH: _check_month,
}


def _check_instant(value: Any) -> None:
    if value.seconds not in _INSTANT_SPAN or value.nanos not in _NANOS:
        raise _Violation(f"时刻须在 {EARLIEST.year} 年至 {LATEST.year - 1} 年之间")


def _oneof_check(oneof: OneofDescriptor) -> Check:
    name = oneof.name
    members = "、".join(f.name for f in oneof.fields)

    def check(message: Any) -> None:
        if message.WhichOneof(name) is None:
            raise _Violation(f"须给出其中之一: {members}", name)

    return check


def _sum_check(total: str, parts: tuple[str, ...]) -> Check:
    def check(message: Any) -> None:
        whole, added = getattr(message, total), sum(getattr(message, p) for p in parts)
        if whole != added:
            what = f"{total} 为 {whole} 分, 而 {' + '.join(parts)} 为 {added} 分"
            raise _Violation(what, total, PartsDoNotSum)

    return check
